// The converter in Node: byte for byte what the command makes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import loadConverter, { convert } from "../pkg/convert-node.js";
import load, { Explainer } from "../pkg/node.js";
import { asInput, modelBytes, samplePixels } from "./support.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const shared = join(process.env.RELPROP_SHARED ?? join(root, "..", "shared"), "models");
const bytes = (path) => new Uint8Array(readFileSync(path));
const tiny = bytes(join(root, "models", "mnist-tiny.onnx"));

let command;
let folder;
before(async () => {
    await Promise.all([load(), loadConverter()]);
    folder = mkdtempSync(join(tmpdir(), "convert"));
    command = process.env.RELPROP ?? builtCommand();
});
after(() => rmSync(folder, { recursive: true }));

/** The command of this tree. */
function builtCommand() {
    const cargo = process.env.CARGO ?? "cargo";
    const built = spawnSync(cargo, ["build", "-q", "-p", "relprop-cli", "--message-format=json"], {
        cwd: root,
        encoding: "utf8",
        maxBuffer: 1 << 28,
    });
    assert.equal(built.status, 0, `the command does not build: ${built.stderr ?? built.error}`);
    const made = built.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    return made.findLast(({ executable }) => executable).executable;
}

/** What the command writes, and what it prints. */
function byCommand(path, options = []) {
    const to = join(folder, "model.rlp");
    const { status, stdout, stderr } = spawnSync(command, ["convert", path, "-o", to, ...options], { encoding: "utf8" });
    return status === 0 ? { image: bytes(to), said: stdout } : { refusal: stderr };
}

function models(folder) {
    const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(onnx|tflite)$/.test(name));
    return files.sort().map((name) => join(folder, name));
}

/** Converts every model of a folder both ways; how many became images. */
function compareAll(folder) {
    let images = 0;
    for (const path of models(folder)) {
        const expected = byCommand(path);
        if (expected.refusal) {
            assert.throws(() => convert(bytes(path)), ({ message }) => expected.refusal.includes(message), path);
            continue;
        }
        const { image, summary, notes } = convert(bytes(path));
        assert.ok(Buffer.from(image).equals(expected.image), `${path} becomes another image`);
        assert.ok(expected.said.endsWith(`: ${summary}\n`), `${expected.said} does not say ${summary}`);
        assert.deepEqual(notes, []);
        images += 1;
    }
    return images;
}

test("every model of the tests becomes the image that the command writes", () => {
    const data = join(root, "tests", "data");
    assert.equal(compareAll(data), models(data).length);
    assert.ok(models(data).length > 60);
});

test("so do our own networks", () => {
    const folder = join(root, "models");
    assert.equal(compareAll(folder), models(folder).length);
});

test("so do public ones", { skip: existsSync(shared) ? false : `${shared} not found` }, () => {
    assert.ok(models(shared).some((path) => basename(path) === "mnist-8.onnx"));
    assert.equal(compareAll(shared), models(shared).length);
});

test("options are those of the command", () => {
    const path = join(root, "models", "mnist-tiny.onnx");
    const labels = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    for (const [options, given] of [
        [["--labels", labels.join(",")], { labels }],
        [["--input-scale", "0.00392156862745098", "--input-range", "0,1"], { inputScale: 1 / 255, inputRange: [0, 1] }],
        [["--input-mean", "127.5", "--name", "tiny"], { inputMean: 127.5, name: "tiny" }],
        [["--input-layout", "bgr", "--keep-batch-norm"], { inputLayout: "bgr", keepBatchNorm: true }],
    ]) {
        const { image } = convert(tiny, given);
        assert.ok(Buffer.from(image).equals(byCommand(path, options).image), options.join(" "));
        assert.notDeepEqual(image, convert(tiny).image, options.join(" "));
    }
    const sentences = join(root, "tests", "data", "recurrent", "words_mean.onnx");
    const { image } = convert(bytes(sentences), { maxLength: 17 });
    assert.ok(Buffer.from(image).equals(byCommand(sentences, ["--max-length", "17"]).image));
    assert.equal(new Explainer(image).info().maxLength, 17);
});

test("an image is described anew, and says which options change nothing", () => {
    const { image, notes } = convert(modelBytes("mnist-tiny"), { name: "renamed", keepBatchNorm: true });
    assert.equal(new Explainer(image).info().name, "renamed");
    assert.deepEqual(notes, ["the file is a model image already: keepBatchNorm changes nothing"]);
    assert.deepEqual(convert(modelBytes("mnist-cnn")).image, modelBytes("mnist-cnn"));
});

test("a converted network reads a seven, and says why", () => {
    const { image } = convert(tiny, { inputScale: 1 / 255, labels: [..."0123456789"] });
    const explainer = new Explainer(image);
    const info = explainer.info();
    assert.deepEqual(info.inputs[0].grid, { height: 28, width: 28, channels: 1, strides: [28, 1, 0] });
    assert.equal(explainer.run(asInput(samplePixels("7"), info)).top, 7);
    assert.equal(explainer.explain({ target: "7" }).class, 7);
    explainer.free();
});

test("a grid says where the elements of a picture lie", () => {
    const grid = (path) => new Explainer(convert(bytes(join(root, "tests", "data", path))).image).info().inputs[0].grid;
    const first = grid("qdq/residual.onnx");
    assert.deepEqual(first, { height: 12, width: 12, channels: 3, strides: [12, 1, 144] });
    const last = grid("tflm-ops/conv.tflite");
    assert.deepEqual(last, { height: 7, width: 6, channels: 5, strides: [30, 5, 1] });
});

test("what cannot be converted is refused in the converter's words", () => {
    const refused = (file, options, words) => assert.throws(() => convert(file, options), { name: "Error", message: words });
    refused(new Uint8Array(), undefined, /^the file is empty$/);
    refused(new TextEncoder().encode("Dear reader,"), undefined, /neither a model image .* nor an ONNX or TensorFlow Lite/);
    refused(tiny.slice(0, 5000), undefined, /truncated/);
    refused(modelBytes("mnist-tiny").slice(0, 5000), undefined, /truncated/);
    refused(tiny, 3, /options must be an object/);
    refused(tiny, { label: [] }, /no option `label`; there are name, labels/);
    refused(tiny, { labels: ["a", "b"] }, /2 labels, the model has 10 classes/);
    refused(tiny, { inputScale: [1, 2] }, /inputScale has 2 numbers/);
    refused(tiny, { inputRange: [1, 0] }, /inputRange must be two finite numbers/);
    refused(tiny, { inputLayout: "grb" }, /inputLayout must be `rgb` or `bgr`/);
    refused(tiny, { maxLength: 0 }, /maxLength must be a whole number/);
    // Nothing of a refusal stays behind.
    assert.equal(convert(tiny).image.length > 50_000, true);
});
