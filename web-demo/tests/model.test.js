// The page for models of the visitor's own, as a visitor uses it.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import loadConverter, { convert } from "../../wasm/pkg/convert-node.js";
import { browser, open, server } from "./support.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const shared = join(process.env.RELPROP_SHARED ?? join(root, "..", "shared"), "models");
const ours = (name) => join(root, "models", name);
const data = (name) => join(root, "tests", "data", name);

await loadConverter();

const start = (options) => open(browser, `${server.address}#model`, options);

/** Drops files, as the mouse would. */
async function drop(page, paths, on = "#model-drop") {
    const files = paths.map((path) => ({ name: basename(path), content: readFileSync(path).toString("base64") }));
    const transfer = await page.evaluateHandle((files) => {
        const transfer = new DataTransfer();
        for (const { name, content } of files) {
            transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
        }
        return transfer;
    }, files);
    await page.dispatchEvent(on, "dragover", { dataTransfer: transfer });
    await page.dispatchEvent(on, "drop", { dataTransfer: transfer });
}

/** A file that is made here. */
const made = (name, content) => ({ name, mimeType: "", buffer: Buffer.from(content) });

const ready = (page) => page.waitForSelector('#model[data-state="ready"]', { timeout: 60_000 });
const refused = async (page, words) => {
    await page.waitForSelector('#model[data-state="refused"]', { timeout: 60_000 });
    assert.match(await page.locator("#model-trouble").textContent(), words);
};
const says = (page, words) => page.waitForFunction(
    (words) => document.querySelector("#model-verdict").textContent === words && document.querySelector("#model").dataset.state === "ready",
    words,
    { timeout: 60_000 },
);
const sum = (page) => page.locator("#model-maps canvas.heat").evaluate(({ dataset }) => Number(dataset.sum));

async function saved(page, button) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

const skip = (name) => (existsSync(join(shared, name)) ? false : `${join(shared, name)} not found`);

