// From a bundle, which finds the modules by itself.

import load, { Explainer, simd } from "relprop";
import { answer } from "./answer.js";

window.answer = async (address, input) => {
    await load();
    return answer({ Explainer, simd }, address, input);
};
