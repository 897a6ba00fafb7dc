// Relevance as pictures: alone, and over what it is about.

import { pixels } from "../../relprop/index.js";
import { perPixel } from "./canvas.js";

/** Pixels above this part of the largest magnitude hide the picture behind them altogether. */
const OPAQUE = 0.5;

/** Relevance summed over channels as pixels of colour, alone and over the picture, if there is one. */
export function heatMap(relevance, canvas, seen) {
    const { width, height } = canvas;
    const values = perPixel(relevance, canvas);
    const heat = pixels(values);
    const sum = values.reduce((total, r) => total + r, 0);
    return { width, height, sum, heat, over: seen && over(seen.data, values, heat) };
}

/** The picture in pale grey, and relevance the more opaque the more there is of it. */
function over(picture, relevance, heat) {
    const peak = relevance.reduce((most, r) => Math.max(most, Math.abs(r)), 0) || 1;
    const mixed = new Uint8ClampedArray(picture.length).fill(255);
    relevance.forEach((r, i) => {
        const share = Math.min(1, Math.abs(r) / peak / OPAQUE);
        const grey = 110 + 0.55 * ((picture[4 * i] + picture[4 * i + 1] + picture[4 * i + 2]) / 3);
        for (let c = 0; c < 3; c++) mixed[4 * i + c] = share * heat[4 * i + c] + (1 - share) * grey;
    });
    return mixed;
}
