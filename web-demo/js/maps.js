// The pictures side by side: what the network sees, and which pixels spoke for a class.

import { paint } from "../relprop/index.js";
import { showLedger } from "./bars.js";
import { keepsBooks } from "./composites.js";
import { $, element, whole } from "./dom.js";
import { SIDE } from "./pad.js";

const MAPS = [
    { key: "seen", title: "What the network sees" },
    { key: "floats", title: "Network of floats" },
    { key: "int8", title: "The same in int8" },
    { key: "gradient", title: "Gradient × input", note: "for comparison, in floats: a derivative, whose parts need not add up to the score" },
];

const views = new Map();

export function startMaps() {
    for (const { key, title, note } of MAPS) {
        const canvas = element("canvas", { width: SIDE, height: SIDE, className: "map", role: "img", "aria-label": title });
        const caption = element("p", { className: "note", textContent: note ?? "" });
        const ledger = element("div", { className: "ledger" });
        $("maps").append(element("figure", {}, element("figcaption", { textContent: title }), canvas, caption, ledger));
        views.set(key, { canvas, caption, ledger });
    }
    views.get("int8").canvas.before($("int8-switch").content);
    const scale = Float32Array.from({ length: 101 }, (_, i) => i / 50 - 1);
    paint($("legend").getContext("2d"), scale, scale.length, 1);
}

export function showPixels(pixels) {
    const context = views.get("seen").canvas.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    context.putImageData(image, 0, 0);
}

export function showMap(key, relevance) {
    paint(views.get(key).canvas.getContext("2d"), relevance, SIDE);
}

/** A map, what the network says of it, and its books. */
export function showWhy(key, why, text, composite) {
    const { canvas, caption, ledger } = views.get(key);
    showMap(key, why.relevance);
    canvas.dataset.sum = String(why.relevance.reduce((sum, r) => sum + r, 0));
    canvas.dataset.peak = String(why.relevance.reduce((peak, r) => Math.max(peak, Math.abs(r)), 0));
    caption.textContent = text;
    showLedger(ledger, keepsBooks(composite) ? why.ledger : null);
    if (why.exact && keepsBooks(composite)) ledger.append(integers(why.exact.ledger));
}

/** The books as an equation that holds to the last unit. */
function integers({ unit, seeded, received, totals, imbalance }) {
    const parts = [
        ["biases", totals.bias],
        ["stabilisers", totals.stabilizer],
        ["dropped", totals.dropped],
        ["rounding", totals.rounding],
    ];
    const sum = parts.filter(([, value]) => value !== 0n).map(([name, value]) => {
        return value < 0n ? ` − ${whole(-value)} ${name}` : ` + ${whole(value)} ${name}`;
    });
    const worth = unit.toExponential(2).replace("-", "−");
    const note = ` = ${whole(received)} inputs${sum.join("")}; off by ${whole(imbalance)}. One unit is ${worth} of score.`;
    return element("p", { className: "note integers" }, element("strong", { textContent: whole(seeded) }), note);
}

export function showRefusal(key, error) {
    const { caption, ledger } = views.get(key);
    showMap(key, new Float32Array(SIDE * SIDE));
    caption.textContent = error.message;
    ledger.replaceChildren();
}

export function showNoMaps() {
    const nothing = new Float32Array(SIDE * SIDE);
    for (const key of ["floats", "int8", "gradient"]) showMap(key, nothing);
    for (const key of ["floats", "int8"]) {
        views.get(key).caption.textContent = "";
        views.get(key).ledger.replaceChildren();
    }
    showPixels(nothing);
}
