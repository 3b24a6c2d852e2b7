"""What deriving backpropagation through time costs: python tests/benchmarks/equations.py

The naive way writes the scalar loss of the unrolled network and lets SymPy differentiate it; here at T = 10, M = 2.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time

import numpy as np
import sympy as sp

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model


def traced(T, M=5, D=3, K=2, N=2):
    i = Input(shape=(T, D))
    model = Model(i, Dense(K)(SimpleRNN(M)(i)))
    rng = np.random.default_rng(0)
    return mr.trace(model, rng.normal(size=(N, T, D)), rng.normal(size=(N, K)))


def ours(T, **sizes):
    """Seconds from a fresh trace to the LaTeX of all equations, residuals included."""
    trace = traced(T, **sizes)
    start = time.perf_counter()
    text = trace.equations().latex()
    return time.perf_counter() - start, len(text)


def naive(T, M):
    """Seconds for SymPy's diff of the scalar loss by one weight, and its LaTeX."""
    start = time.perf_counter()
    w = sp.Matrix(M, M, sp.symbols(f"w:{M * M}"))
    u, v = sp.Matrix(1, M, sp.symbols(f"u:{M}")), sp.Matrix(M, 1, sp.symbols(f"v:{M}"))
    h = sp.zeros(1, M)
    for x in sp.symbols(f"x:{T}"):
        h = (x * u + h * w).applyfunc(sp.tanh)
    text = sp.latex(((h * v)[0] ** 2).diff(w[0, 0]))
    return time.perf_counter() - start, len(text)


def main():
    ours(5)  # SymPy is imported and warm
    print("equations and LaTeX after a fresh trace, medians of 9")
    medians = {T: statistics.median(ours(T)[0] for _ in range(9)) for T in (10, 100, 1_000)}
    for T, took in medians.items():
        print(f"  T = {T:5}  {1e3 * took:6.2f} ms   {took / medians[10]:.2f} of T = 10")
    mine = statistics.median(ours(10, M=2, D=1, K=1, N=1)[0] for _ in range(5))
    seconds, characters = naive(10, 2)
    print(f"\nnaive, one entry of dL/dW_h at T = 10, M = 2: {seconds:.1f} s, {characters} characters of LaTeX")
    length = ours(10, M=2, D=1, K=1, N=1)[1]
    print(f"minirnn, all equations: {1e3 * mine:.1f} ms, {length} characters: {seconds / mine:.0f} times faster")


if __name__ == "__main__":
    main()
