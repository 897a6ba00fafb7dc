// From a bundle that has to be told that the modules are files.

import load, { Explainer, simd } from "relprop";
import fast from "relprop/relprop.simd.wasm";
import plain from "relprop/relprop.wasm";
import { answer } from "./answer.js";

window.answer = async (address, input) => {
    await load(new URL(simd ? fast : plain, import.meta.url));
    return answer({ Explainer, simd }, address, input);
};
