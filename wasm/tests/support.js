// What the tests share: both builds, models, sample digits, checksums.

import { readFileSync, readdirSync } from "node:fs";
import { PNG } from "pngjs";

const root = new URL("../../", import.meta.url);
const packageFolder = new URL("../pkg/", import.meta.url);

export const modelBytes = (name) => new Uint8Array(readFileSync(new URL(`models/${name}.rlp`, root)));

export const sampleNames = readdirSync(new URL("models/samples/", root))
    .filter((name) => name.endsWith(".png"))
    .map((name) => name.slice(0, -".png".length));

export const sentences = readFileSync(new URL("models/samples/sentences.txt", root), "utf8").trim().split("\n");

/** Brightness of a sample digit, 0 to 255. */
export function samplePixels(name) {
    const { data } = PNG.sync.read(readFileSync(new URL(`models/samples/${name}.png`, root)));
    return Float32Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}

/** A picture of one channel as the model wants it, computed in float32 as the kernel's own tests do. */
export function asInput(pixels, info) {
    const { scale, offset } = info.inputs[0].pixels;
    return pixels.map((value) => Math.fround(Math.fround(value * scale[0]) + offset[0]));
}

/** A build of the package, apart from any other. */
export async function build(file) {
    const bindings = await import(new URL(`bindings.js?${file}`, packageFolder));
    bindings.initSync({ module: readFileSync(new URL(file, packageFolder)) });
    return bindings;
}

export const BUILDS = ["relprop.simd.wasm", "relprop.wasm"];

/** CRC-32 of the bits of floats, as in tests/data/golden.txt. */
export function checksum(floats) {
    let crc = ~0;
    for (const byte of new Uint8Array(Float32Array.from(floats).buffer)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return (~crc >>> 0).toString(16).padStart(8, "0");
}

/** The checksums of the native kernel, by "model sample composite". */
export const golden = new Map(
    readFileSync(new URL("tests/data/golden.txt", root), "utf8")
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
);
