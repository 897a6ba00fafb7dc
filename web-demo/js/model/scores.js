// What the network says: the best classes, or its numbers where they are no classes.

import { element, percent, probabilities, short } from "../dom.js";
import { MOST } from "./top.js";

/** Without labels and softmax, a longer output is not taken for scores of classes. */
export const MOST_CLASSES = 1000;

/** What to call an element of the output. */
export function className({ values, labels }, info, index) {
    return labels[index] || (areClasses(info, values.length) ? `class ${index}` : `number ${index}`);
}

/** Whether the first output can be meant as scores of classes: as the command line decides it. */
export function areClasses({ inputs, outputs: [output] }, count) {
    if (output.labels.length > 0 || output.softmax) return count > 1;
    const isVector = output.shape.filter((extent) => extent > 1).length <= 1;
    const isAsLong = inputs.some(({ shape }) => shape.reduce((n, extent) => n * extent, 1) === count);
    return isVector && count > 1 && count <= MOST_CLASSES && !isAsLong;
}

/** Shows scores as rows that can be chosen; `explained` and `contrast` stand out and are always there. */
export function showScores(list, scores, info, { explained, contrast, choose }) {
    const { values } = scores;
    const isClasses = areClasses(info, values.length);
    const shares = isClasses ? probabilities(values, info.outputs[0].softmax) : null;
    const share = (index) => (shares ? shares[index] : Math.abs(values[index]) / (scores.peak || 1));
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.class : undefined;
    const rows = chosenRows(scores, [explained, contrast]).map((index) => {
        const fill = element("span", { className: "fill" });
        fill.style.width = `${100 * Math.min(1, Math.max(0, share(index)))}%`;
        const value = isClasses ? percent(share(index)) : short(values[index]);
        const row = element(
            "button",
            { type: "button", className: "bar", title: `score ${short(values[index])}` },
            element("span", { className: "name", textContent: className(scores, info, index) }),
            element("span", { className: "track" }, fill),
            element("span", { className: "value", textContent: value }),
        );
        row.dataset.class = String(index);
        row.setAttribute("aria-pressed", String(index === explained));
        row.classList.toggle("against", index === contrast);
        row.addEventListener("click", () => choose(index));
        return row;
    });
    list.replaceChildren(...rows.map((row) => element("li", {}, row)));
    rows.find((row) => row.dataset.class === focused)?.focus();
}

function chosenRows({ values, best: [...best] }, marked) {
    if (values.length <= MOST + 2) return Array.from(values, (_, i) => i);
    best.length = MOST;
    return [...best, ...marked.filter((index) => index !== undefined && !best.includes(index))];
}
