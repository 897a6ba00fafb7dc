// Arrays of numbers as NumPy saves them: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

const MAGIC = [0x93, ...[..."NUMPY"].map((letter) => letter.charCodeAt(0))];
/** Longer headers describe records, not numbers. */
const LONGEST_HEADER = 65_536;

/** Element types: little-endian, as every browser's machine is. */
const TYPES = {
    "<f4": Float32Array,
    "<f8": Float64Array,
    "|i1": Int8Array,
    "|u1": Uint8Array,
    "|b1": Uint8Array,
    "<i2": Int16Array,
    "<u2": Uint16Array,
    "<i4": Int32Array,
    "<u4": Uint32Array,
    "<i8": BigInt64Array,
    "<u8": BigUint64Array,
};

/** Whether bytes begin like a `.npy` file. */
export function isNpy(bytes) {
    return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads a file: its shape, its elements as floats with the last axis the fastest, and whether they are signed bytes.
 * Throws an Error with a sentence for people if it cannot.
 */
export function readNpy(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!isNpy(bytes) || bytes.length < 12) throw new Error("it is not a .npy file, or ends within its header");
    const isLong = bytes[6] >= 2;
    const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
    const start = (isLong ? 12 : 10) + length;
    if (length > LONGEST_HEADER || start > bytes.length) throw new Error("the header of the .npy file is damaged");
    const { type, shape } = readHeader(new TextDecoder("latin1").decode(bytes.subarray(start - length, start)));
    const Elements = TYPES[type];
    if (!Elements) {
        throw new Error(`the elements of the .npy file are ${type}: save it with .astype(numpy.float32)`);
    }
    const count = shape.reduce((product, extent) => product * extent, 1);
    const size = count * Elements.BYTES_PER_ELEMENT;
    if (!Number.isSafeInteger(size) || start + size > bytes.length) {
        throw new Error(`the .npy file ends before its ${shape.join(" × ")} elements do`);
    }
    // A copy begins where elements of any size may begin.
    const elements = new Elements(bytes.slice(start, start + size).buffer);
    return { shape, values: Float32Array.from(elements, Number), isInt8: type === "|i1" };
}

/** A Python dictionary such as {'descr': '<f4', 'fortran_order': False, 'shape': (1, 28, 28), } */
function readHeader(text) {
    const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
    const isFortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
    const shape = /'shape':\s*\(([\d\s,]*)\)/.exec(text)?.[1];
    if (/'descr':\s*\[/.test(text)) throw new Error("the elements of the .npy file are records, not numbers");
    if (type === undefined || isFortran === undefined || shape === undefined) {
        throw new Error("the header of the .npy file is damaged");
    }
    if (isFortran === "True") {
        throw new Error("the .npy file is in Fortran's order: save numpy.ascontiguousarray of it");
    }
    return { type, shape: shape.split(",").filter((extent) => extent.trim() !== "").map(Number) };
}
