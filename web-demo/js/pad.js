// The drawing area, and what the network sees of it: strokes centred as the digits of MNIST are.

/** Width and height of what the network sees. */
export const SIDE = 28;
/** Strokes are scaled to fit a square of this many pixels … */
const BOX = 20;
/** … drawn with a pen of this width. */
const PEN = 2.4;
/** Width of the pen on the drawing area, in parts of its side. */
const PAD_PEN = 0.075;

export class Pad {
    #canvas;
    #context;
    #strokes = [];
    #picture = null;
    #pointer = null;
    #changed;

    constructor(canvas, changed) {
        this.#canvas = canvas;
        this.#context = canvas.getContext("2d");
        this.#changed = changed;
        canvas.addEventListener("pointerdown", (event) => this.#begin(event));
        canvas.addEventListener("pointermove", (event) => this.#move(event));
        for (const end of ["pointerup", "pointercancel"]) {
            canvas.addEventListener(end, (event) => this.#end(event));
        }
        this.#paint();
    }

    get isEmpty() {
        return this.#strokes.length === 0 && !this.#picture;
    }

    clear() {
        this.#strokes = [];
        this.#picture = null;
        this.#paint();
        this.#changed();
    }

    /** Shows a picture of 28 × 28 pixels in place of strokes. */
    show(image) {
        this.#strokes = [];
        this.#picture = image;
        this.#paint();
        this.#changed();
    }

    /** Brightness from 0 to 255, row after row. */
    pixels() {
        const context = seen.getContext("2d", { willReadFrequently: true });
        context.setTransform(1, 0, 0, 1, 0, 0);
        context.fillStyle = "#000";
        context.fillRect(0, 0, SIDE, SIDE);
        if (this.#picture) context.drawImage(this.#picture, 0, 0, SIDE, SIDE);
        else drawCentred(context, this.#strokes);
        const { data } = context.getImageData(0, 0, SIDE, SIDE);
        return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]);
    }

    #point(event) {
        const { left, top, width, height } = this.#canvas.getBoundingClientRect();
        return [(event.clientX - left) / width, (event.clientY - top) / height];
    }

    #begin(event) {
        if (this.#pointer !== null || event.button !== 0) return;
        event.preventDefault();
        this.#canvas.focus({ preventScroll: true });
        this.#canvas.setPointerCapture(event.pointerId);
        this.#pointer = event.pointerId;
        this.#picture = null;
        this.#strokes.push([this.#point(event)]);
        this.#paint();
        this.#changed();
    }

    #move(event) {
        if (event.pointerId !== this.#pointer) return;
        const passed = event.getCoalescedEvents?.() ?? [];
        for (const moment of passed.length ? passed : [event]) this.#strokes.at(-1).push(this.#point(moment));
        this.#paint();
        this.#changed();
    }

    #end(event) {
        if (event.pointerId === this.#pointer) this.#pointer = null;
    }

    #paint() {
        const { width, height } = this.#canvas;
        const context = this.#context;
        context.fillStyle = "#000";
        context.fillRect(0, 0, width, height);
        context.imageSmoothingEnabled = false;
        if (this.#picture) context.drawImage(this.#picture, 0, 0, width, height);
        trace(context, this.#strokes, PAD_PEN * width, ([x, y]) => [x * width, y * height]);
    }
}

const seen = new OffscreenCanvas(SIDE, SIDE);

function trace(context, strokes, pen, place) {
    context.lineWidth = pen;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = "#fff";
    for (const stroke of strokes) {
        context.beginPath();
        context.moveTo(...place(stroke[0]));
        // A dot is a line, too.
        for (const point of stroke) context.lineTo(...place(point));
        context.stroke();
    }
}

/** Scales strokes to the box and moves their centre of mass to the middle. */
function drawCentred(context, strokes) {
    const points = strokes.flat();
    if (points.length === 0) return;
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
    const scale = (BOX - PEN) / Math.max(extent, 0.05);
    const middle = (from, values) => (SIDE - (Math.max(...values) - from) * scale) / 2;
    const [dx, dy] = [middle(left, xs), middle(top, ys)];
    const draw = (rx, ry) =>
        trace(context, strokes, PEN, ([x, y]) => [(x - left) * scale + dx + rx, (y - top) * scale + dy + ry]);
    draw(0, 0);
    const [x, y] = centreOfMass(context.getImageData(0, 0, SIDE, SIDE).data);
    context.fillRect(0, 0, SIDE, SIDE);
    draw(SIDE / 2 - x, SIDE / 2 - y);
}

function centreOfMass(data) {
    let [mass, x, y] = [0, 0, 0];
    for (let i = 0; i < SIDE * SIDE; i++) {
        mass += data[4 * i];
        x += data[4 * i] * ((i % SIDE) + 0.5);
        y += data[4 * i] * (Math.floor(i / SIDE) + 0.5);
    }
    return mass ? [x / mass, y / mass] : [SIDE / 2, SIDE / 2];
}
