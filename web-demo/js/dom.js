// Small helpers for the page.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children. */
export function element(name, properties = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (key.startsWith("aria-") || key === "role") node.setAttribute(key, value);
        else node[key] = value;
    }
    node.append(...children);
    return node;
}

export function fillSelect(select, options) {
    select.replaceChildren(...options.map(([value, label]) => element("option", { value, textContent: label })));
}

export function percent(share) {
    return `${(100 * share).toFixed(Math.abs(share) < 0.0995 ? 1 : 0)} %`;
}

export function short(value) {
    return value.toPrecision(3).replace("-", "−");
}

/** A whole number, its digits in groups of three. */
export function whole(value) {
    return value.toLocaleString("en").replaceAll(",", "\u202f").replace("-", "−");
}

/** Scores as probabilities, unless they are already. */
export function probabilities(values, isSoftmax) {
    if (isSoftmax) return [...values];
    const top = Math.max(...values);
    const raised = Array.from(values, (value) => Math.exp(value - top));
    const total = raised.reduce((sum, value) => sum + value, 0);
    return raised.map((value) => value / total);
}

let dismissed;
/** Says what went wrong; nothing, where all is well again. */
export function tell(message) {
    if (message === dismissed) return;
    dismissed = message;
    $("trouble").hidden = !message;
    $("trouble").textContent = message ?? "";
}
