// The page as a whole: offline, accessible, good to look at.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { browser, hasSentiment, open, screenshot, serve, server } from "./support.js";

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const TABS = hasSentiment ? ["digits", "sentiment", "model"] : ["digits", "model"];

const SETTLED = {
    digits: "#digit-verdict[data-class]",
    sentiment: "#text-verdict[data-class]",
    model: '#model[data-state="ready"]',
};

/** Every part that opens, opened; a word deleted. */
async function opened(page, tab) {
    if (tab === "sentiment") {
        await page.locator("#words button").nth(1).click();
        await page.waitForSelector("#text-change:not([hidden])");
        return;
    }
    // Settled, the model's are open already.
    if (tab === "model") return;
    await page.selectOption("#composite", "epsilon_alpha2_beta1");
    await page.selectOption("#int8-relevance", "fixed");
    for (const id of ["own-rules", "own-layers", "layers", "flow", "flipping"]) await page.click(`#${id} > summary`);
    await page.selectOption("#conv2-rule", "gamma");
    await page.waitForSelector("#maps .integers");
    await page.click("#flip");
    await page.waitForSelector("#flip-summary[data-relevance]");
    await page.waitForSelector("#flow-chart svg");
}

async function settled(page, tab) {
    if (tab === "model") {
        await page.click("#model-example");
        // Whatever can be unfolded must fit, too.
        for (const summary of await page.locator("#model summary").all()) await summary.click();
    }
    await page.waitForSelector(SETTLED[tab]);
}

test("it opens without a network", async () => {
    const apart = await serve();
    const { page, context, complaints } = await open(browser, apart.address);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    await apart.close();
    await page.reload();
    await page.waitForSelector("html[data-ready]", { timeout: 20_000 });
    await page.click("#sample-3");
    await page.waitForSelector('#digit-verdict[data-class="3"]');
    // The converter is kept, although nobody has loaded it yet.
    await page.click("#tab-model");
    await page.click("#model-example");
    await page.waitForSelector('#model[data-state="ready"]');
    assert.deepEqual(complaints, []);
    await context.close();
});

for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
        for (const tab of TABS) {
            test(`${tab}, ${size}, ${colorScheme}: fits, and has no serious obstacle`, async () => {
                const address = `${server.address}#${tab}`;
                const { page, context, complaints } = await open(browser, address, { viewport, colorScheme });
                await settled(page, tab);
                for (const state of ["", "-opened"]) {
                    if (state) await opened(page, tab);
                    await screenshot(page, `${tab}${state}-${size}-${colorScheme}`);
                    const overflow = await page.evaluate(
                        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
                    );
                    assert.ok(overflow <= 0, `${overflow} pixels wider than the screen`);
                    assert.deepEqual(await obstacles(page), []);
                }
                assert.deepEqual(complaints, []);
                await context.close();
            });
        }
    }
}

/** What axe calls serious or critical. */
async function obstacles(page) {
    const source = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    return violations
        .filter(({ impact }) => ["serious", "critical"].includes(impact))
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}
