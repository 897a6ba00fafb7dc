#!/usr/bin/env python3
"""Train one of the shipped MNIST networks and export it to ONNX.

    python train_mnist.py --mnist DIR --net cnn  --out ../mnist-cnn.onnx
    python train_mnist.py --mnist DIR --net tiny --out ../mnist-tiny.onnx

DIR holds the four IDX files (`train-images-idx3-ubyte.gz` and so on). The exported network takes
float32 [1, 1, 28, 28], pixels / 255, white on black, and returns logits [1, 10] without a softmax.
"""

import argparse
import gzip
import io
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

# ---------------------------------------------------------------- data


def read_idx(path):
    """An IDX file of unsigned bytes: two zeros, the type 8, the number of axes, their lengths, the data."""
    with gzip.open(path) as f:
        raw = f.read()
    if raw[:3] != b"\0\0\x08":
        raise SystemExit(f"{path} is not an IDX file of unsigned bytes")
    axes = raw[3]
    shape = np.frombuffer(raw, ">u4", count=axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def load(folder, part):
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz").astype(np.float32) / 255
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.int64)
    return torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels)


def augment(x):
    """Turn, shear, stretch and shift each digit a little: a drawn digit is not placed as carefully as MNIST's."""
    uniform = lambda low, high: torch.empty(len(x)).uniform_(low, high)
    turn, shear = torch.deg2rad(uniform(-12, 12)), uniform(-0.15, 0.15)
    stretch_x, stretch_y = uniform(0.85, 1.15), uniform(0.85, 1.15)
    shift_x, shift_y = uniform(-2.5, 2.5) / 14, uniform(-2.5, 2.5) / 14  # in half image widths
    cos, sin = turn.cos(), turn.sin()
    to_source = torch.stack(
        [
            torch.stack([cos * stretch_x, (shear - sin) * stretch_y, shift_x], 1),
            torch.stack([sin * stretch_x, cos * stretch_y, shift_y], 1),
        ],
        1,
    )
    return F.grid_sample(x, F.affine_grid(to_source, x.shape, align_corners=False), align_corners=False)


# ---------------------------------------------------------------- networks

# The names are the step names that a person types later, as in `--rule conv1=flat`. Every convolution is
# followed by a batch norm, so it needs no bias of its own.


def cnn():
    """75k parameters: three convolutions, two max pools, two dense layers."""
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(1, 16, 3, padding=1, bias=False),  # 28 x 28
        bn1=nn.BatchNorm2d(16),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(2),  # 14 x 14
        conv2=nn.Conv2d(16, 32, 3, padding=1, bias=False),
        bn2=nn.BatchNorm2d(32),
        relu2=nn.ReLU(),
        pool2=nn.MaxPool2d(2),  # 7 x 7
        conv3=nn.Conv2d(32, 64, 3, bias=False),  # 5 x 5
        bn3=nn.BatchNorm2d(64),
        relu3=nn.ReLU(),
        flatten=nn.Flatten(),
        fc1=nn.Linear(5 * 5 * 64, 32),
        relu4=nn.ReLU(),
        fc2=nn.Linear(32, 10),
    ))


def tiny():
    """11k parameters: three convolutions of stride 2, one dense layer. See `explain_ram`."""
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False),  # 14 x 14
        bn1=nn.BatchNorm2d(8),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),  # 7 x 7
        bn2=nn.BatchNorm2d(16),
        relu2=nn.ReLU(),
        conv3=nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False),  # 4 x 4
        bn3=nn.BatchNorm2d(32),
        relu3=nn.ReLU(),
        flatten=nn.Flatten(),
        fc1=nn.Linear(4 * 4 * 32, 10),
    ))


