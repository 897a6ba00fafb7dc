// Fingers and pens draw; and the page stays quick meanwhile.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { draw, launch, open, serve } from "./support.js";

const SEVEN = [[0.25, 0.22], [0.5, 0.22], [0.75, 0.22], [0.65, 0.42], [0.55, 0.62], [0.45, 0.82]];

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

/** A cleared pad, places on it in pixels of the page, and the protocol of the browser. */
async function cleared(options) {
    const opened = await open(browser, server.address, options);
    const { page } = opened;
    await page.click("#clear");
    await page.waitForSelector("#digit-verdict:not([data-class])");
    await page.locator("#pad").scrollIntoViewIfNeeded();
    const box = await page.locator("#pad").boundingBox();
    const places = SEVEN.map(([x, y]) => ({ x: box.x + x * box.width, y: box.y + y * box.height }));
    await page.evaluate(() => {
        window.kinds = new Set();
        document.querySelector("#pad").addEventListener("pointermove", ({ pointerType }) => window.kinds.add(pointerType));
    });
    const protocol = await page.context().newCDPSession(page);
    const kinds = () => page.evaluate(() => [...window.kinds]);
    return { ...opened, places, protocol, kinds };
}

test("a finger draws, and the page does not scroll under it", async () => {
    const { page, context, complaints, places, protocol, kinds } = await cleared({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    const before = await page.evaluate(() => window.scrollY);
    const [first, ...rest] = places;
    await protocol.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [first] });
    for (const point of rest) await protocol.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [point] });
    await protocol.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await page.waitForSelector('#digit-verdict[data-class="7"]');
    assert.deepEqual(await kinds(), ["touch"]);
    assert.equal(await page.evaluate(() => window.scrollY), before);
    assert.deepEqual(complaints, []);
    await context.close();
});

test("a second finger does not spoil the stroke", async () => {
    const { page, context, places, protocol } = await cleared({ hasTouch: true });
    const at = (i, id) => ({ ...places[i], id });
    const away = { x: places[0].x - 20, y: places[0].y + 90, id: 2 };
    await protocol.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at(0, 1)] });
    await protocol.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at(0, 1), away] });
    for (let i = 1; i < places.length; i++) {
        await protocol.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [at(i, 1), { ...away, y: away.y + i }] });
    }
    await protocol.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await page.waitForSelector('#digit-verdict[data-class="7"]');
    await context.close();
});

test("a pen draws", async () => {
    const { page, context, complaints, places, protocol, kinds } = await cleared();
    const pen = (type, { x, y }, force) =>
        protocol.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: 1, clickCount: 1, pointerType: "pen", force });
    await pen("mousePressed", places[0], 0.2);
    for (const [i, point] of places.entries()) await pen("mouseMoved", point, 0.2 + 0.1 * i);
    await pen("mouseReleased", places.at(-1), 0);
    await page.waitForSelector('#digit-verdict[data-class="7"]');
    assert.deepEqual(await kinds(), ["pen"]);
    assert.deepEqual(complaints, []);
    await context.close();
});

/** Draws in circles; counts explanations, and tasks of the page by their length. */
async function drawn(page) {
    await page.click("#clear");
    await page.evaluate(() => {
        window.updates = 0;
        window.longest = 0;
        window.long = [];
        new MutationObserver(() => (window.updates += 1)).observe(document.querySelectorAll("#maps canvas")[1], { attributeFilter: ["data-sum"] });
        new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => Math.round(duration)))).observe({ type: "longtask" });
        // Long tasks are told from 50 ms on: shorter ones delay a message.
        const { port1, port2 } = new MessageChannel();
        let last = performance.now();
        window.gaps = [];
        port1.onmessage = () => {
            const now = performance.now();
            window.gaps.push(now - last);
            last = now;
            if (window.measuring) port2.postMessage(0);
        };
        window.measuring = true;
        port2.postMessage(0);
    });
    const start = Date.now();
    await draw(page, [Array.from({ length: 60 }, (_, i) => [0.5 + 0.3 * Math.cos(i / 8), 0.5 + 0.3 * Math.sin(i / 8)])]);
    const seconds = (Date.now() - start) / 1000;
    const { updates, long, gaps } = await page.evaluate(() => {
        window.measuring = false;
        return { updates: window.updates, long: window.long, gaps: window.gaps.sort((a, b) => a - b) };
    });
    const over = gaps.filter((gap) => gap > 16).length;
    return { rate: updates / seconds, long, over, worst: gaps.at(-1), tasks: gaps.length };
}

const told = ({ rate, long, over, worst, tasks }) =>
    `${rate.toFixed(0)} updates a second; tasks of 50 ms or more: ${long.length} (${long.join(", ")}); ` +
    `${over} of ${tasks} waits over 16 ms, the longest ${worst.toFixed(1)} ms`;

test("while a pen moves, updates are many and tasks are short", async () => {
    const { page, context } = await open(browser, server.address);
    await page.waitForSelector("#digit-verdict[data-class]");
    await drawn(page);
    const closed = await drawn(page);
    console.log(`closed: ${told(closed)}`);
    for (const id of ["layers", "flow", "flipping"]) await page.click(`#${id} > summary`);
    const opened = await drawn(page);
    console.log(`opened: ${told(opened)}`);
    assert.ok(closed.rate > 10 && opened.rate > 3);
    // One processor that is busy with other things is not the page's doing: hence not zero.
    assert.ok(closed.long.length <= 3, told(closed));
    await context.close();
});
