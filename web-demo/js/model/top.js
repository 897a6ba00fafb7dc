// The largest of many.

/** More classes than two above this, and only the best are shown. */
export const MOST = 10;

/** Positions of the `most` largest values, the largest first. One sweep: there may be as many as a picture has pixels. */
export function largest(values, most, by = (value) => value) {
    const best = [];
    for (let i = 0; i < values.length; i++) {
        const value = by(values[i]);
        if (best.length === most && !(value > best.at(-1).value)) continue;
        const place = best.findIndex((other) => value > other.value);
        best.splice(place < 0 ? best.length : place, 0, { i, value });
        best.length = Math.min(best.length, most);
    }
    return best.map(({ i }) => i);
}
