// The package for Node, which reads the module from where this file is.

import { readFile } from "node:fs/promises";
import load, { simd } from "./index.js";

export { Explainer, color, composites, paint, pixels, simd } from "./index.js";

export default async function loadInNode(source) {
    const file = simd ? "./relprop.simd.wasm" : "./relprop.wasm";
    return load(source ?? (await readFile(new URL(file, import.meta.url))));
}
