// A server on localhost: folders by the start of an address, isolated from other origins, so that the clock is finer.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

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
    const server = createServer(async ({ url }, response) => {
        const path = normalize(decodeURIComponent(new URL(url, "http://localhost").pathname));
        const start = starts.find((start) => path.startsWith(start));
        try {
            const name = path.endsWith("/") ? `${path}index.html` : path;
            const content = contents[name] ?? (await readFile(join(folders[start], name.slice(start.length))));
            const type = TYPES[extname(name)] ?? "application/octet-stream";
            response.writeHead(200, { "Content-Type": type, ...ISOLATED });
            response.end(content);
        } catch {
            response.writeHead(404).end();
        }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
    };
    return { address: `http://localhost:${server.address().port}/`, close };
}
