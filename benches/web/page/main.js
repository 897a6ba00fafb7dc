// Forward and relevance passes of the same networks in one tab: ours in both builds, onnxruntime-web, TensorFlow.js.

import * as relprop from "./relprop.js";
import * as onnxruntime from "./onnxruntime.js";
import * as tfjs from "./tfjs.js";
import { batch, warmUp } from "./batches.js";

/** How far the scores of two may be apart, as a part of the largest. */
const TOLERANCE = 1e-4;

const COMPOSITES = ["epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box"];

const fetched = async (address) => {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address}: ${response.status}`);
    return response;
};

async function network(address) {
    const network = await (await fetched(address)).json();
    for (const tensor of Object.values(network.tensors)) {
        tensor.data = new Float32Array(Uint8Array.from(atob(tensor.data), (c) => c.charCodeAt(0)).buffer);
    }
    return network;
}

/** Scores must agree before anything is timed. */
function agree(name, who, scores, reference) {
    const largest = Math.max(...reference.map(Math.abs));
    const apart = Math.max(...scores.map((score, i) => Math.abs(score - reference[i]))) / largest;
    if (!(apart <= TOLERANCE)) throw new Error(`${name}: ${who} is ${apart} off`);
    return apart;
}

/** What is timed of one network: `{ network, who, what, work }`. */
async function works({ name, image, onnx, graph, input }, builds) {
    const x = Float32Array.from(input);
    const all = [];
    let reference;
    const bytes = new Uint8Array(await (await fetched(image)).arrayBuffer());
    for (const [build, { Explainer }] of Object.entries(builds)) {
        const explainer = new Explainer(bytes);
        reference ??= explainer.run(x).values;
        agree(name, build, explainer.run(x).values, reference);
        all.push({ network: name, who: build, what: "forward", work: () => explainer.run(x) });
        for (const composite of COMPOSITES) {
            const options = { composite, low: 0, high: 1 };
            // An explanation overwrites what the forward pass has kept, so each has a forward pass of its own here,
            // whose time is taken off afterwards.
            const work = () => (explainer.run(x), explainer.explain(options));
            all.push({ network: name, who: build, what: composite, beyondForward: true, work });
        }
    }
    if (onnx) {
        const description = await network(graph);
        const others = {
            "onnxruntime-web": await onnxruntime.open(onnx, description),
            "tfjs-wasm": tfjs.open(description),
        };
        for (const [who, run] of Object.entries(others)) {
            const apart = agree(name, who, await run(x), reference);
            all.push({ network: name, who, what: "forward", apart, work: () => run(x) });
        }
    }
    return all;
}

const all = [];

/** Loads everything, compares the scores, warms up; returns what there is to time. */
window.prepare = async (networks) => {
    await tfjs.start();
    const builds = {};
    for (const build of relprop.BUILDS) builds[build] = await relprop.load(build);
    for (const network of networks) all.push(...(await works(network, builds)));
    for (const each of all) each.size = await warmUp(each.work);
    return all.map(({ work, ...described }) => described);
};

/** Milliseconds of a batch; of none, to see what asking takes. */
window.batch = (i) => (i < all.length ? batch(all[i].work, all[i].size) : 0);

document.documentElement.dataset.ready = "";
