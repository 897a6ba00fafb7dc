// What to explain and how: class, contrast, composite, one rule of the visitor's own.

import { $, element, fillSelect } from "../dom.js";
import { MOST_CLASSES, className } from "./scores.js";

/** Their names in the literature, and what is their own. */
const COMPOSITES = [
    ["epsilon_plus", "ε on dense, z⁺ on convolutions"],
    ["epsilon_plus_flat", "… and flat at the first layer"],
    ["epsilon_alpha2_beta1", "ε on dense, α2β1 on convolutions"],
    ["epsilon_alpha2_beta1_flat", "… and flat at the first layer"],
    ["epsilon_gamma_box", "z^B, γ, ε by depth"],
    ["epsilon", "ε everywhere"],
    ["deep_taylor", "Deep Taylor decomposition"],
    ["binder_hybrid", "Binder's hybrid"],
    ["excitation_backprop", "Excitation backprop"],
    ["gradient", "Gradient"],
    ["gradient_x_input", "Gradient × input"],
    ["guided_backprop", "Guided backpropagation"],
    ["deconvnet", "Deconvnet"],
];
/** Options that are made at once. */
const AT_ONCE = 100;
const WITH_BOX = ["epsilon_gamma_box", "deep_taylor"];
/** They keep no books. */
export const GRADIENTS = ["gradient", "gradient_x_input", "guided_backprop", "deconvnet"];

const GROUPS = [
    ["", "none"],
    ["linear", "all with weights"],
    ["first", "the first with weights"],
    ["conv", "convolutions"],
    ["dense", "dense layers"],
];
/** Rules that suit any step with weights: name, title, the parameter and its default. */
const RULES = [
    ["epsilon", "ε", "ε", 0.01],
    ["gamma", "γ", "γ", 0.25],
    ["zplus", "z⁺"],
    ["alphabeta", "αβ", "α", 2],
    ["flat", "flat"],
    ["wsquare", "w²"],
];

export function startAsk(changed) {
    fillSelect($("model-composite"), COMPOSITES);
    fillSelect($("model-rule"), RULES);
    for (const id of ["model-target", "model-contrast", "model-composite", "model-low", "model-high", "model-rule-steps"]) {
        $(id).addEventListener("change", changed);
    }
    $("model-rule").addEventListener("change", () => {
        $("model-rule-value").value = String(chosenRule()[3] ?? "");
        changed();
    });
    $("model-rule-value").addEventListener("change", changed);
    $("model-rule-value").value = String(RULES[0][3]);
}

const chosenRule = () => RULES.find(([name]) => name === $("model-rule").value);

/** Fills the fields for another model. */
export function resetAsk(info, scores) {
    const count = Math.min(scores.values.length, MOST_CLASSES);
    const classes = Array.from({ length: count }, (_, i) => [String(i), className(scores, info, i)]);
    fillByAndBy($("model-target"), [["top", "best"], ["all", "all at once"], ...classes]);
    fillByAndBy($("model-contrast"), [["", "—"], ...classes]);
    const weighted = info.steps
        .map(({ name, op }, i) => [String(i), `${i}: ${name || op}`, op])
        .filter(([, , op]) => ["conv", "depthwise", "conv_transpose", "dense"].includes(op));
    fillSelect($("model-rule-steps"), [...GROUPS, ...weighted]);
    [$("model-low").value, $("model-high").value] = (info.inputs[0].range ?? [0, 1]).map(String);
}

/** Fills a list that may be long without holding up the page. */
function fillByAndBy(select, options) {
    fillSelect(select, options.slice(0, AT_ONCE));
    const first = select.firstChild;
    const more = (from) => {
        // Another model may have come.
        if (from >= options.length || select.firstChild !== first) return;
        const slice = options.slice(from, from + AT_ONCE);
        select.append(...slice.map(([value, textContent]) => element("option", { value, textContent })));
        setTimeout(more, 0, from + AT_ONCE);
    };
    setTimeout(more, 0, AT_ONCE);
}

/** Asks about a class, or about the best one where it is asked about already. */
export function pickTarget(index, label) {
    const [select, value] = [$("model-target"), String(index)];
    const isThere = [...select.options].some((option) => option.value === value);
    if (!isThere) select.append(element("option", { value, textContent: label }));
    select.value = select.value === value ? "top" : value;
}

/** Shows the fields that the choices need, and hides the others. */
export function showFields() {
    $("model-box").hidden = !WITH_BOX.includes($("model-composite").value);
    const isRuled = $("model-rule-steps").value !== "";
    $("model-rule-field").hidden = !isRuled;
    const parameter = chosenRule()[2];
    $("model-rule-value-field").hidden = !isRuled || !parameter;
    $("model-rule-name").textContent = parameter ?? "";
}

/** As the kernel takes them; `top` is the best class. */
export function readAsk(top) {
    const composite = $("model-composite").value;
    const way = { target: target(top), composite, rules: rules() };
    if (WITH_BOX.includes(composite)) {
        [way.low, way.high] = ["model-low", "model-high"].map((id) => number(id, "the ends of the box"));
    }
    return way;
}

function target(top) {
    const [chosen, contrast] = [$("model-target").value, $("model-contrast").value];
    if (contrast === "" || chosen === "all") return ["top", "all"].includes(chosen) ? chosen : Number(chosen);
    return { class: chosen === "top" ? top : Number(chosen), not: Number(contrast) };
}

function rules() {
    const steps = $("model-rule-steps").value;
    if (steps === "") return [];
    const [rule, , parameter] = chosenRule();
    const select = /^\d+$/.test(steps) ? Number(steps) : steps;
    if (!parameter) return [{ select, rule }];
    const value = number("model-rule-value", parameter);
    return [rule === "alphabeta" ? { select, rule, ...alphaBeta(value) } : { select, rule, [rule]: value }];
}

/** Both are rounded to what a float holds, so that their difference stays one. */
function alphaBeta(alpha) {
    const beta = Math.fround(Math.round((alpha - 1) * 128) / 128);
    return { alpha: 1 + beta, beta };
}

function number(id, what) {
    const { value } = $(id);
    if (value.trim() === "" || !Number.isFinite(Number(value))) throw new Error(`${what} must be numbers`);
    return Number(value);
}
