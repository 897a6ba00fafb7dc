// Rules of the visitor's own, on top of the composite: for groups of steps, and for each step by itself.

import { $, element, fillSelect } from "./dom.js";

/** What a slider from 0 to 1 means for each rule that has one. */
const SLIDERS = {
    gamma: { value: (at) => ({ gamma: 2 * at }), text: ({ gamma }) => `γ = ${two(gamma)}` },
    // Both are rounded to what a float holds, so that their difference stays one.
    alphabeta: {
        value: (at) => ({ alpha: 1 + Math.round(256 * at) / 128, beta: Math.round(256 * at) / 128 }),
        text: ({ alpha, beta }) => `α = ${two(alpha)}, β = ${two(beta)}`,
    },
    epsilon: { value: (at) => ({ epsilon: 10 ** (-6 + 7 * at) }), text: ({ epsilon }) => `ε = ${two(epsilon)}` },
};

const two = (value) => String(Number(value.toPrecision(2)));

/** How the page calls a rule. */
const NAMES = {
    epsilon: "ε: damp what cancels",
    gamma: "γ: raise positive weights",
    alphabeta: "αβ: positive and negative apart",
    zplus: "z⁺: positive contributions only",
    flat: "flat: spread evenly",
    wsquare: "w²: by the weights alone",
    winner: "the largest takes all",
    split_ties: "the largest share alike",
};
/** And in short. */
const SHORT = { epsilon: "ε", gamma: "γ", alphabeta: "αβ", zplus: "z⁺", wsquare: "w²", zbox: "z^B", split_ties: "split ties" };

const WEIGHTED = ["epsilon", "gamma", "alphabeta", "zplus", "flat", "wsquare"];
const OF_OP = { conv: WEIGHTED, dense: WEIGHTED, max_pool: ["winner", "split_ties"] };
const OP_NAMES = { conv: "convolution", dense: "dense", max_pool: "max pooling" };

const GROUPS = [
    { id: "conv", title: "Convolutions", select: "conv", rules: ["gamma", "alphabeta", "epsilon", "zplus", "flat"] },
    { id: "dense", title: "Dense layers", select: "dense", rules: ["epsilon", "gamma", "alphabeta", "zplus"] },
];

/** A rule to choose, and its slider. */
class RuleControl {
    #rule;
    #slider;
    #field;
    #text = element("span");
    #inherited;

    constructor({ id, title, select, rules, inherited }, changed) {
        this.select = select;
        this.#rule = element("select", { id: `${id}-rule` });
        fillSelect(this.#rule, [["", inherited], ...rules.map((rule) => [rule, NAMES[rule]])]);
        this.#inherited = this.#rule.options[0];
        this.#slider = element("input", { type: "range", id: `${id}-value`, min: 0, max: 100, value: 25 });
        this.#field = element("label", { hidden: true, className: "wide" }, this.#text, this.#slider);
        this.nodes = [element("label", { className: "wide" }, title, this.#rule), this.#field];
        const show = () => {
            const slider = SLIDERS[this.#rule.value];
            this.#field.hidden = !slider;
            if (slider) this.#text.textContent = slider.text(this.#value());
            changed();
        };
        this.#rule.addEventListener("change", show);
        this.#slider.addEventListener("input", show);
    }

    #value() {
        return SLIDERS[this.#rule.value]?.value(Number(this.#slider.value) / 100) ?? {};
    }

    /** As the kernel takes it; `undefined` where it is left as it is. */
    read() {
        return this.#rule.value === "" ? undefined : { select: this.select, rule: this.#rule.value, ...this.#value() };
    }

    /** Says which rule is meant by leaving it as it is. */
    tell(rule) {
        const text = `as above (${SHORT[rule] ?? rule})`;
        if (this.#rule.value === "" && this.#inherited.textContent !== text) this.#inherited.textContent = text;
    }

    reset() {
        this.#rule.value = "";
        this.#field.hidden = true;
    }
}

let groups = [];
let layers = [];

/** Builds the controls for a network with these steps. */
export function startRules(steps, tell) {
    const changed = () => {
        $("no-rules").hidden = readRules().length === 0;
        tell();
    };
    groups = GROUPS.map((group) => new RuleControl({ ...group, inherited: "as in the composite" }, changed));
    $("group-rules").append(...groups.flatMap(({ nodes }) => nodes));
    layers = steps
        .filter(({ op }) => op in OF_OP)
        .map(({ name, op }) => {
            const title = `${name}, ${OP_NAMES[op]}`;
            return new RuleControl({ id: name, title, select: name, rules: OF_OP[op], inherited: "as above" }, changed);
        });
    $("layer-rules").append(...layers.map(({ nodes }) => element("div", { className: "layer-rule fields" }, ...nodes)));
    $("no-rules").addEventListener("click", () => {
        for (const control of [...groups, ...layers]) control.reset();
        changed();
        $("composite").focus();
    });
}

/** As the kernel takes them: what is said of one step comes last, and takes precedence. */
export function readRules() {
    return [...groups, ...layers].map((control) => control.read()).filter(Boolean);
}

/** Tells which rules were at work. */
export function tellRules(ledger) {
    for (const { step, rule } of ledger?.entries ?? []) layers.find(({ select }) => select === step)?.tell(rule);
}
