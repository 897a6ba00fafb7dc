// The page's end of the worker.

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

worker.addEventListener("message", ({ data: { id, result, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
});

worker.addEventListener("error", (event) => {
    const error = new Error(event.message || "the worker did not start");
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
});

/** Sends a job to the worker. */
export function ask(job) {
    const id = (last += 1);
    worker.postMessage({ id, job });
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

/**
 * Calls `work` at most once at a time: while it runs, only the latest of further calls is kept. So a fast pen never
 * builds a queue.
 */
export function latest(work) {
    let isBusy = false;
    let next;
    return async function call(...given) {
        next = given;
        if (isBusy) return;
        isBusy = true;
        while (next) {
            const now = next;
            next = undefined;
            await work(...now);
        }
        isBusy = false;
    };
}

/** Lets the page paint, and hear of what was done to it, before work goes on. */
export function breathe() {
    return globalThis.scheduler?.yield?.() ?? new Promise((goOn) => setTimeout(goOn));
}
