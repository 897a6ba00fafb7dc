// A server on localhost: folders by the start of an address, isolated from other origins, so that the clock is finer.

import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { listen } from "../../web-demo/tests/local.js";

const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
};

const ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves `{ "/start/": folder }`, of which the longest start that fits counts, and `{ "/address": content }`. */
export async function serve(folders, contents) {
    const starts = Object.keys(folders).sort((a, b) => b.length - a.length);
    const { origin, close } = await listen(async (address) => {
        const path = normalize(address);
        const name = path.endsWith("/") ? `${path}index.html` : path;
        const start = starts.find((start) => path.startsWith(start));
        const content = contents[name] ?? (await readFile(join(folders[start], name.slice(start.length))));
        return { content, headers: { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", ...ISOLATED } };
    });
    return { address: `${origin}/`, close };
}
