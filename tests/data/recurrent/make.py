"""Recurrent networks as PyTorch exports them, and their outputs.

    pip install torch onnx onnxruntime numpy
    python make.py      writes NAME.onnx, NAME.T.x.npy and NAME.T.y.npy beside itself
"""

import pathlib

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = pathlib.Path(__file__).parent
INPUTS, UNITS, CLASSES, WORDS = 3, 5, 2, 7
LENGTHS = [1, 2, 6, 11]
rng = np.random.default_rng(5)
torch.manual_seed(5)


class Network(nn.Module):
    """A cell, a way to read its states, and a dense layer; before it perhaps an embedding."""

    def __init__(self, kind, head, batch_first=True, embed=False, **options):
        super().__init__()
        self.head, self.axis = head, 1 if batch_first else 0
        self.table = nn.Embedding(WORDS, INPUTS) if embed else nn.Identity()
        directions = 2 if options.get("bidirectional") else 1
        width = INPUTS
        self.cell = None
        if kind:
            self.cell = getattr(nn, kind)(INPUTS, UNITS, batch_first=batch_first, **options)
            width = UNITS * directions
        self.dense = nn.Linear(width, CLASSES)

    def forward(self, x):
        y = self.table(x)
        if self.cell:
            y, h = self.cell(y)
            h = h[0] if isinstance(h, tuple) else h
        if self.head == "last":
            y = y.select(self.axis, -1)
        elif self.head == "mean":
            y = y.mean(self.axis)
        elif self.head == "state":
            y = torch.cat([h[-2], h[-1]], 1) if self.cell.bidirectional else h[-1]
        return self.dense(y)


def exported(name, shape, dynamic, *args, **options):
    """`shape` says where the length is: `T`; `dynamic` names what else may vary."""
    network = Network(*args, **options).eval()
    size = [6 if extent == "T" else extent for extent in shape]
    x = torch.zeros(size, dtype=torch.int64) if options.get("embed") else torch.zeros(size)
    path = HERE / f"{name}.onnx"
    axes = {axis: "T" for axis, extent in enumerate(shape) if extent == "T"} | dynamic
    torch.onnx.export(
        network,
        x,
        path,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": axes},
        dynamo=False,
    )
    write(onnx.load(path), name, shape, LENGTHS if "T" in shape else [shape[1]], options.get("embed"))


def weights(*shape):
    return rng.normal(0, 0.5, shape).astype(np.float32)


def made(name, inputs, nodes, constants, metadata=(), opset=17):
    graph = helper.make_graph(
        nodes,
        name,
        [inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, constant) for constant, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    helper.set_model_props(model, dict(metadata))
    return model


def gru_reset_before():
    """The reset before the product with the state, no bias, from the last moment to the first."""
    n = helper.make_node
    nodes = [
        n("GRU", ["x", "w", "r"], ["", "h"], hidden_size=UNITS, direction="reverse"),
        n("Squeeze", ["h", "zero"], ["s"]),
        n("MatMul", ["s", "out"], ["y"]),
    ]
    constants = {
        "w": weights(1, 3 * UNITS, INPUTS),
        "r": weights(1, 3 * UNITS, UNITS),
        "zero": np.array([0], np.int64),
        "out": weights(UNITS, CLASSES),
    }
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", 1, INPUTS])
    return made("gru_reset_before", x, nodes, constants)


def lstm_words():
    """A table of bytes, dequantised before it is looked up, and words in no order."""
    n = helper.make_node
    nodes = [
        n("DequantizeLinear", ["table", "scale"], ["real"]),
        n("Gather", ["real", "x"], ["rows"]),
        n("Unsqueeze", ["rows", "one"], ["sequence"]),
        n("LSTM", ["sequence", "w", "r", "b"], ["all", "h"], hidden_size=UNITS, direction="bidirectional"),
        n("Transpose", ["h"], ["t"], perm=[1, 0, 2]),
        n("Flatten", ["t"], ["f"]),
        n("Gemm", ["f", "out", "bias"], ["scores"], transB=1),
        n("ReduceMean", ["all"], ["mean"], axes=[0, 2], keepdims=0),
        n("Flatten", ["mean"], ["m"], axis=0),
        n("Gemm", ["m", "out", "bias"], ["more"], transB=1),
        n("Add", ["scores", "more"], ["y"]),
    ]
    constants = {
        "table": rng.integers(-127, 128, (WORDS, INPUTS)).astype(np.int8),
        "scale": np.float32(0.01),
        "one": np.array([1], np.int64),
        "w": weights(2, 4 * UNITS, INPUTS),
        "r": weights(2, 4 * UNITS, UNITS),
        "b": weights(2, 8 * UNITS),
        "out": weights(CLASSES, 2 * UNITS),
        "bias": weights(CLASSES),
    }
    x = helper.make_tensor_value_info("x", TensorProto.INT64, ["T"])
    metadata = {
        "labels": "bad\ngood",
        "vocabulary": "<unk>\nthe\n.\na\nfilm\nZ\nis\n",
        "tokeniser": "ptb-lower",
        "max_tokens": "12",
    }
    return made("lstm_words", x, nodes, constants, metadata)


def write(model, name, shape, lengths, tokens):
    onnx.save(model, HERE / f"{name}.onnx")
    session = ort.InferenceSession(str(HERE / f"{name}.onnx"))
    for length in lengths:
        size = [length if extent == "T" else extent for extent in shape]
        x = rng.integers(0, WORDS, size) if tokens else rng.normal(0, 1, size)
        x = x.astype(np.int32 if tokens else np.float32)
        y = session.run(None, {"x": x.astype(np.int64) if tokens else x})[0]
        np.save(HERE / f"{name}.{length}.x.npy", x)
        np.save(HERE / f"{name}.{length}.y.npy", y)


exported("lstm_last", [1, "T", INPUTS], {}, "LSTM", "last")
exported("lstm_layers", ["T", 1, INPUTS], {}, "LSTM", "state", batch_first=False, num_layers=2)
exported("lstm_both", [1, "T", INPUTS], {0: "N"}, "LSTM", "state", num_layers=2, bidirectional=True)
exported("lstm_static", [1, 7, INPUTS], {0: "N"}, "LSTM", "last", bidirectional=True)
exported("gru_mean", ["T", 1, INPUTS], {}, "GRU", "mean", batch_first=False, bidirectional=True)
exported("gru_all", [1, "T", INPUTS], {}, "GRU", "all", num_layers=2)
exported("words_mean", [1, "T"], {0: "N"}, None, "mean", embed=True)
exported("words_gru", ["T", 1], {1: "N"}, "GRU", "state", batch_first=False, embed=True)
write(gru_reset_before(), "gru_reset_before", ["T", 1, INPUTS], LENGTHS, False)
write(lstm_words(), "lstm_words", ["T"], LENGTHS, True)
