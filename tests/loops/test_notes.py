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


def layers_in_lists(X, W, U, b):
    Us, bs, hs = list(U), list(b), [np.zeros(2) for _ in range(3)]
    for x in X:
        below = x @ W[0]
        for k in range(3):
            hs[k] = below = np.tanh(below + hs[k] @ Us[k] + bs[k])
    return np.sum(hs[-1])


def layers_in_pairs(X, W, U, b):
    pairs, h = list(zip([*U], tuple(b))), np.zeros(2)
    for x in X:
        h = x @ W[0] + h
        for u, c in pairs:
            h = np.tanh(h @ u + c)
    return np.sum(h)


def layers_in_dictionaries(X, W, U, b):
    layers, h = [{"W": w, "U": u, "b": c} for w, u, c in zip(list(W), list(U), list(b))], np.zeros(2)
    for x in X:
        for layer in layers:
            h = np.tanh(x @ layer["W"] + h @ layer["U"] + layer["b"])
    return np.sum(h)


def decayed(X, W, U, b):
    h = np.zeros(2)
    for x in X:
        h = np.tanh(x @ W[0] + h @ U[0] + b[0])
    return np.sum(h) + 0.01 * sum(np.sum(u * u) for u in U) + sum(np.sum(c * c) for c in list(b))


def no_loop(X, W, U, b):
    rows = list(b)
    rows[0] = rows[0] + 1
    return np.sum(np.array(rows) * b) + np.sum(X) + np.sum(W) + np.sum(U)


@pytest.mark.parametrize("loop", [layers_in_lists, layers_in_pairs, layers_in_dictionaries, decayed, no_loop])
def test_weights_whose_rows_are_in_a_list_are_weights(loop):
    """They were taken for sequences, without a word, and had no gradient."""
    shapes = {"W": (3, 3, 2), "U": (3, 2, 2), "b": (3, 2)}
    weights = {name: RNG.normal(size=shape) * 0.5 for name, shape in shapes.items()}
    trace = mr.trace(loop, X, **weights)
    assert {"W", "U", "b"} <= set(trace.gradients) and (("X" in trace.gradients) == (loop is no_loop))
    assert float(trace.loss) == loop(X, **weights) and trace.verify(with_keras=False).ok
    for name, w in weights.items():
        step = np.zeros_like(w)
        step[0, 1] = 1e-6
        ends = [loop(X, **weights | {name: w + sign * step}) for sign in (1, -1)]
        assert np.isclose(trace.gradients[name][0, 1].sum(), (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)
    trace.equations()


def test_functions_called_as_those_of_python_are_the_users():
    def loop(X, U, W, b):
        def list(rows):
            return rows[::-1]

        s = np.zeros(2)
        for x in list(X):
            s = np.tanh(x @ U + s @ W + b)
        return np.sum(s)

    assert float(mr.trace(loop, X, **WEIGHTS).loss) == loop(X, **WEIGHTS)


def test_a_key_gives_no_second_name():
    """An array that is filled stays one, and a constant beside the state does not take its name."""

    def filled(X, U, W, b):
        H, s = np.zeros((5, 2)), np.array([1.0, 0.5])
        kept, bias = {"rows": H}, {"s": np.array([1.0, 1.0])}
        for t in range(5):
            before = {"last": s}
            s = np.tanh(X[t] @ U + before["last"] @ W + b + bias["s"])
            kept["rows"][t] = s
        return np.sum(H**2)

    shown = str(mr.trace(filled, X, **WEIGHTS).equations())
    assert "sₜ = tanh(Xₜ U + sₜ₋₁ W + b + 1)    (t=1..T)" in shown and "L = sum([s₁; …; s_T]²)" in shown
    assert "s₀ = [1 0.5]" in shown


def test_attention_to_all_states_so_far_has_equations():
    """Where there is one state yet, a row of one is a number, which has no matrix form of its own."""

    def loop(X, U, W, b):
        states, h, L = [], np.zeros(2), 0.0
        for x in X:
            h = np.tanh(x @ U + h @ W + b)
            states.append(h)
            K = np.stack(states)
            a = np.exp(K @ h)
            L = L + np.sum((a / a.sum() @ K) ** 2)
        return L

    trace = mr.trace(loop, X, **WEIGHTS)
    assert max(e.residual for e in trace.equations()) < 1e-14
    trace.walk(), trace.source(), trace.page(with_keras=False)
