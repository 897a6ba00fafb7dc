"""Little int8 models, one operator each, with random weights, and what TensorFlow Lite Micro makes of random inputs.

pip install tflite-micro==0.dev20261023182759 numpy flatbuffers pyyaml bitarray absl-py
python make.py      writes NAME.tflite, NAME.x.npy and NAME.y.npy beside itself
"""

import pathlib

import numpy as np
from model import M, S, opt
from tflite_micro.python.tflite_micro import runtime

rng = np.random.default_rng(7)
out = pathlib.Path(__file__).parent


def case(name, m, ins, outs, n=8, x=None):
    data = m.bytes(ins, outs)
    (out / f"{name}.tflite").write_bytes(data)
    it = runtime.Interpreter.from_bytes(data)
    shape = m.t[ins[0]].shape
    if x is None:
        x = rng.integers(-128, 128, [n] + list(shape[1:]), dtype=np.int8)
    ys = []
    for r in x:
        it.set_input(r.reshape(shape), 0)
        it.invoke()
        ys.append(it.get_output(0).copy())
    y = np.concatenate(ys)
    np.save(out / f"{name}.x.npy", x)
    np.save(out / f"{name}.y.npy", y)
    print(name, len(data), y.shape, y.dtype)


def guarded(f):
    f()


def unary(
    name,
    opname,
    iscale,
    izp,
    oscale,
    ozp,
    opts=None,
    optname=None,
    shape=(1, 4, 4, 4),
    version=1,
    n=8,
):
    def f():
        m = M()
        a = m.tensor(shape, scale=iscale, zp=izp)
        b = m.tensor(shape, scale=oscale, zp=ozp)
        m.op(opname, [a], [b], opts, optname, version)
        x = np.concatenate([np.arange(-128, 128, dtype=np.int8)]).reshape(-1, *shape[1:])
        case(name, m, [a], [b], x=x)

    f.__name__ = name
    guarded(f)


unary("logistic", "LOGISTIC", 0.047, -11, 1 / 256, -128)
unary("logistic_wide", "LOGISTIC", 0.31, 20, 1 / 256, -128)
unary("tanh", "TANH", 0.023, 5, 1 / 128, 0)
unary("tanh_wide", "TANH", 0.2, -90, 1 / 128, 0)
unary("hard_swish", "HARD_SWISH", 0.061, -30, 0.052, -90)
unary("hard_swish_fine", "HARD_SWISH", 0.013, 4, 0.009, -60)
unary("hard_swish_wide", "HARD_SWISH", 0.3, -100, 0.29, -126)
unary("leaky_relu", "LEAKY_RELU", 0.05, 7, 0.037, -31, opt(S.LeakyReluOptionsT, alpha=0.1), "LeakyReluOptions")
unary("leaky_relu_negative", "LEAKY_RELU", 0.05, 7, 0.06, -31, opt(S.LeakyReluOptionsT, alpha=-0.3), "LeakyReluOptions")
unary("relu", "RELU", 0.05, -20, 0.03, -100)
unary("relu6", "RELU6", 0.06, -20, 0.06, -20)
unary("requantize", "QUANTIZE", 0.05, -20, 0.031, 14)
unary("requantize_coarse", "QUANTIZE", 0.05, 3, 0.11, -9)
unary("softmax", "SOFTMAX", 0.13, 17, 1 / 256, -128, opt(S.SoftmaxOptionsT, beta=1.0), "SoftmaxOptions", shape=(1, 16))
unary(
    "softmax_fine",
    "SOFTMAX",
    0.004,
    -17,
    1 / 256,
    -128,
    opt(S.SoftmaxOptionsT, beta=1.0),
    "SoftmaxOptions",
    shape=(1, 16),
)
unary(
    "softmax_wide", "SOFTMAX", 1.7, 0, 1 / 256, -128, opt(S.SoftmaxOptionsT, beta=1.0), "SoftmaxOptions", shape=(1, 32)
)


