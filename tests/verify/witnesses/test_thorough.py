"""The further witnesses: second derivatives, SymPy's own diff, 50 digits; each finds what is planted for it."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.verify.witnesses import complex_step
from minirnn.verify.witnesses import fifty_digits as exact
from minirnn.verify.witnesses import sympy_diff as symbolic


@pytest.fixture
def small():
    """Two steps of two units, so that SymPy can write the loss out."""

    def traced(activation="tanh", **options):
        i = Input((2, 3))
        model = Model(i, Dense(1)(SimpleRNN(2, activation=activation)(i)))
        rng = np.random.default_rng(0)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        return mr.trace(model, rng.normal(size=(1, 2, 3)), rng.normal(size=(1, 1)), **options)

    return traced


def wrong(rows):
    return {row.quantity for row in rows if not row.ok}


def test_all_of_them_agree(small):
    report = small().verify(with_keras=False, thorough=True)
    assert report.ok and not [row for row in report if row.missing]
    assert {row.witness for row in report} == {"complex step", "SymPy diff", "50 digits"}
    assert {f"d²L/d{name}²" for name in ("W_x", "W_h", "b_h", "W_o", "b_o")} <= {row.quantity for row in report}


# ------------------------------------------------------------------------------------------------------- the tester tested


def test_a_rule_that_is_wrong_by_half_a_part_in_a_thousand(make, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: ops.scale(g * (1 - ops.square(y)), p=1.0005),))
    report = make().verify(with_keras=False)
    assert not report.ok and "differ" in report.sentence


def test_sympy_finds_it_too(small, monkeypatch):
    monkeypatch.setattr(ops.tanh, "vjp", (lambda g, y, x: ops.scale(g * (1 - ops.square(y)), p=1.0005),))
    assert wrong(symbolic.rows(small())) == {"dL/dW_x", "dL/dW_h", "dL/db_h"}


def test_a_wrong_second_derivative(make, monkeypatch):
    """The rule of 1 - x is used on the way back only: no first derivative tells."""
    monkeypatch.setattr(ops.complement, "vjp", (lambda g, y, x, q: g,))
    assert make().verify(with_keras=False).ok
    assert wrong(complex_step.second(make())) == {"d²L/dW_x²", "d²L/dW_h²", "d²L/db_h²"}
    assert not make().verify(with_keras=False, thorough=True).ok


def test_second_derivatives_of_many_networks(make):
    for options in ({"layers": 2, "every_step": True}, {"activation": "sigmoid"}, {"flatten": True}):
        assert not wrong(complex_step.second(make(**options)))
    assert not wrong(complex_step.second(make(head="softmax", loss="categorical_crossentropy")))


def test_a_float_that_is_off(trace, monkeypatch):
    """A gradient that was moved by 50 eps is off the truth by 50 eps, and is called wrong."""
    node = trace.cotangents[trace.parameters["W_o"]]
    node.value = node.value * (1 + 50 * np.finfo(float).eps)
    assert wrong(exact.rows(trace)) == {"dL/dW_o"}


# ------------------------------------------------------------------------------------------------------------ SymPy


def test_sympy_of_other_activations(small):
    for activation in ("sigmoid", "linear", "exponential", "relu"):
        rows = list(symbolic.rows(small(activation)))
        assert not wrong(rows) and not [row for row in rows if row.missing], activation


def test_what_sympy_cannot_do_is_said(small, make):
    assert {row.note for row in symbolic.rows(small("softmax"))} == {"SymPy cannot take this network: TypeError"}
    assert all("too many for SymPy" in row.note for row in symbolic.rows(make()))
    assert all("the flow is cut" in row.note for row in symbolic.rows(small(truncate=1)))


# --------------------------------------------------------------------------------------------------------- 50 digits


def test_the_truth_is_that_of_mpmath(small):
    """The whole loop by hand, in 60 digits."""
    trace = small()
    W_x, W_h, b_h, W_o, b_o = (trace.value(name) for name in ("W_x", "W_h", "b_h", "W_o", "b_o"))
    with mpmath.workdps(60):
        h = [mpmath.mpf(0)] * 2
        for x in trace.inputs[0][0]:
            z = [b_h[j] + sum(mpmath.mpf(x[i]) * W_x[i, j] for i in range(3)) for j in range(2)]
            h = [mpmath.tanh(z[j] + sum(h[i] * mpmath.mpf(W_h[i, j]) for i in range(2))) for j in range(2)]
        y = b_o[0] + sum(h[i] * mpmath.mpf(W_o[i, 0]) for i in range(2))
        assert abs(trace.exact().value("y")[0, 0] - y) < mpmath.mpf(10) ** -48
        assert abs(trace.exact(20).value("y")[0, 0] - y) < mpmath.mpf(10) ** -18


def test_errors_are_in_eps_of_each_number(small):
    trace = small()
    truth = trace.exact().value("y")
    nearest = truth.astype(float)
    assert trace.exact().errors(nearest, "y").max() <= 0.5
    moved = np.nextafter(np.nextafter(nearest, np.inf), np.inf)
    apart = (
        abs(Fraction(moved[0, 0]) - Fraction(nearest[0, 0])) / Fraction(abs(nearest[0, 0])) / Fraction(np.finfo(float).eps)
    )
    assert abs(trace.exact().errors(moved, "y")[0, 0] - float(apart)) <= 0.5
    assert trace.exact().errors(nearest.astype("float32"), "y").max() <= 0.5


def test_it_says_how_many_numbers_are_not_the_nearest(trace):
    (row,) = [row for row in exact.rows(trace.astype("float32")) if row.quantity == "y"]
    truth = trace.astype("float32").exact().value("y").astype("float32")
    count = int(np.sum(truth != trace.astype("float32").output))
    assert row.note == f"{count} of 12 are not the nearest float32" and row.error < 8


def test_gradients_and_sequences_have_a_truth_too(stacked):
    assert stacked.exact().errors(stacked.gradients["W_h^1"], "dL/dW_h^1").shape == (5, 5)
    quantities = {row.quantity for row in exact.rows(stacked)}
    assert {"h^1_t", "h^2_t", "y_t", "L", "dL/dW_h^2"} <= quantities
    with pytest.raises(KeyError, match="no quantity 'g'"):
        stacked.exact().value("g")


def test_large_networks_are_refused(trace, monkeypatch):
    monkeypatch.setattr(exact, "MOST", 10)
    with pytest.raises(ValueError, match="too many for 50 digits"):
        trace.exact()
    (row,) = exact.rows(trace)
    assert row.missing and "take a smaller network" in row.note
