// Draw a digit; see which pixels spoke for a class and which against it.

import { paint } from "../relprop/index.js";
import { ScoreBars, showLedger } from "./bars.js";
import { $, element, fillSelect, probabilities, short, tell } from "./dom.js";
import { ask, latest } from "./engine.js";
import { Pad, SIDE } from "./pad.js";
import { readRules, startRules } from "./rules.js";

const SAMPLES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "1-serif", "2-loop", "4-closed", "7-bar", "9-curl"];
const FLOATS = "mnist-cnn";
const INT8 = "mnist-cnn.int8";

/** What is shown side by side. */
const MAPS = [
    { key: "seen", title: "What the network sees" },
    { key: "floats", title: "Network of floats" },
    { key: "int8", title: "The same in int8" },
    { key: "gradient", title: "Gradient × input", note: "for comparison, in floats: a derivative, whose parts need not add up to the score" },
];

const COMPOSITES = [
    ["epsilon_plus", "ε on dense, z⁺ on convolutions", "Follows positive contributions through convolutions: calm pictures."],
    ["epsilon_plus_flat", "… and flat at the first layer", "The first convolution spreads relevance evenly over what it reads."],
    ["epsilon_alpha2_beta1", "ε on dense, α2β1 on convolutions", "Positive contributions twice, negative ones once: sharper, with more blue."],
    ["epsilon_gamma_box", "z^B, γ, ε", "Each depth gets the rule that suits it; the first layer knows that pixels lie between black and white."],
    ["epsilon", "ε everywhere", "Nearly gradient × input, if biases are few: exact shares, noisy pictures."],
    ["deep_taylor", "Deep Taylor decomposition", "Only positive contributions: nothing can be blue."],
    ["excitation_backprop", "Excitation backprop", "Probabilities of having excited the winner: never blue."],
    ["gradient", "Gradient", "How the score would change with each pixel. No shares: it keeps no books."],
    ["guided_backprop", "Guided backpropagation", "Shows edges, almost whatever the class: a warning, not an explanation."],
];

let pad;
let bars;
let labels;
const views = new Map();

export async function startDigits() {
    const { info } = await ask({ model: FLOATS });
    labels = info.outputs[0].labels;
    isSoftmax = info.outputs[0].softmax;
    startControls();
    startMaps();
    pad = new Pad($("pad"), update);
    await startSamples();
}

let isSoftmax = false;

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
    startRules(update);
    $("clear").addEventListener("click", () => pad.clear());
    $("pad").addEventListener("keydown", ({ key }) => {
        if (key === "Delete" || key === "Backspace" || key === "Escape") pad.clear();
        if (/^[0-9]$/.test(key)) $(`sample-${key}`).click();
    });
}

function startMaps() {
    for (const { key, title, note } of MAPS) {
        const canvas = element("canvas", { width: SIDE, height: SIDE, className: "map", role: "img", "aria-label": title });
        const caption = element("p", { className: "note", textContent: note ?? "" });
        const ledger = element("div", { className: "ledger" });
        $("maps").append(element("figure", {}, element("figcaption", { textContent: title }), canvas, caption, ledger));
        views.set(key, { canvas, caption, ledger });
    }
    const scale = Float32Array.from({ length: 101 }, (_, i) => i / 50 - 1);
    paint($("legend").getContext("2d"), scale, scale.length, 1);
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

const update = latest(async () => {
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

function target(scores) {
    const contrast = $("contrast").value;
    const chosen = $("target").value;
    if (contrast === "") return chosen === "top" ? "top" : Number(chosen);
    return { class: chosen === "top" ? scores.top : Number(chosen), not: Number(contrast) };
}

async function explain(pixels) {
    // The best class has to be known before it can be told from another.
    const { scores } = await ask({ model: FLOATS, pixels, ways: [] });
    const way = { target: target(scores), composite: $("composite").value, rules: readRules() };
    const [floats, int8] = await Promise.all([
        ask({ model: FLOATS, pixels, ways: [way, { target: way.target, composite: "gradient_x_input" }] }),
        ask({ model: INT8, pixels, ways: [way] }).catch((error) => ({ error })),
    ]);
    const [why, gradient] = floats.explanations;
    showVerdict(why);
    showPixels(pixels);
    showWhy(views.get("floats"), why, caption(floats.scores));
    if (int8.error) showRefusal(views.get("int8"), int8.error);
    else showWhy(views.get("int8"), int8.explanations[0], caption(int8.scores));
    showMap(views.get("gradient"), gradient.relevance);
    showSpeed(floats.milliseconds);
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

function showPixels(pixels) {
    const { canvas } = views.get("seen");
    const context = canvas.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    context.putImageData(image, 0, 0);
}

function showMap({ canvas }, relevance) {
    paint(canvas.getContext("2d"), relevance, SIDE);
}

function showWhy(view, why, text) {
    showMap(view, why.relevance);
    view.canvas.dataset.sum = String(why.relevance.reduce((sum, r) => sum + r, 0));
    view.canvas.dataset.peak = String(why.relevance.reduce((peak, r) => Math.max(peak, Math.abs(r)), 0));
    view.caption.textContent = text;
    const keepsBooks = !["gradient", "guided_backprop"].includes($("composite").value);
    showLedger(view.ledger, keepsBooks ? why.ledger : null);
}

function showRefusal(view, error) {
    showMap(view, new Float32Array(SIDE * SIDE));
    view.caption.textContent = error.message;
    view.ledger.replaceChildren();
}

function showNothing() {
    const nothing = new Float32Array(SIDE * SIDE);
    for (const key of ["floats", "int8", "gradient"]) showMap(views.get(key), nothing);
    for (const key of ["floats", "int8"]) {
        views.get(key).caption.textContent = "";
        views.get(key).ledger.replaceChildren();
    }
    showPixels(nothing);
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
