// The networks that the page measures, and their inputs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import * as lenet5 from "./lenet5.js";
import { read, toJson } from "./onnx.js";

export const root = new URL("../../", import.meta.url).pathname;

const shared = process.env.RELPROP_SHARED ?? join(root, "..", "shared");

/** Those whose name contains a text, as the page gets them, and what it finds at addresses; files are made in a folder. */
export function prepare(folder, only) {
    mkdirSync(folder, { recursive: true });
    const made = NETWORKS.filter(({ name }) => name.includes(only)).map((network) => network.make(folder));
    return {
        networks: made.map(({ contents, ...network }) => network),
        contents: Object.assign({}, ...made.map(({ contents }) => contents)),
    };
}

const NETWORKS = [
    { name: "LeNet-5", make: lenet },
    { name: "mnist-cnn", make: mnistCnn },
    { name: "mnist-cnn, int8", make: mnistCnnInt8 },
];

function lenet(folder) {
    const onnx = trainedLenet5() ?? seededLenet5(folder);
    convert(onnx, join(folder, "lenet5.rlp"));
    // What `cargo bench` gives it.
    const input = Array.from({ length: 32 * 32 }, (_, i) => 0.5 + 0.5 * Math.sin(i * 0.37));
    return {
        name: "LeNet-5",
        image: "/made/lenet5.rlp",
        onnx: "/lenet5.onnx",
        graph: "/lenet5.json",
        input,
        contents: { "/lenet5.onnx": readFileSync(onnx), "/lenet5.json": toJson(read(onnx)) },
    };
}

function mnistCnn() {
    return {
        name: "mnist-cnn",
        image: "/models/mnist-cnn.rlp",
        onnx: "/models/mnist-cnn.onnx",
        graph: "/mnist-cnn.json",
        input: samplePixels("7"),
        contents: { "/mnist-cnn.json": toJson(read(join(root, "models", "mnist-cnn.onnx"))) },
    };
}

function mnistCnnInt8() {
    return { name: "mnist-cnn, int8", image: "/models/mnist-cnn.int8.rlp", input: samplePixels("7"), contents: {} };
}

function trainedLenet5() {
    const path = join(shared, "conformance", "toolbox_visible", "lenet5", "model.onnx");
    if (existsSync(path)) return path;
    console.log(`${path} not found: LeNet-5 has seeded weights`);
    return undefined;
}

function seededLenet5(folder) {
    const path = join(folder, "lenet5.onnx");
    lenet5.write(path);
    return path;
}

function convert(from, to) {
    const cargo = process.env.CARGO ?? "cargo";
    const command = ["run", "--quiet", "--package", "relprop-cli", "--", "convert", from, "-o", to];
    execFileSync(cargo, command, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}

/** Brightness of a sample digit between 0 and 1, as the shipped networks read it. */
function samplePixels(name) {
    const { data } = PNG.sync.read(readFileSync(join(root, "models", "samples", `${name}.png`)));
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] / 255);
}
