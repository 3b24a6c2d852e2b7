"""What the ledger, the Jacobians and a comparison cost, beside a trace: python tests/benchmarks/verdict.py"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

SIZES = {"S1": (1, 10, 3, 5, 2), "S2": (10, 20, 4, 4, 3), "S3": (32, 50, 16, 32, 4)}


def seconds(call, rounds=3):
    def once():
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return min(once() for _ in range(rounds))


def main():
    for name, (N, T, D, M, K) in SIZES.items():
        i = Input((T, D))
        model = Model(i, Dense(K)(SimpleRNN(M, return_sequences=True)(i)))
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, T, K))
        trace = mr.trace(model, X, Y)
        H = np.stack([trace.value("h", t) for t in range(1, T + 1)], axis=1)
        print(f"{name}: N={N} T={T} D={D} M={M} K={K}")
        for what, call in {
            "trace": lambda model=model, X=X, Y=Y: mr.trace(model, X, Y),
            "ledger": lambda trace=trace: trace.ledger("b_h"),
            "ledger by path": lambda trace=trace: trace.ledger("b_h", by="path"),
            "jacobian norms": lambda trace=trace: trace.jacobian_norms(),
            "compare, right": lambda trace=trace, H=H: trace.compare(h=H),
            "compare, no slip fits": lambda trace=trace, H=H: trace.compare(h=H + 0.01),
            "compare, no gradient fits": lambda trace=trace: trace.compare(W_h=1.1 * trace.gradients["W_h"]),
        }.items():
            print(f"  {what:<26} {1000 * seconds(call):9.1f} ms")


if __name__ == "__main__":
    main()
