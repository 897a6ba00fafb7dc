// How a pixel from 0 to 255 becomes a value: `pixel * scale + offset`.

const same = (scale, offset) => ({ scale: Array(4).fill(scale), offset: Array(4).fill(offset), order: "rgb" });

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const IMAGENET = {
    scale: [...DEVIATION.map((d) => 1 / (255 * d)), 1],
    offset: [...MEAN.map((m, c) => -m / DEVIATION[c]), 0],
    order: "rgb",
};

/** The recipes that an input can be fed by, the likeliest first: name, title, numbers. */
export function recipesOf({ pixels, quantization, grid }) {
    const own = pixels ? [["own", "as the model says", pixels]] : [];
    const filling = quantization ? [["full", "over all integers of the input", full(quantization)]] : [];
    const usual = [
        ["unit", "0 to 1", same(1 / 255, 0)],
        ["bytes", "0 to 255", same(1, 0)],
        ["signed", "−1 to 1", same(1 / 127.5, -1)],
    ];
    const imagenet = grid?.channels === 3 ? [["imagenet", "ImageNet's mean and deviation", IMAGENET]] : [];
    return [...own, ...filling, ...usual, ...imagenet];
}

/** Black is the smallest of the 256 integers, white the largest. */
function full({ scale, zeroPoint }) {
    return same(scale, (-128 - zeroPoint) * scale);
}
