"""What shares a name, what is written in place and by masks, and which loops are time: every reading beside the function."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import NamedTuple

import numpy as np
import pytest

import minirnn as mr

rng = np.random.default_rng(4)
X, w, u = rng.normal(size=(5, 3)), 0.6 * rng.normal(size=3), 0.6 * rng.normal(size=3)
W3, U3, V3 = (0.5 * rng.normal(size=(3, 3)) for _ in range(3))
S = rng.normal(size=(4, 3, 3))


def one_name_in_two_runs(X, Y, h, g, w):
    def run(X, h):
        for x in X:
            h = np.tanh(x + w * h)
        return h

    return run(X, h).sum() + run(Y, g).sum()


def a_cell_beside_numbers(X, w, u):
    h, c = np.zeros(3), np.zeros(3)
    for t, x in enumerate(X):
        c = 0.5 * c + np.tanh(x * w + h * u)
        h = np.tanh(c)
        if t == len(X) - 1:
            h = h * np.array([1.0, 2.0, 3.0])
    return h.sum()


def numbers_at_the_end(X, w, u):
    h, c = np.zeros(3), np.zeros(3)
    for x in X:
        c = 0.5 * c + np.tanh(x * w + h * u)
        h = np.tanh(c)
    return (h * np.array([1.0, 2.0, 3.0])).sum()


def a_mask_of_numbers(X, w, u):
    h, c = np.zeros(3), np.zeros(3)
    for t, x in enumerate(X):
        c = np.where(np.arange(3) <= t, 0.5 * c + np.tanh(x * w + h * u), c)
        h = np.tanh(c)
    return h.sum()


def a_parameter_called_c(X, w, c):
    h = np.zeros(3)
    for x in X:
        h = np.tanh(x * w + h * c) * np.array([1.0, 0.0, 2.0])
    return h.sum()


def two_steps_of_numbers(X, w, u):
    h, c = np.zeros(3), np.array([1.0, 0.5, 0.2])
    for x in X:
        h, c = np.tanh(x * w + c * u), 0.5 * c + h
    return (h**2).sum() + c.sum()


def spiking(X, W):
    v, out = np.zeros(3), 0.0
    for x in X:
        v = 0.9 * v + x @ W
        s = 1 / (1 + np.exp(-v))
        out = out + s.sum()
        v = v - s
    return out


def cut_in_place(X, w, u):
    h = np.zeros(3)
    for x in X:
        h = x * w + u * h
        h[h < 0] = 0
    return h.sum()


def leaking_in_place(X, w, u):
    h = np.zeros(3)
    for x in X:
        h = x * w + u * h
        h[h < 0] *= 0.1
    return h.sum()


def copied_where_positive(X, w, u):
    h = np.zeros(3)
    for x in X:
        z = x * w + u * h
        h = np.zeros_like(z)
        h[z > 0] = z[z > 0]
    return h.sum()


def stable_sigmoid(x):
    pos, neg = x >= 0, x < 0
    z = np.zeros_like(x)
    z[pos] = np.exp(-x[pos])
    z[neg] = np.exp(x[neg])
    top = np.ones_like(x)
    top[neg] = z[neg]
    return top / (1 + z)


def gates_of_a_course(X, W, U):
    h = np.zeros((3, 3))
    for x in X:
        h = stable_sigmoid(x @ W + h @ U)
    return h.sum()


def rows_that_go_on(X, W, U, lengths):
    h = np.zeros((3, 3))
    for t in range(len(X)):
        act = lengths > t
        h[act] = np.tanh(X[t][act] @ W + h[act] @ U)
    return h.sum()


def a_penalty_on_a_list(X, ps):
    w, u, a, b, c_, d = ps
    h = np.zeros(3)
    for x in X:
        h = np.tanh(x * w + u * h + a)
    L = ((h * b + c_) * d).sum()
    for p in ps:
        L += 0.01 * np.sum(p * p)
    return L


def layers_in_a_list(X, Ws, Us, a, b):
    hs = [a, b]
    for x in X:
        for k in range(2):
            hs[k] = np.tanh(x * Ws[k] + hs[k] * Us[k])
            x = hs[k]
    return hs[1].sum()


def normed(X, w):
    a, L = np.ones(3) / 3, 0.0
    for x in X:
        a = a * np.exp(x * w)
        s = a.sum()
        a = a / s
        L = L + np.log(s)
    return L


def smoothed(X, w):
    s, L = X[0], 0.0
    for x in X[1:]:
        s = w * x + (1 - w) * s
        L = L + (s**2).sum()
    return L


def with_a_trend(X, w, u):
    level, slope, L = X[0], X[1] - X[0], 0.0
    for t in range(1, len(X)):
        new = w * X[t] + (1 - w) * (level + slope)
        slope = u * (new - level) + (1 - u) * slope
        level = new
        L = L + ((level - X[t]) ** 2).sum()
    return L


def outputs_below_each_other(X, W, U, V, Y):
    h, outputs = np.zeros((3, 3)), []
    for x in X:
        h = np.tanh(x @ W + h @ U)
        outputs.append(h @ V)
    return ((np.concatenate(outputs, 0) - Y) ** 2).mean()


class Pair(NamedTuple):
    h: np.ndarray
    c: np.ndarray


@dataclasses.dataclass(frozen=True)
class Frozen:
    h: np.ndarray


def states_in_a_tuple_with_names(X, W, U):
    s = Pair(np.zeros(3), np.zeros(3))
    for x in X:
        c = 0.5 * s.c + x @ W
        s = Pair(np.tanh(c + s.h @ U), c)
    return s.h.sum()


def a_state_that_is_replaced(X, W, U):
    s = Frozen(np.zeros(3))
    for x in X:
        s = dataclasses.replace(s, h=np.tanh(x @ W + s.h @ U))
    return s.h.sum()


def labels_in_a_list(X, W, U, y):
    s, o = np.zeros(3), np.zeros((len(X), 3))
    for t in range(len(X)):
        s = np.tanh(X[t] @ W + s)
        o[t] = s @ U
    p = np.exp(o) / np.exp(o).sum(1, keepdims=True)
    return -np.sum(np.log(p[np.arange(len(y)), y]))


CASES = {
    states_in_a_tuple_with_names: {"X": X, "W": W3, "U": U3},
    a_state_that_is_replaced: {"X": X, "W": W3, "U": U3},
    labels_in_a_list: {"X": X, "W": W3, "U": U3, "y": [1, 2, 0, 0, 1]},
    one_name_in_two_runs: {"X": X, "Y": X[::-1].copy(), "h": w + 1, "g": u - 1, "w": w},
    a_cell_beside_numbers: {"X": X, "w": w, "u": u},
    numbers_at_the_end: {"X": X, "w": w, "u": u},
    a_mask_of_numbers: {"X": X, "w": w, "u": u},
    a_parameter_called_c: {"X": X, "w": w, "c": u},
    two_steps_of_numbers: {"X": X, "w": w, "u": u},
    spiking: {"X": X, "W": W3},
    cut_in_place: {"X": X, "w": w, "u": u},
    leaking_in_place: {"X": X, "w": w, "u": u},
    copied_where_positive: {"X": X, "w": w, "u": u},
    gates_of_a_course: {"X": S, "W": W3, "U": U3},
    rows_that_go_on: {"X": S, "W": W3, "U": U3, "lengths": np.array([4, 2, 3])},
    a_penalty_on_a_list: {"X": X[:3], "ps": [rng.normal(size=3) for _ in range(6)]},
    layers_in_a_list: {"X": X, "Ws": W3[:2], "Us": U3[:2], "a": w, "b": u},
    normed: {"X": X, "w": w},
    smoothed: {"X": X, "w": w},
    with_a_trend: {"X": X, "w": 0.5 + 0.1 * w, "u": 0.5 + 0.1 * u},
    outputs_below_each_other: {"X": S, "W": W3, "U": U3, "V": V3, "Y": rng.normal(size=(12, 3))},
}


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_every_reading(function, tmp_path):
    given = CASES[function]
    loss = function(**copy.deepcopy(given))
    trace = mr.trace(function, **given)
    assert float(trace.loss) == pytest.approx(float(loss), rel=1e-14)
    assert trace.verify(with_keras=False).ok
    assert max(equation.residual for equation in trace.equations()) < 1e-12
    space = {}
    exec(str(trace.source()), space)
    read = list(inspect.signature(space["loss_and_gradients"]).parameters)[1:]
    weights = {name: np.asarray(trace.value(name)) for name in trace.parameters}
    data = [given[k] for k in read]
    compiled = trace.compile()
    for run in (
        lambda: space["loss_and_gradients"](weights, *data),
        lambda: compiled(weights, data if len(data) > 1 else data[0]),
    ):
        found, gradients = run()
        assert float(found) == pytest.approx(float(loss), rel=1e-12)
        assert set(gradients) == set(trace.gradients)
        for name, gradient in trace.gradients.items():
            np.testing.assert_allclose(gradients[name], gradient, rtol=1e-9, atol=1e-12)
    trace.page(tmp_path / "a.html")
    assert str(trace.walk())


@pytest.mark.parametrize(
    "function", [spiking, cut_in_place, leaking_in_place, gates_of_a_course, normed], ids=lambda f: f.__name__
)
def test_as_many_equations_at_every_length(function):
    given = CASES[function]
    longer = given | {"X": np.concatenate([given["X"], given["X"]])}
    assert len(mr.trace(function, **given).equations()) == len(mr.trace(function, **longer).equations())


def test_the_last_value_of_a_variable_is_that_of_the_last_turn():
    v = np.zeros(3)
    for x in X:
        v = 0.9 * v + x @ W3
        v = v - 1 / (1 + np.exp(-v))
    trace = mr.trace(spiking, X=X, W=W3)
    np.testing.assert_allclose(trace.value("v", 5), v)
    h = np.zeros(3)
    trace = mr.trace(cut_in_place, X=X, w=w, u=u)
    for t, x in enumerate(X, start=1):
        h = np.maximum(x * w + u * h, 0)
        np.testing.assert_allclose(trace.value("h", t), h)


def test_steps_are_those_of_the_sequence():
    assert mr.trace(a_penalty_on_a_list, **CASES[a_penalty_on_a_list]).steps == 3
    trace = mr.trace(layers_in_a_list, **CASES[layers_in_a_list])
    assert trace.steps == 5 and set(trace.gradients) == {"Ws", "Us", "a", "b"}
    assert "s₁ = x₁" in str(mr.trace(smoothed, X=X, w=w).equations())
    assert "⊘ 1" not in str(mr.trace(normed, X=X, w=w).equations())


def test_states_of_immutable_objects_have_names():
    for function in (states_in_a_tuple_with_names, a_state_that_is_replaced):
        assert "hₜ = tanh(" in str(mr.trace(function, **CASES[function]).equations())


def test_a_start_of_equal_numbers_is_printed():
    def from_a_fifth(X, w):
        h = np.full(3, 0.2)
        for x in X:
            h = np.tanh(x * w + h)
        return h.sum()

    assert "h₀ = 0.2" in str(mr.trace(from_a_fifth, X=X, w=w).equations())


def test_what_overflows_where_it_is_not_chosen_has_its_gradient():
    with np.errstate(over="ignore"):
        trace = mr.trace(gates_of_a_course, X=S * 2000, W=W3, U=U3)
        assert all(np.isfinite(gradient).all() for gradient in trace.gradients.values())
        assert trace.verify(with_keras=False).ok


def made_anew(X, W, b):
    W = 0.5 * (W + W.T)
    x = np.zeros(3)
    for b_t in X:
        x = np.tanh((b_t + b) @ W + x)
    return np.sum(x * x)


def test_what_is_given_keeps_its_name_and_what_is_assigned_to_it_has_another():
    given = {"W": W3, "b": S[0]}
    trace = mr.trace(made_anew, X=S, **given)
    assert list(trace.parameters) == ["W", "b"] and trace.value("W_new") is not None
    loss, gradients = trace.compile()(given, S)
    assert np.isclose(loss, made_anew(S, **given))
    step = 1e-30j
    for key, at in (("W", (0, 1)), ("b", (1, 2))):
        moved = {name: array.astype(complex) for name, array in given.items()}
        moved[key][at] += step
        slope = made_anew(S.astype(complex), **moved).imag / 1e-30
        assert np.isclose(gradients[key][at], slope) and np.isclose(trace.gradients[key][at], slope)


def _zipped(X, W, U):
    h, loss = np.zeros(4), 0
    for x, following in zip(X[:-1], X[1:]):  # noqa: RUF007
        h = np.tanh(x @ W + h @ U)
        loss = loss + np.sum((h[:3] - following) ** 2)
    return loss


def _indexed(X, W, U):
    h, loss = np.zeros(4), 0
    for t in range(len(X) - 1):
        now, target = X[t], X[t + 1]
        h = np.tanh(now @ W + h @ U)
        loss = loss + np.sum((h[:3] - target) ** 2)
    return loss


def _one_more(X, W, U):
    h, loss = np.zeros(4), 0
    for x, following in zip(X, X[1:]):  # noqa: RUF007
        h = np.tanh(x @ W + h @ U)
        loss = loss + np.sum((h[:3] - following) ** 2)
    return loss


@pytest.mark.parametrize("function", [_zipped, _indexed, _one_more])
def test_two_variables_that_hold_one_row_after_the_other_are_rows_of_one_array(function):
    rng = np.random.default_rng(0)
    trace = mr.trace(function, X=rng.normal(size=(5, 3)), W=rng.normal(size=(3, 4)), U=rng.normal(size=(4, 4)))
    found = str(trace.equations())
    assert "hₜ = tanh(Xₜ W + hₜ₋₁ U)    (t=1..T)" in found and "(hₜ[1:3] - Xₜ₊₁)²" in found
    assert trace.equations().residual < 1e-14 and trace.verify(with_keras=False).ok


def test_the_largest_of_each_column_says_so():
    def loop(X, W):
        H, h = np.zeros((5, 4)), np.zeros(4)
        for t in range(5):
            h = np.tanh(X[t] @ W + 0.5 * h)
            H[t] = h
        return np.sum(H.max(axis=0)) + H.max()

    rng = np.random.default_rng(0)
    trace = mr.trace(loop, X=rng.normal(size=(5, 3)), W=rng.normal(size=(3, 4)))
    assert "sum(max([h₁; …; h_T], axis=0)) + max([h₁; …; h_T])" in str(trace.equations())
    assert r"\operatorname{axis}=0" in trace.equations().latex() and trace.equations().residual < 1e-14


def turned_round(X, W, U):
    h = np.zeros((2, 4))
    for x in X.transpose(1, 0, 2):
        h = np.tanh(x @ W + h @ U)
    return np.sum(h**2)


def axis_moved(X, W, U):
    h = np.zeros((2, 4))
    rows = np.moveaxis(X, 1, 0)
    for t in range(len(rows)):
        h = np.tanh(rows[t] @ W + h @ U)
    return np.sum(h**2)


def columns(X, W, U):
    h = np.zeros(4)
    for x in X[0].T:
        h = np.tanh(x[:3] @ W + h @ U)
    return np.sum(h**2)


@pytest.mark.parametrize("loop", [turned_round, axis_moved, columns])
def test_a_sequence_that_is_turned_round_is_a_sequence(loop):
    rng = np.random.default_rng(5)
    W, U, counts = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) / 2, []
    for T in (5, 8):
        trace = mr.trace(loop, X=rng.normal(size=(2, T, 3) if loop is not columns else (2, 3, T)), W=W, U=U)
        assert trace.steps == T and set(trace.gradients) == {"W", "U"} and trace.verify().ok
        assert trace.loss == loop(trace.inputs[0], W, U)
        counts.append(len(trace.equations()))
    assert counts[0] == counts[1]
