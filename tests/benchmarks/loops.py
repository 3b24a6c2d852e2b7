"""What it costs to trace a loop, beside NumPy's own time for it: python tests/benchmarks/loops.py

N = 10 samples, T = 20 steps, D = 4, M = 4, K = 3. Times are of the processor, the least of many rounds that take turns; the
first trace, for which the source is read, is apart. Names and time steps are settled when something is asked of the trace
for the first time: "named" is with that.
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


def seconds(calls, rounds=100):
    """The least time of each of many rounds, in which they take turns: what else the machine does only ever adds."""

    def once(call):
        start = time.process_time()
        call()
        return time.process_time() - start

    return np.min([[once(call) for call in calls] for _ in range(rounds)], axis=0)


def main():
    """Print a line for each loop."""
    rng = np.random.default_rng(0)
    shapes = {"X": (N, T, D), "Wxh": (D, M), "Whh": (M, M), "Bh": (M,), "Who": (M, K), "Bo": (K,)}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for loop in (sample_by_sample, batch):
        calls = [lambda f=f: f(loop) for f in (  # noqa: B023
            lambda loop: loop(**arrays), lambda loop: mr.trace(loop, **arrays), lambda loop: mr.trace(loop, **arrays).nodes,
        )]  # fmt: skip
        first = seconds(calls[1:2], rounds=1)[0]
        numpy, traced, named = seconds(calls)
        print(
            f"{loop.__name__:<18} NumPy {numpy * 1e3:.2f} ms   traced {traced * 1e3:.2f} ms, {traced / numpy:.1f} times   "
            f"named {named * 1e3:.2f} ms, {named / numpy:.1f} times   the first time {first * 1e3:.0f} ms"
        )


if __name__ == "__main__":
    main()
