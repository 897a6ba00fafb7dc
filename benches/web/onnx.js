// Networks as the page wants them: nodes and tensors of an ONNX file, batch norm folded as converters do.

import { readFileSync } from "node:fs";
import proto from "onnx-proto";

const { ModelProto } = proto.onnx;
const FLOAT = 1;

/** A network of `{ input, output, nodes, tensors }`; tensors are floats in ONNX's layout. */
export function read(path) {
    const { graph } = ModelProto.decode(readFileSync(path));
    const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, floats(tensor)]));
    const nodes = graph.node.map(({ opType, input, output, attribute }) => ({
        op: opType,
        inputs: input,
        output: output[0],
        attributes: Object.fromEntries(attribute.map((one) => [one.name, value(one)])),
    }));
    const { name, type } = graph.input.find(({ name }) => !tensors.has(name));
    const dims = type.tensorType.shape.dim.map(({ dimValue }) => Number(dimValue));
    return { input: { name, dims }, output: graph.output[0].name, nodes: folded(nodes, tensors), tensors };
}

/** As JSON; floats are base64 of their bytes. */
export function toJson({ tensors, ...network }) {
    const packed = [...tensors].map(([name, { dims, data }]) => [
        name,
        { dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") },
    ]);
    return JSON.stringify({ ...network, tensors: Object.fromEntries(packed) });
}

function floats({ name, dims, dataType, rawData, floatData }) {
    if (dataType !== FLOAT) throw new Error(`${name} is not of floats`);
    const data = rawData?.length ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData);
    return { dims: dims.map(Number), data };
}

function value({ ints, i, f }) {
    if (ints.length > 0) return ints.map(Number);
    return Number(i) || f;
}

/** Puts every batch norm into the convolution before it. */
function folded(nodes, tensors) {
    const kept = [];
    for (const node of nodes) {
        if (node.op !== "BatchNormalization") {
            kept.push(node);
            continue;
        }
        const conv = kept.at(-1);
        if (conv?.op !== "Conv" || conv.output !== node.inputs[0]) throw new Error("a batch norm without a convolution");
        const [scale, shift, mean, variance] = node.inputs.slice(1).map((name) => tensors.get(name).data);
        const weights = tensors.get(conv.inputs[1]);
        const bias = tensors.get(conv.inputs[2])?.data ?? new Float32Array(scale.length);
        const factor = Array.from(scale, (s, c) => s / Math.sqrt(variance[c] + (node.attributes.epsilon ?? 1e-5)));
        const taps = weights.data.length / scale.length;
        const names = [`${conv.output}.weight.folded`, `${conv.output}.bias.folded`];
        tensors.set(names[0], { dims: weights.dims, data: weights.data.map((w, i) => w * factor[Math.floor(i / taps)]) });
        tensors.set(names[1], { dims: [scale.length], data: bias.map((b, c) => (b - mean[c]) * factor[c] + shift[c]) });
        kept[kept.length - 1] = { ...conv, inputs: [conv.inputs[0], ...names], output: node.output };
    }
    const used = new Set(kept.flatMap(({ inputs }) => inputs));
    for (const name of tensors.keys()) if (!used.has(name)) tensors.delete(name);
    return kept;
}
