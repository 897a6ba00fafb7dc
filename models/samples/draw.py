#!/usr/bin/env python3
"""Draw the sample digits: our own handwriting as strokes, rendered the way MNIST's digits are.

    python draw.py                                         writes 0.png, 1.png, … beside this script
    python draw.py --check ../mnist-cnn.onnx [MODEL…]      and has the networks read them

Like MNIST: 28 x 28, white on black, the ink fitted into 20 x 20 and centred by its centre of mass.
Needs numpy and Pillow; --check needs onnxruntime.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

# A digit is a list of strokes; a stroke is a list of points that the pen passes through, x to the right and
# y down. Two points make a straight line, more a smooth curve; a sharp corner ends one stroke and starts another.
DIGITS = {
    "0": [[(.60, .03), (.34, .10), (.16, .44), (.20, .80), (.42, .98), (.70, .84), (.84, .48), (.76, .14), (.54, .04)]],
    "1": [[(.60, .00), (.54, .48), (.46, 1.0)]],
    "1-serif": [[(.26, .28), (.42, .17), (.55, .00)], [(.55, .00), (.54, .50), (.51, .98)], [(.24, .99), (.80, .97)]],
    "2": [[(.20, .24), (.34, .05), (.62, .03), (.76, .22), (.62, .52), (.36, .80), (.14, .97)],
          [(.14, .97), (.46, .93), (.88, .96)]],
    "2-loop": [[(.22, .22), (.40, .03), (.66, .06), (.74, .28), (.58, .58), (.38, .84), (.20, .97), (.08, .88),
                (.18, .75), (.38, .82), (.64, .97), (.92, .92)]],
    "3": [[(.22, .13), (.44, .01), (.70, .09), (.70, .30), (.42, .46)],
          [(.42, .46), (.70, .52), (.80, .74), (.58, .97), (.30, .98), (.14, .88)]],
    "4": [[(.30, .04), (.22, .32), (.17, .56)], [(.17, .56), (.48, .57), (.86, .53)],
          [(.76, .06), (.69, .50), (.64, 1.0)]],
    "4-closed": [[(.66, .00), (.38, .36), (.10, .68)], [(.10, .68), (.50, .68), (.90, .65)],
                 [(.66, .00), (.63, .50), (.60, 1.0)]],
    "5": [[(.82, .02), (.56, .04), (.32, .03)], [(.32, .03), (.28, .22), (.24, .43)],
          [(.24, .43), (.50, .36), (.76, .50), (.78, .76), (.54, .97), (.28, .98), (.13, .88)]],
    "6": [[(.68, .01), (.42, .20), (.22, .52), (.22, .84), (.45, .99), (.70, .87), (.72, .65), (.50, .54), (.24, .72)]],
    "7": [[(.14, .08), (.48, .07), (.84, .04)], [(.84, .04), (.62, .46), (.44, 1.0)]],
    "7-bar": [[(.16, .12), (.30, .06), (.56, .08), (.86, .03)], [(.86, .03), (.66, .42), (.46, 1.0)],
              [(.36, .53), (.78, .48)]],
    "8": [[(.76, .14), (.54, .00), (.30, .12), (.36, .35), (.64, .56), (.74, .80), (.50, .99), (.24, .86),
           (.34, .60), (.62, .38), (.78, .14)]],
    "9": [[(.76, .16), (.54, .01), (.28, .16), (.26, .40), (.48, .50), (.70, .32), (.78, .10)],
          [(.78, .10), (.76, .54), (.68, 1.0)]],
    "9-curl": [[(.74, .18), (.52, .02), (.26, .16), (.26, .40), (.50, .47), (.72, .28), (.76, .10)],
               [(.76, .10), (.78, .50), (.70, .86), (.46, 1.0), (.22, .90)]],
}

SIZE, BOX = 28, 20
PEN = 1.25  # half the stroke's width, in pixels
EDGE = 1.3  # pixels over which its edge fades from white to black


def curve(points, pieces=16):
    """A Catmull-Rom spline through the points, as a fine polyline."""
    p = np.array(points, float)
    p = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    line = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.concatenate([line.reshape(-1, 2), p[-2:-1]])


def ink(strokes):
    """Render polylines in pixels: how white a pixel is depends on how far its centre is from the nearest stroke."""
    y, x = np.mgrid[:SIZE, :SIZE]
    pixel = np.stack([x, y], -1)[:, :, None].astype(float)
    distance = np.full((SIZE, SIZE), np.inf)
    for line in strokes:
        start, along = line[:-1], np.diff(line, axis=0)
        part = ((pixel - start) * along).sum(-1) / (along**2).sum(-1)
        nearest = start + part.clip(0, 1)[..., None] * along
        distance = np.minimum(distance, np.hypot(*np.moveaxis(pixel - nearest, -1, 0)).min(-1))
    return ((PEN - distance) / EDGE + 0.5).clip(0, 1)


def draw(strokes):
    lines = [curve(points) for points in strokes]
    everything = np.concatenate(lines)
    low, high = everything.min(0), everything.max(0)
    scale = (BOX - 2 * PEN) / (high - low).max()
    lines = [(line - (low + high) / 2) * scale + (SIZE - 1) / 2 for line in lines]
    image = ink(lines)
    rows = np.arange(SIZE)
    mass = np.array([image.sum(0) @ rows, image.sum(1) @ rows]) / image.sum()
    image = ink([line + (SIZE - 1) / 2 - mass for line in lines])
    return (image * 255).round().astype(np.uint8)


def check(path, images):
    """Print what a network reads in every sample, and return how many it reads wrong."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name, wrong = session.get_inputs()[0].name, 0
    for sample, image in images.items():
        scores = session.run(None, {name: image[None, None].astype(np.float32) / 255})[0][0]
        share = np.exp(scores - scores.max())
        share /= share.sum()
        right = share.argmax() == int(sample[0])
        wrong += not right
        print(f"{path}: {sample:9} read as {share.argmax()} ({share.max():.4f}){'' if right else '  WRONG'}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR")
    parser.add_argument("--check", nargs="+", default=[], metavar="MODEL.onnx")
    args = parser.parse_args()

    images = {name: draw(strokes) for name, strokes in DIGITS.items()}
    for name, image in images.items():
        Image.fromarray(image).save(args.out / f"{name}.png")
    if sum(check(path, images) for path in args.check):
        raise SystemExit("not every sample is read right")


if __name__ == "__main__":
    main()
