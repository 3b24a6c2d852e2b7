"""How the engine scales and what importing costs, side by side in one run: python tests/benchmarks/spine.py"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import functools
import statistics
import subprocess
import sys
import time

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

SIZES = {"S1": (1, 10, 3, 5, 2), "S2": (10, 20, 4, 4, 3), "S3": (32, 50, 16, 32, 4), "S4": (64, 100, 64, 128, 10)}


def seconds(call, rounds=9):
    def once():
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    once()
    return statistics.median(once() for _ in range(rounds))


def naive(X, Y, W_x, W_h, b_h, W_o, b_o):
    """The loop that notebooks write, with textbook backpropagation through time."""
    N, T, _ = X.shape
    h = [np.zeros((N, len(W_h)), X.dtype)]
    for t in range(T):
        h.append(np.tanh(X[:, t].dot(W_x) + h[-1].dot(W_h) + b_h))
    y = h[-1].dot(W_o) + b_o
    dy = 2 * (y - Y) / Y.size
    dW_x, dW_h, db_h, dh = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b_h), dy.dot(W_o.T)
    for t in reversed(range(T)):
        dz = dh * (1 - h[t + 1] ** 2)
        dW_x += X[:, t].T.dot(dz)
        dW_h += h[t].T.dot(dz)
        db_h += dz.sum(0)
        dh = dz.dot(W_h.T)
    return ((y - Y) ** 2).mean(), dW_x, dW_h, db_h, h[-1].T.dot(dy), dy.sum(0)


def network(N, T, D, M, K):
    i = Input(shape=(T, D))
    model = Model(i, Dense(K)(SimpleRNN(M)(i)))
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(N, T, D)).astype("float32"), rng.normal(size=(N, K)).astype("float32")


def against_the_loop(N, T, D, M, K):
    """Seconds for the loop and for the trace, once they are seen to give the same gradients."""
    model, X, Y = network(N, T, D, M, K)
    weights = model.get_weights()
    for a, b in zip(naive(X, Y, *weights)[1:], mr.trace(model, X, Y).gradients.values(), strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
    return seconds(lambda: naive(X, Y, *weights)), seconds(lambda: mr.trace(model, X, Y))


def main():
    print("tracing, forward and backward, against the loop of a notebook (float32, one thread, medians)")
    for name, size in SIZES.items():
        loop, traced = against_the_loop(*size)
        print(f"  {name}  loop {1e3 * loop:8.3f} ms   trace {1e3 * traced:8.3f} ms   ratio {traced / loop:5.2f}")
    print("\ntime per step as sequences grow (N=1, M=4)")
    for T in (100, 1_000, 10_000):
        took = seconds(functools.partial(mr.trace, *network(1, T, 3, 4, 2)), rounds=3)
        print(f"  T = {T:6}  {1e6 * took / T:6.1f} µs per step")
    print("\nequations after the trace")
    for T in (10, 1_000):
        trace = mr.trace(*network(2, T, 3, 5, 2))
        print(f"  T = {T:6}  {1e3 * seconds(trace.equations, rounds=5):6.1f} ms")
    print("\nimport, processes in turn")
    took = {"numpy": [], "minirnn": []}
    for _ in range(9):
        for module, found in took.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
            found.append(time.perf_counter() - start)
    numpy, minirnn = (statistics.median(found) for found in took.values())
    print(f"  numpy {1e3 * numpy:.0f} ms   minirnn {1e3 * minirnn:.0f} ms   ratio {minirnn / numpy:.2f}")


if __name__ == "__main__":
    main()
