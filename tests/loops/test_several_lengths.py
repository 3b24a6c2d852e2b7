"""Loops over sequences of several lengths: T of the longest, T_2 of another, and no coincidence of numbers is a law."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.readings.source.compiled import executed

RNG = np.random.default_rng(2)
WEIGHTS = {
    name: RNG.normal(size=shape) / 2
    for name, shape in {"W": (3, 4), "U": (4, 4), "C": (4, 6), "Q": (6, 6), "V": (6, 2)}.items()
}


def state_at_every_step(X, Y, W, U, C, Q, V):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ W + h @ U)
    s, loss = np.zeros(6), 0.0
    for y in Y:
        s = np.tanh(s @ Q + h @ C)
        loss += np.sum((s @ V - y) ** 2)
    return loss


def state_at_first(X, Y, W, U, C, Q, V):
    h = np.zeros(4)
    for t in range(len(X)):
        h = np.tanh(X[t] @ W + h @ U)
    s, loss = h @ C, 0.0
    for t in range(len(Y)):
        s = np.tanh(s @ Q)
        loss += np.sum((s @ V - Y[t]) ** 2)
    return loss


def all_but_the_last(X, Y, W, U, C, Q, V):
    """Two loops over one sequence, one of them shorter: these are steps 1 to T - 1."""
    h = np.zeros(4)
    for t in range(len(X)):
        h = np.tanh(X[t] @ W + h @ U)
    s = h @ C
    for x in X[:-1]:
        s = np.tanh(s @ Q + x[0])
    return np.sum(s**2) + np.sum(V)


def data(a, b):
    return {"X": RNG.normal(size=(a, 3)), "Y": RNG.normal(size=(b, 2))} | WEIGHTS


@pytest.mark.parametrize("loop", [state_at_every_step, state_at_first])
def test_one_equation_whatever_the_lengths_are(loop):
    counts = set()
    for a, b in ((5, 5), (5, 4), (4, 5), (9, 4), (3, 9), (7, 6)):
        trace = mr.trace(loop, **data(a, b))
        text = str(trace.equations())
        counts.add(len(trace.equations()))
        h, s = ("T", "T_2") if a > b else ("T_2", "T") if a < b else ("T", "T")
        assert f"hₜ = tanh(xₜ W + hₜ₋₁ U)    (t=1..{h})" in text.replace("Xₜ", "xₜ")
        assert any(line.startswith("sₜ = tanh(sₜ₋₁ Q") and f"(t=1..{s})" in line for line in text.splitlines())
        assert trace.equations().residual < 1e-12 and trace.verify().ok
    assert len(counts) == 1


@pytest.mark.parametrize("form", ["numpy", "buffers", "loops", "c"])
@pytest.mark.parametrize("loop", [state_at_every_step, state_at_first])
def test_sources_compute_what_the_function_does(loop, form):
    for a, b in ((5, 4), (3, 9)):
        given = data(a, b)
        trace = mr.trace(loop, **given)
        params = {name: trace.value(name) for name in trace.parameters}
        if form == "c":
            loss, gradients = trace.compile(engine="c")(params, trace.inputs)
        else:
            loss, gradients = executed(trace.source(form=form), np)["loss_and_gradients"](params, *trace.inputs)
        assert loss == pytest.approx(loop(**given), rel=1e-12)
        for name, gradient in trace.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-10, atol=1e-12)


def test_a_loop_that_leaves_out_the_last_step_counts_to_the_same_end():
    texts = {
        str([str(e).split("residual")[0] for e in mr.trace(all_but_the_last, **data(a, 2)).equations()]) for a in (5, 8)
    }
    assert len(texts) == 1 and "T_2" not in texts.pop()
