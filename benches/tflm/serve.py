"""TensorFlow Lite Micro's interpreter beside `benches/tflm.rs`, and the LeNets that both run.

    python serve.py make DIR        writes NAME.tflite
    python serve.py run FILE        answers on standard output what it is asked on standard input, line by line:
        input Q Q Q …               feeds these integers; the integers of the first output
        time N                      runs N times; the nanoseconds that took

The weights are random, the scales those that the activations of a few smooth pictures ask for: what a quantiser would
write, of a network that nobody trained.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/data/tflm-ops"))
from model import M, S, opt  # noqa: E402
from tflite_micro.python.tflite_micro import runtime  # noqa: E402

RELU, VALID, SIDE = 1, 1, 32
# Outputs and kernel of convolutions, a mean of 2 × 2, outputs of dense layers; ReLU after all but the last with weights.
NETWORKS = {
    # LeCun et al. 1998, with ReLU.
    "lenet5": [("conv", 6, 5), ("pool",), ("conv", 16, 5), ("pool",), ("conv", 120, 5), ("dense", 84), ("dense", 10)],
    # The LRP toolbox's.
    "lenet5-toolbox": [
        *[("conv", 10, 5), ("pool",), ("conv", 25, 5), ("pool",)],
        *[("conv", 100, 4), ("pool",), ("conv", 10, 1)],
    ],
}


def pictures(rng, count=16):
    """Blobs between 0 and 1, `[count, 32, 32, 1]`."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    blob = lambda: np.exp(-((rows - rng.uniform(4, 28)) ** 2 + (columns - rng.uniform(4, 28)) ** 2) / 18)
    return np.clip([sum(blob() for _ in range(5)) for _ in range(count)], 0, 1)[..., None]


def correlated(x, weights):
    """`x [n, h, w, c]` with `weights [o, kh, kw, c]`, no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weights.shape[1:3], axis=(1, 2))
    return np.einsum("nhwckl,oklc->nhwo", windows, weights)


def lenet(layers, rng):
    """The file of a network."""
    model, x = M(), pictures(rng)
    scale = 1 / 255
    first = at = model.tensor((1, SIDE, SIDE, 1), scale=scale, zp=-128)
    for number, (kind, *sizes) in enumerate(layers):
        if kind == "pool":
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))
            output = model.tensor((1, *x.shape[1:]), scale=scale, zp=-128)
            options = opt(S.Pool2DOptionsT, filterHeight=2, filterWidth=2, strideH=2, strideW=2, padding=VALID)
            model.op("AVERAGE_POOL_2D", [at], [output], options, "Pool2DOptions", 2)
            at = output
            continue
        outputs, kernel = sizes if kind == "conv" else (sizes[0], 1)
        weights = rng.normal(0, np.sqrt(2 / (kernel**2 * x.shape[-1])), (outputs, kernel, kernel, x.shape[-1]))
        bias = rng.normal(0, 0.1, outputs)
        last = number == len(layers) - 1
        x = correlated(x, weights) + bias
        x = x if last else np.maximum(x, 0)
        low, high = min(x.min(), 0), x.max()
        unit = (high - low) / 255
        zero = int(np.clip(round(-128 - low / unit), -128, 127))
        # Dense layers have one scale for all weights.
        steps = np.abs(weights).max((1, 2, 3)) / 127 if kind == "conv" else np.array([np.abs(weights).max() / 127])
        integers = np.round(weights / steps[:, None, None, None])
        shape = weights.shape if kind == "conv" else (outputs, weights.shape[-1])
        constants = [
            model.tensor(shape, scale=steps, data=integers.reshape(shape)),
            model.tensor((outputs,), "int32", scale=steps * scale, data=np.round(bias / (steps * scale))),
        ]
        output = model.tensor((1, *x.shape[1:]) if kind == "conv" else (1, outputs), scale=unit, zp=zero)
        act = 0 if last else RELU
        if kind == "conv":
            options = opt(
                S.Conv2DOptionsT,
                padding=VALID,
                strideH=1,
                strideW=1,
                dilationHFactor=1,
                dilationWFactor=1,
                fusedActivationFunction=act,
            )
            model.op("CONV_2D", [at, *constants], [output], options, "Conv2DOptions", 3)
        else:
            options = opt(S.FullyConnectedOptionsT, keepNumDims=False, fusedActivationFunction=act)
            model.op("FULLY_CONNECTED", [at, *constants], [output], options, "FullyConnectedOptions", 4)
        at, scale = output, unit
    return model.bytes([first], [at])


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, layers in NETWORKS.items():
        (folder / f"{name}.tflite").write_bytes(lenet(layers, np.random.default_rng(5)))


def run(path):
    interpreter = runtime.Interpreter.from_bytes(path.read_bytes())
    shape = interpreter.get_input_details(0)["shape"]
    for line in sys.stdin:
        what, *numbers = line.split()
        if what == "input":
            interpreter.set_input(np.array(numbers, np.int8).reshape(shape), 0)
            interpreter.invoke()
            print(*interpreter.get_output(0).ravel(), flush=True)
        elif what == "time":
            repeats = range(int(numbers[0]))
            start = time.perf_counter_ns()
            for _ in repeats:
                interpreter.invoke()
            print(time.perf_counter_ns() - start, flush=True)


if __name__ == "__main__":
    command, path = sys.argv[1:]
    {"make": make, "run": run}[command](Path(path))
