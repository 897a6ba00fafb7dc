// TensorFlow.js: its WebAssembly backend, simd, one thread. The network's nodes become its operations as its own
// converter would make them: channels last, activations fused, weights brought into their layout beforehand.

import * as tf from "@tensorflow/tfjs-core";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** Starts the backend. */
export async function start() {
    tf.enableProdMode();
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    setThreadsCount(1);
    setWasmPaths("/tfjs/");
    if (!(await tf.setBackend("wasm"))) throw new Error("no WebAssembly backend");
    await tf.ready();
    if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("TensorFlow.js sees no simd");
}

/** Inference of a network of one input with one channel, from floats to floats. */
export function open({ input, output, nodes, tensors }) {
    const [, channels, height, width] = input.dims;
    if (channels !== 1) throw new Error("more than one channel would have to be moved last");
    const steps = compiled(nodes, tensors, [height, width, channels]);
    if (nodes.at(-1).output !== output) throw new Error("the last node is not the output");
    return (values) => {
        const result = tf.tidy(() =>
            steps.reduce((x, step) => step(x), tf.tensor4d(values, [1, height, width, channels], "float32")),
        );
        const scores = result.dataSync();
        result.dispose();
        return scores;
    };
}

/** One function per node, activations fused into the linear node before. */
function compiled(nodes, tensors, shape) {
    const steps = [];
    let at = nodes[0].inputs[0];
    for (let i = 0; i < nodes.length; i++) {
        const node = nodes[i];
        if (node.inputs[0] !== at) throw new Error("the network is not a chain");
        const build = BUILDERS[node.op];
        if (!build) throw new Error(`no operation for ${node.op}`);
        const fuses = FUSING.has(node.op) && nodes[i + 1]?.op === "Relu";
        const made = build(node, tensors, shape, fuses ? "relu" : "linear");
        steps.push(made.step);
        shape = made.shape;
        if (fuses) i += 1;
        at = nodes[i].output;
    }
    return steps;
}

const FUSING = new Set(["Conv", "Gemm"]);

const BUILDERS = {
    Conv({ inputs, attributes }, tensors, [height, width, channels], activation) {
        const { strides = [1, 1], pads = [0, 0, 0, 0], group = 1 } = attributes;
        if (group !== 1 || new Set(pads).size > 1) throw new Error("a convolution that is not written down here");
        const { dims, data } = tensors[inputs[1]];
        const [outputs, , rows, columns] = dims;
        const filter = tf.tidy(() => tf.transpose(tf.tensor4d(data, dims), [2, 3, 1, 0]));
        const bias = tf.tensor1d(tensors[inputs[2]].data);
        const settings = { filter, bias, strides, pad: pads[0], dimRoundingMode: "floor", activation };
        const size = (length, side, stride) => Math.floor((length + 2 * pads[0] - side) / stride) + 1;
        if (channels !== dims[1]) throw new Error("channels do not match");
        return {
            step: (x) => tf.fused.conv2d({ x, ...settings }),
            shape: [size(height, rows, strides[0]), size(width, columns, strides[1]), outputs],
        };
    },
    Gemm({ inputs, attributes }, tensors, [height, width, channels], activation) {
        const { transB = 0, alpha = 1, beta = 1 } = attributes;
        if (transB !== 1 || alpha !== 1 || beta !== 1) throw new Error("a dense step that is not written down here");
        const { dims, data } = tensors[inputs[1]];
        // What was flattened is in the order of channels last here.
        const b = tf.tidy(() => {
            const kernel = tf.tensor4d(data, [dims[0], channels, height, width]);
            return tf.reshape(tf.transpose(kernel, [2, 3, 1, 0]), [dims[1], dims[0]]);
        });
        const bias = tf.tensor1d(tensors[inputs[2]].data);
        return { step: (a) => tf.fused.matMul({ a, b, bias, activation }), shape: [1, 1, dims[0]] };
    },
    MaxPool: (node, _, shape) => pooling(tf.maxPool, node, shape),
    AveragePool: (node, _, shape) => pooling(tf.avgPool, node, shape),
    // The shape stays what it was, for the weights of the dense step that follows.
    Flatten: (_node, _tensors, shape) => ({
        step: (x) => tf.reshape(x, [1, shape[0] * shape[1] * shape[2]]),
        shape,
    }),
};

function pooling(pool, { attributes }, [height, width, channels]) {
    const { kernel_shape: kernel, strides, pads = [0, 0, 0, 0] } = attributes;
    if (pads.some((pad) => pad !== 0)) throw new Error("padded pooling is not written down here");
    const size = (length, axis) => Math.floor((length - kernel[axis]) / strides[axis]) + 1;
    return {
        step: (x) => pool(x, kernel, strides, "valid"),
        shape: [size(height, 0), size(width, 1), channels],
    };
}
