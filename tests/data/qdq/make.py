"""Quantised models in the QDQ format, as onnxruntime's static quantiser writes them, and their outputs.

    pip install onnx onnxruntime numpy
    python make.py      writes NAME.onnx, NAME.x.npy and NAME.y.npy beside itself
"""

import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(3)


class Items(CalibrationDataReader):
    def __init__(self, name, items):
        self.items = iter([{name: item[None]} for item in items])

    def get_next(self):
        return next(self.items, None)


def weights(*shape):
    return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def network(name, dims, nodes, constants, outputs):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        name,
        [value("x", TensorProto.FLOAT, dims)],
        [value("y", TensorProto.FLOAT, outputs)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def residual():
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["a"], pads=[1, 1, 1, 1]),
        n("Relu", ["a"], ["ar"]),
        n("Conv", ["ar", "w2", "b2"], ["b"], pads=[1, 1, 1, 1]),
        n("Add", ["b", "ar"], ["c"]),
        n("Relu", ["c"], ["cr"]),
        n("MaxPool", ["cr"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Conv", ["p", "w3", "b3"], ["d"], group=8, pads=[1, 1, 1, 1]),
        n("Clip", ["d", "low", "high"], ["dc"]),
        n("AveragePool", ["dc"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        n("GlobalAveragePool", ["p"], ["g"]),
        n("Flatten", ["e"], ["f"]),
        n("Flatten", ["g"], ["gf"]),
        n("Concat", ["f", "gf"], ["h"], axis=1),
        n("Gemm", ["h", "w4", "b4"], ["y"], transB=1),
    ]
    constants = {
        "w1": weights(8, 3, 3, 3),
        "b1": weights(8, 1)[:, 0],
        "w2": weights(8, 8, 3, 3),
        "b2": weights(8, 1)[:, 0] * np.float32(0.1),
        "w3": weights(8, 1, 3, 3),
        "b3": weights(8, 1)[:, 0] * np.float32(0.1),
        "w4": weights(5, 80),
        "b4": weights(5, 1)[:, 0],
        "low": np.float32(0),
        "high": np.float32(1),
    }
    return network("residual", [1, 3, 12, 12], nodes, constants, [1, 5]), rng.normal(0, 1, (60, 3, 12, 12))


def gated():
    n = helper.make_node
    nodes = [
        n("Conv", ["x", "w1", "b1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        n("Sigmoid", ["a"], ["s"]),
        n("Mul", ["a", "s"], ["m"]),
        n("GlobalAveragePool", ["m"], ["g"]),
        n("Conv", ["g", "w2", "b2"], ["q"]),
        n("Sigmoid", ["q"], ["qs"]),
        n("Mul", ["m", "qs"], ["z"]),
        n("Reshape", ["z", "shape"], ["r"]),
        n("MatMul", ["r", "w3"], ["t"]),
        n("Add", ["t", "b3"], ["u"]),
        n("Softmax", ["u"], ["y"]),
    ]
    constants = {
        "w1": weights(6, 4, 3, 3),
        "b1": weights(6, 1)[:, 0],
        "w2": weights(6, 6, 1, 1),
        "b2": weights(6, 1)[:, 0],
        "w3": weights(96, 7) * np.float32(2),
        "b3": weights(7, 1)[:, 0],
        "shape": np.array([1, 96], np.int64),
    }
    return network("gated", [1, 4, 8, 8], nodes, constants, [1, 7]), rng.normal(0, 1, (60, 4, 8, 8))


def digits():
    """The shipped mnist-tiny, on drawn strokes."""
    model = onnx.load(HERE / "../../../models/mnist-tiny.onnx")
    pictures = np.zeros((60, 1, 28, 28))
    rows, columns = np.mgrid[0:28, 0:28]
    for picture in pictures:
        at = rng.uniform(6, 22, (4, 2))
        for start, end in zip(at, at[1:]):
            for t in np.linspace(0, 1, 12):
                y, x = start + t * (end - start)
                stroke = np.clip(1.8 - np.hypot(rows - y, columns - x), 0, 1)
                picture[0] = np.maximum(picture[0], stroke)
    return model, np.round(pictures * 255) / 255


def ties(model, dims):
    """An input of values half way between two integers."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    scale = constants[f"{model.graph.input[0].name}_scale"]
    count = int(np.prod(dims))
    return ((np.arange(count) * 7 % 120 - 59.5) * scale).astype(np.float32).reshape(dims)


def write(name, made, activations, per_channel, items):
    model, inputs = made
    inputs = inputs.astype(np.float32)
    feed = model.graph.input[0].name
    with tempfile.TemporaryDirectory() as folder:
        plain, ready = (str(pathlib.Path(folder) / file) for file in ("plain.onnx", "ready.onnx"))
        onnx.save(model, plain)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        target = HERE / f"{name}.onnx"
        quantize_static(
            ready,
            target,
            Items(feed, inputs),
            quant_format=QuantFormat.QDQ,
            activation_type=activations,
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
        )
    quantised = onnx.load(target)
    del quantised.graph.value_info[:]
    onnx.save(quantised, target)
    # As the file says, node by node.
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(target), options)
    inputs = np.concatenate([inputs[:items], ties(quantised, inputs.shape[1:])[None]])
    np.save(HERE / f"{name}.x.npy", inputs)
    np.save(HERE / f"{name}.y.npy", np.concatenate([session.run(None, {feed: item[None]})[0] for item in inputs]))


write("digits", digits(), QuantType.QInt8, True, 3)
write("residual", residual(), QuantType.QUInt8, False, 6)
write("gated", gated(), QuantType.QInt8, False, 6)