def mean(name, keep, oscale, ozp, axes=(1, 2), shape=(1, 5, 7, 6)):
    def f():
        m = M()
        a = m.tensor(shape, scale=0.043, zp=-12)
        ax = m.tensor([len(axes)], "int32", data=list(axes))
        os = (
            [1 if i in axes else d for i, d in enumerate(shape)]
            if keep
            else [d for i, d in enumerate(shape) if i not in axes]
        )
        b = m.tensor(os, scale=oscale, zp=ozp)
        m.op("MEAN", [a, ax], [b], opt(S.ReducerOptionsT, keepDims=keep), "ReducerOptions", 2)
        case(name, m, [a], [b], n=12)

    f.__name__ = name
    guarded(f)


mean("mean_keep", True, 0.021, 5)
mean("mean", False, 0.021, 5)
mean("mean_same", True, 0.043, -12)
mean("mean_rows", True, 0.03, 9, (1,))
mean("mean_coarse", False, 0.09, -3)


def two(
    name,
    opname,
    optc,
    optn,
    s1,
    z1,
    s2,
    z2,
    so,
    zo,
    act=0,
    const=None,
    version=2,
    cfirst=False,
    shape=(1, 4, 4, 5),
    gate=False,
    itself=False,
):
    def f():
        m = M()
        a = m.tensor(shape, scale=s1, zp=z1)
        # the second operand is a requantised copy of the first, so that one input suffices
        if const is not None:
            b = m.tensor(const, scale=s2, zp=z2, data=rng.integers(-128, 128, const, dtype=np.int8))
        elif itself:
            b = a
        else:
            if gate:
                b = m.tensor([1, 1, 1, shape[-1]], scale=s1, zp=z1)
                m.op(
                    "AVERAGE_POOL_2D",
                    [a],
                    [b],
                    opt(S.Pool2DOptionsT, filterHeight=shape[1], filterWidth=shape[2], strideH=1, strideW=1, padding=1),
                    "Pool2DOptions",
                    2,
                )
            else:
                b = m.tensor(shape, scale=s2, zp=z2)
                m.op("HARD_SWISH", [a], [b])
        c = m.tensor(shape, scale=so, zp=zo)
        m.op(opname, [b, a] if cfirst else [a, b], [c], opt(optc, fusedActivationFunction=act), optn, version)
        case(name, m, [a], [c], n=4)

    f.__name__ = name
    guarded(f)


A = (S.AddOptionsT, "AddOptions")
U = (S.SubOptionsT, "SubOptions")
P = (S.MulOptionsT, "MulOptions")
two("add", "ADD", *A, 0.05, -3, 0.04, -60, 0.07, 10)
two("add_relu", "ADD", *A, 0.05, -3, 0.04, -60, 0.05, -100, act=1)
two("add_itself", "ADD", *A, 0.05, -3, 0.05, -3, 0.08, 10, itself=True)
two("sub", "SUB", *U, 0.05, -3, 0.04, -60, 0.05, 10)
two("sub_constant", "SUB", *U, 0.05, -3, 0.02, 8, 0.06, 10, const=[5])
two("sub_from_constant", "SUB", *U, 0.05, -3, 0.02, 8, 0.06, 10, const=[5], cfirst=True)
two("add_constant", "ADD", *A, 0.05, -3, 0.02, -128, 0.06, 10, const=[1])
two("add_vector", "ADD", *A, 0.05, -3, 0.03, 100, 0.06, 10, const=[1, 1, 1, 5], act=3)
two("mul", "MUL", *P, 0.05, -3, 0.04, -60, 0.1, 10)
two("mul_constant", "MUL", *P, 0.05, -3, 0.02, -128, 0.09, 10, const=[5])
two("mul_gate", "MUL", *P, 0.05, -3, 0.05, -3, 0.11, 4, gate=True, cfirst=True)
two("mul_itself", "MUL", *P, 0.05, -3, 0.05, -3, 0.13, -120, itself=True, act=1)


