// What an input of the network is given: a file, or nothing yet.

import { asPixels, canvasOf } from "./canvas.js";
import { isNpy, readNpy } from "./npy.js";
import { asInput, decode, resize } from "./picture.js";

const product = (shape) => shape.reduce((n, extent) => n * extent, 1);
const written = (shape) => shape.join(" × ") || "one number";

/**
 * Values for an input, what they look like where they are a picture, and what to say of it. A source has a `file`, and
 * for pictures `recipe` and `fit`; without a file the input is in the middle of what it may be.
 */
export async function feed(input, maxLength, { file, recipe, fit }) {
    const canvas = canvasOf(input);
    const count = product(input.shape);
    if (!file) {
        const middle = middleOf(input);
        return seen({ values: new Float32Array(count).fill(middle), note: `nothing yet: every value is ${Number(middle.toPrecision(3))}` }, canvas);
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (bytes.length === 0) throw new Error(`${file.name} is empty`);
    if (isNpy(bytes)) return seen(fromArray(readNpy(bytes), input, maxLength), canvas, input.pixels);
    const picture = await decode(file);
    if (!canvas?.takesPicture) throw new Error(takesNoPicture(input, canvas));
    const { data, note } = await resize(picture, canvas, fit);
    return { values: asInput(data, canvas, recipe, count), seen: { ...size(canvas), data }, note };
}

const size = ({ width, height }) => ({ width, height });

function seen(given, canvas, recipe = null) {
    if (!canvas || given.values.length !== canvas.width * canvas.height * canvas.channels) return { ...given, seen: null };
    return { ...given, seen: { ...size(canvas), data: asPixels(given.values, canvas, recipe) } };
}

function takesNoPicture({ name, type, shape }, canvas) {
    if (type === "token") return `${name} takes tokens, not a picture`;
    const why = canvas ? `has ${canvas.channels} channels, a picture has 1, 3 or 4` : `is ${written(shape)} numbers, not a picture`;
    return `the input ${name} ${why}: give it a .npy file`;
}

function middleOf({ range, quantization, type }) {
    if (type === "token") return 0;
    if (range) return (range[0] + range[1]) / 2;
    return quantization ? Math.fround(-quantization.zeroPoint * quantization.scale) : 0;
}

/** An array of the input's shape, with or without leading ones; of a batch, the first. */
function fromArray({ shape, values, isInt8 }, input, maxLength) {
    const wanted = withoutOnes(input.shape);
    const given = withoutOnes(shape);
    const fits = (given) =>
        given.length === wanted.length &&
        given.every((n, axis) => n === wanted[axis] || (wanted[axis] === maxLength && n > 0 && n < maxLength));
    let note = `an array of ${written(shape)}`;
    let item = given;
    if (!fits(given)) {
        item = given.slice(1);
        if (!fits(item)) throw new Error(`the array is ${written(shape)}, the input ${input.name} takes ${written(input.shape)}`);
        note += `, the first of ${given[0]}`;
    }
    let numbers = values.subarray(0, product(item));
    const at = numbers.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw new Error(`element ${at} of the array is ${numbers[at]}: every element must be a finite number`);
    if (isInt8 && input.quantization) {
        const { scale, zeroPoint } = input.quantization;
        numbers = numbers.map((q) => (q - zeroPoint) * scale);
        note += ", of the network's integers";
    }
    return { values: numbers.slice(), note };
}

function withoutOnes(shape) {
    const first = shape.findIndex((extent) => extent !== 1);
    return first < 0 ? [] : shape.slice(first);
}
