"""What is noted in a user's source: rows of lists, keys of dictionaries, places that functions write into."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

RNG = np.random.default_rng(7)
X = RNG.normal(size=(5, 3))
WEIGHTS = {"U": RNG.normal(size=(3, 2)) * 0.5, "W": RNG.normal(size=(2, 2)) * 0.5, "b": RNG.normal(size=2)}


def updated(X, U, W, b):
    state = {"s": np.zeros(2)}
    for x in X:
        state.update(s=np.tanh(x @ U + state["s"] @ W + b))
    return np.sum(state["s"] ** 2)


def made_anew(X, U, W, b):
    state = dict(zip("s", [np.zeros(2)]))
    for x in X:
        state = {"s": np.tanh(x @ U + state["s"] @ W + b)}
    return np.sum(state["s"] ** 2)


def in_a_list(X, U, W, b):
    s = np.zeros(2)
    for x in list(X):
        s = np.tanh(x @ U + s @ W + b)
    return np.sum(s**2)


def in_a_display(X, U, W, b):
    s = np.zeros(2)
    rows = [*X]
    for t in range(len(rows)):
        s = np.tanh(rows[t] @ U + s @ W + b)
    return np.sum(s**2)


def into_a_place(X, U, W, b):
    s = np.zeros((len(X) + 1, 2))
    for t in range(len(X)):
        np.tanh(X[t] @ U + s[t] @ W + b, out=s[t + 1])
    return np.sum(s[-1] ** 2)


def added_to_a_place(X, U, W, b):
    s = np.zeros((len(X) + 1, 2))
    for t in range(len(X)):
        s[t + 1] += np.tanh(X[t] @ U + s[t] @ W + b)
    return np.sum(s[-1] ** 2)


@pytest.mark.parametrize("loop", [updated, made_anew, in_a_list, in_a_display, into_a_place, added_to_a_place])
def test_a_state_has_its_name_and_one_equation_however_it_is_kept(loop):
    trace = mr.trace(loop, X, **WEIGHTS)
    assert float(trace.loss) == loop(X, **WEIGHTS)
    assert [step for name, step in trace.variables if name == "s"][-5:] == [1, 2, 3, 4, 5]
    found = [e for e in trace.equations() if e.name == "s"]
    assert str(found[-1]).startswith("sₜ = tanh(") and found[-1].domain.steps(trace.fold().T).stop == 6
    assert trace.verify(with_keras=False).ok


def test_rows_of_a_list_that_runs_backwards_are_steps():
    def loop(X, U, W, b):
        s = np.zeros(2)
        for x in reversed(list(X)):
            s = np.tanh(x @ U + s @ W + b)
        return np.sum(s**2)

    assert "sₜ = tanh(xₜ U + sₜ₊₁ W + b)    (t=1..T)" in str(mr.trace(loop, X, **WEIGHTS).equations())


def test_what_numpy_appends_is_no_part_of_a_list_called_np():
    def loop(X, U, W, b):
        s, losses = np.zeros(2), np.array([])
        for x in X:
            s = np.tanh(x @ U + s @ W + b)
            losses = np.append(losses, np.sum(s**2))
        return losses.sum()

    names = {name for name, _ in mr.trace(loop, X, **WEIGHTS).variables}
    assert "np" not in names and "s" in names


def test_a_place_written_to_once_beside_all_loops_leaves_the_array_its_name():
    def loop(X, U, W, b):
        A = X * 2.0
        A[1] += A[0]
        return np.sum(np.tanh(A @ U + b) @ W)

    trace = mr.trace(loop, X, **WEIGHTS)
    assert trace.value("A").shape == X.shape and abs(float(trace.loss) - loop(X, **WEIGHTS)) < 1e-14


def test_looking_at_a_place_again_does_nothing_else():
    def loop(X, U, W, b):
        s, places = np.zeros((6, 2)), iter(range(1, 6))
        for x in X:
            s[next(places)] += np.tanh(x @ U + b)
        return np.sum(s @ W)

    assert abs(float(mr.trace(loop, X, **WEIGHTS).loss) - loop(X, **WEIGHTS)) < 1e-14


def test_places_of_what_is_no_array_are_not_looked_at_again():
    class Counted(dict):
        looks = 0

        def __getitem__(self, key):
            self.looks += 1
            return super().__getitem__(key)

    def loop(X, U, W, b):
        kept = Counted(s=np.zeros(2))
        for x in X:
            kept["s"] += np.tanh(x @ U + b)
        return np.sum(kept["s"] @ W) * kept.looks

    assert abs(float(mr.trace(loop, X, **WEIGHTS).loss) - loop(X, **WEIGHTS)) < 1e-13
