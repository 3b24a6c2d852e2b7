"""Arrays of which parts are written: what has the name is the array, as the variable holds it when the turn is over."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

RNG = np.random.default_rng(3)
W, U, SMALL = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 4)) / 2, RNG.normal(size=(2, 4))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def two_halves(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        z = x @ W + h @ U
        h[:2] = np.tanh(z[:2])
        h[2:] = sigmoid(z[2:])
        held.append(h.copy())
    return np.sum(h**2)


def made_in_every_turn(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        z = x @ W + h @ U
        h = np.empty(4)
        h[2:] = sigmoid(z[2:])
        h[:2] = np.tanh(z[:2])
        held.append(h.copy())
    return np.sum(h**2)


def every_other(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        z = x @ W + h @ U
        h[::2] = np.tanh(z[::2])
        h[1::2] = sigmoid(z[1::2])
        held.append(h.copy())
    return np.sum(h**2)


def gates_in_place(X, W, U, held):
    s = np.zeros(2)
    for x in X:
        h = x @ W + s @ U[:2]
        h[:2] = sigmoid(h[:2])
        h[2:] = np.tanh(h[2:])
        s = h[:2] * h[2:]
        held.append(h.copy())
    return np.sum(s**2)


def rolled(X, W, U, held):
    h, s = np.zeros(3), np.zeros(4)
    for x in X:
        s = np.tanh(x @ W + s @ U)
        h = np.roll(h, 1)
        h[0] = s[1]
        held.append(h.copy())
    return np.sum(h**2) + s[0]


def shifted(X, W, U, held):
    h, s = np.zeros(3), np.zeros(4)
    for x in X:
        s = np.tanh(x @ W + s @ U + h[2])
        h[1:] = h[:-1].copy()
        h[0] = s[1]
        held.append(h.copy())
    return np.sum(h**2) + s[0]


def unit_by_unit(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        z = x @ W + h @ U
        h = np.zeros(4)
        h[0], h[1] = np.tanh(z[0]), np.tanh(z[1])
        h[2] = sigmoid(z[2])
        h[3] = z[3]
        held.append(h.copy())
    return np.sum(h**2)


def halved(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ W + h @ U)
        h[:2] *= 0.5
        held.append(h.copy())
    return np.sum(h**2)


def cut_off(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        h = x @ W + h @ U
        h[h < 0] = 0.0
        held.append(h.copy())
    return np.sum(h**2)


def all_of_it(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        z = np.tanh(x @ W + h @ U)
        h[:] = z
        held.append(h.copy())
    return np.sum(h**2)


LOOPS = [
    two_halves, made_in_every_turn, every_other, gates_in_place, rolled, shifted, unit_by_unit, halved, cut_off, all_of_it,
]  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
def test_the_array_has_the_name(loop):
    counts = []
    for T in (5, 9):
        X, held = RNG.normal(size=(T, 3)), []
        assert loop(X, W, U, held) == mr.trace(loop, X=X, W=W, U=U, held=[]).loss
        trace = mr.trace(loop, X=X, W=W, U=U, held=[])
        for t, value in enumerate(held, start=1):
            np.testing.assert_array_equal(trace.value("h", t), value)
        equations = trace.equations()
        assert equations.residual < 1e-12
        assert any(line.startswith(("hₜ =", "h₁ =")) for line in str(equations).splitlines())
        counts.append(len(equations))
        assert trace.verify().ok
    assert counts[0] == counts[1]


class Cell:
    """A state that is an attribute, and a history that is filled step by step: its places are no parts of a state."""

    def __init__(self):
        self.W, self.U = W.copy(), U.copy()

    def run(self, X):
        self.s, self.log = np.zeros(4), np.zeros((len(X), 4))
        for t in range(len(X)):
            z = X[t] @ self.W + self.s @ self.U
            self.s[:1] = np.tanh(z[:1])
            self.s[1:] = sigmoid(z[1:])
            self.log[t] = self.s
        return np.sum(self.log[-1] ** 2)


def test_an_attribute_is_written_in_place_too():
    X, cell = RNG.normal(size=(6, 3)), Cell()
    trace = mr.trace(cell.run, X=X)
    cell.run(X)
    for t in range(6):
        np.testing.assert_array_equal(trace.value("s", t + 1), cell.log[t])
    assert len(trace.equations()) == len(mr.trace(Cell().run, X=X[:4]).equations())


GLOBAL = np.zeros(4)


def of_a_module(X, W, U):
    total = 0.0
    for x in X:
        GLOBAL[:2] = np.tanh(x @ W)[:2]
        total = total + GLOBAL[0] * GLOBAL[1]
    return total


def test_an_array_of_the_module_stays_one_of_the_module():
    X = RNG.normal(size=(4, 3))
    assert mr.trace(of_a_module, X=X, W=W, U=U).loss == of_a_module(X, W, U)


def lists_keep_their_layers(X, W, U):
    layers = [np.zeros(4), np.zeros(4)]
    for x in X:
        layers[0] = np.tanh(x @ W + layers[0] @ U)
        layers[1] = np.tanh(layers[0] + layers[1] @ U)
    return np.sum(layers[1] ** 2)


def test_a_list_of_layers_is_no_array():
    trace = mr.trace(lists_keep_their_layers, X=RNG.normal(size=(5, 3)), W=W, U=U)
    assert {"layers^1", "layers^2"} <= {name for name, _ in trace.variables}


def copied_and_written(X, W, U, held):
    h, old, L = np.zeros(4), np.zeros(4), 0.0
    for t in range(len(X)):
        h[:2] = np.tanh(X[t] @ W + old @ U)[:2]
        L = L + h @ old
        old[:] = h
        held.append(h.copy())
    return L


def written_after_it_was_copied(X, W, U, held):
    h, L = np.zeros(4), 0.0
    for x in X:
        z = np.tanh(x @ W + h @ U)
        h[:] = z
        z[:2] = 0
        L = L + np.sum(np.tanh(h)) + np.sum(z)
        held.append(h.copy())
    return L


def taking_turns(X, W, U, held):
    h, g = np.zeros(4), np.zeros(4)
    for x in X:
        h, g = g, h
        h[:] = np.tanh(x @ W + g @ U)
        held.append(h.copy())
    return np.sum(h) + np.sum(g)


def two_layers_in_one_array(X, W, U, held):
    h = np.zeros((2, 4))
    for x in X:
        h[0] = np.tanh(x @ W + h[0] @ U)
        h[1] = np.tanh(h[0] + h[1] @ U)
        held.append(h.copy())
    return np.sum(h[1] ** 2)


def added_to_a_half(X, W, U, held):
    h = np.zeros(4)
    for x in X:
        a = np.tanh(x @ W + h @ U)
        h[:2] = a[:2]
        h[2:] += a[2:]
        held.append(h.copy())
    return np.sum(h)


@pytest.mark.parametrize(
    "loop", [copied_and_written, written_after_it_was_copied, taking_turns, two_layers_in_one_array, added_to_a_half]
)
def test_several_writes_and_several_names(loop):
    """As above; the derivatives are those of differences, for a wrong value would spoil them in silence."""
    test_the_array_has_the_name(loop)
    X = RNG.normal(size=(6, 3))
    trace, step = mr.trace(loop, X=X, W=W, U=U, held=[]), 1e-6
    for place in np.ndindex(W.shape):
        ends = [loop(X, W + sign * step * np.eye(1, W.size, np.ravel_multi_index(place, W.shape)).reshape(W.shape), U, [])
                for sign in (1, -1)]  # fmt: skip
        assert trace.gradients["W"][place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-7)
