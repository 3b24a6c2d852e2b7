"""mr.check names the slip in a loop of one's own, whatever the style of the loop; loops that are right it lets pass.

A slip is a change of the text of a loop; what it does is what Python does. ``python tests/loops/test_slips_in_loops.py``
takes 20 networks for each.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 3, 6, 4, 5, 2

LOOPS = {
    "one sample after the other": """
def predict(X, Wx, Wh, bh, Wo, bo):
    Y = np.empty((len(X), K))
    for i in range(len(X)):
        x = X[i]
        h_last = np.zeros(M)
        y_pred = []
        for t in range(T):
            h = np.tanh(x[t].dot(Wx) + h_last.dot(Wh) + bh)
            h_last = h
            y_pred.append(h.dot(Wo) + bo)
        Y[i] = y_pred[-1]
    return Y
""",
    "a batch": """
def predict(X, Wx, Wh, bh, Wo, bo):
    h = np.zeros((len(X), M))
    for t in range(T):
        h = np.tanh(X[:, t] @ Wx + h @ Wh + bh)
    return h @ Wo + bo
""",
    "a batch with its history": """
def predict(X, Wx, Wh, bh, Wo, bo):
    hs = np.zeros((T + 1, len(X), M))
    for t in range(T):
        hs[t + 1] = np.tanh(np.dot(X[:, t, :], Wx) + np.dot(hs[t], Wh) + bh)
    return np.dot(hs[T], Wo) + bo
""",
    "columns": """
def predict(X, Wx, Wh, bh, Wo, bo):
    Y = []
    for x in X:
        s = np.zeros((M, 1))
        for t in range(T):
            s = np.tanh(Wx.T @ x[t].reshape(-1, 1) + Wh.T @ s + bh[:, None])
        Y.append((Wo.T @ s + bo[:, None]).ravel())
    return np.array(Y)
""",
    "a class": """
class Cell:
    def __init__(self, Wx, Wh, bh):
        self.Wx, self.Wh, self.bh = Wx, Wh, bh
        self.state = 0.0

    def step(self, x):
        z = np.matmul(x, self.Wx) + self.bh
        if np.ndim(self.state):
            z = z + np.matmul(self.state, self.Wh)
        self.state = np.tanh(z)
        return self.state


def predict(X, Wx, Wh, bh, Wo, bo):
    cell = Cell(Wx, Wh, bh)
    for t in range(T):
        out = cell.step(X[:, t])
    return out @ Wo + bo
""",
    "inputs multiplied beforehand": """
def predict(X, Wx, Wh, bh, Wo, bo):
    P = X.reshape(-1, D).dot(Wx).reshape(len(X), T, M)
    h = np.zeros((len(X), M))
    for t in range(T):
        h = np.tanh(P[:, t] + bh + h.dot(Wh))
    return h.dot(Wo) + bo
