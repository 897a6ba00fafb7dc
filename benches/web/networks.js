// The networks that the page measures, and their inputs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PNG } from "pngjs";
import * as lenet5 from "./lenet5.js";
import { read, toJson } from "./onnx.js";

export const root = new URL("../../", import.meta.url).pathname;

const shared = process.env.RELPROP_SHARED ?? join(root, "..", "shared");

/** As the page gets them, with addresses under /models/ and /made/; what is made is put in a folder. */
export function prepare(folder) {
    mkdirSync(folder, { recursive: true });
    const digit = samplePixels("7");
    const onnx = trainedLenet5() ?? seededLenet5(folder);
    convert(onnx, join(folder, "lenet5.rlp"));
    return {
        networks: [
            {
                name: "LeNet-5",
                image: "/made/lenet5.rlp",
                onnx: "/lenet5.onnx",
                graph: "/lenet5.json",
                // What `cargo bench` gives it.
                input: Array.from({ length: 32 * 32 }, (_, i) => 0.5 + 0.5 * Math.sin(i * 0.37)),
            },
            {
                name: "mnist-cnn",
                image: "/models/mnist-cnn.rlp",
                onnx: "/models/mnist-cnn.onnx",
                graph: "/mnist-cnn.json",
                input: digit,
            },
            { name: "mnist-cnn, int8", image: "/models/mnist-cnn.int8.rlp", input: digit },
        ],
        contents: {
            "/lenet5.onnx": readFileSync(onnx),
            "/lenet5.json": toJson(read(onnx)),
            "/mnist-cnn.json": toJson(read(join(root, "models", "mnist-cnn.onnx"))),
        },
    };
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
