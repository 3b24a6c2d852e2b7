"""How long pictures take, in one process: python tests/benchmarks/pictures.py

Tracing, layout and SVG of the network Input(T, 3) -> SimpleRNN(5) -> Dense(2), forward and backward.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import time

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

ROUNDS = 5


def network(T):
    i = Input(shape=(None, 3))
    return Model(i, Dense(2)(SimpleRNN(5)(i))), np.random.default_rng(0).normal(size=(2, T, 3)), np.zeros((2, 2))


def seconds(T, **options):
    """The median of tracing and drawing, and of drawing alone."""
    model, X, Y = network(T)
    both, drawing = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        trace = mr.trace(model, X, Y)
        middle = time.perf_counter()
        svg = trace.picture(**options).svg
        both.append(time.perf_counter() - start)
        drawing.append(time.perf_counter() - middle)
    return statistics.median(both), statistics.median(drawing), len(svg)


def main():
    seconds(3)  # what is imported on first use
    print(f"{'picture':<38}{'trace + SVG':>12}{'SVG':>9}{'size':>10}")
    rows = [(f"T = {T}, steps left out", T, {}) for T in (100, 1000)]
    rows += [(f"T = {T}, complete", T, {"max_steps": None}) for T in (50, 100, 200, 350, 500)]
    rows += [
        ("T = 100, complete, forward and backward", 100, {"max_steps": None, "backward": True}),
        ("T = 100, complete, flow", 100, {"max_steps": None, "flow": True}),
        ("T = 100, complete, op level", 100, {"max_steps": None, "level": "op"}),
        ("T = 1000, rolled, both passes", 1000, {"rolled": True, "backward": True}),
    ]
    for what, T, options in rows:
        both, drawing, size = seconds(T, **options)
        print(f"{what:<38}{both:>10.3f} s{drawing:>7.3f} s{size / 1000:>7.0f} kB")
    model, X, Y = network(10)
    print(
        f"\nboxes at T = 10: {len(mr.trace(model, X, Y).picture(max_steps=None).sheet.canvas.boxes)} (allowed: 5 · 10 + 12)"
    )


if __name__ == "__main__":
    main()