test("a public ONNX network is dropped with a picture, and explained", { skip: skip("mnist-8.onnx") }, async () => {
    const { page, complaints, context } = await start();
    await drop(page, [join(shared, "mnist-8.onnx"), ours("samples/3.png")]);
    await says(page, "class 3");
    assert.match(await page.locator("#model-inputs .note").textContent(), /^3\.png: .* 28 × 28 pixels, as it is$/);
    const total = await sum(page);
    assert.ok(total > 1, `relevance adds up to ${total}`);
    assert.match(await page.locator("#model-notes").textContent(), /converted mnist-8\.onnx: 8 steps, 32.856 bytes of flash/);
    assert.equal(await page.locator("#model-steps tr").count(), 8);
    assert.match(await page.locator("#model-facts").textContent(), /RAM to run31\D360 bytes/);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("a TensorFlow Lite network reads a digit line by line", { skip: skip("mnist_lstm_int8.tflite") }, async () => {
    const { page, complaints, context } = await start();
    await drop(page, [join(shared, "mnist_lstm_int8.tflite"), ours("samples/4.png")]);
    await says(page, "class 4");
    await page.selectOption("#model-composite", "epsilon");
    await ready(page);
    assert.ok(Math.abs(await sum(page)) > 1e-3);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("our own network says the same from either file, and only one of them fetches the converter", async () => {
    const { page, complaints, context } = await start();
    const fetched = [];
    page.on("request", (request) => fetched.push(basename(new URL(request.url()).pathname)));
    await page.setInputFiles("#model-file", ours("mnist-tiny.rlp"));
    await says(page, "7");
    const fromImage = await sum(page);
    assert.ok(!fetched.includes("relprop-convert.wasm"), "the converter was loaded for an image");
    assert.ok(await page.locator("#model-notes").isHidden());
    await page.click("#model-example");
    await says(page, "class 7");
    assert.equal(await sum(page), fromImage);
    await page.locator("#model-inputs .sample").nth(1).click();
    await says(page, "class 0");
    assert.deepEqual(complaints, []);
    await context.close();
});

test("the image and the heat map can be kept", async () => {
    const { page, complaints, context } = await start({ acceptDownloads: true });
    await page.setInputFiles("#model-file", ours("mnist-tiny.onnx"));
    await says(page, "class 7");
    const image = await saved(page, "#model-download");
    assert.equal(image.name, "mnist-tiny.rlp");
    assert.ok(image.bytes.equals(convert(readFileSync(ours("mnist-tiny.onnx"))).image));
    const heat = await saved(page, "#model-heat");
    assert.equal(heat.name, "mnist-tiny.relevance.png");
    assert.equal(heat.bytes.toString("latin1", 1, 4), "PNG");
    assert.deepEqual([heat.bytes.readUInt32BE(16), heat.bytes.readUInt32BE(20)], [28, 28]);
    assert.ok(heat.bytes.length > 200);
    // What the file does not say goes into the image, too.
    await page.click("#model summary");
    await page.fill("#convert-labels", "zero, one, two, three, four, five, six, seven, eight, nine");
    await page.fill("#convert-scale", "1/255");
    await page.fill("#convert-range", "0 1");
    await page.click("#model-apply");
    await says(page, "seven");
    const described = await saved(page, "#model-download");
    const labels = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const options = { labels, inputScale: 1 / 255, inputRange: [0, 1] };
    assert.ok(described.bytes.equals(convert(readFileSync(ours("mnist-tiny.onnx")), options).image));
    await page.fill("#convert-labels", "a, b");
    await page.click("#model-apply");
    await refused(page, /2 labels, the model has 10 classes/);
    await page.fill("#convert-labels", "");
    await page.click("#model-apply");
    await says(page, "class 7");
    await page.fill("#convert-scale", "1/x");
    await page.click("#model-apply");
    await refused(page, /the scale must be numbers/);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("every control changes the explanation", async () => {
    const { page, complaints, context } = await start();
    await page.setInputFiles("#model-file", ours("mnist-tiny.onnx"));
    await says(page, "class 7");
    const pixels = () => page.locator("#model-maps canvas.heat").evaluate((canvas) => canvas.toDataURL());
    let last = await pixels();
    const changes = async (what) => {
        await page
            .waitForFunction(
                (last) => document.querySelector("#model-maps canvas.heat")?.toDataURL() !== last,
                last,
                { timeout: 10_000 },
            )
            .catch(() => assert.fail(`${what} changes nothing`));
        await ready(page);
        last = await pixels();
    };
    const composites = await page.locator("#model-composite option").evaluateAll((all) => all.map(({ value }) => value));
    for (const composite of [...composites.slice(1), composites[0]]) {
        await page.selectOption("#model-composite", composite);
        await changes(composite);
    }
    await page.selectOption("#model-composite", "deep_taylor");
    await changes("deep_taylor");
    await page.fill("#model-low", "-1");
    await page.locator("#model-low").blur();
    await changes("a lower end of the box");
    await page.fill("#model-high", "much");
    await page.locator("#model-high").blur();
    await refused(page, /^The ends of the box must be numbers/);
    await page.selectOption("#model-composite", "epsilon_plus");
    await changes("no box");
    await page.selectOption("#model-contrast", "2");
    await changes("a contrast");
    await page.selectOption("#model-contrast", "");
    await changes("no contrast");
    await page.locator("#model-scores button").nth(9).click();
    await changes("a class from the list");
    assert.equal(await page.locator("#model-target").inputValue(), "9");
    await page.selectOption("#model-rule-steps", "first");
    await page.selectOption("#model-rule", "alphabeta");
    await changes("αβ at the first layer");
    await page.fill("#model-rule-value", "1.5");
    await page.locator("#model-rule-value").blur();
    await changes("another α");
    await page.selectOption("#model-rule", "flat");
    await changes("flat");
    await page.selectOption("#model-inputs select >> nth=0", "signed");
    await changes("pixels from −1 to 1");
    assert.deepEqual(complaints, []);
    await context.close();
});

test("pictures of any size are cut or stretched, and it says so", async () => {
    const { page, complaints, context } = await start();
    await page.setInputFiles("#model-file", ours("mnist-tiny.rlp"));
    await says(page, "7");
    const wide = await page.evaluate(() => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 100 });
        Object.assign(canvas.getContext("2d"), { fillStyle: "#08f" }).fillRect(0, 0, 300, 100);
        return canvas.toDataURL("image/png").split(",")[1];
    });
    const file = { name: "wide.png", mimeType: "image/png", buffer: Buffer.from(wide, "base64") };
    await page.setInputFiles("#model-inputs input[type=file]", file);
    const note = page.locator("#model-inputs .note", { hasText: "wide.png" });
    await note.waitFor();
    assert.match(await note.textContent(), /300 × 100 pixels, cut to the 100 × 100 in its middle, scaled to 28 × 28/);
    await page.selectOption("#model-inputs select >> nth=1", "stretch");
    await page.locator("#model-inputs .note", { hasText: "pixels, scaled to 28 × 28" }).waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
});

test("arrays are taken as NumPy saves them", async () => {
    const { page, complaints, context } = await start();
    await drop(page, [data("tflm-ops/dense.tflite")]);
    await ready(page);
    assert.match(await page.locator("#model-missing").textContent(), /Nothing was given for t0/);
    await drop(page, [data("tflm-ops/dense.x.npy")]);
    await page.locator("#model-inputs .note", { hasText: "of the network's integers" }).waitFor();
    await ready(page);
    assert.equal(await page.locator("#model-missing").textContent(), "");
    assert.equal(await page.locator("#model-maps .bar").count(), 21);
    assert.ok(await page.locator("#model-heat").isHidden());
    await drop(page, [data("tflm-ops/conv.x.npy")]);
    await refused(page, /The array is 4 × 7 × 6 × 5, the input t0 takes 1 × 21/);
    const header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 21), }";
    const fortran = Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), Buffer.from([header.length, 0]), Buffer.from(header)]);
    await page.setInputFiles("#model-inputs input[type=file]", made("x.npy", fortran));
    await refused(page, /Fortran/);
    await page.setInputFiles("#model-inputs input[type=file]", made("x.npy", fortran.subarray(0, 30)));
    await refused(page, /The header of the \.npy file is damaged/);
    await page.setInputFiles("#model-inputs input[type=file]", ours("samples/7.png"));
    await refused(page, /The input t0 is 1 × 21 numbers, not a picture/);
    await drop(page, [data("tflm-ops/dense.x.npy")]);
    await ready(page);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("networks that read take text or tokens", async () => {
    const { page, complaints, context } = await start();
    await page.setInputFiles("#model-file", ours("sentiment.onnx"));
    await says(page, "positive");
    await page.fill("#model-inputs textarea", "A terrible, boring mess.");
    await page.waitForFunction(() => document.querySelector("#model-verdict").textContent.includes("negative"));
    await ready(page);
    assert.deepEqual((await page.locator("#model-maps .name").allTextContents()).slice(0, 2), ["a", "terrible"]);
    await page.fill("#model-inputs textarea", " ");
    await refused(page, /no words/);
    await page.setInputFiles("#model-file", data("recurrent/words_mean.onnx"));
    await ready(page);
    assert.equal(await page.locator("#model-maps .bar").count(), 3);
    await page.fill("#model-inputs input", "4 five");
    await refused(page, /^Tokens are whole numbers/);
    await page.fill("#model-inputs input", "4, 5");
    await ready(page);
    assert.equal(await page.locator("#model-maps .bar").count(), 2);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("what is no model, or a damaged one, is refused in plain words, and the page goes on", async () => {
    const { page, complaints, context } = await start();
    await drop(page, [join(root, "README.md")]);
    await refused(page, /^README\.md: the file is neither a model image .* nor an ONNX or TensorFlow Lite/);
    await drop(page, [ours("samples/7.png")]);
    await refused(page, /^Bring a model first/);
    await page.setInputFiles("#model-file", made("empty.onnx", ""));
    await refused(page, /the file is empty/);
    const image = readFileSync(ours("mnist-tiny.rlp"));
    image[image.length - 9] ^= 1;
    await page.setInputFiles("#model-file", made("damaged.rlp", image));
    await refused(page, /^damaged\.rlp: .*checksum/);
    await page.setInputFiles("#model-file", made("cut.onnx", readFileSync(ours("mnist-tiny.onnx")).subarray(0, 9000)));
    await refused(page, /truncated/);
    await page.setInputFiles("#model-file", ours("mnist-tiny.rlp"));
    await says(page, "7");
    assert.ok(await page.locator("#model-trouble").isHidden());
    await drop(page, [join(root, "README.md")]);
    await refused(page, /neither a \.npy file nor a picture/);
    await drop(page, [ours("samples/2.png")]);
    await says(page, "2");
    assert.deepEqual(complaints, []);
    await context.close();
});

test("the keyboard is enough", async () => {
    const { page, complaints, context } = await start();
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
    await page.focus("#tab-model");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "model-file");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "model-example");
    await page.keyboard.press("Enter");
    await says(page, "class 7");
    await page.focus("#model-scores button[data-class='3']");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#model-scores button[data-class='3'][aria-pressed=true]");
    // The row that was chosen is still the one that has the focus.
    assert.equal(await page.evaluate(() => document.activeElement.dataset.class), "3");
    assert.deepEqual(complaints, []);
    await context.close();
});

