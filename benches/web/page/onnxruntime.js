// onnxruntime-web: WebAssembly, simd, one thread.

import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.wasmPaths = "/onnxruntime/";
ort.env.wasm.numThreads = 1;
ort.env.wasm.proxy = false;

/** Inference of an ONNX file, from floats to floats. */
export async function open(address, { input, output }) {
    const session = await ort.InferenceSession.create(address, {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
    });
    return async (values) => {
        const results = await session.run({ [input.name]: new ort.Tensor("float32", values, input.dims) });
        return results[output].data;
    };
}
