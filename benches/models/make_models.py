#!/usr/bin/env python3
"""Write the large networks that the benches run, with random weights: only their shapes matter there.

    python make_models.py                    mobilenet_v2.onnx and resnet18.onnx into target/bench-models
    python make_models.py DIR --densenet     densenet121.onnx too

The networks are torchvision's, float32, input [1, 3, 224, 224], output [1, 1000]. They are seeded, and too
large to commit.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from torch import nn


def random_network(build, seed):
    """An untrained network whose activations stay in a sane range, as a trained one's do."""
    torch.manual_seed(seed)
    net = build(weights=None)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
        norm.momentum = None  # average over all batches, with none of the initial statistics left in
    net.train()
    with torch.no_grad():  # batch norm takes its statistics from what really arrives
        for _ in range(4):
            net(torch.randn(8, 3, 224, 224))
    return net.eval()


def export(net, path):
    torch.onnx.export(
        net, (torch.zeros(1, 3, 224, 224),), str(path), dynamo=False, opset_version=17,
        input_names=["image"], output_names=["logits"],
    )
    onnx.checker.check_model(str(path))


def check(path):
    """Run it once, and keep every node's output: all must be finite, none may have grown out of hand."""
    model = onnx.load(path)
    outputs = [name for node in model.graph.node for name in node.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name != "logits")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    values = [v for v in session.run(None, {"image": image}) if v.dtype == np.float32]
    largest = max(np.abs(v).max() for v in values)
    if not np.isfinite(largest) or largest > 1e3:
        raise SystemExit(f"{path}: activations reach {largest}")
    print(f"{path}: {len(model.graph.node)} nodes, {path.stat().st_size / 2**20:.1f} MiB, max |activation| {largest:.1f}")


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, nargs="?", default=root / "target" / "bench-models")
    parser.add_argument("--densenet", action="store_true", help="densenet121.onnx too")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.set_num_threads(1)  # the statistics, and so the files, would depend on the number of cores
    builders = [torchvision.models.mobilenet_v2, torchvision.models.resnet18]
    if args.densenet:
        builders.append(torchvision.models.densenet121)
    args.dir.mkdir(parents=True, exist_ok=True)
    for build in builders:
        path = args.dir / f"{build.__name__}.onnx"
        export(random_network(build, args.seed), path)
        check(path)


if __name__ == "__main__":
    main()
