// Both builds give the bits of the native kernel: scores and relevance of every sample by every composite.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BUILDS, asInput, build, checksum, golden, modelBytes, sampleNames, samplePixels } from "./support.js";

const MODELS = ["mnist-cnn", "mnist-tiny", "mnist-cnn.int8", "mnist-tiny.int8"];

// As the native test has them.
const COMPOSITES = {
    epsilon: { composite: "epsilon", rules: [{ select: "linear", rule: "epsilon", epsilon: 0.01 }] },
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
}
