// The sentiment page, as a visitor uses it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, hasSentiment, open, server } from "./support.js";

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

test("a class is told from another", { skip }, async () => {
    const { page, complaints, context } = await open(browser, `${server.address}#sentiment`);
    await page.fill("#text", "The plot is thin, but the acting saves it.");
    const bars = () => page.locator("#word-bars").textContent();
    await page.selectOption("#text-target", "3");
    await page.waitForSelector("#text-scores li:nth-child(4) [aria-pressed=true]");
    const plain = await bars();
    await page.selectOption("#text-contrast", "1");
    await page.waitForSelector("#text-scores button.against");
    assert.notEqual(await bars(), plain);
    assert.equal(await page.locator("#text-scores button").nth(1).getAttribute("class"), "bar against");
    assert.equal(await page.locator("#text-note").textContent(), "");
    // Against itself there is nothing to tell.
    await page.selectOption("#text-contrast", "3");
    await page.waitForFunction(() => document.querySelector("#text-note").textContent.includes("choose another"));
    await page.selectOption("#text-contrast", "");
    await page.waitForFunction((plain) => document.querySelector("#word-bars").textContent === plain, plain);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("a deleted word says what it did, and comes back", { skip }, async () => {
    const { page, complaints, context } = await open(browser, `${server.address}#sentiment`);
    const text = "A wonderful, moving film.";
    await page.fill("#text", text);
    await page.waitForFunction(() => document.querySelectorAll("#words button").length === 6);
    const verdict = await page.locator("#text-verdict").textContent();
    const shareOf = (label) => page.locator("#text-scores li", { hasText: label }).first().locator(".value").textContent();
    const before = await shareOf(verdict);
    assert.ok(await page.locator("#text-change").isHidden());
    await page.locator("#words button", { hasText: "wonderful" }).click();
    await page.waitForFunction(() => document.querySelectorAll("#words button").length === 5);
    const said = await page.locator("#text-change-said").textContent();
    assert.equal(said, `Without “wonderful”: ${verdict} ${before} → ${await shareOf(verdict)}`);
    assert.notEqual(await shareOf(verdict), before);
    await page.locator("#words button", { hasText: "moving" }).click();
    await page.waitForFunction(() => document.querySelector("#text-change-said").textContent.includes("moving"));
    // Back, one after the other.
    await page.click("#undo");
    await page.waitForFunction((said) => document.querySelector("#text-change-said").textContent === said, said);
    await page.click("#undo");
    await page.waitForSelector("#text-change[hidden]", { state: "attached" });
    assert.equal(await page.locator("#text").inputValue(), text);
    assert.equal(await shareOf(verdict), before);
    // Another text is another matter.
    await page.locator("#words button").first().click();
    await page.waitForSelector("#text-change:not([hidden])");
    await page.locator("#sentences button").first().click();
    await page.waitForSelector("#text-change[hidden]", { state: "attached" });
    await page.fill("#text", "Good");
    await page.waitForFunction(() => document.querySelectorAll("#words button").length === 1);
    await page.locator("#words button").click();
    await page.waitForFunction(() => document.querySelector("#text-change-said").textContent.includes("no words are left"));
    assert.deepEqual(complaints, []);
    await context.close();
});