/** An ONNX network that adds its two inputs. */
function sum2() {
    const field = (number, content) => {
        const isNumber = typeof content === "number";
        const bytes = isNumber ? [content] : [...Buffer.from(content)];
        return isNumber ? [number << 3, content] : [(number << 3) | 2, bytes.length, ...bytes];
    };
    const message = (...fields) => fields.flat();
    const value = (name) => {
        const shape = message(field(1, field(1, 1)), field(1, field(1, 4)));
        return message(field(1, name), field(2, field(1, message(field(1, 1), field(2, shape)))));
    };
    const node = message(field(1, "left"), field(1, "right"), field(2, "both"), field(3, "sum"), field(4, "Add"));
    const ports = message(field(11, value("left")), field(11, value("right")), field(12, value("both")));
    const graph = message(field(1, node), field(2, "two"), ports);
    return made("two.onnx", message(field(1, 8), field(7, graph), field(8, field(2, 17))));
}

/** A `.npy` file of four floats. */
function four(...values) {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }".padEnd(117) + "\n";
    const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]);
    return made("four.npy", Buffer.concat([start, Buffer.from(header), Buffer.from(Float32Array.from(values).buffer)]));
}

test("of several inputs it says which are missing", async () => {
    const { page, complaints, context } = await start();
    await page.setInputFiles("#model-file", sum2());
    await ready(page);
    assert.match(await page.locator("#model-missing").textContent(), /Nothing was given for left, right/);
    await page.locator("#model-inputs input[type=file]").nth(1).setInputFiles(four(0, 3, 0, 1));
    await page.locator("#model-missing", { hasText: "Nothing was given for left:" }).waitFor();
    await page.locator("#model-inputs input[type=file]").nth(0).setInputFiles(four(1, 2, 0, 0));
    await page.waitForFunction(() => document.querySelector("#model-missing").textContent === "");
    await says(page, "5.00");
    assert.equal(await page.locator("#model-largest").textContent(), "the largest of 4 numbers, at 1");
    await page.selectOption("#model-composite", "epsilon");
    await ready(page);
    assert.deepEqual(await page.locator("#model-maps figcaption").allTextContents(), ["Relevance of left", "Relevance of right"]);
    const shares = await page.locator("#model-maps figure").evaluateAll((all) =>
        all.map((figure) => [...figure.querySelectorAll(".value")].map(({ textContent }) => Number(textContent))),
    );
    assert.deepEqual(shares, [[0, 2, 0, 0], [0, 3, 0, 0]]);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("reading can be stopped, and another model taken", async () => {
    const { page, context } = await start({ serviceWorkers: "block" });
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await context.route("**/relprop-convert.wasm", async (route) => {
        await held;
        await route.abort();
    });
    await page.setInputFiles("#model-file", ours("mnist-tiny.onnx"));
    await page.click("#model-cancel");
    await refused(page, /^Stopped reading mnist-tiny\.onnx/);
    await page.setInputFiles("#model-file", ours("mnist-tiny.rlp"));
    await says(page, "7");
    release();
    await context.close();
});
