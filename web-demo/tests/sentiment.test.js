// The sentiment page, as a visitor uses it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hasSentiment, launch, open, serve } from "./support.js";

let server;
let browser;
before(async () => {
    server = await serve();
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await server?.close();
});

const skip = hasSentiment ? false : "models/sentiment.rlp is not there";

test("words are coloured as one types, and can be deleted", { skip }, async () => {
    const { page, complaints, context } = await open(browser, `${server.address}#sentiment`);
    await page.fill("#text", "A wonderful, moving film.");
    await page.waitForFunction(() => document.querySelectorAll("#words button").length === 6);
    const good = await page.locator("#text-verdict").textContent();
    await page.fill("#text", "A terrible, boring mess 🎬 indeed.");
    await page.waitForFunction(() => document.querySelector("#words")?.textContent.includes("terrible"));
    assert.notEqual(await page.locator("#text-verdict").textContent(), good);
    const colours = await page.locator("#words button").evaluateAll((all) => all.map((b) => b.style.backgroundColor));
    assert.ok(new Set(colours).size > 2, colours.join());
    // Positions count as JavaScript does, even behind an emoji.
    assert.deepEqual(await page.locator("#words button").allTextContents(), [
        "A", "terrible", ",", "boring", "mess", "🎬", "indeed", ".",
    ]);
    await page.locator("#words button", { hasText: "terrible" }).click();
    await page.waitForFunction(() => !document.querySelector("#words").textContent.includes("terrible"));
    assert.equal(await page.locator("#text").inputValue(), "A, boring mess 🎬 indeed.");
    const books = await page.locator("#text-ledger").textContent();
    await page.selectOption("#bias", "redistribute");
    await page.waitForFunction((books) => document.querySelector("#text-ledger").textContent !== books, books);
    await page.locator("#text-scores button").first().click();
    await page.waitForSelector('#text-scores button[aria-pressed="true"]');
    await page.fill("#text", "   ");
    await page.waitForSelector("#text-verdict:not([data-class])");
    await page.fill("#text", "word ".repeat(300));
    await page.waitForSelector("#trouble:not([hidden])");
    assert.match(await page.locator("#trouble").textContent(), /at most/);
    assert.deepEqual(complaints, []);
    await context.close();
});
