// The converter for Node, which reads the module from where this file is.

import { readFile } from "node:fs/promises";
import load from "./convert.js";

export { convert } from "./convert.js";

export default async function loadInNode(source) {
    return load(source ?? (await readFile(new URL("./relprop-convert.wasm", import.meta.url))));
}
