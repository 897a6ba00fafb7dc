// A static server for the written site, and a browser.

import { existsSync } from "node:fs";
import { readFile, mkdir } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { CHROMIUM, listen } from "./local.js";

/** Where `cargo xtask demo --dist` has written the page. */
export const SITE = process.env.SITE ?? new URL("../dist/", import.meta.url).pathname;
/** Where screenshots are put. */
export const SCREENSHOTS = process.env.SCREENSHOTS ?? new URL("../../target/screenshots/", import.meta.url).pathname;
/** The sentiment network may not be there. */
export const hasSentiment = existsSync(join(SITE, "models", "sentiment.rlp"));

const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
};

export async function serve() {
    const { origin, close } = await listen(async (path) => {
        // In a folder of its own: the page must do with relative addresses.
        const name = path.replace(/^\/demo\//, "");
        const file = join(SITE, normalize(name === "" ? "index.html" : name));
        const headers = { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" };
        return { content: await readFile(file), headers };
    });
    return { address: `${origin}/demo/`, close };
}

/** The site and a browser, for all tests of a file. */
export const server = await serve();
export const browser = await chromium.launch(CHROMIUM);
after(async () => {
    await browser.close();
    await server.close();
});

/** A page that remembers everything that its console complains about. */
export async function open(browser, address, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(address);
    await page.waitForSelector("html[data-ready]", { timeout: 30_000 });
    return { context, page, complaints };
}

/** Draws strokes on the pad; places are parts of its side. */
export async function draw(page, strokes) {
    await page.locator("#pad").scrollIntoViewIfNeeded();
    const box = await page.locator("#pad").boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    for (const [first, ...rest] of strokes) {
        await page.mouse.move(...at(first));
        await page.mouse.down();
        for (const point of rest) await page.mouse.move(...at(point), { steps: 12 });
        await page.mouse.up();
    }
}

export async function screenshot(page, name) {
    await mkdir(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
