// Our kernel, through the package's interface, as a page calls it.

export const BUILDS = ["simd", "scalar"];

const FILES = { simd: "relprop.simd.wasm", scalar: "relprop.wasm" };

/** A build, apart from any other. */
export async function load(build) {
    const bindings = await import(`/relprop/bindings.js?${build}`);
    await bindings.default({ module_or_path: `/relprop/${FILES[build]}` });
    return bindings;
}
