// Batches of a work: a clock's grain does not matter to many repetitions at once.

/** How long a batch lasts, in milliseconds. */
const BATCH = 12;

/** How long each work is warmed up, in milliseconds: engines compile twice. */
const WARM_UP = 300;

/** Runs a work until it is warm; returns how many repetitions make a batch. */
export async function warmUp(work) {
    const start = performance.now();
    let size = 1;
    let fastest = Infinity;
    while (performance.now() - start < WARM_UP) {
        const time = await batch(work, size);
        fastest = Math.min(fastest, time / size);
        if (time < BATCH) size *= 2;
    }
    return Math.max(1, Math.round(BATCH / fastest));
}

/** Milliseconds that so many repetitions take, one after the other. */
export async function batch(work, size) {
    const start = performance.now();
    for (let i = 0; i < size; i++) {
        const promise = work();
        if (promise instanceof Promise) await promise;
    }
    return performance.now() - start;
}
