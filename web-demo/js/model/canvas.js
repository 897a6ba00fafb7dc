// How an input looks as a picture, if it does.

/** Numbers of channels that a picture can have. */
const COLOURS = [1, 3, 4];
/** A vector this long, and no shorter, may be all pixels of a square in a row. */
const SMALLEST_SQUARE = 64;

/**
 * Width, height, channels and strides of an input that is laid out in two dimensions; `takesPicture` where a picture can
 * be fed. `null` for vectors.
 */
export function canvasOf({ grid, type }) {
    if (!grid || type === "token") return null;
    const { height, width, channels, strides } = grid;
    if (height > 1 && width > 1) {
        return { height, width, channels, strides, takesPicture: COLOURS.includes(channels) };
    }
    // A sequence of rows.
    if (width === 1 && height > 1 && channels > 1) {
        return { height, width: channels, channels: 1, strides: [strides[0], strides[2], 0], takesPicture: true };
    }
    const side = Math.sqrt(channels);
    if (height === 1 && width === 1 && channels >= SMALLEST_SQUARE && Number.isInteger(side)) {
        const stride = strides[2];
        return { height: side, width: side, channels: 1, strides: [side * stride, stride, 0], takesPicture: true };
    }
    return null;
}

/** Sums over the channels of every pixel, row after row. */
export function perPixel(values, { height, width, channels, strides: [down, right, deep] }) {
    const sums = new Float32Array(height * width);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            let sum = 0;
            for (let c = 0; c < channels; c++) sum += values[y * down + x * right + c * deep];
            sums[y * width + x] = sum;
        }
    }
    return sums;
}

/** Values as an opaque picture: as the recipe made them of pixels, else from the smallest to the largest. */
export function asPixels(values, canvas, recipe) {
    const { height, width, channels, strides: [down, right, deep] } = canvas;
    const [from, to] = values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
    const byte = (value, c) =>
        recipe && recipe.scale[c] ? (value - recipe.offset[c]) / recipe.scale[c] : (255 * (value - from)) / (to - from || 1);
    const pixels = new Uint8ClampedArray(4 * height * width).fill(255);
    for (let i = 0; i < height * width; i++) {
        const at = Math.floor(i / width) * down + (i % width) * right;
        for (let colour = 0; colour < 3; colour++) {
            const c = channels < 3 ? 0 : recipe?.order === "bgr" ? 2 - colour : colour;
            pixels[4 * i + colour] = byte(values[at + c * deep], c);
        }
    }
    return pixels;
}
