// Medians of inference and explanation, in both builds: `node tests/time.js`.

import { BUILDS, asInput, build, modelBytes, samplePixels } from "./support.js";

const ROUNDS = 200;

function median(work) {
    const times = Array.from({ length: ROUNDS }, () => {
        const start = performance.now();
        work();
        return performance.now() - start;
    });
    return times.sort((a, b) => a - b)[ROUNDS / 2];
}

for (const file of BUILDS) {
    const { Explainer } = await build(file);
    for (const model of ["mnist-cnn", "mnist-cnn.int8"]) {
        const explainer = new Explainer(modelBytes(model));
        const input = asInput(samplePixels("7"), explainer.info());
        const run = median(() => explainer.run(input));
        // An explanation repeats the inference that the one before has overwritten: here, each has its own.
        const both = median(() => (explainer.run(input), explainer.explain()));
        console.log(`${file} ${model}: run ${run.toFixed(2)} ms, explain ${(both - run).toFixed(2)} ms beyond it`);
    }
}
