// What the visitor adds to a model's file, for the converter.

import { $ } from "../dom.js";

/** The options that were filled in, as `convert` takes them. */
export function readOptions() {
    const options = {};
    const labels = $("convert-labels").value.trim();
    if (labels) options.labels = labels.split(labels.includes("\n") ? "\n" : ",").map((label) => label.trim());
    const scale = numbers("convert-scale", "the scale");
    const mean = numbers("convert-mean", "the mean");
    const range = numbers("convert-range", "the range");
    const length = numbers("convert-length", "the longest sequence");
    if (scale) options.inputScale = scale;
    if (mean) options.inputMean = mean;
    if (range) options.inputRange = range;
    if (length) [options.maxLength] = length;
    if ($("convert-bgr").checked) options.inputLayout = "bgr";
    if ($("convert-keep").checked) options.keepBatchNorm = true;
    return options;
}

/** Nothing is filled in. */
export function clearOptions() {
    for (const name of ["labels", "scale", "mean", "range", "length"]) $(`convert-${name}`).value = "";
    for (const name of ["bgr", "keep"]) $(`convert-${name}`).checked = false;
}

/** Numbers apart by commas or spaces; a quotient such as 1/255 is one, too. */
function numbers(id, what) {
    const text = $(id).value.trim();
    if (text === "") return null;
    const values = text.split(/[\s,]+/).map((part) => {
        const [above, below = "1", ...more] = part.split("/");
        return more.length || above === "" ? NaN : Number(above) / Number(below);
    });
    if (!values.every(Number.isFinite)) throw new Error(`${what} must be numbers, apart by commas: ${text} is not`);
    return values;
}
