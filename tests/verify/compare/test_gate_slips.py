"""Slips of gates, planted by hand in loops and in the backward passes of an LSTM: each is named, nothing right is.

``python -m tests.verify.compare.test_gate_slips 20 1000`` plants each slip in 20 networks and compares 1,000 right ones.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import GRU, LSTM, Dense, Input
from minirnn.models import Model
from minirnn.verify.compare.slips import gates

N, T, D, M, K = 2, 5, 3, 4, 6


def sigma(v):
    return 1.0 / (1.0 + np.exp(-v))


def network(layer, seed, sizes=(N, T, D, K)):
    rng = np.random.default_rng(seed)
    N, T, D, K = sizes
    i = Input((T, D))
    model = Model(i, Dense(K)(layer(i)))
    model.set_weights([0.7 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model, rng.normal(size=(N, T, D)), dict(zip("WUbVd", model.get_weights()))


def lstm(order="ifco", keep="f", bent=np.tanh, early=False, less=0.0):
    def loop(X, W, U, b, V, d):
        M = U.shape[0]
        h, c = np.zeros((X.shape[0], M)), np.zeros((X.shape[0], M))
        for t in range(X.shape[1]):
            a = X[:, t] @ W + h @ U + b
            g = {k: a[:, n * M : (n + 1) * M] for n, k in enumerate(order)}
            i, f, o = sigma(g["i"]), sigma(g["f"] - less), sigma(g["o"])
            new = i * np.tanh(g["c"])
            c = f * c + new if keep == "f" else c + new if keep == "all" else new
            if early:
                c = np.tanh(c)
                h = o * c
            else:
                h = o * bent(c)
        return h @ V + d

    return loop


def gru(order="zrh", swapped=False, after=True, second=True):
    def loop(X, W, U, b, V, d):
        M = U.shape[0]
        h = np.zeros((X.shape[0], M))
        for t in range(X.shape[1]):
            at = {k: slice(n * M, (n + 1) * M) for n, k in enumerate(order)}
            a, q = X[:, t] @ W + b[0], h @ U + b[1] if second else h @ U
            z, r = sigma(a[:, at["z"]] + q[:, at["z"]]), sigma(a[:, at["r"]] + q[:, at["r"]])
            inner = r * q[:, at["h"]] if after else (r * h) @ U[:, at["h"]] + b[1][at["h"]]
            new = np.tanh(a[:, at["h"]] + inner)
            h = (1 - z) * h + z * new if swapped else z * h + (1 - z) * new
        return h @ V + d

    return loop


FORWARD = [
    (LSTM, lstm("fico"), "order of the gates"),
    (LSTM, lstm("icfo"), "order of the gates"),
    (LSTM, lstm("ocfi"), "order of the gates"),
    (LSTM, lstm(keep="none"), "state not carried on"),
    (LSTM, lstm(keep="all"), "gate left out"),
    (LSTM, lstm(bent=lambda c: c), "tanh of the state left out"),
    (LSTM, lstm(early=True), "tanh of the state too early"),
    (LSTM, lstm(less=1.0), "forget bias"),
    (GRU, gru("rzh"), "order of the gates"),
    (GRU, gru(swapped=True), "gate and complement exchanged"),
    (GRU, gru(after=False), "reset gate elsewhere"),
    (GRU, gru(second=False), "one of two biases"),
]


@pytest.mark.parametrize("kind, loop, name", FORWARD)
@pytest.mark.parametrize("seed", [0])
def test_slips_of_the_forward_pass_are_named(kind, loop, name, seed):
    model, X, weights = network(kind(M), seed)
    found = mr.check(loop, model, X, **weights)
    assert not found.ok and found.slips and found.slips[0].name == name, found.sentence


@pytest.mark.parametrize("kind, loop", [(LSTM, lstm()), (GRU, gru())])
def test_right_loops_are_not_blamed(kind, loop):
    for seed in range(3):
        model, X, weights = network(kind(M), seed)
        found = mr.check(loop, model, X, **weights)
        assert found.ok and not found.slips, found.sentence


SLOPES = {
    "slope of a gate left out": lambda v: 1,
    "slope of h again": lambda v: sigma(v) * (1 - sigma(v)),
}


def by_hand(trace, slip=""):
    """The gradients of an LSTM by a program of the ordinary kind, with a slip in it."""
    W, U, _, V, d = trace.model.get_weights()
    X, Y, M, T = trace.inputs[0], trace.target, U.shape[0], trace.steps
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros(4 * M)
    slope = SLOPES.get(slip, lambda v: v * (1 - v))
    dh = (trace.value("h", T) @ V + d - Y) * 2 / Y.size @ V.T
    dc = np.zeros((len(X), M))
    for t in range(T, 0, -1):
        i, f, g, o, c = (trace.value(n, t) for n in ("i", "f", "ctilde", "o", "c"))
        before = trace.value("c", t - 1)
        here = dh * o * (1 if slip == "slope of tanh(c) left out" else 1 - np.tanh(c) ** 2)
        dc = {"dc_next dropped": here, "dc overwritten": dc if t < T else here}.get(slip, dc + here)
        df = 0 * dc if slip == "gradient of a gate missing" else dc * before
        parts = [dc * g * slope(i), df * slope(f), dc * i * (1 - g**2), dh * np.tanh(c) * slope(o)]
        da = np.concatenate(parts, axis=1)
        dW, dU, db = dW + X[:, t - 1].T @ da, dU + trace.value("h", t - 1).T @ da, db + da.sum(0)
        dh = parts[3] @ U[:, 3 * M :].T if slip == "dh of one gate" else da @ U.T
        dc = dc if slip == "dc_next without its gate" else dc * f
    return {"W_x": dW, "W_h": dU, "b_h": db}


@pytest.mark.parametrize("seed", [0])
def test_slips_of_the_backward_pass_are_named(seed):
    model, X, _ = network(LSTM(M), seed)
    trace = mr.trace(model, X, np.random.default_rng(9).normal(size=(N, K)))
    assert trace.compare(**by_hand(trace)).ok
    for slip in gates.BACKWARD:
        found = trace.compare(**by_hand(trace, slip.name))
        assert not found.ok and found.slips and found.slips[0].name == slip.name, (slip.name, found.sentence)


def sizes_of(rng):
    """N, T, D, M and K of a network that tells slips apart."""
    return tuple(int(rng.integers(low, 7)) for low in (2, 3, 2, 3, 2))


def named(slip, seed):
    """The name of the first slip that is named for a network of that seed with a slip planted; "" for none."""
    rng = np.random.default_rng(seed)
    N, T, D, M, K = sizes_of(rng)
    if isinstance(slip, str):
        model, X, _ = network(LSTM(M), seed, (N, T, D, K))
        trace = mr.trace(model, X, rng.normal(size=(N, K)))
        found = trace.compare(**by_hand(trace, slip))
    else:
        kind, loop, _ = slip
        model, X, weights = network(kind(M), seed, (N, T, D, K))
        found = mr.check(loop, model, X, **weights)
    return "" if found.ok else found.slips[0].name if found.slips else "none"


BACKWARD = [*[slip.name for slip in gates.BACKWARD], "slope of h again"]
EVERY = [*[(slip, slip[2]) for slip in FORWARD], *[(name, name) for name in BACKWARD]]
RIGHT = [(LSTM, lstm(), ""), (GRU, gru(), ""), ""]


def sweep(count, innocent):
    """How many slips were planted, and how many named rightly; how many right ones were blamed."""
    planted = right = 0
    for slip, name in EVERY:
        found = Counter(named(slip, seed) for seed in range(100, 100 + count))
        planted, right = planted + count, right + found[name]
        if found[name] < count:
            print(f"{name}: {dict(found)}", flush=True)
    blamed = [(k, name) for k in range(innocent) if (name := named(RIGHT[k % len(RIGHT)], 10_000 + k))]
    return planted, right, blamed


def test_slips_in_other_sizes_are_named_and_right_ones_are_not():
    planted, right, blamed = sweep(1, 6)
    assert right >= 0.9 * planted and not blamed, blamed


if __name__ == "__main__":
    planted, right, blamed = sweep(*(int(a) for a in (*sys.argv[1:], 20, 1000)[:2]))
    print(
        f"named first and rightly: {right} of {planted}, {100 * right / planted:.2f} %; blamed: {len(blamed)} {blamed[:5]}"
    )
