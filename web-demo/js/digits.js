// Draw a digit; see which pixels spoke for a class and which against it.

import { ScoreBars } from "./bars.js";
import { COMPOSITES } from "./composites.js";
import { $, element, fillSelect, probabilities, short, tell } from "./dom.js";
import { ask, breathe, latest } from "./engine.js";
import { cancelFlipping, startFlipping } from "./flipping.js";
import { showFlow } from "./flow.js";
import { showLayers, wantsLayers } from "./layers.js";
import { showMap, showNoMaps, showPixels, showRefusal, showWhy, startMaps } from "./maps.js";
import { Pad, SIDE } from "./pad.js";
import { readRules, startRules, tellRules } from "./rules.js";

const SAMPLES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "1-serif", "2-loop", "4-closed", "7-bar", "9-curl"];
const FLOATS = "mnist-cnn";
const INT8 = "mnist-cnn.int8";

let pad;
let bars;
let labels;
let isSoftmax = false;

export async function startDigits() {
    const { info } = await ask({ model: FLOATS });
    ({ labels, softmax: isSoftmax } = info.outputs[0]);
    startRules(info.steps, update);
    startControls();
    startMaps();
    pad = new Pad($("pad"), update);
    startFlipping(
        () => (pad.isEmpty ? null : { model: FLOATS, pixels: pad.pixels(), way: way() }),
        (k) => labels[k],
    );
    // What is seen of the same explanation: nothing that is measured meanwhile becomes stale.
    for (const id of ["int8-relevance", "flow-network"]) $(id).addEventListener("change", explainAgain);
    for (const id of ["layers", "flow"]) $(id).addEventListener("toggle", explainAgain);
    await startSamples();
}

function startControls() {
    const classes = labels.map((label, i) => [String(i), label]);
    fillSelect($("target"), [["top", "best"], ...classes]);
    fillSelect($("contrast"), [["", "—"], ...classes]);
    fillSelect($("composite"), COMPOSITES.map(([name, title]) => [name, title]));
    bars = new ScoreBars($("digit-scores"), labels, (chosen) => {
        $("target").value = $("target").value === String(chosen) ? "top" : String(chosen);
        update();
    });
    for (const id of ["target", "contrast", "composite"]) $(id).addEventListener("change", update);
    $("clear").addEventListener("click", () => pad.clear());
    $("pad").addEventListener("keydown", ({ key }) => {
        if (key === "Delete" || key === "Backspace" || key === "Escape") pad.clear();
        if (/^[0-9]$/.test(key)) $(`sample-${key}`).click();
    });
}

async function startSamples() {
    for (const name of SAMPLES) {
        const image = new Image(SIDE, SIDE);
        image.src = new URL(`../samples/${name}.png`, import.meta.url).href;
        image.alt = "";
        const button = element(
            "button",
            { type: "button", id: `sample-${name}`, className: "sample", "aria-label": `Sample ${name.replace("-", ", ")}` },
            image,
        );
        button.addEventListener("click", async () => {
            await image.decode();
            pad.show(image);
        });
        $("samples").append(button);
        if (name === "7") image.decode().then(() => pad.isEmpty && pad.show(image));
    }
}

function update() {
    cancelFlipping();
    explainAgain();
}

const explainAgain = latest(async () => {
    $("composite-note").textContent = COMPOSITES.find(([name]) => name === $("composite").value)[2];
    if (pad.isEmpty) {
        showNothing();
        return;
    }
    try {
        await explain(pad.pixels());
        tell();
    } catch (error) {
        tell(error.message);
    }
});

/** What is to be explained, and how. */
function way() {
    const [chosen, contrast] = [$("target").value, $("contrast").value];
    const target = chosen === "top" ? "top" : Number(chosen);
    return {
        target: contrast === "" ? target : { class: target, not: Number(contrast) },
        composite: $("composite").value,
        rules: readRules(),
    };
}

async function explain(pixels) {
    const asked = way();
    const composite = asked.composite;
    const [floats, int8] = await Promise.all([
        ask({
            model: FLOATS,
            pixels,
            ways: [{ ...asked, layers: wantsLayers() }, { target: asked.target, composite: "gradient_x_input" }],
        }),
        ask({ model: INT8, relevance: $("int8-relevance").value, pixels, ways: [asked] }).catch((error) => ({ error })),
    ]);
    const [why, gradient] = floats.explanations;
    // Each in a task of its own, so that none takes long; the verdict says that all before it is there.
    showPixels(pixels);
    await breathe();
    showWhy("floats", why, caption(floats.scores), composite);
    await breathe();
    if (int8.error) showRefusal("int8", int8.error);
    else showWhy("int8", int8.explanations[0], caption(int8.scores), composite);
    await breathe();
    showMap("gradient", gradient.relevance);
    tellRules(why.ledger);
    showSpeed(floats.milliseconds);
    showVerdict(why);
    await breathe();
    showLayers(why, [SIDE, SIDE]);
    await breathe();
    showFlow($("flow-network").value === "int8" ? int8.explanations?.[0] : why, composite);
}

function caption(scores) {
    return `says ${labels[scores.top]}, score ${short(scores.values[scores.top])}`;
}

function showVerdict(why) {
    const shares = probabilities(why.scores.values, isSoftmax);
    const { top } = why.scores;
    bars.show(shares, why.class, why.not);
    $("digit-verdict").textContent = `${labels[top]}`;
    $("digit-verdict").dataset.class = String(top);
}

function showNothing() {
    showNoMaps();
    showLayers();
    showFlow();
    bars.show(labels.map(() => 0));
    $("digit-verdict").textContent = "…";
    delete $("digit-verdict").dataset.class;
}

const times = { run: [], explain: [] };
/** Explanations before times are told. */
const WARM = 10;

function showSpeed({ run, explain }) {
    times.run.push(run);
    times.explain.push(explain);
    // An engine runs a module slowly first, while it compiles it well.
    if (times.run.length < WARM) return;
    const median = (list) => [...list.slice(-50)].sort((a, b) => a - b)[Math.floor(Math.min(list.length, 50) / 2)];
    $("speed").textContent =
        `In this tab, network of floats, medians: inference ${median(times.run).toFixed(1)} ms, ` +
        `explanation ${median(times.explain).toFixed(1)} ms beyond it.`;
}
