// Measures forward and relevance passes in headless Chromium, beside onnxruntime-web and TensorFlow.js:
//
//     cargo xtask wasm && npm start --prefix benches/web           or: cargo xtask bench --web
//     npm start --prefix benches/web -- --rounds 300 --only mnist  a longer run of some networks
//
// `--json FILE` keeps the figures; `--pkg DIR` measures another build of the package; $CHROMIUM is the browser.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { CHROMIUM } from "../../web-demo/tests/local.js";
import { measure, threadOf } from "./measure.js";
import { prepare, root } from "./networks.js";
import { serve } from "./serve.js";
import { table } from "./table.js";

const HEAD = (rounds) =>
    `medians of ${rounds} rounds in one tab, one thread, µs: of the thread's own time, and by the clock; ` +
    "explain is what it takes beyond the forward pass";

const { values: options } = parseArgs({
    options: {
        rounds: { type: "string", default: "100" },
        only: { type: "string", default: "" },
        json: { type: "string" },
        pkg: { type: "string", default: join(root, "wasm", "pkg") },
    },
});
if (!existsSync(join(options.pkg, "relprop.simd.wasm"))) {
    console.error(`${options.pkg} is not the package: cargo xtask wasm`);
    process.exit(1);
}

const made = join(root, "target", "bench-web");
const here = new URL(".", import.meta.url).pathname;
const { networks, contents } = prepare(made, options.only);
if (networks.length === 0) {
    console.error(`no network's name contains ${options.only}`);
    process.exit(1);
}
await build({
    entryPoints: [join(here, "page", "main.js")],
    bundle: true,
    format: "esm",
    outfile: join(made, "page", "main.js"),
    logLevel: "error",
});

const modules = join(here, "node_modules");
const server = await serve(
    {
        "/": join(here, "page"),
        "/main.js": join(made, "page", "main.js"),
        "/made/": made,
        "/models/": join(root, "models"),
        "/relprop/": options.pkg,
        "/onnxruntime/": join(modules, "onnxruntime-web", "dist"),
        "/tfjs/": join(modules, "@tensorflow", "tfjs-backend-wasm", "dist"),
    },
    contents,
);
const browser = await chromium.launch(CHROMIUM);
try {
    const page = await browser.newPage();
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) console.error(`the page says: ${message.text()}`);
    });
    page.on("pageerror", (error) => console.error(`the page says: ${error.message}`));
    await page.goto(server.address);
    await page.waitForSelector("html[data-ready]", { state: "attached" });
    const works = await page.evaluate((networks) => window.prepare(networks), networks);
    const rows = await measure(page, await threadOf(browser), works, Number(options.rounds));
    const agent = await page.evaluate(() => navigator.userAgent);
    console.log(`${agent}\n${HEAD(options.rounds)}\n\n${table(rows)}`);
    if (options.json) writeFileSync(options.json, JSON.stringify({ agent, rows }, undefined, 1));
} finally {
    await browser.close();
    await server.close();
}
