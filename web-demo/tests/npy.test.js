// Arrays as NumPy saves them: what is read, and what is refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

// As a module, whatever this version of Node takes a `.js` file for.
const source = readFileSync(new URL("../js/model/npy.js", import.meta.url));
const { isNpy, readNpy } = await import(`data:text/javascript;base64,${source.toString("base64")}`);

function npy(type, shape, data, { version = 1, order = "False" } = {}) {
    const tuple = shape.length === 1 ? `(${shape},)` : `(${shape.join(", ")})`;
    const header = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${tuple}, }\n`;
    const length = new Uint8Array(Uint32Array.of(header.length).buffer).subarray(0, version === 1 ? 2 : 4);
    const bytes = new Uint8Array(data.buffer);
    return Uint8Array.from([0x93, ...Buffer.from("NUMPY"), version, 0, ...length, ...Buffer.from(header), ...bytes]);
}

test("numbers of every type become floats", () => {
    for (const [type, data] of [
        ["<f4", Float32Array.of(1.5, -2, 0, 3, 4, 5)],
        ["<f8", Float64Array.of(1.5, -2, 0, 3, 4, 5)],
        ["|i1", Int8Array.of(1, -2, 0, 3, 4, 5)],
        ["|u1", Uint8Array.of(1, 255, 0, 3, 4, 5)],
        ["<i2", Int16Array.of(1, -300, 0, 3, 4, 5)],
        ["<i4", Int32Array.of(1, -70_000, 0, 3, 4, 5)],
        ["<i8", BigInt64Array.of(1n, -2n, 0n, 3n, 4n, 5n)],
    ]) {
        const array = readNpy(npy(type, [2, 3], data));
        assert.deepEqual(array.shape, [2, 3]);
        assert.deepEqual([...array.values], Array.from(data, Number), type);
        assert.equal(array.isInt8, type === "|i1");
    }
    assert.deepEqual(readNpy(npy("<f4", [], Float32Array.of(7))), { shape: [], values: Float32Array.of(7), isInt8: false });
    assert.deepEqual(readNpy(npy("<f4", [2], Float32Array.of(7, 8), { version: 2 })).shape, [2]);
});

test("what cannot be read is refused with a reason", () => {
    const data = Float32Array.of(1, 2);
    const refused = (bytes, words) => assert.throws(() => readNpy(bytes), { name: "Error", message: words });
    refused(npy("<f4", [2], data, { order: "True" }), /Fortran's order/);
    refused(npy(">f4", [2], data), /elements .* are >f4/);
    refused(npy("<U3", [2], data), /astype/);
    refused(npy("<f4", [3], data), /ends before its 3 elements/);
    refused(npy("<f4", [1e9, 1e9, 1e9], data), /ends before/);
    refused(Uint8Array.from(Buffer.from("Dear reader, this is a letter")), /not a \.npy file/);
    assert.ok(!isNpy(new Uint8Array(3)));
});

test("a file that ends anywhere is refused", () => {
    const whole = npy("<f4", [2], Float32Array.of(1, 2));
    for (let length = 0; length < whole.length; length++) {
        assert.throws(() => readNpy(whole.slice(0, length)), { name: "Error" }, `${length} bytes`);
    }
});
