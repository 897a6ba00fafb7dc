// Pixel flipping: scores as inputs are deleted.

import assert from "node:assert/strict";
import { test } from "node:test";
import load, { Explainer } from "../pkg/node.js";
import { asInput, modelBytes, sampleNames, samplePixels } from "./support.js";

await load();

function digit(sample = "7") {
    const explainer = new Explainer(modelBytes("mnist-cnn"));
    const pixels = samplePixels(sample);
    const input = asInput(pixels, explainer.info());
    explainer.run(input);
    return { explainer, pixels, input, relevance: explainer.explain({ composite: "epsilon" }).relevance };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("the score falls faster by relevance than at random", () => {
    for (const sample of sampleNames) {
        const { explainer, relevance, pixels } = digit(sample);
        const { value } = explainer.explain();
        const flipped = explainer.flip({ relevance });
        assert.equal(flipped.class, Number(sample[0]));
        assert.equal(flipped.relevance.length, 21);
        assert.deepEqual([flipped.relevance[0], flipped.random[0]], [value, value]);
        // Black pixels are deleted already.
        assert.equal(flipped.positions, pixels.filter((pixel) => pixel > 0).length);
        assert.equal(flipped.deleted[20], flipped.positions);
        assert.equal(flipped.draws.length, 10);
        assert.ok(mean(flipped.relevance) < mean(flipped.random), sample);
        // When all is gone, nothing is left to tell how it went.
        assert.ok(Math.abs(flipped.relevance.at(-1) - flipped.random.at(-1)) < 1e-5);
        const least = explainer.flip({ relevance: relevance.map((r) => -r), draws: 0 });
        assert.ok(mean(least.relevance) > mean(flipped.relevance), sample);
        assert.equal(least.random, null);
    }
});

test("curves are what the network says of pictures with pixels deleted", () => {
    const { explainer, input, relevance } = digit();
    const black = asInput(Float32Array.of(0), explainer.info())[0];
    const { deleted, relevance: curve } = explainer.flip({ relevance, steps: 5, draws: 0, target: { class: 7, not: "1" } });
    const order = [...relevance.keys()].filter((i) => input[i] !== black).sort((a, b) => relevance[b] - relevance[a] || a - b);
    for (const [step, count] of deleted.entries()) {
        const left = input.slice();
        order.slice(0, count).forEach((i) => (left[i] = black));
        explainer.run(left);
        const [seven, one] = [7, 1].map((target) => explainer.explain({ target }).value);
        assert.equal(curve[step], Math.fround(seven - one));
    }
});

test("seeds are orders, and steps and draws are as many as asked for", () => {
    const { explainer, relevance } = digit();
    const of = (seed) => explainer.flip({ relevance, seed, draws: 2, steps: 7 });
    assert.deepEqual(of(3), of(3));
    assert.notDeepEqual(of(3).random, of(4).random);
    assert.deepEqual(of(3).relevance, of(4).relevance);
    const { draws, random } = of(3);
    assert.deepEqual(draws.map((draw) => draw.length), [8, 8]);
    assert.ok(random.every((score, i) => Math.abs(score - (draws[0][i] + draws[1][i]) / 2) < 1e-5));
    // A baseline of white deletes what is black.
    const white = explainer.info().inputs[0].range[1];
    assert.ok(explainer.flip({ relevance, baseline: white, draws: 0 }).positions > 500);
});

test("in portions it is the same, and the last run stands", () => {
    const { explainer, relevance } = digit();
    const whole = explainer.flip({ relevance, draws: 3, steps: 9 });
    const flipping = explainer.flipping({ relevance, draws: 3, steps: 9 });
    assert.equal(flipping.progress, 0);
    const seen = [];
    while (!flipping.advance(explainer, 7)) {
        seen.push(flipping.progress);
        assert.deepEqual(explainer.explain({ composite: "epsilon" }).relevance, relevance);
    }
    assert.ok(seen.length >= 4 && seen.every((progress, i) => progress > (seen[i - 1] ?? 0) && progress < 1), seen.join());
    assert.equal(flipping.progress, 1);
    assert.deepEqual(flipping.curves(), whole);
    flipping.free();
});

test("words are taken out, all but one", () => {
    const explainer = new Explainer(modelBytes("sentiment"));
    const text = "A gripping, beautiful film with not one dull moment.";
    const { relevance, tokens, class: top } = explainer.explainText(text, { composite: "epsilon" });
    const flipped = explainer.flip({ relevance, steps: 100, draws: 4 });
    assert.equal(flipped.positions, tokens.length - 1);
    assert.equal(flipped.deleted.at(-1), tokens.length - 1);
    const gone = tokens.reduce((most, token) => (token.relevance > most.relevance ? token : most));
    explainer.runText(`${text.slice(0, gone.start)} ${text.slice(gone.end)}`);
    assert.equal(flipped.relevance[1], explainer.explain({ target: top }).value);
    explainer.runText("Good");
    assert.throws(() => explainer.flip({ relevance: Float32Array.of(1) }), /nothing to delete/);
});

test("refusals say what is wrong", () => {
    const { explainer, relevance } = digit();
    const flip = (options) => () => explainer.flip({ relevance, ...options });
    assert.throws(flip({ relevance: undefined }), /as long as the input/);
    assert.throws(flip({ relevance: new Float32Array(3) }), /as long as the input/);
    assert.throws(flip({ target: "all" }), /one class/);
    assert.throws(flip({ target: 10 }), /no class 10/);
    assert.throws(flip({ steps: -1 }), /whole numbers/);
    assert.throws(flip({ draws: 1.5 }), /whole numbers/);
    assert.throws(flip({ baseline: "black" }), /must be a finite number/);
    assert.throws(flip({ stepz: 1 }), /no option `stepz`/);
    assert.throws(() => new Explainer(modelBytes("mnist-cnn")).flip({ relevance }), /run the model before/);
    const black = asInput(new Float32Array(784), explainer.info());
    explainer.run(black);
    assert.throws(flip({}), /nothing to delete/);
});
