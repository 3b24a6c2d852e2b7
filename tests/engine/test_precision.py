"""Precision as data: a value is as precise as the least precise number it was computed from."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine.precision import least, precisions, widened

f, d = np.float32, np.float64
rng = np.random.default_rng(0)
X, U, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), 0.5 * rng.normal(size=(5, 5))


def loop(X, U, V, start, buffer):
    h, H = np.zeros(5, start), np.zeros((5, 5), buffer)
    for t in range(4):
        h = np.tanh(X[t] @ U + h @ V)
        H[t + 1] = h
    return H[4] @ V


@pytest.mark.parametrize(
    "data, weights, start, buffer, expected",
    [(d, d, d, d, "float64"), (f, f, d, d, "float32"), (d, f, d, d, "float64"), (d, d, f, d, "float64"),
     (d, d, d, f, "float32"), (f, d, d, d, "float64"), (f, f, f, f, "float32")],
)  # fmt: skip
def test_as_precise_as_the_least_precise_rounding(data, weights, start, buffer, expected):
    trace = mr.trace(
        loop, X=X.astype(data), U=U.astype(weights), V=V.astype(weights), start=start, buffer=buffer, Y=np.ones(5)
    )
    known = precisions(trace.nodes)
    assert least([known[trace.output_node]]) == expected
    truth = loop(X.astype(data).astype(d), U.astype(weights).astype(d), V.astype(weights).astype(d), d, d)
    off = np.abs(trace.output - truth).max() / np.abs(truth).max()
    assert (1e-9 < off < 1e-5) == (expected == "float32")


def test_what_is_exact_is_neutral():
    trace = mr.trace(loop, X=X, U=U.astype(f), V=V, start=f, buffer=d, Y=np.ones(5))
    known = precisions(trace.nodes)
    assert known[trace.parameters["U"]] is None and known[trace.variables["h", 0]] is None
    assert least([None, None]) == "float64" and least([np.dtype(d), None, np.dtype(f)]) == "float32"


def test_the_same_graph_in_float64_throughout():
    trace = mr.trace(loop, X=X.astype(f), U=U.astype(f), V=V.astype(f), start=d, buffer=f, Y=np.ones(5))
    wide = widened(trace.nodes)
    assert all(node.dtype == d for node in wide.values() if node.dtype.kind == "f")
    truth = loop(*(a.astype(f).astype(d) for a in (X, U, V)), d, d)
    np.testing.assert_allclose(wide[trace.output_node].value, truth, rtol=1e-13)
    plain = mr.trace(loop, X=X, U=U, V=V, start=d, buffer=d)
    assert all(new is node for node, new in widened(plain.nodes).items())
