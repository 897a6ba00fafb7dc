// Relevance in integers, as on a device without floats.

import assert from "node:assert/strict";
import { test } from "node:test";
import load, { Explainer } from "../pkg/node.js";
import { asInput, modelBytes, samplePixels } from "./support.js";

await load();

function digit(options, sample = "7", model = "mnist-cnn.int8") {
    const explainer = new Explainer(modelBytes(model), options);
    const scores = explainer.run(asInput(samplePixels(sample), explainer.info()));
    return { explainer, scores };
}

const COLUMNS = ["left", "bias", "stabilizer", "dropped", "rounding"];
const sum = (values) => values.reduce((total, value) => total + value, 0n);

test("its books are whole numbers, and close exactly", () => {
    for (const composite of ["epsilon_plus", "epsilon_alpha2_beta1", "epsilon", "epsilon_gamma_box"]) {
        const { explainer } = digit({ relevance: "fixed" });
        const { exact, ledger, value } = explainer.explain({ composite });
        const books = exact.ledger;
        assert.equal(books.imbalance, 0n, composite);
        assert.equal(books.seeded, sum([books.received, ...COLUMNS.slice(1).map((key) => books.totals[key])]));
        assert.equal(books.entries.length, explainer.info().steps.length);
        for (const entry of books.entries) {
            assert.equal(entry.arrived, sum(COLUMNS.map((key) => entry[key])), `${composite} ${entry.step}`);
            assert.equal(entry.saturated, 0n);
        }
        assert.ok(books.entries.some(({ arrived }) => arrived !== 0n));
        // The books in real numbers are these, in units.
        assert.ok(Math.abs(Number(books.seeded) * books.unit - value) < 1e-6 * Math.abs(value));
        assert.equal(ledger.seeded, Math.fround(Number(books.seeded) * books.unit));
        assert.equal(ledger.totals.bias, Math.fround(Number(books.totals.bias) * books.unit));
    }
});

test("its relevance is the integers times their unit, and nearly that of floats", () => {
    const { relevance, exact, scores } = digit({ relevance: "fixed" }).explainer.explain();
    assert.ok(exact.relevance instanceof Int32Array && exact.relevance.length === 784);
    assert.deepEqual(relevance, Float32Array.from(exact.relevance, (word) => word * exact.units[0]));
    assert.deepEqual(exact.relevances[0], exact.relevance);
    const floats = digit().explainer.explain();
    assert.equal(floats.exact, null);
    assert.deepEqual(scores.values, floats.scores.values);
    const away = relevance.reduce((total, r, i) => total + Math.abs(r - floats.relevance[i]), 0);
    const whole = floats.relevance.reduce((total, r) => total + Math.abs(r), 0);
    assert.ok(away > 0 && away < 2e-3 * whole, `${away / whole}`);
});

test("layers are told in real numbers, too", () => {
    const { layers, ledger } = digit({ relevance: "fixed" }).explainer.explain({ layers: true });
    for (const { position, relevance } of layers) {
        const total = relevance.reduce((all, r) => all + r, 0);
        assert.ok(Math.abs(total - ledger.entries[position].arrived) < 1e-3 * Math.abs(ledger.seeded), String(position));
    }
});

test("refusals have the kernel's words", () => {
    assert.throws(() => digit({ relevance: "fixed" }, "7", "mnist-cnn"), /step 0 needs floats/);
    assert.throws(() => new Explainer(modelBytes("sentiment"), { relevance: "fixed" }), /needs floats/);
    assert.throws(() => digit({ relevance: "integer" }), /"float" or "fixed"/);
    assert.throws(() => digit({ relevanse: "fixed" }), /no option `relevanse`/);
    const { explainer } = digit({ relevance: "fixed" });
    assert.throws(() => explainer.run(new Float32Array(3)), /784 elements, 3 were given/);
    assert.throws(() => explainer.run(new Float32Array(784).fill(NaN)), /not a finite number/);
    assert.throws(() => explainer.runText("seven"), /takes no text/);
    assert.throws(() => explainer.runTokens(Uint16Array.of(1)), /token/);
    assert.equal(explainer.explain().scores.top, 7);
    // As floats do, they count as they are asked to.
    assert.equal(digit({ relevance: "float" }).explainer.explain().exact, null);
    assert.equal(explainer.explain({ composite: "gradient_x_input" }).exact, null);
});
