"""TensorFlow Lite files in a few lines, with the schema that comes with the wheel `tflite-micro`."""

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as S

T = {"int8": S.TensorType.INT8, "int32": S.TensorType.INT32, "float32": S.TensorType.FLOAT32}


class M:
    """A model in the making."""

    def __init__(s):
        s.t = []
        s.b = [b""]
        s.ops = []
        s.codes = []

    def tensor(s, shape, dtype="int8", scale=None, zp=0, data=None, axis=0):
        """Adds a tensor, constant if it has data, and returns its index."""
        t = S.TensorT()
        t.shape = list(shape)
        t.type = T[dtype]
        t.name = f"t{len(s.t)}"
        t.buffer = 0
        if data is not None:
            s.b.append(np.asarray(data, dtype=dtype).tobytes())
            t.buffer = len(s.b) - 1
        if scale is not None:
            q = S.QuantizationParametersT()
            sc = np.atleast_1d(np.asarray(scale, np.float32))
            q.scale = sc
            q.zeroPoint = np.broadcast_to(np.asarray(zp, np.int64), sc.shape).copy()
            q.quantizedDimension = axis
            t.quantization = q
        s.t.append(t)
        return len(s.t) - 1

    def op(s, name, ins, outs, opt=None, optname=None, version=1):
        """Adds an operator."""
        code = getattr(S.BuiltinOperator, name)
        if (code, version) not in s.codes:
            s.codes.append((code, version))
        o = S.OperatorT()
        o.opcodeIndex = s.codes.index((code, version))
        o.inputs = ins
        o.outputs = outs
        if optname:
            o.builtinOptionsType = getattr(S.BuiltinOptions, optname)
            o.builtinOptions = opt
        s.ops.append(o)

    def bytes(s, ins, outs):
        """The file, of a model with these inputs and outputs."""
        m = S.ModelT()
        m.version = 3
        m.description = "relprop"
        m.operatorCodes = []
        for c, v in s.codes:
            k = S.OperatorCodeT()
            k.builtinCode = c
            k.deprecatedBuiltinCode = min(c, 127)
            k.version = v
            m.operatorCodes.append(k)
        m.buffers = []
        for b in s.b:
            k = S.BufferT()
            k.data = np.frombuffer(b, np.uint8) if b else None
            m.buffers.append(k)
        g = S.SubGraphT()
        g.tensors = s.t
        g.inputs = ins
        g.outputs = outs
        g.operators = s.ops
        m.subgraphs = [g]
        f = flatbuffers.Builder(1024)
        f.Finish(m.Pack(f), b"TFL3")
        return bytes(f.Output())


def opt(cls, **k):
    """Options of an operator."""
    o = cls()
    for a, b in k.items():
        setattr(o, a, b)
    return o
