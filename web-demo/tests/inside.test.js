// What the digits page shows on demand: rules of single layers, relevance layer by layer, the flow, deleted pixels.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, draw, open, server } from "./support.js";

async function four() {
    const opened = await open(browser, server.address);
    await opened.page.click("#sample-4");
    await opened.page.waitForSelector('#digit-verdict[data-class="4"]');
    return opened;
}

const sumOf = (page, map) => page.locator("#maps canvas").nth(map).getAttribute("data-sum");

/** Waits until the maps of both networks are other ones; returns their sums. */
async function changed(page, before, what) {
    await page
        .waitForFunction(
            (before) => [1, 2].every((i) => document.querySelectorAll("#maps canvas")[i].dataset.sum !== before[i - 1]),
            before,
            { timeout: 10_000 },
        )
        .catch(() => assert.fail(`${what} changes nothing`));
    return sums(page);
}

const sums = async (page) => [await sumOf(page, 1), await sumOf(page, 2)];

test("each layer can have a rule of its own", async () => {
    const { page, complaints, context } = await four();
    await page.click("#own-rules > summary");
    await page.click("#own-layers > summary");
    assert.ok(await page.locator("#no-rules").isHidden());
    const first = await sums(page);
    let last = first;
    assert.equal(await page.locator(".layer-rule").count(), 7);
    assert.equal(await page.locator("#conv1-rule option").first().textContent(), "as above (z⁺)");
    for (const rule of ["epsilon", "gamma", "alphabeta", "flat", "wsquare"]) {
        await page.selectOption("#conv2-rule", rule);
        last = await changed(page, last, `${rule} on conv2`);
        assert.equal(await page.locator("#conv2-value").isVisible(), ["epsilon", "gamma", "alphabeta"].includes(rule));
    }
    await page.selectOption("#conv2-rule", "alphabeta");
    await page.locator("#conv2-value").fill("50");
    await page.waitForFunction(() => document.querySelector("#layer-rules").textContent.includes("α = 2, β = 1"));
    last = await changed(page, last, "β on conv2");
    await page.selectOption("#fc1-rule", "gamma");
    last = await changed(page, last, "γ on fc1");
    // Groups are told where a layer is left as it is.
    await page.selectOption("#conv-rule", "gamma");
    await changed(page, last, "γ on convolutions");
    await page.waitForFunction(() => document.querySelector("#conv3-rule option").textContent === "as above (γ)");
    await page.click("#no-rules");
    await page.waitForFunction(
        (first) => [1, 2].every((i) => document.querySelectorAll("#maps canvas")[i].dataset.sum === first[i - 1]),
        first,
    );
    assert.ok(await page.locator("#trouble").isHidden());
    assert.deepEqual(complaints, []);
    await context.close();
});

