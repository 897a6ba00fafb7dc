// Both builds give the bits of the native kernel: scores and relevance of every sample by every composite.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILDS, asInput, build, checksum, golden, modelBytes, sampleNames, samplePixels, sentences } from "./support.js";

const MODELS = ["mnist-cnn", "mnist-tiny", "mnist-cnn.int8", "mnist-tiny.int8"];

// As the native test has them.
const COMPOSITES = {
    epsilon: {
        composite: "epsilon",
        rules: ["linear", "lstm", "gru"].map((select) => ({ select, rule: "epsilon", epsilon: 0.01 })),
    },
    "epsilon_1e-6": { composite: "epsilon" },
    ...Object.fromEntries(
        [
            "epsilon_plus",
            "epsilon_plus_flat",
            "epsilon_alpha2_beta1",
            "epsilon_alpha2_beta1_flat",
            "epsilon_gamma_box",
            "binder_hybrid",
            "deep_taylor",
            "excitation_backprop",
            "gradient",
            "guided_backprop",
            "deconvnet",
        ].map((composite) => [composite, { composite, seed: "logit" }]),
    ),
};

for (const file of BUILDS) {
    const { Explainer } = await build(file);
    for (const model of MODELS) {
        test(`${file}: ${model} gives the golden bits`, () => {
            const explainer = new Explainer(modelBytes(model));
            const info = explainer.info();
            let compared = 0;
            for (const sample of sampleNames) {
                const scores = explainer.run(asInput(samplePixels(sample), info));
                assert.equal(checksum(scores.values), golden.get(`${model} ${sample} scores`), sample);
                for (const [name, options] of Object.entries(COMPOSITES)) {
                    const { relevance } = explainer.explain(options);
                    assert.equal(checksum(relevance), golden.get(`${model} ${sample} ${name}`), `${sample} ${name}`);
                    compared += 1;
                }
            }
            assert.equal(compared, sampleNames.length * 13);
            explainer.free();
        });
    }
    test(`${file}: sentences give the golden bits`, () => {
        const explainer = new Explainer(modelBytes("sentiment"));
        for (const [i, sentence] of sentences.entries()) {
            const scores = explainer.runText(sentence);
            assert.equal(checksum(scores.values), golden.get(`sentiment ${i} scores`), sentence);
            for (const [name, options] of Object.entries(COMPOSITES)) {
                const expected = golden.get(`sentiment ${i} ${name}`);
                if (expected === undefined) continue;
                const { relevance } = explainer.explain({ low: 0, high: 1, ...options });
                assert.equal(checksum(relevance), expected, `${sentence} ${name}`);
            }
        }
        explainer.free();
    });
}
