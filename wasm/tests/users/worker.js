// In a worker, without a bundler.

import load, { Explainer, simd } from "./node_modules/relprop/index.js";
import { answer } from "./answer.js";

self.onmessage = async ({ data: { address, input } }) => {
    await load();
    self.postMessage(await answer({ Explainer, simd }, address, input));
};
