// The package as its users meet it: out of npm's tarball, in a page, in a worker, through bundlers, in Node. Each must
// give the bits of the native kernel.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as esbuild from "esbuild";
import * as vite from "vite";
import load, { Explainer } from "../pkg/node.js";
import { installed, launch, noBrowser, serve } from "./browser.js";
import { asInput, checksum, golden, modelBytes, samplePixels } from "./support.js";

await load();
const explainer = new Explainer(modelBytes("mnist-tiny"));
const input = Array.from(asInput(samplePixels("7"), explainer.info()));
explainer.free();

let app;
let server;
let browser;
before(async () => {
    app = installed();
    server = await serve(app.folder);
    browser = noBrowser ? undefined : await launch();
});
after(async () => {
    await browser?.close();
    await server?.close();
    app?.remove();
});

function check({ top, simd, relevance }) {
    assert.equal(top, 7);
    assert.equal(simd, true);
    assert.equal(checksum(relevance), golden.get("mnist-tiny 7 epsilon_plus"));
}

/** Opens a page, lets it answer, and sees that it has loaded one module, the one with simd. */
async function answers(address) {
    const context = await browser.newContext();
    const modules = [];
    context.on("request", (request) => {
        if (request.url().endsWith(".wasm")) modules.push(request.url());
    });
    const page = await context.newPage();
    const complaints = [];
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(address);
    await page.waitForFunction(() => window.answer, undefined, { timeout: 60_000 });
    const model = new URL("/some/where/mnist-tiny.rlp", address).href;
    check(await page.evaluate(([model, input]) => window.answer(model, input), [model, input]));
    assert.equal(modules.length, 1, modules.join(", "));
    assert.match(modules[0], /simd/);
    assert.deepEqual(complaints.filter((text) => !text.endsWith("favicon.ico")), []);
    await context.close();
}

test("from a plain page", { skip: noBrowser }, () => answers(`${server.address}plain.html`));

test("in a worker", { skip: noBrowser }, () => answers(`${server.address}with-worker.html`));

test("bundled by vite, which finds the modules", { skip: noBrowser }, async () => {
    await vite.build({
        root: app.folder,
        base: "./",
        logLevel: "error",
        configFile: false,
        build: {
            outDir: join(app.folder, "by-vite"),
            target: "es2022",
            rollupOptions: { input: join(app.folder, "page.js"), output: { entryFileNames: "page.js" } },
        },
    });
    await answers(`${server.address}by-vite/page.html`);
});

test("served by vite, before anything is bundled", { skip: noBrowser }, async () => {
    const script = '<!doctype html><script type="module" src="page.js"></script>';
    writeFileSync(join(app.folder, "index.html"), script);
    const development = await vite.createServer({
        root: app.folder,
        base: "/some/where/",
        cacheDir: join(app.folder, ".vite"),
        logLevel: "error",
        configFile: false,
        // Bundled ahead, it would look for its modules where they are not.
        optimizeDeps: { exclude: ["relprop"] },
        server: { host: "127.0.0.1", port: 0 },
    });
    try {
        await development.listen();
        await answers(development.resolvedUrls.local[0]);
    } finally {
        await development.close();
    }
});

test("bundled by esbuild, which is told that the modules are files", { skip: noBrowser }, async () => {
    await esbuild.build({
        absWorkingDir: app.folder,
        entryPoints: { page: "page-told.js" },
        bundle: true,
        minify: true,
        format: "esm",
        target: "es2022",
        loader: { ".wasm": "file" },
        outdir: "by-esbuild",
        logLevel: "error",
    });
    await answers(`${server.address}by-esbuild/page.html`);
});

test("in Node", () => {
    writeFileSync(join(app.folder, "input.json"), JSON.stringify(input));
    const command = ["node.mjs", "mnist-tiny.rlp", "input.json"];
    check(JSON.parse(execFileSync(process.execPath, command, { cwd: app.folder, encoding: "utf8" })));
});

test("what is not used is not bundled", async () => {
    const { outputFiles } = await esbuild.build({
        absWorkingDir: app.folder,
        stdin: { contents: 'import { Explainer } from "relprop"; console.log("no model here");', resolveDir: app.folder },
        bundle: true,
        minify: true,
        format: "esm",
        write: false,
        logLevel: "error",
    });
    assert.equal(outputFiles[0].text.trim(), 'console.log("no model here");');
});
