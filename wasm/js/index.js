// The package for pages and workers: chooses the module that this engine can run.

import initialize from "./bindings.js";

export { Explainer, color, composites, paint, pixels } from "./bindings.js";

// A module whose only function uses one instruction of simd128.
const PROBE = Uint8Array.of(
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 9, 1, 7, 0, 65, 0, 253, 15, 26, 11,
);

export const simd = WebAssembly.validate(PROBE);

let loading;

export default function load(source) {
    loading ??= initialize({ module_or_path: source ?? bundled() }).then(
        () => undefined,
        (error) => {
            loading = undefined;
            throw error;
        },
    );
    return loading;
}

// Written out, so that bundlers find both files.
function bundled() {
    return simd ? new URL("./relprop.simd.wasm", import.meta.url) : new URL("./relprop.wasm", import.meta.url);
}