def pool(name, opname, k, st, pad, act=0):
    def f():
        m = M()
        h, w = 7, 6
        a = m.tensor((1, h, w, 5), scale=0.04, zp=-9)
        oh, ow = [(-(-d // st) if pad == 0 else (d - k_) // st + 1) for d, k_ in ((h, k[0]), (w, k[1]))]
        b = m.tensor((1, oh, ow, 5), scale=0.04, zp=-9)
        m.op(
            opname,
            [a],
            [b],
            opt(
                S.Pool2DOptionsT,
                filterHeight=k[0],
                filterWidth=k[1],
                strideH=st,
                strideW=st,
                padding=pad,
                fusedActivationFunction=act,
            ),
            "Pool2DOptions",
            2,
        )
        case(name, m, [a], [b])

    f.__name__ = name
    guarded(f)


pool("average_pool_same", "AVERAGE_POOL_2D", (3, 2), 2, 0)
pool("average_pool_relu6", "AVERAGE_POOL_2D", (2, 2), 2, 1, 3)
pool("max_pool_same", "MAX_POOL_2D", (3, 3), 2, 0, 2)


def conv(name, kind, k, st, pad, dil=1, act=0, cin=5, cout=6, per_channel=True, mult=1, groups=1, bias=True):
    def f():
        m = M()
        h, w = 7, 6
        a = m.tensor((1, h, w, cin), scale=0.04, zp=-9)
        eff = [(q - 1) * dil + 1 for q in k]
        oh, ow = [(-(-d // st) if pad == 0 else (d - e) // st + 1) for d, e in ((h, eff[0]), (w, eff[1]))]
        co = cin * mult if kind == "d" else cout
        sc = rng.uniform(0.002, 0.02, co if per_channel else 1)
        ws = (1, *k, co) if kind == "d" else (co, *k, cin // groups)
        W = m.tensor(ws, scale=sc, data=rng.integers(-127, 128, ws, dtype=np.int8), axis=3 if kind == "d" else 0)
        ins = [a, W]
        if bias:
            ins.append(m.tensor((co,), "int32", scale=sc * 0.04, data=rng.integers(-4000, 4000, co)))
        b = m.tensor((1, oh, ow, co), scale=0.11, zp=7)
        window = {
            "padding": pad,
            "strideH": st,
            "strideW": st,
            "dilationHFactor": dil,
            "dilationWFactor": dil,
            "fusedActivationFunction": act,
        }
        if kind == "d":
            options = opt(S.DepthwiseConv2DOptionsT, depthMultiplier=mult, **window)
            m.op("DEPTHWISE_CONV_2D", ins, [b], options, "DepthwiseConv2DOptions", 3)
        else:
            m.op("CONV_2D", ins, [b], opt(S.Conv2DOptionsT, **window), "Conv2DOptions", 3)
        case(name, m, [a], [b], n=4)

    f.__name__ = name
    guarded(f)


conv("conv", "c", (3, 2), 1, 0, act=1)
conv("conv_dilated", "c", (3, 3), 1, 0, dil=2)
conv("conv_per_tensor", "c", (2, 3), 2, 1, per_channel=False, act=3, bias=False)
conv("conv_groups", "c", (3, 3), 1, 0, cin=6, cout=4, groups=2)
conv("conv_wide", "c", (1, 1), 1, 1, cin=12, cout=33)
conv("depthwise", "d", (3, 3), 2, 0, cin=19)
conv("depthwise_multiplier", "d", (3, 2), 1, 0, mult=3, act=1)
conv("depthwise_dilated", "d", (2, 2), 1, 0, dil=2, cin=3)


def fc(name, rows, per_channel, keep=False, nin=21, act=0):
    def f():
        m = M()
        a = m.tensor((1, rows, nin) if keep else (rows, nin) if rows == 1 else (1, rows, nin), scale=0.04, zp=-9)
        sc = rng.uniform(0.002, 0.02, 9 if per_channel else 1)
        W = m.tensor((9, nin), scale=sc, data=rng.integers(-127, 128, (9, nin), dtype=np.int8))
        B = m.tensor((9,), "int32", scale=sc * 0.04, data=rng.integers(-4000, 4000, 9))
        b = m.tensor((1, rows, 9) if keep else (rows, 9), scale=0.11, zp=7)
        m.op(
            "FULLY_CONNECTED",
            [a, W, B],
            [b],
            opt(S.FullyConnectedOptionsT, keepNumDims=keep, fusedActivationFunction=act),
            "FullyConnectedOptions",
            4,
        )
        case(name, m, [a], [b], n=6)

    f.__name__ = name
    guarded(f)


fc("dense", 1, False)
fc("dense_per_channel", 1, True, act=1)
fc("dense_rows", 3, True, keep=True)


def tconv(name, k, st, pad, oh, ow):
    def f():
        m = M()
        a = m.tensor((1, 4, 3, 5), scale=0.04, zp=-9)
        sc = rng.uniform(0.002, 0.02, 4)
        sh = m.tensor((4,), "int32", data=[1, oh, ow, 4])
        W = m.tensor((4, *k, 5), scale=sc, data=rng.integers(-127, 128, (4, *k, 5), dtype=np.int8))
        B = m.tensor((4,), "int32", scale=sc * 0.04, data=rng.integers(-4000, 4000, 4))
        b = m.tensor((1, oh, ow, 4), scale=0.11, zp=7)
        m.op(
            "TRANSPOSE_CONV",
            [sh, W, a, B],
            [b],
            opt(S.TransposeConvOptionsT, padding=pad, strideH=st, strideW=st),
            "TransposeConvOptions",
            3,
        )
        case(name, m, [a], [b], n=4)

    f.__name__ = name
    guarded(f)


tconv("transpose_conv", (3, 3), 2, 0, 8, 6)
tconv("transpose_conv_valid", (2, 3), 2, 1, 8, 7)


def pad(name, value):
    def f():
        m = M()
        a = m.tensor((1, 4, 3, 2), scale=0.04, zp=-9)
        p = m.tensor((4, 2), "int32", data=[[0, 0], [1, 2], [0, 1], [0, 0]])
        ins = [a, p]
        if value is not None:
            ins.append(m.tensor((1,), scale=0.04, zp=-9, data=[value]))
        b = m.tensor((1, 7, 4, 2), scale=0.04, zp=-9)
        m.op(
            "PADV2" if value is not None else "PAD",
            ins,
            [b],
            opt(S.PadV2OptionsT) if value is not None else opt(S.PadOptionsT),
            "PadV2Options" if value is not None else "PadOptions",
            2,
        )
        case(name, m, [a], [b], n=4)

    f.__name__ = name
    guarded(f)


pad("pad", None)
pad("pad_value", 33)


def concat():
    m = M()
    a = m.tensor((1, 4, 3, 2), scale=0.04, zp=-9)
    b = m.tensor((1, 4, 3, 2), scale=0.04, zp=-9)
    c = m.tensor((1, 4, 3, 4), scale=0.04, zp=-9)
    m.op("RELU6", [a], [b])
    m.op("CONCATENATION", [a, b], [c], opt(S.ConcatenationOptionsT, axis=3), "ConcatenationOptions", 2)
    case("concat", m, [a], [c], n=4)


guarded(concat)


def mixed():
    m = M()
    a = m.tensor((1, 4, 3, 4), scale=0.04, zp=-9)
    b = m.tensor((1, 4, 3, 4), "float32")
    c = m.tensor((1, 4, 3, 4), "float32")
    d = m.tensor((1, 4, 3, 4), scale=0.02, zp=-120)
    e = m.tensor((1, 4, 3, 4), "float32")
    m.op("DEQUANTIZE", [a], [b], version=2)
    m.op("RELU", [b], [c])
    m.op("QUANTIZE", [c], [d])
    case("mixed", m, [a], [d], n=4)


guarded(mixed)
