// Runs and explains networks, away from the page.

import load, { Explainer } from "../relprop/index.js";

const loaded = load();
const explainers = new Map();

/** The network with this name, its relevance of floats or of integers; loaded once. */
function explainer(model, relevance = "float") {
    const name = `${model} ${relevance}`;
    if (!explainers.has(name)) explainers.set(name, open(model, relevance));
    return explainers.get(name);
}

async function open(model, relevance) {
    await loaded;
    const response = await fetch(new URL(`../models/${model}.rlp`, import.meta.url));
    if (!response.ok) throw new Error(`the model ${model} is not here (${response.status})`);
    return new Explainer(new Uint8Array(await response.arrayBuffer()), { relevance });
}

async function work(job) {
    // What is only for a visitor's own model is loaded for those who bring one.
    if (job.yours) return (await import("./model/work.js")).work(job);
    const network = await explainer(job.model, job.relevance);
    if (job.flip) return flip(network, job);
    return job.ways ? explain(network, job) : { info: network.info() };
}

/** Runs a network once and explains the run in every way that is asked for. */
function explain(network, { pixels, text, ways }) {
    if (text !== undefined) {
        const [first, ...others] = ways;
        return { explanations: [network.explainText(text, first), ...others.map((way) => network.explain(way))] };
    }
    const [scores, run] = timed(() => network.run(asInput(pixels, network.info())));
    const explained = ways.map((way) => timed(() => network.explain(way)));
    const explanations = explained.map(([explanation]) => explanation);
    // Only the first uses the run as it is; each one after it repeats the inference, to save memory.
    return { scores, explanations, milliseconds: { run, explain: explained[0]?.[1] } };
}

/** Curves of deleted pixels in the making. */
let flipping;

/** Begins with new curves, where `flip` has options for them, and goes on with so many passes. */
function flip(network, { pixels, way, flip, passes }) {
    if (typeof flip === "object") {
        network.run(asInput(pixels, network.info()));
        const { relevance } = network.explain(way);
        flipping?.free();
        flipping = undefined;
        flipping = network.flipping({ ...flip, relevance, target: way.target });
    }
    if (!flipping) throw new Error("no curves have been begun");
    const done = flipping.advance(network, passes);
    return { done, progress: flipping.progress, curves: flipping.curves() };
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
