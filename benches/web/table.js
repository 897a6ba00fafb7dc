// The figures as a table.

const FORWARD = "forward";
const OURS = ["simd", "scalar"];

/** Lines of text: microseconds, and ratios of the thread's time. */
export function table(rows) {
    const lines = [];
    for (const network of new Set(rows.map((row) => row.network))) {
        const of = rows.filter((row) => row.network === network);
        lines.push(line(network, "thread", "clock", ""));
        for (const row of of) {
            const name = row.what === FORWARD ? `${row.who}, forward` : `${row.who}, explain ${row.what}`;
            const [thread, clock] = [row.thread, row.clock].map((time) => (1000 * time).toFixed(1));
            lines.push(line(`  ${name}`, thread, clock, ratios(row, of).join(", ")));
        }
        lines.push("");
    }
    return lines.join("\n");
}

function ratios({ who, what, thread }, rows) {
    if (!OURS.includes(who)) return [];
    const over = (other) => (thread / other.thread).toFixed(2);
    const forward = (who) => rows.find((row) => row.who === who && row.what === FORWARD);
    if (what !== FORWARD) return [`${over(forward(who))} of its forward`];
    const others = rows.filter((row) => !OURS.includes(row.who));
    return others.map((other) => `${over(other)} of ${other.who}`);
}

function line(name, thread, clock, more) {
    return `${name.padEnd(40)} ${thread.padStart(9)} ${clock.padStart(9)}   ${more}`.trimEnd();
}
