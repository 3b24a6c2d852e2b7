from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.readings.equations.evaluate import FUNCTIONS, residual

X = np.array([[-800.0, -3.0, -0.1, 0.0, 0.2, 4.0, 800.0]])


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "positive", "softmax"])
def test_the_witness_functions_agree_with_the_primitives_at_the_ends(name):
    from minirnn.engine import ops

    with np.errstate(over="ignore"):
        axis = [-1] if name == "softmax" else []
        np.testing.assert_allclose(FUNCTIONS[name](X, *axis), getattr(ops, name).compute(X), rtol=1e-15, atol=1e-16)
        np.testing.assert_allclose(FUNCTIONS[name](X / 300, *axis), getattr(ops, name).compute(X / 300), rtol=1e-14)


def test_a_residual_does_not_let_nan_or_a_shape_slip_through():
    a = np.ones((2, 3))
    assert residual(a, a) == 0 and residual(a + 1e-6, a) == pytest.approx(1e-6)
    assert residual(a * np.nan, a) == np.inf and residual(a, a * np.inf) == np.inf
    assert residual(a.T, a) == np.inf and residual(np.ones((1, 3)), a) == np.inf
    assert residual(np.zeros((2, 3)), np.zeros((2, 3))) == 0


def test_a_softmax_that_has_underflowed(network):
    """In float32 some outputs are 0, whose logarithm the loss is written with."""
    model = network(head="softmax")
    weights = model.get_weights()
    weights[3] *= 100
    model.set_weights(weights)
    X = np.random.default_rng(2).normal(size=(2, 4, 3))
    trace = mr.trace(model, X, np.eye(6)[[0, 1]], loss="categorical_crossentropy", dtype="float32")
    assert not trace.output.all() and trace.equations().residual < 1e-6


@pytest.mark.parametrize("size", [0.7, 60.0, 3000.0])
@pytest.mark.parametrize(("form", "convention"), [("matrix", "column"), ("component", "row"), ("unrolled", "row")])
def test_a_saturated_sigmoid(network, size, form, convention):
    """Where ŷ is rounded to 0 or 1 the loss is still written with log ŷ and log(1 - ŷ), and has the number of the trace."""
    model = network(head="sigmoid")
    weights = model.get_weights()
    weights[3] *= size
    model.set_weights(weights)
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(2, 4, 3)), rng.integers(0, 2, (2, 6)).astype(float)
    trace = mr.trace(model, X, Y, loss=mr.losses.BinaryCrossentropy(label_smoothing=0.1), dtype="float64")
    for hide in ((), ("y",), ("y", "z_o")):
        found = trace.equations(form=form, convention=convention, hide=hide)
        assert found.residual < 1e-14 and "log(" in str(next(e for e in found if e.name == "L"))


def test_what_is_written_wrongly_is_not_hidden_by_the_exact_number(monkeypatch, network):
    from minirnn.engine import ops
    from minirnn.readings.equations import matrix

    form = ops.logistic_loss.sympy
    planted = lambda S, z, t, p: matrix.written(S.scale(-1, form(S, z, t, p).args[0]), form(S, z, t, p).args[1])
    monkeypatch.setattr(ops.logistic_loss, "sympy", planted)
    X, Y = np.random.default_rng(2).normal(size=(2, 4, 3)), np.eye(6)[[0, 1]]
    trace = mr.trace(network(head="sigmoid"), X, Y, loss="binary_crossentropy", dtype="float64")
    assert trace.equations().residual > 0.1 and trace.equations(form="component").residual > 0.1