""",
}
ONE, BATCH, HISTORY, COLUMNS, CLASS, BEFORE = LOOPS
NOT_THERE = "no recurrent product or state not carried on"
SLIPS = [
    ("no bias", ONE, " + bh)", ")"),
    ("no bias", BATCH, " + bh)", ")"),
    ("no bias", HISTORY, "np.dot(hs[T], Wo) + bo", "np.dot(hs[T], Wo)"),
    ("no bias", COLUMNS, " + bh[:, None])", ")"),
    ("no bias", CLASS, " + self.bh", ""),
    ("no bias", BEFORE, " + bh +", " +"),
    ("bias twice", ONE, " + bh)", " + bh + bh)"),
    ("bias twice", BATCH, "h @ Wh + bh", "(h @ Wh + bh) + bh"),
    ("bias twice", BEFORE, "X.reshape(-1, D).dot(Wx)", "(X.reshape(-1, D).dot(Wx) + bh)"),
    ("matrix transposed", ONE, "h_last.dot(Wh)", "h_last.dot(Wh.T)"),
    ("matrix transposed", ONE, "h_last.dot(Wh)", "Wh.dot(h_last)"),
    ("matrix transposed", BATCH, "h @ Wh", "h @ Wh.T"),
    ("matrix transposed", HISTORY, "np.dot(hs[t], Wh)", "np.dot(Wh, hs[t].T).T"),
    ("matrix transposed", COLUMNS, "Wh.T @ s", "Wh @ s"),
    ("matrix transposed", CLASS, "np.matmul(self.state, self.Wh)", "np.matmul(self.state, self.Wh.T)"),
    (NOT_THERE, ONE, "            h_last = h\n", ""),
    (NOT_THERE, HISTORY, "np.dot(hs[t], Wh)", "np.dot(hs[0], Wh)"),
    (NOT_THERE, BATCH, " + h @ Wh", ""),
    (NOT_THERE, COLUMNS, " + Wh.T @ s", ""),
    ("another activation", ONE, "np.tanh(", "np.maximum(0, "),
    ("another activation", BATCH, "np.tanh(X[:, t] @ Wx + h @ Wh + bh)", "1 / (1 + np.exp(-(X[:, t] @ Wx + h @ Wh + bh)))"),
    ("another activation", CLASS, "np.tanh(z)", "z * (z > 0)"),
    ("no activation", HISTORY, "np.tanh(", "("),
    ("no activation", COLUMNS, "np.tanh(", "("),
    ("an activation too many", BATCH, "return h @ Wo + bo", "return np.tanh(h @ Wo + bo)"),
    ("an activation too many", ONE, "(h.dot(Wo) + bo)", "(np.maximum(h.dot(Wo) + bo, 0))"),
    ("activation of one summand", BATCH, "np.tanh(X[:, t] @ Wx + h @ Wh + bh)", "np.tanh(X[:, t] @ Wx + bh) + h @ Wh"),
    ("activation of one summand", BEFORE, "np.tanh(P[:, t] + bh + h.dot(Wh))", "np.tanh(P[:, t]) + bh + h.dot(Wh)"),
    ("time reversed", BATCH, "range(T)", "reversed(range(T))"),
    ("time reversed", CLASS, "X[:, t]", "X[:, -1 - t]"),
    ("time reversed", BEFORE, "P[:, t]", "P[:, T - 1 - t]"),
    ("off by one step", BATCH, "range(T)", "range(1, T)"),
    ("off by one step", ONE, "range(T)", "range(T - 1)"),
    ("off by one step", COLUMNS, "x[t].reshape", "x[t - 1].reshape"),
    ("off by one step", CLASS, "X[:, t]", "X[:, (t + 1) % T]"),
    ("one input at every step", ONE, "x[t].dot", "x[-1].dot"),
    ("one input at every step", HISTORY, "X[:, t, :]", "X[:, 0, :]"),
    ("one sample for all", ONE, "x = X[i]", "x = X[0]"),
    ("one sample for all", COLUMNS, "Wx.T @ x[t]", "Wx.T @ X[0][t]"),
    ("initial state of ones", BATCH, "np.zeros", "np.ones"),
    ("initial state of ones", COLUMNS, "np.zeros((M, 1))", "np.ones((M, 1))"),
    ("initial state left over", ONE, "        h_last = np.zeros(M)\n", "        h_last = np.zeros(M) if i == 0 else h\n"),
    ("output of the first step", ONE, "y_pred[-1]", "y_pred[0]"),
    ("output of the first step", HISTORY, "np.dot(hs[T], Wo)", "np.dot(hs[1], Wo)"),
    ("samples for steps", HISTORY, "X[:, t, :]", "X.reshape(T, len(X), D)[t]"),
    ("samples for steps", BATCH, "X[:, t]", "X.reshape(T, -1, D)[t]"),
    ("samples for steps", BEFORE, ".reshape(len(X), T, M)", ".reshape(T, len(X), M).swapaxes(0, 1)"),
]


def network(seed):
    rng = np.random.default_rng(seed)
    i = Input((T, D))
    model = Model(i, Dense(K)(SimpleRNN(M)(i)))
    model.set_weights([0.6 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model, dict(zip(["Wx", "Wh", "bh", "Wo", "bo"], model.get_weights())), rng.normal(size=(N, T, D))


def loop(text, tmp_path, name):
    file = tmp_path / f"{name}.py"
    file.write_text(text)
    space = {"np": np, "N": N, "T": T, "D": D, "M": M, "K": K}
    exec(compile(text, str(file), "exec"), space)
    return space["predict"]


def verdict(text, tmp_path, name, seed=0):
    model, weights, X = network(seed)
    return mr.check(loop(text, tmp_path, name), model, X, **weights)


def named(found):
    """The first slip; from a state of zeros that is never carried on, the recurrent product is zero."""
    names = [slip.name for slip in found.slips]
    if names[:2] == ["no recurrent product", "state not carried on"]:
        return "no recurrent product or state not carried on"
    return names[0] if names else None


@pytest.mark.parametrize("style", LOOPS)
def test_a_right_loop_is_right(style, tmp_path):
    found = verdict(LOOPS[style], tmp_path, "right")
    assert found.ok and not found.slips, found


@pytest.mark.parametrize("k", range(len(SLIPS)), ids=lambda k: f"{k}-{SLIPS[k][0]}-{SLIPS[k][1]}".replace(" ", "_"))
def test_a_slip_is_named(k, tmp_path):
    name, style, right, wrong = SLIPS[k]
    assert LOOPS[style].count(right) == 1
    found = verdict(LOOPS[style].replace(right, wrong), tmp_path, f"slip_{k}")
    assert not found.ok and named(found) == name, found


def test_there_are_many():
    assert len({name for name, *_ in SLIPS}) >= 15 and all(any(s[1] == style for s in SLIPS) for style in LOOPS)


def test_float32_on_the_way(tmp_path):
    text = LOOPS[BATCH].replace("np.zeros((len(X), M))", "np.zeros((len(X), M), np.float32)")
    text = text.replace("np.tanh(X[:, t] @ Wx + h @ Wh + bh)", "np.tanh(X[:, t] @ Wx + h @ Wh + bh).astype(np.float32)")
    model, weights, X = network(0)
    weights = {name: w.astype("float64") for name, w in weights.items()}
    model.set_weights(list(weights.values()))
    found = mr.check(loop(text, tmp_path, "single"), model, X, **weights)
    assert found.ok and "eps of float32" in found.sentence and "held in float64" in found.sentence, found


if __name__ == "__main__":  # every slip in 20 networks, and as many right loops of each style
    from pathlib import Path
    from tempfile import mkdtemp

    folder = Path(mkdtemp())
    wrong = [(style, seed) for style in LOOPS for seed in range(20) if not verdict(LOOPS[style], folder, "f", seed).ok]
    planted = [
        (name, style, seed, verdict(LOOPS[style].replace(right, slip), folder, "f", seed))
        for name, style, right, slip in SLIPS
        for seed in range(20)
    ]
    seen = [each for each in planted if not each[-1].ok]  # relu of what is positive changes nothing
    missed = [each[:3] for each in seen if named(each[-1]) != each[0]]
    print(f"{len(wrong)} of {20 * len(LOOPS)} right loops called wrong, {len(missed)} of {len(seen)} slips missed")
    sys.exit(bool(wrong or missed) and f"{wrong} {missed}")
