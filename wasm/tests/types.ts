// What a TypeScript user writes: `npm run types` checks it against the declarations of the package.

import load, { Explainer, color, composites, paint, pixels, simd } from "../pkg/index.js";
import type {
    Composite,
    ExactLedger,
    Explanation,
    FlipCurves,
    Flipping,
    LayerRelevance,
    ModelInfo,
    Scores,
    Token,
} from "../pkg/index.js";

await load(new URL("relprop.wasm", import.meta.url));
const isFast: boolean = simd;
const explainer = new Explainer(new Uint8Array(8));
const info: ModelInfo = explainer.info();
const scores: Scores = explainer.run(new Float32Array(info.inputs[0].shape.reduce((n, dim) => n * dim, 1)));
explainer.run([new Float32Array(1), new Float32Array(2)]);
explainer.runTokens(Uint16Array.of(1, 2));
const why: Explanation = explainer.explain({
    target: { class: "4", not: scores.top },
    composite: "epsilon_gamma_box",
    low: 0,
    high: new Float32Array(784),
    rules: [{ select: "conv", rule: "gamma", gamma: 0.25, bias: "redistribute" }],
});
explainer.explain();
const told: Explanation = explainer.explainText("a film", { target: { class: 1, not: 2 }, layers: true });
const layers: LayerRelevance[] = told.layers ?? [];
const fixed = new Explainer(new Uint8Array(8), { relevance: "fixed" });
const books: ExactLedger | undefined = fixed.explain().exact?.ledger;
const closes: boolean = books?.imbalance === 0n;
const curves: FlipCurves = explainer.flip({ relevance: why.relevance, steps: 10, draws: 5, seed: 1, baseline: 0 });
const flipping: Flipping = explainer.flipping({ relevance: why.relevance, target: { class: "4", not: 9 } });
while (!flipping.advance(explainer, 50)) console.log(flipping.progress);
const random: Float32Array | null = flipping.curves().random;
flipping.free();
const names: Composite[] = composites();
const tokens: Token[] = why.tokens ?? [];
const bias: number | undefined = why.ledger?.totals.bias;
declare const context: CanvasRenderingContext2D;
declare const offscreen: OffscreenCanvasRenderingContext2D;
paint(context, why.relevance, 28);
paint(offscreen, why.relevance, 28, 0.5);
const rgba: Uint8ClampedArray = pixels(why.relevance);
const css: string = color(0.5);
explainer.free();

// @ts-expect-error there is no such rule
explainer.explain({ rules: [{ select: "conv", rule: "gama" }] });
// @ts-expect-error there is no such composite
explainer.explain({ composite: "epsilon_pluss" });
// @ts-expect-error relevance is of floats or fixed
new Explainer(new Uint8Array(8), { relevance: "integers" });
// @ts-expect-error it goes by relevance
explainer.flip({ steps: 3 });
// @ts-expect-error one class is watched
explainer.flip({ relevance: why.relevance, target: { class: 1 } });
// @ts-expect-error it takes floats
explainer.run("7");

export { bias, closes, css, curves, isFast, layers, names, random, rgba, tokens };
