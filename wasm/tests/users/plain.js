// Without a bundler: the package's files as they are.

import load, { Explainer, simd } from "./node_modules/relprop/index.js";
import { answer } from "./answer.js";

window.answer = async (address, input) => {
    await load();
    return answer({ Explainer, simd }, address, input);
};
