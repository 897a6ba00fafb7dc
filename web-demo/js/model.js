// A model of the visitor's own: dropped, converted, inspected, run and explained, all in this tab.

import { paint } from "../relprop/index.js";
import { showLedger } from "./bars.js";
import { $, short } from "./dom.js";
import { Engine, latest } from "./engine.js";
import { download, isNamedInput, isNamedModel, startDropping, withExtension } from "./model/files.js";
import { InputField } from "./model/inputs.js";
import { showInspect } from "./model/inspect.js";
import { clearOptions, readOptions } from "./model/options.js";
import { GRADIENTS, pickTarget, readAsk, resetAsk, showFields, startAsk } from "./model/rule.js";
import { areClasses, className, showScores } from "./model/scores.js";
import { showWhy } from "./model/why.js";

const EXAMPLE = "mnist-tiny.onnx";
/** Work that is done before this many milliseconds is not announced. */
const PATIENCE = 150;

/** The worker of this tab: it can be ended without hurting the other demos. */
let engine;
/** The file, whether it could be read or not, and what was made of it. */
let brought;
let opened;
let fields = [];
let scores;
let heat;
/** The inputs that the worker does not have yet. */
const stale = new Set();

export async function startModel() {
    $("model-file").addEventListener("change", () => {
        const [file] = $("model-file").files;
        if (file) choose(file);
        // The chosen file is named beside its model; here, it would outlive it.
        $("model-file").value = "";
    });
    $("model-example").addEventListener("click", () => bringExample().catch((error) => refuse(error)));
    $("model-apply").addEventListener("click", () => brought && open(brought));
    $("model-cancel").addEventListener("click", () => engine?.stop());
    $("model-download").addEventListener("click", () => {
        download(new Blob([opened.image]), withExtension(opened.file.name, "rlp"));
    });
    $("model-heat").addEventListener("click", () => {
        heat.toBlob((blob) => download(blob, withExtension(opened.file.name, "relevance.png")), "image/png");
    });
    startDropping($("model-drop"), () => !$("model").hidden, takeDropped);
    startAsk(update);
    const scale = Float32Array.from({ length: 101 }, (_, i) => i / 50 - 1);
    paint($("model-legend").getContext("2d"), scale, scale.length, 1);
    state("empty");
}

/** `empty`, `busy`, `ready` or `refused`, for the styles and for those who wait. */
function state(name) {
    $("model").dataset.state = name;
}

/** Says what went wrong; with a file's name where it is the file's fault. */
function refuse({ message }, file) {
    $("model-trouble").textContent = file ? `${file.name}: ${message}` : message[0].toUpperCase() + message.slice(1);
    $("model-trouble").hidden = false;
    // Where it is seen: a phone does not show the file and what is asked of its model at once.
    if (opened) $("model-asks").before($("model-trouble"));
    else $("model-drop").after($("model-trouble"));
    state("refused");
}

/** Says what is being done, if it takes long enough to be read, and that it can be stopped. */
async function busy(what, work) {
    state("busy");
    $("model-trouble").hidden = true;
    const timer = setTimeout(() => {
        $("model-doing").textContent = what;
        $("model-busy").hidden = false;
    }, PATIENCE);
    try {
        return await work;
    } finally {
        clearTimeout(timer);
        $("model-busy").hidden = true;
        $("model-doing").textContent = "";
    }
}

async function bringExample() {
    const response = await fetch(new URL(`../models/${EXAMPLE}`, import.meta.url));
    if (!response.ok) throw new Error(`${EXAMPLE} is not here (${response.status})`);
    await choose(new File([await response.blob()], EXAMPLE));
}

function takeDropped(files, target) {
    const model = files.find(isNamedModel) ?? (opened ? undefined : files.find((file) => !isNamedInput(file)));
    const inputs = files.filter((file) => file !== model && !isNamedModel(file));
    if (model) return choose(model).then(() => opened && giveDropped(inputs, target));
    if (!opened) return refuse(new Error("bring a model first: an .onnx, .tflite or .rlp file"));
    return giveDropped(inputs, target);
}

/** Each file to an input: the one that it was dropped on, else the next that has none of the visitor's. */
function giveDropped(files, target) {
    for (const file of files) {
        const on = fields.find(({ node }) => node.contains(target));
        const free = fields.find((field) => !field.takesWords && !field.isGiven);
        const field = on ?? free ?? fields[0];
        if (field.takesWords) return refuse(new Error(`${field.input.name} takes ${field.input.text ? "text" : "tokens"}: type it`));
        field.isGiven = true;
        field.take(file);
    }
}

/** Opens a model in place of the one before, without what was said of that one. */
function choose(file) {
    if (brought) clearOptions();
    return open(file);
}

async function open(file) {
    close();
    brought = file;
    engine = new Engine();
    const mine = engine;
    try {
        const options = readOptions();
        const result = await busy(`Reading ${file.name} …`, mine.ask({ yours: "open", file, options }));
        if (mine !== engine) return;
        opened = { file, ...result };
        await showOpened();
    } catch (error) {
        if (mine !== engine) return;
        if (error.message === "stopped") refuse(new Error(`stopped reading ${file.name}`));
        else refuse(error, file);
    }
}

