// What a model is: its ends, its steps, the memory that it takes.

import { $, element } from "../dom.js";

const bytes = (count) => `${String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f")} bytes`;
const dims = (shape) => shape.join(" × ") || "one number";

/** Groups of three digits stay on one line. */
const unbroken = (text) => text.replace(/(\d) (?=\d{3}\b)/g, "$1\u202f");

export function showInspect(info, fileName, notes) {
    $("model-name").textContent = info.name ? `${info.name} (${fileName})` : fileName;
    const facts = [
        ...info.inputs.map((input) => ["Input", `${input.name}: ${dims(input.shape)}, ${kind(input)}`]),
        ...info.outputs.map((output) => ["Output", `${output.name}: ${dims(output.shape)}, ${output.type}${labels(output)}`]),
        ["Flash", bytes(info.flash)],
        ["RAM to run", bytes(info.ram.infer)],
        ["RAM to explain", bytes(info.ram.explain)],
        ["… again and again", bytes(info.ram.retain)],
    ];
    if (info.maxLength !== null) facts.push(["Longest sequence", String(info.maxLength)]);
    const pairs = facts.flatMap(([term, fact]) => [
        element("dt", { textContent: term }),
        element("dd", { textContent: fact }),
    ]);
    $("model-facts").replaceChildren(...pairs);
    $("model-notes").replaceChildren(...notes.map((note) => element("li", { textContent: unbroken(note) })));
    $("model-notes").hidden = notes.length === 0;
    $("model-steps-title").textContent = `${info.steps.length} steps`;
    $("model-steps").replaceChildren(...info.steps.map(row));
}

function kind({ type, text, quantization, range }) {
    if (text) return "English text";
    const unit = quantization ? `, ${Number(quantization.scale.toPrecision(4))} a unit` : "";
    const ends = range ? `, ${range[0]} to ${range[1]}` : "";
    return `${type}${unit}${ends}`;
}

function labels({ labels }) {
    if (labels.length === 0) return "";
    return `, ${labels.slice(0, 12).join(", ")}${labels.length > 12 ? ", …" : ""}`;
}

function row({ name, op, function: activation, shape }, index) {
    return element(
        "tr",
        {},
        element("td", { textContent: String(index) }),
        element("td", { textContent: name }),
        element("td", { textContent: op === "activation" ? activation : op }),
        element("td", { textContent: shape.join(" × ") }),
    );
}
