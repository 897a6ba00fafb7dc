// The converter, for pages and workers: a module of its own, loaded by those who convert.

import initialize from "./convert-bindings.js";

export { convert } from "./convert-bindings.js";

let loading;

export default function load(source) {
    loading ??= initialize({ module_or_path: source ?? new URL("./relprop-convert.wasm", import.meta.url) }).then(
        () => undefined,
        (error) => {
            loading = undefined;
            throw error;
        },
    );
    return loading;
}
