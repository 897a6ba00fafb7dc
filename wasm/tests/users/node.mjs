// In Node: model and input are files, the answer is printed.

import { readFileSync } from "node:fs";
import load, { Explainer, simd } from "relprop";

await load();
const [model, input] = process.argv.slice(2).map((path) => readFileSync(path));
const explainer = new Explainer(model);
const { top } = explainer.run(Float32Array.from(JSON.parse(input)));
console.log(JSON.stringify({ top, simd, relevance: Array.from(explainer.explain().relevance) }));
