// LeNet-5 as the LRP toolbox has it, with seeded weights: for where the trained one is not at hand. Shapes are what
// matters to time; the weights keep the activations in the range of a trained network's.

import { writeFileSync } from "node:fs";
import proto from "onnx-proto";

const { ModelProto } = proto.onnx;
const [FLOAT, INTS] = [1, 7];

/** Outputs, inputs and side of each convolution; average pooling of 2 × 2 follows all but the last. */
const CONVS = [
    [10, 1, 5],
    [25, 10, 5],
    [100, 25, 4],
    [10, 100, 1],
];

/** Writes the network as ONNX. */
export function write(path) {
    const random = normal(1);
    const node = [];
    const initializer = [];
    let at = "x";
    const then = (opType, name, extra = [], attributes = {}) => {
        const attribute = Object.entries(attributes).map(([name, ints]) => ({ name, type: INTS, ints }));
        node.push({ opType, name, input: [at, ...extra], output: [name], attribute });
        at = name;
    };
    CONVS.forEach(([outputs, inputs, side], i) => {
        const layer = i + 1;
        const taps = inputs * side * side;
        const tensor = (name, dims, draw) => {
            const data = Float32Array.from({ length: dims.reduce((n, dim) => n * dim, 1) }, draw);
            initializer.push({ name, dims, dataType: FLOAT, rawData: new Uint8Array(data.buffer) });
        };
        tensor(`conv${layer}.weight`, [outputs, inputs, side, side], () => random() * Math.sqrt(2 / taps));
        tensor(`conv${layer}.bias`, [outputs], () => random() * 0.1);
        const geometry = { kernel_shape: [side, side], pads: [0, 0, 0, 0], strides: [1, 1] };
        then("Conv", `conv${layer}`, [`conv${layer}.weight`, `conv${layer}.bias`], geometry);
        if (layer === CONVS.length) return;
        then("Relu", `relu${layer}`);
        then("AveragePool", `pool${layer}`, [], { kernel_shape: [2, 2], strides: [2, 2] });
    });
    then("Flatten", "flat1");
    const value = (name, dims) => ({
        name,
        type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
    });
    const graph = { name: "lenet5", node, initializer, input: [value("x", [1, 1, 32, 32])], output: [value(at, [1, 10])] };
    const model = { irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph };
    writeFileSync(path, ModelProto.encode(ModelProto.fromObject(model)).finish());
}

/** Normally distributed numbers, the same every time. */
function normal(seed) {
    let state = seed;
    const uniform = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return (state + 0.5) / 2 ** 32;
    };
    return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