function close() {
    engine?.stop();
    [engine, opened, scores, heat] = [];
    fields = [];
    for (const id of ["model-inspect", "model-asks", "model-answer"]) $(id).hidden = true;
}

async function showOpened() {
    const { info, notes, file, isConverted } = opened;
    showInspect(info, file.name, isConverted ? [`converted ${file.name}: ${notes[0]}`, ...notes.slice(1)] : notes.slice(1));
    fields = info.inputs.map((input, i) => {
        const changed = () => (stale.add(i), update());
        return new InputField(input, i, info.maxLength, changed);
    });
    $("model-inputs").replaceChildren(...fields.map(({ node }) => node));
    for (const id of ["model-inspect", "model-asks"]) $(id).hidden = false;
    stale.clear();
    fields.forEach((_, i) => stale.add(i));
    // A sample asks for the update itself, when it is there.
    const samples = fields.filter(({ sample }) => sample);
    await Promise.all(samples.map(({ sample }) => sample()));
    await update();
}

const update = latest(async () => {
    if (!opened) return;
    const isEnded = !engine;
    const mine = (engine ??= new Engine());
    try {
        if (isEnded) await busy("Starting anew …", reopen(mine));
        await busy("Running the network …", give(mine));
        if (mine !== engine) return;
        await busy("Explaining …", explain(mine));
        if (mine === engine) state("ready");
    } catch (error) {
        if (mine !== engine) return;
        if (error.message === "stopped") engine = undefined;
        refuse(error.message === "stopped" ? new Error("stopped; any change starts anew") : error);
    }
});

/** Gives a worker, in place of one that was ended, the same model. */
async function reopen(engine) {
    fields.forEach((_, i) => stale.add(i));
    await engine.ask({ yours: "open", file: new Blob([opened.image]), options: {} });
}

/** Gives the worker what has changed, and runs the network on it. */
async function give(engine) {
    if (stale.size === 0 && scores) return;
    scores = undefined;
    for (const i of [...stale]) await giveOne(engine, i);
    const result = await engine.ask({ yours: "run", ...words() });
    $("model-speed").dataset.run = result.milliseconds.toFixed(1);
    const isFirst = opened.count === undefined;
    scores = result.scores;
    opened.count = scores.values.length;
    if (isFirst) resetAsk(opened.info, scores);
    showVerdict();
}

async function giveOne(engine, i) {
    // It may be given something else while the worker reads this.
    stale.delete(i);
    const field = fields[i];
    if (field.takesWords) return;
    const { source } = field;
    try {
        const { seen, note } = await engine.ask({ yours: "give", input: i, source });
        field.seen = seen;
        field.say(source.file ? `${source.file.name}: ${note}` : note);
    } catch (error) {
        stale.add(i);
        throw error;
    }
}

/** Of a network that reads words: those that were typed. */
function words() {
    const [field] = fields;
    if (!field.takesWords) return {};
    if (field.input.text) return { text: field.words };
    const tokens = field.words.split(/[\s,]+/).filter(Boolean).map(Number);
    const wrong = tokens.find((token) => !Number.isInteger(token) || token < 0 || token > 65_535);
    if (wrong !== undefined || tokens.length === 0) throw new Error("tokens are whole numbers from 0 on, apart by spaces");
    return { tokens };
}

function showVerdict(why) {
    const { info, count } = opened;
    const { values, top } = scores;
    const isClass = areClasses(info, count);
    $("model-verdict").textContent = isClass ? className(scores, info, top) : short(values[top]);
    $("model-verdict").dataset.class = String(top);
    $("model-largest").textContent = isClass || count === 1 ? "" : `the largest of ${count} numbers, at ${top}`;
    showScores($("model-scores"), scores, info, {
        explained: why?.class ?? undefined,
        contrast: why?.not ?? undefined,
        choose: (index) => {
            pickTarget(index, className(scores, info, index));
            update();
        },
    });
}

async function explain(engine) {
    showFields();
    const result = await engine.ask({ yours: "explain", way: readAsk(scores.top) });
    const { why, milliseconds } = result;
    showVerdict(why);
    const inputs = opened.info.inputs.map(({ name }, i) => ({
        name,
        seen: fields[i].seen,
        words: why.tokens?.map(({ word }) => word) ?? words().tokens?.map(String),
    }));
    heat = showWhy($("model-maps"), inputs, result);
    $("model-answer").hidden = false;
    $("model-heat").hidden = !heat;
    showLedger($("model-ledger"), GRADIENTS.includes($("model-composite").value) ? null : why.ledger);
    const missing = fields.filter((field) => !field.takesWords && !field.file).map(({ input }) => input.name);
    $("model-missing").textContent = missing.length
        ? `Nothing was given for ${missing.join(", ")}: this explains a blank. Drop a file, or choose one.`
        : "";
    $("model-speed").textContent = `Inference took ${$("model-speed").dataset.run} ms, the explanation ${milliseconds.toFixed(1)} ms.`;
}