def explain_ram(net):
    """Print the bytes that an int8 explanation holds at each backward step, and return the peak.

    Batch norm and ReLU are folded into the step before them. Kept: the int8 inputs of this step and of all
    earlier ones; the int32 relevance of its output and of its input; two int32 rows of its output as scratch.
    """
    x, kept, peak = torch.zeros(1, 1, 28, 28), 0, 0
    print("step    kept i8  R out i32  R in i32  scratch   bytes")
    for name, step in net.named_children():
        y = step(x)
        if isinstance(step, (nn.Conv2d, nn.Linear)):
            kept += x.numel()
            scratch = 2 * 4 * (y.numel() // y.shape[2] if y.dim() == 4 else y.numel())
            total = kept + 4 * y.numel() + 4 * x.numel() + scratch
            print(f"{name:6} {kept:8} {4 * y.numel():10} {4 * x.numel():9} {scratch:8} {total:7}")
            peak = max(peak, total)
        x = y
    return peak


# ---------------------------------------------------------------- training


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum((net(a).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000)))
    return right / len(x)


def train(net, x, y, held_x, held_y, epochs, batch=100):
    steps = len(x) // batch
    # No weight decay on batch norm and biases: they do not overfit, and decay only distorts their scale.
    decayed = [p for p in net.parameters() if p.dim() > 1]
    free = [p for p in net.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": free, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups)
    # The rate ends at zero, so the last weights are already settled and no checkpoint is picked.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, epochs * steps)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for rows in torch.randperm(len(x))[: steps * batch].split(batch):
            loss = F.cross_entropy(net(augment(x[rows])), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / steps
        held = f"  held out {accuracy(net, held_x, held_y):.4f}" if len(held_x) else ""
        print(f"epoch {epoch + 1:3}  loss {total:.4f}{held}", flush=True)


# ---------------------------------------------------------------- export


def export(net, path):
    """Write ONNX in which a node and its output tensor carry the name of the layer, and batch norm is kept."""
    buffer = io.BytesIO()
    torch.onnx.export(
        net.eval(), (torch.zeros(1, 1, 28, 28),), buffer, dynamo=False, opset_version=17,
        input_names=["image"], do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,  # EVAL would fold batch norm into the convolutions
    )
    model = onnx.load_from_string(buffer.getvalue())
    layer = {node.output[0]: node.name.split("/")[1] for node in model.graph.node}  # "/conv1/Conv"
    for node in model.graph.node:
        node.name = layer[node.output[0]]
        node.input[:] = [layer.get(name, name) for name in node.input]
        node.output[:] = [layer[name] for name in node.output]
    model.graph.output[0].name = layer[model.graph.output[0].name]
    model.graph.name = path.stem
    if [node.name for node in model.graph.node] != [name for name, _ in net.named_children()]:
        raise SystemExit("the export has other steps than the network")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def exported_accuracy(path, x, y):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores = [session.run(None, {"image": image[None].numpy()})[0] for image in x]
    return (np.concatenate(scores).argmax(1) == y.numpy()).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, required=True, metavar="DIR", help="folder of the four IDX files")
    parser.add_argument("--net", choices=["cnn", "tiny"], required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="PATH.onnx")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--hold-out", type=int, default=0, metavar="N",
                        help="keep N training digits back to compare recipes; 0 trains on all 60 000")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the order of sums, and so the weights, would depend on the number of cores

    net = {"cnn": cnn, "tiny": tiny}[args.net]()
    print(f"{args.net}: {sum(p.numel() for p in net.parameters())} parameters")
    if args.net == "tiny":
        print(f"an int8 explanation needs {explain_ram(net.eval())} bytes")

    x, y = load(args.mnist, "train")
    cut = len(x) - args.hold_out
    train(net, x[:cut], y[:cut], x[cut:], y[cut:], args.epochs)
    export(net, args.out)
    if args.hold_out:
        return  # the test digits are for the final network only
    print(f"{args.out}: {exported_accuracy(args.out, *load(args.mnist, 't10k')):.4f} of the test digits are right")


if __name__ == "__main__":
    main()
