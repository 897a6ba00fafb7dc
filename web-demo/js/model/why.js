// Why: relevance as pictures or as bars, input by input.

import { color } from "../../relprop/index.js";
import { element, short } from "../dom.js";


/** Fills the place with what each input got; returns the heat map of the first picture, for downloading. */
export function showWhy(place, inputs, { maps, relevances }) {
    const parts = inputs.map((input, i) => (maps[i] ? pictures(input, maps[i]) : [bars(input, relevances[i])]));
    place.replaceChildren(...parts.flat());
    return place.querySelector("canvas.heat");
}

function pictures({ name, seen }, { width, height, sum, heat, over }) {
    const map = canvas(`Relevance of ${name}`, width, height, heat);
    map.classList.add("heat");
    map.dataset.sum = String(sum);
    const figures = [figure(`Relevance of ${name}`, map)];
    if (!seen) return figures;
    const picture = `${name}, as the network sees it`;
    return [
        figure(picture, canvas(picture, width, height, seen.data)),
        ...figures,
        figure("Over the picture", canvas(`Relevance of ${name} over the picture`, width, height, over)),
    ];
}

function canvas(label, width, height, data) {
    const node = element("canvas", { width, height, className: "map", role: "img", "aria-label": label });
    node.style.aspectRatio = `${width} / ${height}`;
    node.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
    return node;
}

const figure = (title, ...content) => element("figure", {}, element("figcaption", { textContent: title }), ...content);

function bars({ name, words }, { count, shown }) {
    const peak = shown.reduce((most, { r }) => Math.max(most, Math.abs(r)), 0);
    if (peak === 0) return wide(`Relevance of ${name}`, element("p", { className: "note", textContent: "None at all." }));
    const title = `Relevance of ${name}${shown.length < count ? `, the ${shown.length} of ${count} with most` : ""}`;
    const rows = shown.map(({ i, r }) => {
        const fill = element("span", { className: r < 0 ? "fill negative" : "fill" });
        fill.style.width = `${(50 * Math.abs(r)) / peak}%`;
        fill.style.backgroundColor = color(0.75 * Math.sign(r));
        return element(
            "li",
            { className: "bar" },
            element("span", { className: "name", textContent: words?.[i] ?? String(i) }),
            element("span", { className: "track" }, fill),
            element("span", { className: "value", textContent: short(r) }),
        );
    });
    const list = element("ol", { className: "bars signed", "aria-label": title }, ...rows);
    return wide(title, list);
}

function wide(title, content) {
    const node = figure(title, content);
    node.className = "wide";
    return node;
}
