// What npm would publish: every file that something in it names, and no other; entry points and types resolve.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { after, test } from "node:test";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { installed } from "./browser.js";

const app = installed();
after(() => app.remove());
const folder = join(app.folder, "node_modules", "relprop");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const bin = (name) => new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname;

/** npm adds these by itself. */
const ALWAYS = ["package.json", "README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/** Every text in a value, however deep. */
const texts = (value) => (typeof value === "object" ? Object.values(value).flatMap(texts) : [value]);

/** Files of the package that a file names: imports, re-exports, addresses relative to it. */
function named(file) {
    if (!/\.(js|ts)$/.test(file)) return [];
    const source = readFileSync(join(folder, file), "utf8");
    const found = [...source.matchAll(/(?:from|import|import\(|URL\()\s*["'](\.\/[^"']+)["']/g)].map(([, path]) => path);
    const files = found.map((path) => normalize(join(dirname(file), path)));
    // Declarations stand beside what they declare.
    return file.endsWith(".d.ts") ? files.map((name) => name.replace(/\.js$/, ".d.ts")) : files;
}

test("every file is there that another one names, and no other", () => {
    const entries = [manifest.main, manifest.module, manifest.types, ...texts(manifest.exports)];
    const wanted = new Set(ALWAYS);
    const queue = entries.map(normalize);
    while (queue.length > 0) {
        const file = queue.pop();
        if (wanted.has(file)) continue;
        wanted.add(file);
        queue.push(...named(file));
    }
    const listed = execFileSync("npm", ["pack", "--dry-run", "--json", new URL("../pkg", import.meta.url).pathname], {
        encoding: "utf8",
    });
    const [{ files, version }] = JSON.parse(listed);
    assert.deepEqual(files.map(({ path }) => path).sort(), [...wanted].sort());
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.notEqual(version, "0.0.0");
});

test("publint has nothing to say", async () => {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true });
    assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test("types resolve wherever modules do", () => {
    // What a WebAssembly module is to an importer is its bundler's to say.
    const modules = Object.keys(manifest.exports).filter((name) => name.endsWith(".wasm"));
    const settings = ["--profile", "esm-only", "--no-color", "--no-emoji", "--exclude-entrypoints", ...modules];
    const { status, stdout } = spawnSync(bin("attw"), [app.tarball, ...settings], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
});

for (const resolution of ["nodenext", "bundler"]) {
    test(`what a TypeScript user writes is checked, resolved as ${resolution}`, () => {
        const types = readFileSync(new URL("types.ts", import.meta.url), "utf8").replaceAll("../pkg/index.js", "relprop");
        assert.match(types, /from "relprop"/);
        writeFileSync(join(app.folder, "types.mts"), types);
        const module = resolution === "bundler" ? "esnext" : resolution;
        const options = {
            strict: true,
            noEmit: true,
            target: "es2022",
            module,
            moduleResolution: resolution,
            lib: ["es2022", "esnext.disposable", "dom"],
            types: [],
        };
        writeFileSync(join(app.folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["types.mts"] }));
        const { status, stdout } = spawnSync(bin("tsc"), ["--project", app.folder], { encoding: "utf8" });
        assert.equal(status, 0, stdout);
    });
}
