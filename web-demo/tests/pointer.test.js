// Fingers and pens draw; and the page stays quick meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, open, server } from "./support.js";

const SEVEN = [[0.25, 0.22], [0.5, 0.22], [0.75, 0.22], [0.65, 0.42], [0.55, 0.62], [0.45, 0.82]];

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

/**
 * Draws in circles for some seconds, with as many events as a pen makes: made in the page, since a driver outside of it
 * makes fewer than the page can answer.
 */
function circle(seconds) {
    const pad = document.querySelector("#pad");
    const { left, top, width, height } = pad.getBoundingClientRect();
    // Of a pointer that no device stands behind.
    pad.setPointerCapture = () => {};
    const fire = (type, angle) => {
        const place = { clientX: left + width * (0.5 + 0.3 * Math.cos(angle)), clientY: top + height * (0.5 + 0.3 * Math.sin(angle)) };
        pad.dispatchEvent(new PointerEvent(type, { pointerId: 1, button: 0, bubbles: true, ...place }));
    };
    const start = performance.now();
    fire("pointerdown", 0);
    return new Promise((done) => {
        const timer = setInterval(() => {
            const passed = (performance.now() - start) / 1000;
            fire("pointermove", 3 * passed);
            if (passed < seconds) return;
            clearInterval(timer);
            fire("pointerup", 3 * passed);
            done(passed);
        }, 8);
    });
}

/** How often is drawn: an odd number. */
const ROUNDS = 5;

/** Draws; counts explanations, and looks at the tasks of the page's thread. */
async function drawn(page) {
    await page.click("#clear");
    await page.evaluate(() => {
        window.updates = 0;
        window.long = [];
        const map = document.querySelectorAll("#maps canvas")[1];
        window.counting = new MutationObserver(() => (window.updates += 1));
        window.counting.observe(map, { attributeFilter: ["data-sum"] });
        const note = (list) => window.long.push(...list.getEntries().map(({ duration }) => Math.round(duration)));
        window.timing = new PerformanceObserver(note);
        window.timing.observe({ type: "longtask" });
    });
    await browser.startTracing(page, { categories: ["__metadata", "disabled-by-default-devtools.timeline"] });
    const seconds = await page.evaluate(circle, 4);
    const trace = await browser.stopTracing();
    const { updates, long } = await page.evaluate(() => {
        window.counting.disconnect();
        window.timing.disconnect();
        return { updates: window.updates, long: window.long };
    });
    return { updates, rate: updates / seconds, long, work: workOf(trace) };
}

/**
 * Milliseconds of a processor that each task of the page's thread took, the longest first. A clock on the wall would
 * count what other programs do meanwhile.
 */
function workOf(trace) {
    const { traceEvents } = JSON.parse(trace.toString());
    const isMain = new Set(
        traceEvents
            .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
            .map(({ pid, tid }) => `${pid} ${tid}`),
    );
    const tasks = traceEvents.filter(({ name, tdur, pid, tid }) => name === "RunTask" && tdur && isMain.has(`${pid} ${tid}`));
    return tasks.map(({ tdur }) => tdur / 1000).sort((a, b) => b - a);
}

const told = ({ rate, long, work }) =>
    `${rate.toFixed(0)} updates a second; of ${work.length} tasks ${work.filter((ms) => ms > 16).length} worked for more than ` +
    `16 ms, the longest for ${work[0]?.toFixed(1)} ms; ${long.length} lasted 50 ms or more, with all that ran beside`;

test("while a pen moves, updates are many and tasks are short", async () => {
    const { page, context } = await open(browser, server.address);
    await page.waitForSelector("#digit-verdict[data-class]");
    await drawn(page);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await drawn(page));
    rounds.forEach((closed) => console.log(`closed: ${told(closed)}`));
    for (const id of ["own-layers", "layers", "flow", "flipping"]) await page.click(`#${id} > summary`);
    const opened = await drawn(page);
    console.log(`opened: ${told(opened)}`);
    await context.close();
    // The rate is the machine's as much as the page's, and is printed; this tells that there were updates at all.
    for (const closed of rounds) {
        assert.ok(closed.work.length > 100, "no tasks were seen");
        assert.ok(closed.updates > 10, "too few updates");
        assert.ok(closed.work.filter((ms) => ms > 16).length <= closed.work.length / 1000, told(closed));
    }
    assert.ok(opened.updates > 5, "too few updates");
    // The longest task of one round may be one in which the browser tidied up, or in which the machine stood still.
    const median = rounds.sort((a, b) => a.work[0] - b.work[0])[(ROUNDS - 1) / 2];
    assert.ok(median.work[0] <= 16, told(median));
});
