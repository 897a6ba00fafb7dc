// The worker's part: a visitor's model, from its file to its explanations.

import load, { Explainer } from "../../relprop/index.js";
import { canvasOf } from "./canvas.js";
import { feed } from "./feed.js";
import { heatMap } from "./heat.js";
import { MOST, largest } from "./top.js";

/** How a model image begins. */
const MAGIC = [..."RELPROP\0"].map((letter) => letter.charCodeAt(0));

/** Elements of a vector that are told. */
const MOST_BARS = 40;

let network;
let info;
/** Values of each input, and what they look like. */
let inputs = [];
let pictures = [];

/** Loads a model; whatever is no image goes through the converter, which is fetched only then. */
async function open({ file, options }) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const isImage = MAGIC.every((byte, i) => bytes[i] === byte);
    const { image, notes } =
        isImage && Object.keys(options).length === 0 ? { image: bytes, notes: [] } : await convert(bytes, options);
    await load();
    network = new Explainer(image);
    info = network.info();
    inputs = info.inputs.map(() => new Float32Array(0));
    pictures = [];
    return { info, image, notes, isConverted: !isImage };
}

async function convert(bytes, options) {
    const { default: loadConverter, convert } = await import("../../relprop/convert.js");
    await loadConverter();
    const { image, summary, notes } = convert(bytes, options);
    return { image, notes: [summary, ...notes] };
}

/** Gives an input its values. */
async function give({ input, source }) {
    const { values, seen, note } = await feed(info.inputs[input], info.maxLength, source);
    inputs[input] = values;
    pictures[input] = seen;
    return { seen, note };
}

/** Runs the network on a text, on tokens, or on what its inputs were given; there may be many scores: the best are named. */
function run({ text, tokens }) {
    const [scores, milliseconds] = timed(() => {
        if (text !== undefined) return network.runText(text);
        if (tokens !== undefined) return network.runTokens(Uint16Array.from(tokens));
        if (info.inputs[0].type === "token") return network.runTokens(Uint16Array.from(inputs[0]));
        return network.run(inputs);
    });
    const peak = scores.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return { scores: { ...scores, peak, best: largest(scores.values, MOST + 2) }, milliseconds };
}

/** Explains the last run; inputs that are pictures get their relevance as one, too. */
function explain({ way }) {
    const [why, milliseconds] = timed(() => network.explain(way));
    const maps = why.relevances.map((relevance, i) => {
        const canvas = canvasOf(info.inputs[i]);
        if (!canvas || relevance.length !== canvas.width * canvas.height * canvas.channels) return null;
        return heatMap(relevance, canvas, pictures[i]);
    });
    // The page has the scores, and draws from the maps: what is large stays here.
    const relevances = why.relevances.map((relevance, i) => (maps[i] ? null : strongest(relevance)));
    const { class: explained, not, ledger, tokens } = why;
    return { why: { class: explained, not, ledger, tokens }, relevances, maps, milliseconds };
}

/** Relevance of a vector: of all of it, or of the elements with most. */
function strongest(relevance) {
    const all = relevance.length <= MOST_BARS;
    const shown = all ? Array.from(relevance, (_, i) => i) : largest(relevance, MOST_BARS, Math.abs);
    return { count: relevance.length, shown: shown.map((i) => ({ i, r: relevance[i] })) };
}

/** What a function returns, and how many milliseconds it took. */
function timed(work) {
    const start = performance.now();
    return [work(), performance.now() - start];
}

const JOBS = { open, give, run, explain };

export async function work(job) {
    try {
        return await JOBS[job.yours](job);
    } catch (error) {
        // Neither the kernel nor the converter gives up but for want of memory.
        if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
        throw new Error(`this model seems to need more memory than a tab has (${error.message})`);
    }
}