test("relevance is shown layer by layer, when asked for", async () => {
    const { page, complaints, context } = await four();
    assert.equal(await page.locator("#layer-maps figure").count(), 0);
    await page.click("#layers > summary");
    await page.waitForSelector("#layer-maps figure");
    const names = await page.locator("#layer-maps figcaption").allTextContents();
    assert.deepEqual(names, ["pixels", "conv1", "pool1", "conv2", "pool2", "conv3", "fc1", "fc2"]);
    const sizes = await page.locator("#layer-maps canvas").evaluateAll((all) => all.map(({ width, height }) => `${width}×${height}`));
    assert.deepEqual(sizes, ["28×28", "28×28", "14×14", "14×14", "7×7", "5×5"]);
    const colours = await page.locator("#layer-maps canvas").evaluateAll((all) =>
        all.map((canvas) => new Set(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size),
    );
    assert.ok(colours.every((count) => count > 5), colours.join());
    // Ten scores, of which one has relevance: the one that is explained.
    const bars = (page) => page.locator("#layer-maps svg").last().locator("rect").evaluateAll((all) => all.map((r) => Number(r.getAttribute("height"))));
    assert.deepEqual((await bars(page)).map((height) => height > 0), Array.from({ length: 10 }, (_, k) => k === 4));
    await page.selectOption("#contrast", "9");
    await page.waitForFunction(() => [...document.querySelectorAll("#layer-maps svg:last-of-type rect")].filter((r) => r.getAttribute("height") > 0).length >= 2);
    assert.equal((await bars(page)).filter((height) => height > 0).length, 2);
    await page.click("#clear");
    await page.waitForFunction(() => document.querySelectorAll("#layer-maps figure").length === 0);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("the flow says where the score went", async () => {
    const { page, complaints, context } = await four();
    await page.click("#flow > summary");
    await page.waitForSelector("#flow-chart svg");
    const ends = await page.locator("#flow-chart .keys").textContent();
    const books = await page.locator("#maps .keys").first().textContent();
    // The flow ends where the books do.
    const inputs = /([−\d.]+ %) inputs/;
    assert.equal(inputs.exec(ends)[1], inputs.exec(books)[1]);
    assert.match(await page.locator("#flow-chart svg").getAttribute("aria-label"), /after fc2 .* after conv1/);
    const table = () => page.locator("#flow-chart tr").allTextContents();
    assert.equal((await table()).length, 1 + 12 + 1);
    await page.selectOption("#flow-network", "int8");
    await page.waitForFunction(() => document.querySelectorAll("#flow-chart tr").length === 10);
    await page.selectOption("#int8-relevance", "fixed");
    await page.waitForSelector("#maps .integers");
    const parse = (text) => BigInt(text.replaceAll("\u202f", "").replace("−", "-"));
    const rows = await page.locator("#flow-chart tbody tr").evaluateAll((all) =>
        all.map((row) => [...row.querySelectorAll(".figure")].map((cell) => cell.textContent)),
    );
    for (const [arrived, ...parts] of rows.map((row) => row.map(parse))) {
        assert.equal(arrived, parts.reduce((sum, part) => sum + part, 0n));
    }
    assert.ok(rows.length === 9 && parse(rows[0][0]) > 1_000_000n);
    const sum = await page.locator("#maps .integers").textContent();
    assert.match(sum, /off by 0\./);
    const [whole, ...amounts] = sum.split(";")[0].replaceAll("− ", "+ −").split(/[=+]/).map((part) => parse(part.replaceAll(/[a-z ]/g, "")));
    assert.equal(whole, amounts.reduce((all, amount) => all + amount, 0n), sum);
    await page.selectOption("#int8-relevance", "float");
    await page.waitForFunction(() => !document.querySelector("#maps .integers"));
    await page.selectOption("#composite", "gradient");
    await page.waitForFunction(() => document.querySelector("#flow-chart").textContent.includes("no books"));
    assert.deepEqual(complaints, []);
    await context.close();
});

test("pixels are deleted on demand, and drawing ends it", async () => {
    const { page, complaints, context } = await four();
    await page.selectOption("#composite", "epsilon");
    await page.click("#flipping > summary");
    await page.click("#flip");
    await page.waitForSelector("#flip-summary[data-relevance]", { timeout: 20_000 });
    const { relevance, random } = await page.locator("#flip-summary").evaluate(({ dataset }) => ({ ...dataset }));
    assert.ok(Number(relevance) < Number(random), `${relevance} ${random}`);
    assert.match(await page.locator("#flip-summary").textContent(), /score of 4 starts at .* half of its way down when \d+ %/);
    // One curve by relevance, the mean at random, and its ten draws.
    const points = await page.locator("#flip-plot polyline").evaluateAll((all) => all.map((line) => line.getAttribute("points").split(" ").length));
    assert.deepEqual(points, Array(12).fill(21));
    assert.ok((await page.locator("#flip-plot text").allTextContents()).includes("share of the drawn pixels that is black"));
    assert.ok(await page.locator("#flip-progress").isHidden());
    assert.ok(await page.locator("#flip").isEnabled());
    // What is drawn next is another picture.
    await page.click("#clear");
    assert.equal(await page.locator("#flip-plot").getAttribute("data-stale"), "true");
    await page.click("#flip");
    assert.match(await page.locator("#flip-summary").textContent(), /Draw a digit first/);
    await draw(page, [[[0.25, 0.22], [0.75, 0.22], [0.45, 0.82]]]);
    await page.waitForSelector('#digit-verdict[data-class="7"]');
    // An end before the end: the button is there again at once, and the summary of that picture never comes.
    await page.evaluate(() => {
        document.querySelector("#flip").click();
        document.querySelector("#sample-3").click();
    });
    await page.waitForSelector('#digit-verdict[data-class="3"]');
    await page.waitForSelector("#flip:not([disabled])");
    await page.waitForTimeout(500);
    assert.match(await page.locator("#flip-summary").textContent(), /Draw a digit first/);
    await page.selectOption("#contrast", "8");
    await page.click("#flip");
    await page.waitForFunction(() => document.querySelector("#flip-summary").textContent.includes("3 less 8"));
    assert.deepEqual(complaints, []);
    await context.close();
});
