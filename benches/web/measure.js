// Rounds of batches, in which works take turns: what disturbs one disturbs all.
//
// Each is timed twice: by the page's clock, and by what the tab's main thread has had of a processor, which says more
// where other programs run too. Only Linux tells the latter; elsewhere it is the clock's.

import { readFileSync } from "node:fs";

/** The process of the only tab, whose main thread has the same number; `undefined` where that says nothing. */
export async function threadOf(browser) {
    if (process.platform !== "linux") return undefined;
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    const busiest = renderers.sort((a, b) => b.cpuTime - a.cpuTime)[0];
    return busiest.id;
}

/** Milliseconds that a thread has run. */
function threadTime(id) {
    const [nanoseconds] = readFileSync(`/proc/${id}/task/${id}/schedstat`, "utf8").split(" ");
    return Number(nanoseconds) / 1e6;
}

/** Medians in milliseconds for each work: `{ thread, clock }` beside what describes it. */
export async function measure(page, thread, works, rounds) {
    const times = [...works, undefined].map(() => ({ thread: [], clock: [] }));
    for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < times.length; i++) {
            const start = thread && threadTime(thread);
            const clock = await page.evaluate((i) => window.batch(i), i);
            times[i].clock.push(clock);
            times[i].thread.push(thread ? threadTime(thread) - start : clock);
        }
    }
    // What the thread does to be asked, and to answer.
    const asking = median(times.pop().thread);
    const each = works.map(({ size }, i) => ({
        thread: (median(times[i].thread) - asking) / size,
        clock: median(times[i].clock) / size,
    }));
    return works.map((work, i) => {
        const { thread, clock } = each[i];
        if (!work.beyondForward) return { ...work, thread, clock };
        const forward = each[works.findIndex(({ network, who }) => network === work.network && who === work.who)];
        return { ...work, thread: thread - forward.thread, clock: clock - forward.clock };
    });
}

function median(values) {
    return values.slice().sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
