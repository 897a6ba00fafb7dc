// From a picture of any size to an input.

/** Whatever this browser shows: PNG, JPEG, WebP, … */
export async function decode(file) {
    try {
        // Bytes as they are in the file: no colour profile changes what the network gets.
        return await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    } catch {
        throw new Error(`${file.name || "the file"} is neither a .npy file nor a picture that this browser can show`);
    }
}

/** The part of a picture that is seen: all of it, or the largest part in the middle that has the input's proportions. */
function seenPart({ width, height }, canvas, fit) {
    if (fit === "stretch") return [0, 0, width, height];
    const scale = Math.min(width / canvas.width, height / canvas.height);
    const [w, h] = [Math.max(1, Math.round(scale * canvas.width)), Math.max(1, Math.round(scale * canvas.height))];
    return [Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h];
}

/** Red, green, blue and opacity of the picture at the input's size, and how it was brought there in words. */
export async function resize(bitmap, canvas, fit) {
    const { width, height } = canvas;
    const size = `${bitmap.width} × ${bitmap.height}`;
    const part = seenPart(bitmap, canvas, fit);
    const isWhole = part[2] === bitmap.width && part[3] === bitmap.height;
    const fits = bitmap.width === width && bitmap.height === height;
    const drawn = fits
        ? bitmap
        : await createImageBitmap(bitmap, ...part, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(drawn, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const how = fits ? "as it is" : isWhole ? `scaled to ${width} × ${height}` : cropped(part, width, height);
    return { data, note: `a picture of ${size} pixels, ${how}` };
}

function cropped([, , w, h], width, height) {
    const scaled = w === width && h === height ? "" : `, scaled to ${width} × ${height}`;
    return `cut to the ${w} × ${h} in its middle${scaled}`;
}

/** Grey as the command line computes it (ITU-R BT.709), colours by their order, each `pixel * scale + offset`. */
export function asInput(data, canvas, recipe, length) {
    const { height, width, channels, strides: [down, right, deep] } = canvas;
    const values = new Float32Array(length);
    for (let i = 0; i < height * width; i++) {
        const at = Math.floor(i / width) * down + (i % width) * right;
        const rgba = data.subarray(4 * i, 4 * i + 4);
        for (let c = 0; c < channels; c++) {
            const byte = channels === 1 ? grey(rgba) : rgba[recipe.order === "bgr" && c < 3 ? 2 - c : c];
            values[at + c * deep] = Math.fround(byte * Math.fround(recipe.scale[c])) + Math.fround(recipe.offset[c]);
        }
    }
    return values;
}

function grey([red, green, blue]) {
    return Math.floor((2126 * red + 7152 * green + 722 * blue) / 10_000);
}
