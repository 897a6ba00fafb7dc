// The ledger as a flow: from the score on the left, step by step back to the pixels on the right, and what is taken on
// the way.

import { COLUMNS } from "./bars.js";
import { keepsBooks } from "./composites.js";
import { $, element, percent, short, whole } from "./dom.js";
import { drawing, roomIn, scale, svg } from "./plot.js";

const SIZE = { height: 260, left: 8, right: 8, top: 24, bottom: 28, column: 10 };

/** Less than this part of the score is not worth an edge. */
const LEAST = 1e-4;

const wantsFlow = () => $("flow").open;

export function showFlow(why, composite) {
    if (!wantsFlow()) return;
    const ledger = why?.ledger;
    if (!ledger || !keepsBooks(composite) || ledger.seeded === 0) {
        const text = ledger && ledger.seeded !== 0 ? "This composite keeps no books: nothing adds up." : "There is no score to follow.";
        $("flow-chart").replaceChildren(element("p", { className: "note", textContent: text }));
        return;
    }
    const stages = stagesOf(ledger);
    $("flow-chart").replaceChildren(chart(roomIn($("flow-chart")), stages), legend(stages.at(-1)), books(why));
}

/** Shares of the score before and after each step that takes something: what still flows, and what has been taken. */
function stagesOf({ seeded, entries }) {
    const taken = { bias: 0, stabilizer: 0, dropped: 0 };
    const stages = [{ name: "score", shares: { received: 1, ...taken } }];
    for (const { step, op, left, bias, stabilizer, dropped } of [...entries].reverse()) {
        for (const [key, value] of Object.entries({ bias, stabilizer, dropped })) taken[key] += value / seeded;
        // Steps that hand on everything are no stages of their own.
        if (!["conv", "dense"].includes(op) && bias === 0 && stabilizer === 0 && dropped === 0) continue;
        stages.push({ name: step, shares: { received: left / seeded, ...taken } });
    }
    return stages;
}

/** Each share between two heights: those above zero on top of each other, those below hanging. */
function stacked(shares) {
    let [above, below] = [0, 0];
    return COLUMNS.map(([key]) => {
        const share = shares[key];
        if (share < 0) return { key, from: below, to: (below += share) };
        return { key, from: above, to: (above += share) };
    });
}

function chart(width, stages) {
    const { height, left, right, top, bottom, column } = SIZE;
    const stacks = stages.map(({ shares }) => stacked(shares));
    const ends = stacks.flat().flatMap(({ from, to }) => [from, to]);
    const atY = scale([Math.min(0, ...ends), Math.max(1, ...ends)], [height - bottom, top]);
    const step = (width - left - right - column) / (stages.length - 1);
    const root = drawing(width, height, spoken(stages));
    COLUMNS.forEach(([key], part) => {
        stacks.forEach((stack, i) => {
            const x = left + i * step;
            const { from, to } = stack[part];
            const next = stacks[i + 1]?.[part];
            if (Math.abs(to - from) >= LEAST) {
                const [low, high] = [atY(to), atY(from)].sort((a, b) => a - b);
                root.append(svg("rect", { x, y: low, width: column, height: high - low, class: `flow-part ${key}` }));
            }
            if (next && Math.max(Math.abs(to - from), Math.abs(next.to - next.from)) >= LEAST) {
                const [x0, x1] = [x + column, x + step];
                const middle = (x0 + x1) / 2;
                const d =
                    `M${x0} ${atY(from)} C${middle} ${atY(from)} ${middle} ${atY(next.from)} ${x1} ${atY(next.from)} ` +
                    `L${x1} ${atY(next.to)} C${middle} ${atY(next.to)} ${middle} ${atY(to)} ${x0} ${atY(to)} Z`;
                root.append(svg("path", { d, class: `flow-ribbon ${key}` }));
            }
        });
    });
    root.append(svg("line", { x1: left, x2: width - right, y1: atY(0), y2: atY(0), class: "axis" }));
    stages.forEach(({ name, shares }, i) => {
        const anchor = i === 0 ? "start" : i === stages.length - 1 ? "end" : "middle";
        const x = left + i * step + { start: 0, middle: column / 2, end: column }[anchor];
        root.append(
            svg("text", { x, y: height - 9, class: `tick ${anchor}` }, name),
            svg("text", { x, y: 13, class: `tick ${anchor}` }, percent(shares.received).replace("-", "−").replace(" %", "%")),
        );
    });
    return root;
}

function spoken(stages) {
    const parts = stages.slice(1).map(({ name, shares }) => `after ${name} ${percent(shares.received)} still flow`);
    return `Where the score went, from the output back to the pixels: ${parts.join(", ")}.`;
}

function legend({ shares }) {
    const keys = COLUMNS.filter(([key]) => key === "received" || Math.abs(shares[key]) >= LEAST).map(([key, name]) =>
        element("span", { className: `key ${key}` }, `${percent(shares[key]).replace("-", "−")} ${name}`),
    );
    return element("p", { className: "note keys" }, "in the end, of the score: ", ...keys);
}

const HEADS = ["step", "rule", "arrived", "left", "bias", "stabiliser", "dropped", "rounding"];
const FIGURES = ["arrived", "left", "bias", "stabilizer", "dropped", "rounding"];

/** The same as figures: whole numbers, where relevance is made of them. */
function books({ ledger, exact }) {
    const { entries, totals } = exact?.ledger ?? ledger;
    const written = exact
        ? whole
        : (value) => (value !== 0 && Math.abs(value) < 1e-4 ? "≈ 0" : value === 0 ? "0" : short(value));
    const row = ({ step, rule, ...entry }, name) =>
        element(
            "tr",
            {},
            element("th", { scope: "row", textContent: name ?? step }),
            element("td", { textContent: rule ?? "" }),
            ...FIGURES.map((key) => element("td", { className: "figure", textContent: written(entry[key]) })),
        );
    const head = element("tr", {}, ...HEADS.map((textContent) => element("th", { scope: "col", textContent })));
    const body = [...entries].reverse().map((entry) => row(entry));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body, row(totals, "in all")));
    return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "The books, step by step" }, table);
}
