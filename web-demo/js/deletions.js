// Words that were deleted: what it did to the score, and the way back.

import { $, percent } from "./dom.js";

/** `{ text, word, label, class, share }` before each deletion, the last one last. */
let gone = [];

export function startDeletions(setText) {
    $("undo").addEventListener("click", () => {
        const { text } = gone.pop();
        setText(text);
        $("words").focus();
    });
}

/** A word is about to go. */
export function deleted(before) {
    gone.push(before);
}

/** The text is another one: there is no way back. */
export function forget() {
    gone = [];
}

/** Tells what the last deletion did; `null` where there are no scores. */
export function changeOf(shares) {
    const last = gone.at(-1);
    $("text-change").hidden = !last;
    if (!last) return;
    const now = shares ? percent(shares[last.class]) : "no words are left";
    $("text-change-said").textContent = `Without “${last.word}”: ${last.label} ${percent(last.share)} → ${now}`;
}
