// The digits page, as a visitor uses it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, draw, open, server } from "./support.js";

const SEVEN = [[[0.25, 0.22], [0.75, 0.22], [0.45, 0.82]]];
const ONE = [[[0.5, 0.15], [0.5, 0.85]]];

const relevance = (page) =>
    page.locator("#maps canvas").nth(1).evaluate(({ dataset }) => ({ sum: Number(dataset.sum), peak: Number(dataset.peak) }));

const verdict = (page, digit) => page.waitForSelector(`#digit-verdict[data-class="${digit}"]`);

test("a drawn seven is a seven, and its relevance is not trivial", async () => {
    const { page, complaints, context } = await open(browser, server.address);
    await page.click("#clear");
    await page.waitForSelector("#digit-verdict:not([data-class])");
    await draw(page, SEVEN);
    await verdict(page, 7);
    const { sum, peak } = await relevance(page);
    assert.ok(sum > 0.5 && peak > 0.01, `sum ${sum}, peak ${peak}`);
    assert.match(await page.locator("#maps .note").nth(2).textContent(), /./);
    await page.click("#clear");
    await draw(page, ONE);
    await verdict(page, 1);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("every control changes the explanation", async () => {
    const { page, complaints, context } = await open(browser, server.address);
    await page.click("#sample-4");
    await verdict(page, 4);
    let last = await relevance(page);
    const changes = async (what) => {
        await page
            .waitForFunction(
                ({ sum, peak }) => {
                    const { dataset } = document.querySelectorAll("#maps canvas")[1];
                    return Number(dataset.sum) !== sum || Number(dataset.peak) !== peak;
                },
                last,
                { timeout: 10_000 },
            )
            .catch(() => assert.fail(`${what} changes nothing`));
        last = await relevance(page);
    };
    const composites = await page.locator("#composite option").evaluateAll((all) => all.map(({ value }) => value));
    for (const composite of composites.slice(1)) {
        await page.selectOption("#composite", composite);
        await changes(composite);
        assert.ok(await page.locator("#trouble").isHidden(), composite);
    }
    await page.selectOption("#composite", composites[0]);
    await changes(composites[0]);
    await page.selectOption("#contrast", "9");
    await changes("a contrast");
    await page.selectOption("#contrast", "");
    await changes("no contrast");
    await page.locator("#digit-scores button").nth(9).click();
    await changes("a class from the list");
    assert.equal(await page.locator("#target").inputValue(), "9");
    await page.click("summary");
    for (const rule of ["gamma", "alphabeta", "epsilon"]) {
        await page.selectOption("#conv-rule", rule);
        await changes(rule);
        await page.locator("#conv-value").fill(String(60 + rule.length));
        await changes(`the slider of ${rule}`);
    }
    await page.selectOption("#dense-rule", "epsilon");
    await page.locator("#dense-value").fill("90");
    await changes("ε on dense");
    await page.click("#theme");
    assert.equal(await page.locator("html").getAttribute("data-theme"), "light");
    assert.deepEqual(complaints, []);
    await context.close();
});

test("the keyboard is enough", async () => {
    const { page, complaints, context } = await open(browser, server.address);
    await page.focus("#pad");
    await page.keyboard.press("3");
    await verdict(page, 3);
    await page.keyboard.press("Delete");
    await page.waitForSelector("#digit-verdict:not([data-class])");
    await page.focus("#tab-digits");
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("#sentiment").isVisible());
    await page.keyboard.press("ArrowLeft");
    assert.ok(await page.locator("#digits").isVisible());
    assert.deepEqual(complaints.filter((text) => !text.includes("404")), []);
    await context.close();
});

test("it updates at least 30 times a second while a pen moves", async () => {
    const { page, context } = await open(browser, server.address);
    await page.click("#clear");
    await page.evaluate(() => {
        window.updates = 0;
        new MutationObserver(() => (window.updates += 1)).observe(document.querySelectorAll("#maps canvas")[1], {
            attributeFilter: ["data-sum"],
        });
    });
    const start = Date.now();
    await draw(page, [Array.from({ length: 60 }, (_, i) => [0.5 + 0.3 * Math.cos(i / 8), 0.5 + 0.3 * Math.sin(i / 8)])]);
    const updates = await page.evaluate(() => window.updates);
    const rate = (1000 * updates) / (Date.now() - start);
    console.log(`${rate.toFixed(0)} updates a second`);
    assert.ok(updates > 10);
    await context.close();
});
