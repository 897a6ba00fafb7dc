// Files in, by dropping; files out, by downloading.

import { element } from "../dom.js";

const MODELS = /\.(onnx|tflite|rlp)$/i;
const INPUTS = /\.(npy|png|jpe?g|webp|gif|bmp|avif|svg)$/i;

/** Whether a file goes by a name that models have, or one that inputs have. */
export const isNamedModel = ({ name }) => MODELS.test(name);
export const isNamedInput = ({ name, type }) => INPUTS.test(name) || type.startsWith("image/");

/** Calls `take` with the files that are dropped while `isOpen`, and where. */
export function startDropping(place, isOpen, take) {
    const holdsFiles = (event) => isOpen() && [...(event.dataTransfer?.types ?? [])].includes("Files");
    const mark = (isOver) => place.classList.toggle("aimed", isOver);
    document.addEventListener("dragover", (event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        mark(true);
    });
    document.addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) mark(false);
    });
    document.addEventListener("drop", (event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        mark(false);
        take([...event.dataTransfer.files], event.target);
    });
}

/** Offers bytes to be kept under a name. */
export function download(blob, name) {
    const address = URL.createObjectURL(blob);
    element("a", { href: address, download: name }).click();
    // The browser has begun to read it by then.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** `model.rlp` for `model.onnx`. */
export const withExtension = (name, extension) => `${name.replace(/\.[^.]*$/, "") || "model"}.${extension}`;
