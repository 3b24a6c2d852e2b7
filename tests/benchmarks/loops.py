"""What it costs to trace a loop, beside NumPy's own time for it: python tests/benchmarks/loops.py

N = 10 samples, T = 20 steps, D = 4, M = 4, K = 3. Times are of the processor, the least of many rounds; the first trace, for
which the source is read, is apart.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np

import minirnn as mr

N, T, D, M, K = 10, 20, 4, 4, 3


def sample_by_sample(X, Wxh, Whh, Bh, Who, Bo):
    """As the notebooks do it, without what they print."""
    Y_pred_manual = np.empty((N, K))
    for i in range(N):
        x = X[i]
        h_previous = np.zeros(M)
        y_pred = []
        for t in range(T):
            h = np.tanh(x[t].dot(Wxh) + h_previous.dot(Whh) + Bh)
            y = h.dot(Who) + Bo
            h_previous = h
            y_pred.append(y)
        Y_pred_manual[i] = y_pred[-1]
    return Y_pred_manual


def batch(X, Wxh, Whh, Bh, Who, Bo):
    """All samples at once: fewer and larger operations."""
    h = np.zeros((N, M))
    predictions = []
    for t in range(T):
        h = np.tanh(X[:, t] @ Wxh + h @ Whh + Bh)
        predictions.append(h @ Who + Bo)
    return predictions


def seconds(call, rounds=60):
    """The least of many: what else the machine does only ever adds."""

    def once():
        start = time.process_time()
        call()
        return time.process_time() - start

    return min(once() for _ in range(rounds))


def main():
    """Print a line for each loop."""
    rng = np.random.default_rng(0)
    shapes = {"X": (N, T, D), "Wxh": (D, M), "Whh": (M, M), "Bh": (M,), "Who": (M, K), "Bo": (K,)}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for loop in (sample_by_sample, batch):
        first = seconds(lambda loop=loop: mr.trace(loop, **arrays), rounds=1)
        numpy, traced = (seconds(call) for call in (lambda: loop(**arrays), lambda: mr.trace(loop, **arrays)))  # noqa: B023
        print(
            f"{loop.__name__:<18} NumPy {numpy * 1e3:5.2f} ms   traced {traced * 1e3:6.2f} ms   {traced / numpy:5.1f} times",
            end="",
        )
        print(f"   the first time {first * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
