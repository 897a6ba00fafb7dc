/// <reference lib="dom" />
export { convert } from "./convert-bindings.js";
export type { Conversion, ConvertOptions } from "./convert-bindings.js";

/**
 * Loads the converter. `convert` may be called when this has resolved; calling it again costs nothing.
 *
 * @param source the WebAssembly module: its address, its bytes, a response, or a compiled module. If it is left out,
 * it is the one of this package.
 */
export default function load(
    source?: URL | string | Request | Response | BufferSource | WebAssembly.Module,
): Promise<void>;
