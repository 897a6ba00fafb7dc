// What the tests in Chromium share: the package as npm installs it, a server, a browser.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { CHROMIUM, listen } from "../../web-demo/tests/local.js";

const { executablePath } = CHROMIUM;

/** Why tests in a browser cannot run, `false` where they can. */
export const noBrowser = existsSync(executablePath) ? false : `${executablePath} not found: apt install chromium, or set CHROMIUM`;

const here = (path) => new URL(path, import.meta.url).pathname;

/** A folder with the users' files and the package in `node_modules`, out of the tarball that npm would publish. */
export function installed() {
    const folder = mkdtempSync(join(tmpdir(), "relprop-"));
    const tarball = pack(folder);
    const modules = join(folder, "node_modules", "relprop");
    mkdirSync(modules, { recursive: true });
    execFileSync("tar", ["-xzf", tarball, "-C", modules, "--strip-components=1"]);
    cpSync(here("users"), folder, { recursive: true });
    cpSync(here("../../models/mnist-tiny.rlp"), join(folder, "mnist-tiny.rlp"));
    return { folder, tarball, remove: () => rmSync(folder, { recursive: true }) };
}

function pack(folder) {
    const command = ["pack", "--json", "--pack-destination", folder, here("../pkg")];
    const [{ filename }] = JSON.parse(execFileSync("npm", command, { encoding: "utf8" }));
    return join(folder, filename);
}

const TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
};

/** What the README says that a policy needs. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** Serves a folder under `/some/where/`, where `NAME.html` is a page with the script `NAME.js`. */
export async function serve(folder) {
    const { origin, close } = await listen(async (address) => {
        const path = normalize(address).replace("/some/where/", "");
        const content = path.endsWith(".html") ? page(path) : await readFile(join(folder, path));
        const type = TYPES[extname(path)] ?? "application/octet-stream";
        return { content, headers: { "Content-Type": type, "Content-Security-Policy": POLICY } };
    });
    return { address: `${origin}/some/where/`, close };
}

const page = (path) => `<!doctype html><meta charset="utf-8"><title>relprop</title>
<script type="module" src="${path.split("/").at(-1).replace(".html", ".js")}"></script>`;

export const launch = () => chromium.launch(CHROMIUM);
