"""Every slip of a backward pass written by hand, beside a loop of one's own: rows, columns, one sample, three precisions.

In the suite a few networks are taken for each slip; ``python tests/verify/compare/test_slips_in_loops.py`` takes 50 for each
and 1,000 for the right numbers.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

import minirnn as mr

STYLES = ("one sample", "a batch", "columns", "features by samples")
PRECISIONS = ("float64", "float32", "mixed")  # of mixed ones the weights and data are float32, the buffers float64

SLIPS = {
    "untransposed": "matrix not transposed", "dropped": "dh_next dropped", "no matrix": "dh_next without W_h",
    "no slope": "slope left out", "slope of z": "slope of z", "slope again": "slope of h again",
    "slope of sigmoid": "slope of another activation", "divided by slope": "slope inverted", "1 - h": "slope not squared",
    "slope of before": "slope of another step", "learning rate": "another factor",
    "overwritten": "gradient overwritten", "W overwritten": "gradient overwritten", "same step": "h_t for h_{t-1}",
    "last loss": "loss of the last step only", "loss at every step": "loss at every step",
    "no division by N": "mean or sum over the batch", "factor 2": "factor 2", "W twice": "factor 2", "sign": "sign",
    "W sign": "sign", "W transposed": "gradient transposed", "b over units": "bias over the wrong axis",
    "V of before": "data of another step", "U of before": "data of another step", "V at 0": "gradient of zeros",
    "clipped": "gradient clipped", "norm clipped": "gradient clipped", "truncated": "truncated",
}  # fmt: skip
EVERY_STEP, LAST_STEP, BATCH = {"last loss"}, {"loss at every step"}, {"no division by N", "b over units"}


def one_sample(xs, U, W, b, V, goal, every):
    state, cost = np.zeros(W.shape[0]), 0.0
    for t in range(len(xs)):
        state = np.tanh(xs[t] @ U + state @ W + b)
        if every or t == len(xs) - 1:
            cost = cost + 0.5 * np.sum((state @ V - (goal[t] if every else goal)) ** 2)
    return cost


def a_batch(xs, U, W, b, V, goal, every):
    s, J = np.zeros((len(xs), W.shape[0])), 0.0
    for t in range(xs.shape[1]):
        s = np.tanh(np.dot(xs[:, t], U) + np.dot(s, W) + b)
        if every:
            J = J + 0.5 * np.sum((np.dot(s, V) - goal[:, t]) ** 2) / len(xs)
    if not every:
        J = 0.5 * np.sum((np.dot(s, V) - goal) ** 2) / len(xs)
    return J


def columns(xs, U, W, b, V, goal, every):
    h, L = np.zeros((W.shape[0], 1)), 0
    for t in range(len(xs)):
        h = np.tanh(np.dot(U, xs[t]) + np.dot(W, h) + b)
        if every or t == len(xs) - 1:
            L += 0.5 * np.sum((np.dot(V, h) - (goal[t] if every else goal)) ** 2)
    return L


def features_by_samples(xs, U, W, b, V, goal, every):
    a, T = np.zeros((W.shape[0], xs.shape[1])), xs.shape[2]
    loss = 0.0
    for t in range(T):
        a = np.tanh(U @ xs[:, :, t] + W @ a + b)
        if every or t == T - 1:
            loss += 0.5 * np.sum((V @ a - (goal[:, :, t] if every else goal)) ** 2) / xs.shape[1]
    return loss


LOOPS = dict(zip(STYLES, (one_sample, a_batch, columns, features_by_samples)))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def backward(w, X, goal, every, slip, at):
    """The gradients by hand, of samples in rows; `at` is where it is clipped or truncated."""
    U, W, b, V = (w[k] for k in "UWbV")
    N, T, _ = X.shape
    h, z = [np.zeros((N, len(W)))], [None]
    for t in range(T):
        z.append(X[:, t] @ U + h[-1] @ W + b)
        h.append(np.tanh(z[-1]))
    g = {k: np.zeros(a.shape) for k, a in w.items()}
    g["b"] = np.zeros(N if slip == "b over units" else len(W))
    sent = np.zeros((N, len(W)))
    size = 1 if slip == "no division by N" else N
    for t in reversed(range(T)):
        dy = (h[t + 1] @ V - (goal[:, t] if every else goal)) / size
        here = every or t == T - 1
        if (not here and slip != "loss at every step") or (slip == "last loss" and t < T - 1):
            dy = 0 * dy
        if slip == "loss at every step" and t < T - 1:
            dy = (h[T] @ V - goal) / size
        if here:
            g["V"] += (h[t] if slip == "V of before" else h[t + 1]).T @ dy * (slip != "V at 0")
        slope = 1 - h[t + 1] ** 2
        with np.errstate(divide="ignore"):
            divided = 1 / slope
        slope = {"no slope": 1, "slope of z": 1 - z[t + 1] ** 2, "slope again": 1 - np.tanh(h[t + 1]) ** 2,
                 "slope of sigmoid": h[t + 1] * (1 - h[t + 1]), "1 - h": 1 - h[t + 1], "slope of before": 1 - h[t] ** 2,
                 "divided by slope": divided}.get(slip, slope)  # fmt: skip
        dz = (dy @ V.T + sent) * slope
        keep = 0 if slip == "overwritten" else 1
        g["U"] = keep * g["U"] + X[:, t - (slip == "U of before")].T @ dz
        g["W"] = (0 if slip == "W overwritten" else keep) * g["W"] + h[t + (slip == "same step")].T @ dz
        g["b"] = keep * g["b"] + dz.sum(1 if slip == "b over units" else 0)
        sent = {"untransposed": dz @ W, "dropped": 0 * dz, "no matrix": dz}.get(slip, dz @ W.T)
        if slip == "truncated" and not every and t == T - at:
            sent = 0 * sent
    if slip == "truncated" and every:
        g = windowed(w, X, goal, h, at)
    if slip in ("factor 2", "sign", "learning rate"):
        g = {k: {"factor 2": 2, "sign": -1, "learning rate": -0.015}[slip] * a for k, a in g.items()}
    g["W"] = {"W twice": 2 * g["W"], "W sign": -g["W"], "W transposed": g["W"].T}.get(slip, g["W"])
    if slip == "clipped":
        g = {k: np.clip(a, -at, at) for k, a in g.items()}
    if slip == "norm clipped":
        length = np.sqrt(sum(np.sum(a**2) for a in g.values()))
        g = {k: a * min(1, at / length) for k, a in g.items()}
    return g


def windowed(w, X, goal, h, k):
    """The loss of each step goes back through k steps."""
    g = {name: np.zeros(a.shape) for name, a in w.items()}
    for t in range(X.shape[1]):
        dy = (h[t + 1] @ w["V"] - goal[:, t]) / len(X)
        g["V"] += h[t + 1].T @ dy
        dh = dy @ w["V"].T
        for s in range(t, max(-1, t - k), -1):
            dz = dh * (1 - h[s + 1] ** 2)
            g["U"], g["W"], g["b"] = g["U"] + X[:, s].T @ dz, g["W"] + h[s].T @ dz, g["b"] + dz.sum(0)
            dh = dz @ w["W"].T
    return g


def laid_out(style, w, X, goal, every):
    """What the loop of a style is given."""
    goal_of = {"one sample": lambda a: a[0], "a batch": lambda a: a, "columns": lambda a: np.moveaxis(a, 0, -1),
               "features by samples": lambda a: a.transpose(2, 0, 1) if a.ndim == 3 else a.T}[style]  # fmt: skip
    if style in ("one sample", "a batch"):
        return w | {"xs": X[0] if style == "one sample" else X, "goal": goal_of(goal)}
    turned = {k: a.T if a.ndim == 2 else a[:, None] for k, a in w.items()}
    return turned | {"xs": X[0][:, :, None] if style == "columns" else X.transpose(2, 0, 1), "goal": goal_of(goal)}


def draw(rng, slip, scale=1.0):
    """A trace of a loop, and the gradients by hand with the slip in them; None where another slip gives the same."""
    every = slip in EVERY_STEP or (slip not in LAST_STEP and bool(rng.integers(2)))
    style = STYLES[1 + 2 * rng.integers(2)] if slip in BATCH else STYLES[rng.integers(4)]
    N = int(rng.integers(3, 6)) if style in ("a batch", "features by samples") else 1
    T, D, M, K = int(rng.integers(4, 9)), *(int(k) for k in rng.permutation([3, 4, 6])[:2]), 2
    M = N if slip == "b over units" else M
    precision = PRECISIONS[rng.integers(3)]
    kind = np.float64 if precision == "float64" else np.float32
    w = {"U": (D, M), "W": (M, M), "b": (M,), "V": (M, K)}
    w = {k: (scale * 0.7 * rng.normal(size=s) / (np.sqrt(M) if k == "W" else 1)).astype(kind) for k, s in w.items()}
    X = rng.normal(size=(N, T, D)).astype(kind)
    goal = rng.normal(size=(N, T, K) if every else (N, K)).astype(kind)
    given = laid_out(style, w, X, goal, every)
    trace = mr.trace(LOOPS[style], **given, every=every)
    double = {k: a.astype(float) for k, a in w.items()}
    right = backward(double, X.astype(float), goal.astype(float), every, "", None)
    largest = max(np.abs(a).max() for a in right.values())
    at = {"clipped": float(f"{0.3 * largest:.1g}"), "truncated": int(rng.integers(1, T - 1)),
          "norm clipped": float(f"{0.4 * np.sqrt(sum(np.sum(a**2) for a in right.values())):.1g}")}.get(slip)  # fmt: skip
    with np.errstate(all="ignore"):
        found = backward(double if precision == "float64" else w, X, goal, every, slip, at)
    eps = np.finfo(kind).eps

    def near(other):
        return all(
            a.shape == other[k].shape and np.abs(a - other[k]).max() <= 3000 * eps * np.abs(a).max()
            for k, a in found.items()
        )

    def fits(rival):
        return (
            not (rival in EVERY_STEP and not every)
            and not (rival in LAST_STEP and every)
            and SLIPS.get(rival) != SLIPS.get(slip)
        )

    with np.errstate(all="ignore"):
        data = X.astype(float), goal.astype(float)
        others = [backward(double, *data, every, r, T - 2 if r == "truncated" else np.inf) for r in ("", *SLIPS) if fits(r)]
        unclear = slip and any(map(near, others))
    if style in ("columns", "features by samples"):
        found = {k: a.T if a.ndim == 2 else a[:, None] if a.size == M else a for k, a in found.items()}
    if precision == "float32":
        found = {k: a.astype(np.float32) for k, a in found.items()}
    return None if unclear else (trace, found, (style, precision, every))


def sweep(slip, count, seed=0):
    """How the slip was named in `count` loops that determine it."""
    rng = np.random.default_rng([seed, sorted(SLIPS).index(slip)])
    named, wrong, tried = Counter(), [], 0
    while sum(named.values()) < count and tried < 20 * count:
        tried += 1
        if (drawn := draw(rng, slip)) is None:
            continue
        trace, mine, how = drawn
        found = trace.compare(mine)
        first = found.slips[0].name if found.slips else None
        named[first] += 1
        if first != SLIPS[slip]:
            wrong.append((how, found))
    return named, wrong


@pytest.mark.parametrize("slip", SLIPS)
def test_it_is_named(slip):
    named, wrong = sweep(slip, 3)
    assert named == {SLIPS[slip]: 3}, wrong


def innocents(count, seed=0):
    """Right gradients that are said to be wrong."""
    rng = np.random.default_rng(seed)
    accused = []
    for _ in range(count):
        trace, mine, how = draw(rng, "", scale=rng.choice([0.1, 1, 3]))
        found = trace.compare(mine)
        if not found.ok or found.slips:
            accused.append((how, found))
    return accused


def test_right_numbers_are_right():
    assert not innocents(25)


if __name__ == "__main__":
    count, innocent = (int(a) for a in (*sys.argv[1:], 50, 1000)[:2])
    total, right = 0, 0
    for slip, name in SLIPS.items():
        named, wrong = sweep(slip, count, seed=1)
        total, right = total + sum(named.values()), right + named[name]
        print(
            f"{slip:<20} {name:<28} {named[name]} of {sum(named.values())}",
            {k: v for k, v in named.items() if k != name} or "",
        )
    accused = innocents(innocent, seed=1)
    print(f"named first and rightly: {right} of {total}, {100 * right / total:.2f} %")
    print(f"of {innocent} right ones {len(accused)} were blamed")


def test_a_state_that_begins_with_an_array_of_its_name_is_compared_as_a_state_and_as_a_parameter():
    def loop(X, W, h):
        for x in X:
            h = np.tanh(x + h @ W)
        return np.sum(h**2)

    rng = np.random.default_rng(5)
    X, W, h = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), 0.1 * rng.normal(size=3)
    trace, states = mr.trace(loop, X=X, W=W, h=h), [h]
    for x in X:
        states.append(np.tanh(x + states[-1] @ W))
    for right in (states, states[1:], states[-1], trace.gradients["h"]):
        assert trace.compare(h=right).ok
    assert trace.compare(dh=trace.gradients["h"]).ok and trace.compare(dh=trace.adjoint("h", 4)).ok
    assert "h differs first at step 1" in trace.compare(h=1.1 * np.array(states[1:])).sentence
    wrong = trace.compare(h=1.01 * trace.gradients["h"])
    assert not wrong.ok and "dL/dh differs" in wrong.sentence
