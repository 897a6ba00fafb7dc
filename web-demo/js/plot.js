// Drawings in SVG: elements, and curves over axes.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An element of SVG with attributes and children. */
export function svg(name, attributes = {}, ...children) {
    const node = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    node.append(...children);
    return node;
}

/** A drawing of this size, which scales with the page; `label` is what it says to those who do not see it. */
export function drawing(width, height, label) {
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
}

/** How wide a drawing in this place may be, so that its letters keep their size. */
export function roomIn(place) {
    return Math.min(720, Math.max(280, place.clientWidth));
}

/** Where numbers lie on a drawing. */
export function scale([from, to], [start, end]) {
    const span = to - from || 1;
    return (value) => start + ((value - from) / span) * (end - start);
}

/** Round numbers that divide a range into a few parts. */
export function ticks(from, to, most = 5) {
    const raw = (to - from || 1) / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
    const first = Math.ceil(from / step - 1e-9);
    return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const SIZE = { height: 300, left: 56, right: 22, top: 12, bottom: 46 };

/**
 * Curves over axes, this wide: `curves` are `{ name, className, points: [x, y][], faint: points[] }`, with single draws faint
 * behind their mean.
 */
export function plot(width, { label, x, y, curves }) {
    const { height, left, right, top, bottom } = SIZE;
    const all = curves.flatMap(({ points, faint = [] }) => [...points, ...faint.flat()]);
    const values = all.map(([, value]) => value);
    const range = [Math.min(0, ...values), Math.max(0, ...values)];
    const atX = scale([0, 1], [left, width - right]);
    const atY = scale(range, [height - bottom, top]);
    const place = ([px, py]) => `${atX(px).toFixed(1)},${atY(py).toFixed(1)}`;
    const line = (points, className) => svg("polyline", { points: points.map(place).join(" "), class: className });
    const root = drawing(width, height, label);
    for (const value of ticks(...range)) {
        root.append(
            svg("line", { x1: left, x2: width - right, y1: atY(value), y2: atY(value), class: value === 0 ? "axis" : "grid" }),
            svg("text", { x: left - 6, y: atY(value) + 4, class: "tick end" }, String(value).replace("-", "−")),
        );
    }
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
        root.append(
            svg("line", { x1: atX(value), x2: atX(value), y1: height - bottom, y2: height - bottom + 4, class: "axis" }),
            svg("text", { x: atX(value), y: height - bottom + 18, class: "tick middle" }, `${100 * value} %`),
        );
    }
    root.append(
        svg("text", { x: (left + width - right) / 2, y: height - 6, class: "title middle" }, x),
        svg("text", { class: "title middle", transform: `translate(12 ${(top + height - bottom) / 2}) rotate(-90)` }, y),
    );
    for (const { points, faint = [], className } of curves) {
        root.append(...faint.map((draw) => line(draw, `curve faint ${className}`)), line(points, `curve ${className}`));
    }
    return root;
}
