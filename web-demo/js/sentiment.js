// Type a sentence; see which words spoke for a class and which against it.

import { color } from "../relprop/index.js";
import { ScoreBars, showLedger } from "./bars.js";
import { $, element, fillSelect, probabilities, short, tell } from "./dom.js";
import { changeOf, forget, startDeletions, deleted } from "./deletions.js";
import { ask, latest } from "./engine.js";

const MODEL = "sentiment";

const SENTENCES = [
    "A gripping, beautiful film with not one dull moment.",
    "The plot is thin, but the acting saves it.",
    "Not a good film, and far too long.",
    "It is neither funny nor clever.",
    "Nobody will be bored by this wonderful mess.",
];

let labels;
let isSoftmax;
let bars;

export async function startSentiment() {
    const { info } = await ask({ model: MODEL });
    ({ labels, softmax: isSoftmax } = info.outputs[0]);
    const classes = labels.map((label, i) => [String(i), label]);
    fillSelect($("text-target"), [["top", "the best class"], ...classes]);
    fillSelect($("text-contrast"), [["", "—"], ...classes]);
    bars = new ScoreBars($("text-scores"), labels, (chosen) => {
        $("text-target").value = $("text-target").value === String(chosen) ? "top" : String(chosen);
        update();
    });
    for (const id of ["text-target", "text-contrast", "bias"]) $(id).addEventListener("change", update);
    $("text").addEventListener("input", () => {
        forget();
        update();
    });
    startDeletions(setText);
    for (const sentence of SENTENCES) {
        const button = element("button", { type: "button", className: "quiet", textContent: sentence });
        button.addEventListener("click", () => {
            forget();
            setText(sentence);
        });
        $("sentences").append(button);
    }
    if ($("text").value === "") $("text").value = SENTENCES[0];
    await update();
}

function setText(text) {
    $("text").value = text;
    update();
}

const update = latest(async () => {
    const text = $("text").value;
    if (!/\S/.test(text)) {
        showNothing();
        return;
    }
    const [chosen, contrast] = [$("text-target").value, $("text-contrast").value];
    const target = chosen === "top" ? "top" : Number(chosen);
    const way = {
        target: contrast === "" ? target : { class: target, not: Number(contrast) },
        composite: "epsilon",
        rules: [{ select: "all", rule: "epsilon", epsilon: 0.001, bias: $("bias").value }],
    };
    try {
        const { explanations } = await ask({ model: MODEL, text, ways: [way] });
        show(text, explanations[0]);
        tell();
    } catch (error) {
        tell(error.message);
    }
});

function show(text, why) {
    const shares = probabilities(why.scores.values, isSoftmax);
    bars.show(shares, why.class, why.not);
    $("text-verdict").textContent = labels[why.scores.top];
    $("text-verdict").dataset.class = String(why.scores.top);
    $("text-note").textContent =
        why.class === why.not ? `${labels[why.class]} is the best class itself: choose another one to tell it from.` : "";
    showWords(text, why, shares);
    showWordBars(why.tokens, peakOf(why.tokens));
    showLedger($("text-ledger"), why.ledger);
    changeOf(shares);
}

const peakOf = (tokens) => tokens.reduce((most, { relevance }) => Math.max(most, Math.abs(relevance)), 0) || 1;

function showWords(text, why, shares) {
    const { tokens } = why;
    const remove = (token) => {
        const { class: k } = why;
        deleted({ text, word: text.slice(token.start, token.end), label: labels[k], class: k, share: shares[k] });
        setText(without(text, token));
    };
    const peak = peakOf(tokens);
    let end = 0;
    const parts = [];
    tokens.forEach((token) => {
        parts.push(text.slice(end, token.start), wordButton(text, token, peak, remove));
        ({ end } = token);
    });
    const hadFocus = $("words").contains(document.activeElement)
        ? [...$("words").querySelectorAll("button")].indexOf(document.activeElement)
        : -1;
    $("words").replaceChildren(...parts, text.slice(end));
    if (hadFocus >= 0) [...$("words").querySelectorAll("button")].at(Math.min(hadFocus, tokens.length - 1))?.focus();
}

function wordButton(text, token, peak, remove) {
    const written = text.slice(token.start, token.end);
    const button = element("button", {
        type: "button",
        className: token.known ? "word" : "word unknown",
        textContent: written,
        title: `${short(token.relevance)}; click to delete`,
    });
    const share = token.relevance / peak;
    button.style.backgroundColor = color(share);
    button.style.color = Math.abs(share) > 0.62 ? "#fff" : "#111";
    button.addEventListener("click", () => remove(token));
    return button;
}

/** The text without a word, and without the space that it leaves. */
function without(text, { start, end }) {
    const [before, after] = [text.slice(0, start).trimEnd(), text.slice(end)];
    const hadSpace = before.length < start;
    const wantsSpace = hadSpace && /^\s*[^\s.,;:!?]/.test(after);
    return `${before}${wantsSpace ? " " : ""}${hadSpace ? after.trimStart() : after}`.trim();
}

function showWordBars(tokens, peak) {
    $("word-bars").replaceChildren(
        ...tokens.map(({ word, relevance, known }) => {
            const fill = element("span", { className: relevance < 0 ? "fill negative" : "fill" });
            fill.style.width = `${(50 * Math.abs(relevance)) / peak}%`;
            fill.style.backgroundColor = color(0.75 * Math.sign(relevance));
            return element(
                "li",
                { className: "bar" },
                element("span", { className: known ? "name" : "name unknown", textContent: word }),
                element("span", { className: "track" }, fill),
                element("span", { className: "value", textContent: short(relevance) }),
            );
        }),
    );
}

function showNothing() {
    bars.show(labels.map(() => 0));
    changeOf(null);
    $("text-verdict").textContent = "…";
    delete $("text-verdict").dataset.class;
    for (const id of ["words", "word-bars", "text-ledger"]) $(id).replaceChildren();
}
