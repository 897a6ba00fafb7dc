// Rules of the visitor's own, on top of the composite.

import { $ } from "./dom.js";

/** What a slider from 0 to 1 means for each rule. */
const SLIDERS = {
    gamma: { name: "γ", value: (at) => 2 * at },
    alphabeta: { name: "α", value: (at) => 1 + 2 * at },
    epsilon: { name: "ε", value: (at) => 10 ** (-6 + 7 * at) },
};

const PLACES = [
    { group: "conv", rule: "conv-rule", field: "conv-field", name: "conv-name", slider: "conv-value" },
    { group: "dense", rule: "dense-rule", field: "dense-field", name: "dense-name", slider: "dense-value" },
];

export function startRules(changed) {
    for (const place of PLACES) {
        const show = () => {
            const slider = SLIDERS[$(place.rule).value];
            $(place.field).hidden = !slider;
            if (slider) $(place.name).textContent = `${slider.name} = ${Number(valueOf(place).toPrecision(2))}`;
            changed();
        };
        $(place.rule).addEventListener("change", show);
        $(place.slider).addEventListener("input", show);
    }
}

function valueOf(place) {
    return SLIDERS[$(place.rule).value].value(Number($(place.slider).value) / 100);
}

/** As the kernel takes them. */
export function readRules() {
    return PLACES.filter(({ rule }) => $(rule).value !== "").map((place) => {
        const rule = $(place.rule).value;
        const value = valueOf(place);
        if (rule === "alphabeta") {
            // Both are rounded to what a float holds, so that their difference stays one.
            const beta = Math.fround(Math.round((value - 1) * 128) / 128);
            return { select: place.group, rule, alpha: 1 + beta, beta };
        }
        return { select: place.group, rule, [rule]: value };
    });
}
