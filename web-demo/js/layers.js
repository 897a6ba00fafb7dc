// Relevance layer by layer: a small heat map for each step, bars where there are no positions.

import { paint } from "../relprop/index.js";
import { $, element, short } from "./dom.js";
import { drawing, svg } from "./plot.js";

/** Steps that only hand relevance on look like their neighbours. */
const HIDDEN = ["activation", "view", "softmax"];

const TITLES = { conv: "convolution", dense: "dense", max_pool: "max pooling", average_pool: "average pooling", add: "sum" };

export const wantsLayers = () => $("layers").open;

/** Shows the relevance that arrived at each step, the input first. */
export function showLayers(why, inputShape) {
    if (!wantsLayers()) return;
    const shown = (why?.layers ?? []).filter(({ op }) => !HIDDEN.includes(op));
    const input = why && { step: "pixels", op: "input", shape: [...inputShape, 1], relevance: why.relevance };
    const views = [...(input ? [input] : []), ...shown].map(view);
    $("layer-maps").replaceChildren(...views);
}

function view({ step, op, shape, relevance }) {
    const [height, width, channels] = shape;
    const total = relevance.reduce((sum, r) => sum + r, 0);
    const isMap = height * width > 1;
    const size = isMap ? `${height} × ${width}${channels > 1 ? `, ${channels} channels` : ""}` : `${channels} units`;
    const label = `${step}: relevance ${short(total)} in all`;
    return element(
        "figure",
        { className: "layer" },
        element("figcaption", { textContent: step }),
        isMap ? map(relevance, width, channels, label) : barsOf(relevance, label),
        element("p", { className: "note", textContent: `${TITLES[op] ? `${TITLES[op]}, ` : ""}${size}; in all ${short(total)}` }),
    );
}

/** Channels are added up. */
function map(relevance, width, channels, label) {
    const positions = new Float32Array(relevance.length / channels);
    relevance.forEach((r, i) => (positions[Math.floor(i / channels)] += r));
    const canvas = element("canvas", { width, height: positions.length / width, className: "map", role: "img", "aria-label": label });
    paint(canvas.getContext("2d"), positions, width);
    return canvas;
}

function barsOf(relevance, label) {
    const size = 100;
    const peak = relevance.reduce((most, r) => Math.max(most, Math.abs(r)), 0) || 1;
    const root = drawing(size, size, label);
    root.setAttribute("class", "units");
    const width = size / relevance.length;
    relevance.forEach((r, i) => {
        const length = (Math.abs(r) / peak) * (size / 2);
        const y = r < 0 ? size / 2 : size / 2 - length;
        root.append(svg("rect", { x: i * width, y, width: 0.85 * width, height: length, class: r < 0 ? "minus" : "plus" }));
    });
    root.append(svg("line", { x1: 0, x2: size, y1: size / 2, y2: size / 2, class: "axis" }));
    return root;
}
