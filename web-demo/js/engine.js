// The page's end of the worker.

/** A worker, and the jobs that it has been sent. */
export class Engine {
    #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    #waiting = new Map();
    #last = 0;

    constructor() {
        this.#worker.addEventListener("message", ({ data: { id, result, error } }) => {
            const { resolve, reject } = this.#waiting.get(id);
            this.#waiting.delete(id);
            if (error === undefined) resolve(result);
            else reject(new Error(error));
        });
        this.#worker.addEventListener("error", (event) => this.#giveUp(event.message || "the worker did not start"));
    }

    /** Sends a job to the worker. */
    ask(job) {
        const id = (this.#last += 1);
        this.#worker.postMessage({ id, job });
        return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    }

    /** Ends the worker, whatever it is doing. */
    stop() {
        this.#worker.terminate();
        this.#giveUp("stopped");
    }

    #giveUp(message) {
        for (const { reject } of this.#waiting.values()) reject(new Error(message));
        this.#waiting.clear();
    }
}

const shared = new Engine();

/** Sends a job to the worker that the demos share. */
export const ask = (job) => shared.ask(job);

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
