// The package as its users meet it, in Node.

import assert from "node:assert/strict";
import { test } from "node:test";
import load, { Explainer, color, composites, pixels } from "../pkg/node.js";
import { asInput, modelBytes, samplePixels } from "./support.js";

await load();

function digit(model = "mnist-cnn", sample = "7") {
    const explainer = new Explainer(modelBytes(model));
    const scores = explainer.run(asInput(samplePixels(sample), explainer.info()));
    return { explainer, scores };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

test("a model says what it is", () => {
    const info = digit().explainer.info();
    assert.equal(info.inputs.length, 1);
    assert.deepEqual(info.inputs[0].shape.slice(-2), [28, 28]);
    assert.deepEqual(info.outputs[0].labels, [..."0123456789"]);
    assert.ok(info.ram.infer > 0 && info.ram.infer <= info.ram.explain && info.ram.explain <= info.ram.retain);
    assert.equal(info.flash, modelBytes("mnist-cnn").length);
    assert.ok(info.steps.some((step) => step.op === "conv"));
    assert.equal(info.maxLength, null);
});

test("a seven is a seven, and its relevance adds up", () => {
    const { explainer, scores } = digit();
    assert.equal(scores.top, 7);
    const why = explainer.explain();
    assert.equal(why.class, 7);
    assert.equal(why.relevance.length, 28 * 28);
    const { seeded, received, totals, imbalance, entries } = why.ledger;
    assert.ok(Math.abs(seeded - why.value) < 1e-6 * Math.abs(why.value));
    assert.ok(Math.abs(sum(why.relevance) - received) < 1e-4 * Math.abs(seeded));
    const absorbed = totals.bias + totals.stabilizer + totals.dropped + totals.rounding;
    assert.ok(Math.abs(seeded - received - absorbed) < 1e-4 * Math.abs(seeded));
    assert.ok(Math.abs(imbalance) < 1e-4 * Math.abs(seeded));
    assert.equal(entries.length, explainer.info().steps.length);
});

test("every composite that it names explains", () => {
    const { explainer } = digit();
    for (const composite of composites().filter((name) => name !== "none")) {
        const { relevance } = explainer.explain({ composite });
        assert.ok(relevance.every(Number.isFinite) && relevance.some((value) => value !== 0), composite);
    }
    assert.throws(() => explainer.explain({ composite: "none" }), /no rule for step/);
});

test("targets are classes, labels, contrasts", () => {
    const { explainer } = digit();
    const of = (target) => explainer.explain({ target }).relevance;
    assert.deepEqual(of("7"), of(7));
    assert.deepEqual(of("top"), of(7));
    assert.notDeepEqual(of({ class: 7, not: 2 }), of(7));
    assert.equal(explainer.explain({ target: { class: 7, not: "2" } }).not, 2);
    assert.deepEqual(of({ class: "top", not: 2 }), of({ class: 7, not: 2 }));
    assert.throws(() => of(10), /no class 10/);
    assert.throws(() => of("ten"), /no class `ten`/);
    assert.throws(() => of({ class: 7, nor: 1 }), /no option `nor`/);
});

test("rules override the composite", () => {
    const { explainer } = digit();
    const plain = explainer.explain().relevance;
    const by = (...rules) => explainer.explain({ rules }).relevance;
    assert.notDeepEqual(by({ select: "conv", rule: "gamma", gamma: 0.25 }), plain);
    assert.deepEqual(by({ select: "conv", rule: "alphabeta", alpha: 1, beta: 0 }), plain);
    const first = explainer.info().steps.findIndex((step) => step.op === "conv");
    assert.deepEqual(by({ select: first, rule: "flat" }), explainer.explain({ composite: "epsilon_plus_flat" }).relevance);
    assert.throws(() => by({ select: "conv", rule: "gamma" }), /needs gamma/);
    assert.throws(() => by({ select: "conv", rule: "gama" }), /no rule `gama`/);
    assert.throws(() => by({ select: "cnv", rule: "flat" }), /no step or group of steps `cnv`/);
    assert.throws(() => by({ select: "conv", rule: "alphabeta", alpha: 2, beta: 0 }), /out of range/);
    assert.throws(() => by({ select: "conv", rule: "flat", bias: "no" }), /no bias `no`/);
});

test("gradient × input is what it says", () => {
    const { explainer } = digit();
    const input = asInput(samplePixels("7"), explainer.info());
    const gradient = explainer.explain({ composite: "gradient" }).relevance;
    const product = explainer.explain({ composite: "gradient_x_input" });
    assert.deepEqual(product.relevance, gradient.map((value, i) => Math.fround(value * input[i])));
    assert.equal(product.ledger, null);
});

test("refusals are errors with the kernel's words", () => {
    assert.throws(() => new Explainer(new Uint8Array(10)), { name: "Error" });
    const damaged = modelBytes("mnist-cnn");
    damaged[damaged.length - 5] ^= 1;
    assert.throws(() => new Explainer(damaged), /checksum/);
    const { explainer } = digit();
    assert.throws(() => explainer.run(new Float32Array(3)), /input 0 has 784 elements, 3 were given/);
    assert.throws(() => explainer.run("7"), /Float32Array/);
    const input = new Float32Array(784);
    input[5] = NaN;
    assert.throws(() => explainer.run(input), /element 5 is not a finite number/);
    assert.throws(() => explainer.runText("seven"), /takes no text/);
    // The last run that succeeded is still the one that is explained.
    assert.equal(explainer.explain().scores.top, 7);
    assert.throws(() => new Explainer(modelBytes("mnist-cnn")).explain(), /run the model before/);
    assert.throws(() => explainer.explain({ targt: 1 }), /no option `targt`/);
    assert.throws(() => explainer.explain(3), /options must be an object/);
});

test("words have their place in the text, and their relevance", () => {
    const explainer = new Explainer(modelBytes("sentiment"));
    const info = explainer.info();
    assert.ok(info.inputs[0].text && info.maxLength > 10);
    const text = "A naïve 🎬 film, but wonderful!";
    assert.equal(explainer.runText(text).labels.length, 5);
    const { tokens, relevance, ledger } = explainer.explain({ target: "very positive" });
    assert.deepEqual(
        tokens.map(({ start, end }) => text.slice(start, end)),
        ["A", "naïve", "🎬", "film", ",", "but", "wonderful", "!"],
    );
    assert.deepEqual(Float32Array.from(tokens, (token) => token.relevance), relevance);
    assert.deepEqual([tokens[2].known, tokens[6].known], [false, true]);
    assert.ok(Math.abs(ledger.imbalance) < 1e-4 * Math.abs(ledger.seeded));
    // What is left over is the share of the states before the first word, which is nobody's.
    const spread = explainer.explain({
        target: "very positive",
        composite: "epsilon",
        rules: [{ select: "all", rule: "epsilon", epsilon: 0.001, bias: "redistribute" }],
    });
    assert.equal(spread.ledger.totals.bias, 0);
    const { received, seeded, totals } = spread.ledger;
    assert.ok(Math.abs(received + totals.dropped - seeded) < 1e-4 * Math.abs(seeded));
    assert.ok(Math.abs(sum(spread.relevance) - received) < 1e-4 * Math.abs(seeded));
    assert.throws(() => explainer.runText("  "), /no words/);
    assert.throws(() => explainer.runText("word ".repeat(info.maxLength + 1)), /at most/);
    assert.throws(() => explainer.run(new Float32Array(3)), /takes tokens/);
    assert.throws(() => explainer.explain({ composite: "gradient_x_input" }), /one input of numbers/);
    assert.equal(explainer.runTokens(Uint16Array.of(1, 2, 3)).values.length, 5);
    assert.equal(explainer.explain().tokens, null);
});

test("a text is run and explained in one call", () => {
    const explainer = new Explainer(modelBytes("sentiment"));
    const options = { target: { class: "very positive", not: "negative" }, composite: "epsilon", layers: true };
    const text = "Nobody will be bored by this wonderful mess.";
    const atOnce = explainer.explainText(text, options);
    explainer.runText(text);
    assert.deepEqual(atOnce, explainer.explain(options));
    assert.equal(atOnce.tokens.length, 9);
    assert.equal(explainer.explainText("Bad.").class, explainer.runText("Bad.").top);
    assert.throws(() => explainer.explainText("  "), /no words/);
    // The last run stands.
    assert.equal(explainer.explain().tokens.length, 2);
    assert.throws(() => digit().explainer.explainText("seven"), /takes no text/);
});

test("layers are the relevance that the ledger says arrived", () => {
    const { explainer } = digit();
    const plain = explainer.explain();
    assert.equal(plain.layers, null);
    const { layers, ledger, relevance } = explainer.explain({ layers: true });
    assert.deepEqual(relevance, plain.relevance);
    const { steps } = explainer.info();
    for (const { position, step, op, shape, relevance } of layers) {
        assert.deepEqual([step, op, shape], [steps[position].name, steps[position].op, steps[position].shape]);
        assert.equal(relevance.length, shape.reduce((product, dim) => product * dim));
        assert.ok(Math.abs(sum(relevance) - ledger.entries[position].arrived) < 1e-4 * ledger.seeded, step);
    }
    assert.deepEqual(layers.map(({ position }) => position), [...layers.keys()].map((i) => i + layers[0].position));
    assert.ok(layers.some(({ op }) => op === "conv") && layers.some(({ op }) => op === "dense"));
    // Relevance starts at one class.
    assert.equal(layers.at(-1).relevance.filter((value) => value !== 0).length, 1);
});

test("relevance of a word is that of its embedding's dimensions", () => {
    const explainer = new Explainer(modelBytes("sentiment"));
    const { layers, relevance } = explainer.explainText("A wonderful film.", { composite: "epsilon", layers: true });
    const { shape, relevance: dimensions } = layers.find(({ op }) => op === "embedding");
    const [words, , size] = shape;
    assert.equal(words, 4);
    relevance.forEach((word, i) => {
        const whole = sum(dimensions.slice(i * size, (i + 1) * size));
        assert.ok(Math.abs(whole - word) < 1e-4, `${whole} ${word}`);
    });
});

test("books name the rules", () => {
    const { explainer } = digit();
    const rules = (options) => explainer.explain(options).ledger.entries.map(({ op, rule }) => `${op} ${rule}`);
    assert.ok(rules().includes("conv zplus") && rules().includes("dense epsilon"));
    const first = explainer.info().steps.findIndex(({ op }) => op === "conv");
    const [name] = [rules({ rules: [{ select: first, rule: "gamma", gamma: 1 }] })[first]];
    assert.equal(name, "conv gamma");
});

test("freeing gives the memory back", () => {
    const bytes = modelBytes("mnist-cnn");
    const input = new Float32Array(784);
    for (let i = 0; i < 300; i++) {
        const explainer = new Explainer(bytes);
        explainer.run(input);
        explainer.free();
        assert.throws(() => explainer.info());
    }
});

test("colours are symmetric about a neutral zero", () => {
    assert.equal(color(0), "#f7f7f7");
    assert.deepEqual([...pixels(Float32Array.of(-2, 0, 2))], [5, 48, 97, 255, 247, 247, 247, 255, 103, 0, 31, 255]);
});
