// What a TypeScript user of the converter writes.

import load, { convert } from "../pkg/convert.js";
import type { Conversion, ConvertOptions } from "../pkg/convert.js";

await load(new URL("relprop-convert.wasm", import.meta.url));
const options: ConvertOptions = { labels: ["cat", "dog"], inputMean: [1, 2, 3], inputRange: [0, 1], keepBatchNorm: true };
const { image, summary, notes }: Conversion = convert(new Uint8Array(8), options);
const bytes: Uint8Array = image;
const lines: string[] = [summary, ...notes];
convert(bytes);

// @ts-expect-error there is no such option
convert(bytes, { label: "cat" });
// @ts-expect-error a range has two ends
convert(bytes, { inputRange: [0] });

export { lines };
