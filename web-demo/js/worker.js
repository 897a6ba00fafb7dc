// Runs and explains networks, away from the page.

import load, { Explainer } from "../relprop/index.js";

const loaded = load();
const explainers = new Map();

/** The network with this name; loaded once. */
function explainer(model) {
    if (!explainers.has(model)) explainers.set(model, open(model));
    return explainers.get(model);
}

async function open(model) {
    await loaded;
    const response = await fetch(new URL(`../models/${model}.rlp`, import.meta.url));
    if (!response.ok) throw new Error(`the model ${model} is not here (${response.status})`);
    return new Explainer(new Uint8Array(await response.arrayBuffer()));
}

/** Runs a network once and explains the run in every way that is asked for. */
async function work(job) {
    // What is only for a visitor's own model is loaded for those who bring one.
    if (job.yours) return (await import("./model/work.js")).work(job);
    const { model, pixels, text, ways } = job;
    const network = await explainer(model);
    const info = network.info();
    if (!ways) return { info };
    const [scores, run] = timed(() => (text === undefined ? network.run(asInput(pixels, info)) : network.runText(text)));
    const explained = ways.map((way) => timed(() => network.explain(way)));
    const explanations = explained.map(([explanation]) => explanation);
    // Only the first uses the run as it is; each one after it repeats the inference, to save memory.
    return { scores, explanations, milliseconds: { run, explain: explained[0]?.[1] } };
}

/** What a function returns, and how many milliseconds it took. */
function timed(work) {
    const start = performance.now();
    return [work(), performance.now() - start];
}

/** Brightness from 0 to 255, as the network wants it. */
function asInput(pixels, info) {
    const { scale, offset } = info.inputs[0].pixels;
    return pixels.map((value) => Math.fround(value * scale[0]) + offset[0]);
}

self.addEventListener("message", async ({ data: { id, job } }) => {
    try {
        const result = await work(job);
        // An image may be large, and nothing here needs it any more: it goes without being copied.
        self.postMessage({ id, result }, result.image ? [result.image.buffer] : []);
    } catch (error) {
        self.postMessage({ id, error: error.message });
    }
});
