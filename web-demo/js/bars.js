// Bars: scores of classes, and the books of an explanation.

import { element, percent, short } from "./dom.js";

/** A list of classes with bars; `choose` is called with the class of a row. */
export class ScoreBars {
    #rows;

    constructor(list, labels, choose) {
        this.#rows = labels.map((label, index) => {
            const fill = element("span", { className: "fill" });
            const value = element("span", { className: "value" });
            const button = element(
                "button",
                { type: "button", className: "bar" },
                element("span", { className: "name", textContent: label }),
                element("span", { className: "track" }, fill),
                value,
            );
            button.addEventListener("click", () => choose(index));
            return { button, fill, value };
        });
        list.replaceChildren(...this.#rows.map(({ button }) => element("li", {}, button)));
    }

    show(shares, explained, contrast) {
        this.#rows.forEach(({ button, fill, value }, index) => {
            fill.style.width = `${100 * shares[index]}%`;
            value.textContent = percent(shares[index]);
            button.setAttribute("aria-pressed", String(index === explained));
            button.classList.toggle("against", index === contrast);
        });
    }
}

/** What becomes of relevance, as the page calls it. */
export const COLUMNS = [
    ["received", "inputs"],
    ["bias", "biases"],
    ["stabilizer", "stabilisers"],
    ["dropped", "dropped"],
];

/** Where relevance went: one bar, and the same in words. */
export function showLedger(place, ledger) {
    if (!ledger || ledger.seeded === 0) {
        place.replaceChildren(element("p", { className: "note", textContent: "Keeps no books: nothing adds up." }));
        return;
    }
    const parts = COLUMNS.map(([key, name]) => {
        const amount = key === "received" ? ledger.received : ledger.totals[key];
        return { key, name, amount, share: amount / ledger.seeded };
    });
    const shown = parts.filter(({ key, share }) => key === "received" || Math.abs(share) >= 0.0005);
    const whole = shown.reduce((sum, { share }) => sum + Math.abs(share), 0);
    const bar = element("div", { className: "books", "aria-hidden": "true" });
    for (const { key, share } of shown) {
        const part = element("span", { className: `part ${key}${share < 0 ? " negative" : ""}` });
        part.style.flexGrow = String(Math.abs(share) / whole);
        bar.append(part);
    }
    const words = shown.map(({ key, name, share }) =>
        element("span", { className: `key ${key}` }, `${percent(share).replace("-", "−")} ${name}`),
    );
    place.replaceChildren(bar, element("p", { className: "note keys" }, `of ${short(ledger.seeded)}: `, ...words));
}
