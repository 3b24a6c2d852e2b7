"""At a kink every slope between those of its two sides is right, and no other."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.verify.kinks import sides

RNG = np.random.default_rng(6)
X, Q = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2))
W = RNG.normal(size=(3, 2))
W[1, 0] = W[2, 1] = 0.0  # where relu and the others have their kinks
FUNCTIONS = {
    "relu": lambda W: np.maximum(W, 0),
    "minimum": lambda W: np.minimum(W, 0.0 * Q),
    "maximum": lambda W: np.maximum(W * 1.0, W**2),
    "abs": np.abs,
    "clip": lambda W: np.clip(W, 0.0, 0.7),
}


def loop(kinked):
    def f(X, W):
        h = np.zeros((4, 2))
        for _ in range(2):
            h = np.tanh(X @ kinked(W) + h)
        return np.sum(h * h)

    return f


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_gradient_at_a_kink_agrees(name):
    trace = mr.trace(loop(FUNCTIONS[name]), X=X, W=W)
    report = trace.verify(with_keras=False)
    assert report.ok, report
    lower, upper = sides(trace, trace.parameters["W"])
    assert lower[1, 0] != upper[1, 0] and lower[0, 0] == upper[0, 0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_gradient_beside_a_kink_is_found(name, monkeypatch):
    op = {"abs": ops.absolute}.get(name) or getattr(ops, name)
    first, *rest = op.vjp
    monkeypatch.setattr(op, "vjp", (lambda *a, **k: first(*a, **k) * 1.0005, *rest))
    assert not mr.trace(loop(FUNCTIONS[name]), X=X, W=W).verify(with_keras=False).ok


def test_a_function_without_a_kink_has_no_sides():
    trace = mr.trace(loop(lambda W: np.maximum(W, -9.0)), X=X, W=W)
    assert sides(trace, trace.parameters["W"]) == ()
