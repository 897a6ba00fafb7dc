// Pixel flipping: how the score falls as pixels are deleted, by relevance and at random.

import { $, element, short } from "./dom.js";
import { ask } from "./engine.js";
import { plot, roomIn } from "./plot.js";

const STEPS = 20;
const DRAWS = 10;
/** Forward passes between two looks at the page: a few milliseconds. */
const PORTION = 20;

let current = 0;

/** `asked` tells what to explain now: model, pixels, way; nothing, where there is nothing. */
export function startFlipping(asked, nameOf) {
    $("flip").addEventListener("click", () => flip(asked(), nameOf));
    show(0);
}

/** What was measured is of another picture now. */
export function cancelFlipping() {
    current += 1;
    $("flip-progress").hidden = true;
    $("flip").disabled = false;
    if ($("flip-plot").childElementCount > 0) $("flip-plot").dataset.stale = "true";
}

async function flip(job, nameOf) {
    cancelFlipping();
    if (!job) {
        $("flip-summary").textContent = "Draw a digit first.";
        return;
    }
    const turn = current;
    $("flip").disabled = true;
    $("flip-progress").hidden = false;
    show(0);
    try {
        let told = await ask({ ...job, flip: { steps: STEPS, draws: DRAWS, seed: 1 }, passes: PORTION });
        while (turn === current) {
            show(told.progress);
            draw(told.curves, nameOf);
            if (told.done) break;
            told = await ask({ model: job.model, flip: "on", passes: PORTION });
        }
        if (turn === current) summarise(told.curves, nameOf);
    } catch (error) {
        if (turn === current) $("flip-summary").textContent = error.message;
    }
    if (turn === current) {
        $("flip-progress").hidden = true;
        $("flip").disabled = false;
    }
}

function show(progress) {
    $("flip-progress").value = progress;
}

const watched = ({ class: k, not }, nameOf) => (not === null ? `score of ${nameOf(k)}` : `${nameOf(k)} less ${nameOf(not)}`);

function draw(curves, nameOf) {
    const at = (scores) => Array.from(scores, (score, i) => [curves.deleted[i] / curves.positions, score]);
    const shown = [
        { name: "at random", className: "random", points: at(curves.random ?? []), faint: curves.draws.map(at) },
        { name: "by relevance", className: "relevance", points: at(curves.relevance) },
    ];
    delete $("flip-plot").dataset.stale;
    $("flip-plot").replaceChildren(
        plot(roomIn($("flip-plot")), {
            label: "Score as pixels are deleted; the text below says the same",
            x: "share of the drawn pixels that is black",
            y: watched(curves, nameOf),
            curves: shown,
        }),
    );
}

/** Mean over the curve: the smaller, the faster the score fell. */
const mean = (scores) => scores.reduce((sum, score) => sum + score, 0) / scores.length;

/** The share after which half of the score is gone. */
function half({ deleted, positions }, scores) {
    const [start, end] = [scores[0], scores.at(-1)];
    const at = scores.findIndex((score) => (score - end) * Math.sign(start - end) <= Math.abs(start - end) / 2);
    return `${Math.round((100 * deleted[at]) / positions)} %`;
}

function summarise(curves, nameOf) {
    const { relevance, random, positions } = curves;
    $("flip-summary").replaceChildren(
        element("strong", { textContent: `The ${watched(curves, nameOf)} starts at ${short(relevance[0])}. ` }),
        `It has come half of its way down when ${half(curves, relevance)} of ${positions} pixels are deleted by relevance, ` +
            `when ${half(curves, random)} are at random (mean of ${curves.draws.length} orders). ` +
            `Mean over the curve: ${short(mean(relevance))} by relevance, ${short(mean(random))} at random.`,
    );
    $("flip-summary").dataset.relevance = String(mean(relevance));
    $("flip-summary").dataset.random = String(mean(random));
}
