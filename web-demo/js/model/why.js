// Why: relevance as pictures or as bars, input by input.

import { color, paint, pixels } from "../../relprop/index.js";
import { element, short } from "../dom.js";

/** Elements of a vector that are shown as bars: those with most relevance, where there are more. */
const MOST_BARS = 40;
/** Pixels above this part of the largest magnitude hide the picture behind them altogether. */
const OPAQUE = 0.5;

/** Fills the place with what each input got; returns the heat map of the first picture, for downloading. */
export function showWhy(place, inputs, { maps, why }) {
    const parts = inputs.map((input, i) => (maps[i] ? pictures(input, maps[i]) : [bars(input, why.relevances[i])]));
    place.replaceChildren(...parts.flat());
    return place.querySelector("canvas.heat");
}

function pictures({ name, seen }, { width, height, values }) {
    const heat = canvas(width, height, `Relevance of ${name}`, "map heat");
    paint(heat.getContext("2d"), values, width);
    heat.dataset.sum = String(values.reduce((sum, r) => sum + r, 0));
    const figures = [figure(`Relevance of ${name}`, heat)];
    if (!seen) return figures;
    const picture = canvas(width, height, `${name}, as the network sees it`, "map");
    picture.getContext("2d").putImageData(new ImageData(seen.data, width, height), 0, 0);
    const both = canvas(width, height, `Relevance of ${name} over the picture`, "map");
    both.getContext("2d").putImageData(new ImageData(over(seen.data, values), width, height), 0, 0);
    return [figure(`${name}, as the network sees it`, picture), ...figures, figure("Over the picture", both)];
}

function canvas(width, height, label, className) {
    const node = element("canvas", { width, height, className, role: "img", "aria-label": label });
    node.style.aspectRatio = `${width} / ${height}`;
    return node;
}

const figure = (title, ...content) => element("figure", {}, element("figcaption", { textContent: title }), ...content);

/** The picture in pale grey, and relevance the more opaque the more there is of it. */
function over(picture, relevance) {
    const heat = pixels(relevance);
    const peak = relevance.reduce((most, r) => Math.max(most, Math.abs(r)), 0) || 1;
    const mixed = new Uint8ClampedArray(picture.length).fill(255);
    relevance.forEach((r, i) => {
        const share = Math.min(1, Math.abs(r) / peak / OPAQUE);
        const grey = 110 + 0.55 * ((picture[4 * i] + picture[4 * i + 1] + picture[4 * i + 2]) / 3);
        for (let c = 0; c < 3; c++) mixed[4 * i + c] = share * heat[4 * i + c] + (1 - share) * grey;
    });
    return mixed;
}

function bars({ name, words }, relevance) {
    const peak = relevance.reduce((most, r) => Math.max(most, Math.abs(r)), 0) || 1;
    let shown = Array.from(relevance, (_, i) => i);
    let title = `Relevance of ${name}`;
    if (shown.length > MOST_BARS) {
        shown = shown.sort((a, b) => Math.abs(relevance[b]) - Math.abs(relevance[a])).slice(0, MOST_BARS);
        title += `, the ${MOST_BARS} of ${relevance.length} with most`;
    }
    const rows = shown.map((index) => {
        const r = relevance[index];
        const fill = element("span", { className: r < 0 ? "fill negative" : "fill" });
        fill.style.width = `${(50 * Math.abs(r)) / peak}%`;
        fill.style.backgroundColor = color(0.75 * Math.sign(r));
        return element(
            "li",
            { className: "bar" },
            element("span", { className: "name", textContent: words?.[index] ?? String(index) }),
            element("span", { className: "track" }, fill),
            element("span", { className: "value", textContent: short(r) }),
        );
    });
    const list = element("ol", { className: "bars signed", "aria-label": title }, ...rows);
    const shownAs = figure(title, list);
    shownAs.className = "wide";
    return shownAs;
}
