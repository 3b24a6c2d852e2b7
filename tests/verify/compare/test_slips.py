"""Every slip, planted in a loop of its own, is named; for right numbers none is.

The loop below is what a reader of textbooks would write; it shares nothing with the package. In the suite a few networks
are taken for each slip; ``python tests/verify/test_slips.py`` takes 50 for each and 1,000 for the right numbers.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def forward(w, X, h0, slip):
    """h, z (N, T, M) and y at every step (N, T, K), sample by sample."""
    W_x, W_h, b_h, W_o, b_o = w
    N, T, _ = X.shape
    f = {"sigmoid for tanh": sigmoid, "relu for tanh": relu}.get(slip, np.tanh)
    H, Z, Y = [], [], []
    h_before = None
    if slip == "reshaped":
        X = X.reshape(T, N, -1).swapaxes(0, 1)
    for n in range(N):
        x = X[0] if slip == "first sample" else X[n]
        h = h0[n]
        if slip == "ones":
            h = np.ones_like(h)
        if slip == "left by the sample before" and h_before is not None:
            h = h_before
        if slip == "left by the batch before":
            h = forward(w, X, h0, "")[0][n, -1]
        start = h
        hs, zs, ys = [], [], []
        for t in range(T):
            x_t = x[t]
            if slip == "reversed":
                x_t = x[T - 1 - t]
            if slip == "x[t-1]":
                x_t = x[t - 1]
            if slip == "x[t-1], 0 first":
                x_t = x[t - 1] if t else 0 * x[0]
            if slip == "x[t+1]":
                x_t = x[(t + 1) % T]
            if slip == "x[-1] always":
                x_t = x[-1]
            if slip == "x[0] always":
                x_t = x[0]
            if slip == "not carried on":
                h = start
            b = {"no b_h": 0 * b_h, "b_h twice": 2 * b_h}.get(slip, b_h)
            K_x = W_x.T if slip == "W_x transposed" else W_x
            K_h = W_h.T if slip == "W_h transposed" else W_h
            xw, hw = x_t.dot(K_x), h.dot(K_h)
            if slip == "no recurrent product":
                hw = 0 * hw
            z = hw + xw + b
            if (slip == "from step 2" and t == 0) or (slip == "to step T-1" and t == T - 1):
                pass
            elif slip == "no activation":
                h = z
            elif slip == "tanh of x W_x":
                h = np.tanh(xw) + b + hw
            elif slip == "tanh of x W_x + b_h":
                h = np.tanh(xw + b) + hw
            elif slip == "tanh of h W_h":
                h = xw + b + np.tanh(hw)
            else:
                h = f(z)
            y = h.dot(W_o.T if slip == "W_o transposed" else W_o)
            y = y + {"no b_o": 0 * b_o, "b_o twice": 2 * b_o}.get(slip, b_o)
            ys.append(np.tanh(y) if slip == "tanh of y" else y)
            hs.append(h)
            zs.append(z)
        if slip == "y of step 1":
            ys = [ys[0]] * T
        h_before = h
        H.append(hs)
        Z.append(zs)
        Y.append(ys)
    return np.array(H), np.array(Z), np.array(Y)


def gradients(w, X, target, h0, every_step, slip):
    """Backpropagation through time of the mean square error."""
    W_x, W_h, _, W_o, _ = w
    H, Z, Y = forward(w, X, h0, "")
    N, T, K = Y.shape
    M = H.shape[2]
    two = 1 if slip == "no factor 2" else 4 if slip == "factor 2 twice" else 2
    size = {"sum over the batch": K, "sum over outputs": N, "no mean": 1, "mean over N twice": N * N * K}.get(slip, N * K)
    sign = -1 if slip == "sign" else 1
    g = {name: np.zeros_like(v) for name, v in zip(["W_x", "W_h", "b_h", "W_o", "b_o"], w)}
    if slip == "b_h over the wrong axis":
        g["b_h"] = np.zeros(N, W_x.dtype)
    dh_next, dh_queue = np.zeros((N, M), W_x.dtype), [np.zeros((N, M), W_x.dtype)] * 2
    for t in reversed(range(T)):
        h, z, h_last = H[:, t], Z[:, t], H[:, t - 1] if t else h0
        if every_step:
            dy = sign * two * (Y[:, t] - target[:, t]) / size / (1 if slip == "sum over steps" else T)
            if slip in ("last loss", "last loss, no T") and t < T - 1:
                dy = 0 * dy
            if slip == "last loss, no T":
                dy = dy * T
        else:
            dy = sign * two * (Y[:, -1] - target) / size
            if t < T - 1 and slip != "loss at every step":
                dy = 0 * dy
        last = every_step or t == T - 1
        if last:
            g["W_o"] += h.T.dot(dy)
            g["b_o"] += dy.sum(0)
        dh = dy.dot(W_o if slip == "W_o not transposed" else W_o.T) + dh_next
        dz = dh * (1 - h**2)
        if slip == "no slope":
            dz = dh
        if slip == "1 - z²":
            dz = dh * (1 - z**2)
        if slip == "h (1 - h)":
            dz = dh * h * (1 - h)
        dw = dh if slip == "no slope for the weights" else dz
        if slip == "overwritten":
            g["W_x"], g["W_h"], g["b_h"] = X[:, t].T.dot(dw), h_last.T.dot(dw), dw.sum(0)
        elif slip == "W_h overwritten":
            g["W_h"] = h_last.T.dot(dw)
            g["W_x"] += X[:, t].T.dot(dw)
            g["b_h"] += dw.sum(0)
        else:
            g["W_x"] += X[:, t].T.dot(dw)
            g["W_h"] += (h if slip == "h_t" else h_last).T.dot(dw)
            g["b_h"] += dw.sum(1 if slip == "b_h over the wrong axis" else 0)
        back = dz.dot(W_h if slip == "W_h not transposed" else W_h.T)
        if slip == "no slope in the carry":
            back = dh.dot(W_h.T)
        if slip == "no W_h in the carry":
            back = dz
        if slip == "dropped":
            back = 0 * back
        if slip == "carry summed":
            back = dh_next + back
        dh_queue.append(back)
        dh_next = dh_queue[-2] if slip == "carry of the wrong step" else back
    scale = {"/ T": 1 / T, "* T": T, "/ N": 1 / N, "* N": N, "* 2": 2}.get(slip, 1)
    if slip == "b_h mean":
        g["b_h"] = g["b_h"] / N
    if slip == "transposed":
        g["W_x"], g["W_h"] = g["W_x"].T, g["W_h"].T
    return {name: (v * v.dtype.type(scale)) for name, v in g.items()}


FORWARD = {
    "no recurrent product": "no recurrent product",
    "not carried on": "state not carried on",
    "W_h transposed": "matrix transposed",
    "W_x transposed": "matrix transposed",
    "W_o transposed": "matrix transposed",
    "no b_h": "no bias",
    "no b_o": "no bias",
    "b_h twice": "bias twice",
    "b_o twice": "bias twice",
    "no activation": "no activation",
    "sigmoid for tanh": "another activation",
    "relu for tanh": "another activation",
    "tanh of y": "an activation too many",
    "tanh of x W_x": "activation of one summand",
    "tanh of x W_x + b_h": "activation of one summand",
    "tanh of h W_h": "activation of one summand",
    "reversed": "time reversed",
    "x[t-1]": "off by one step",
    "x[t-1], 0 first": "off by one step",
    "x[t+1]": "off by one step",
    "from step 2": "off by one step",
    "to step T-1": "off by one step",
    "x[-1] always": "one input at every step",
    "x[0] always": "one input at every step",
    "first sample": "one sample for all",
    "reshaped": "samples for steps",
    "ones": "initial state of ones",
    "left by the sample before": "initial state left over",
    "left by the batch before": "initial state left over",
    "y of step 1": "output of the first step",
}
BACKWARD = {
    "no slope": "slope left out",
    "no slope for the weights": "slope left out",
    "no slope in the carry": "slope left out",
    "1 - z²": "slope of z",
    "h (1 - h)": "slope of another activation",
    "W_h not transposed": "matrix not transposed",
    "W_o not transposed": "matrix not transposed",
    "dropped": "dh_next dropped",
    "no W_h in the carry": "dh_next without W_h",
    "carry of the wrong step": "dh_next of the wrong step",
    "carry summed": "dh_next of the wrong step",
    "last loss": "loss of the last step only",
    "last loss, no T": "loss of the last step only",
    "loss at every step": "loss at every step",
    "overwritten": "gradient overwritten",
    "W_h overwritten": "gradient overwritten",
    "h_t": "h_t for h_{t-1}",
    "sum over the batch": "mean or sum over the batch",
    "mean over N twice": "mean or sum over the batch",
    "b_h mean": "mean or sum over the batch",
    "no factor 2": "factor 2",
    "factor 2 twice": "factor 2",
    "sum over outputs": "factor K",
    "no mean": "factor N K",
    "/ T": "factor T",
    "* T": "factor T",
    "sum over steps": "factor T",
    "sign": "sign",
    "b_h over the wrong axis": "bias over the wrong axis",
    "transposed": "gradient transposed",
}
WEIGHTS = {
    "rounded": "rounded weights",
    "another W_x": "other weights",
    "another W_h": "other weights",
    "all others": "other weights",
    "float32, held": "float32 against float64",
    "float32 states": "float32 against float64",
}
ALL = FORWARD | BACKWARD | WEIGHTS
HEAD = {"no b_o", "b_o twice", "tanh of y", "W_o transposed", "y of step 1"}  # to be seen in y only
EVERY_STEP = {"last loss", "last loss, no T", "sum over steps"}
LAST_STEP = {"loss at every step", "y of step 1"}


def draw(rng, slip):
    """A random network, run on random data: its weights, X, target, h_0 or None, the trace."""
    N, T, D, M, K = map(int, rng.permutation([2, 3, 4, 5, 6])) if rng.random() < 0.5 else [4] * 5
    if slip in ("another W_x", "another W_h", "all others"):
        N, T = 5, 4  # the weights are to be found: more numbers than unknowns
    every_step = slip in EVERY_STEP or (slip not in LAST_STEP and rng.random() < 0.5)
    dtype = "float64" if slip in WEIGHTS else rng.choice(["float64", "float32"])
    with_start = slip == "not carried on" or rng.random() < 0.3
    i = Input((T, D))
    s = Input((M,))
    x = SimpleRNN(M, return_sequences=every_step)(i, **({"initial_state": s} if with_start else {}))
    model = Model([i, s] if with_start else i, Dense(K)(x))
    w = [(0.7 * rng.normal(size=a.shape)).astype(dtype) for a in model.get_weights()]
    model.set_weights(w)
    X = rng.normal(size=(N, T, D)).astype(dtype)
    h0 = rng.normal(size=(N, M)).astype(dtype) if with_start else np.zeros((N, M), dtype)
    target = rng.normal(size=(N, T, K) if every_step else (N, K)).astype(dtype)
    trace = mr.trace(model, [X, h0] if with_start else X, target)
    return w, X, target, h0, every_step, trace


def numbers(w, X, target, h0, every_step, slip, asked):
    """What the user would compare."""
    if asked[0] in ("W_h", "W_x", "b_h"):
        found = gradients(w, X, target, h0, every_step, slip)
    else:
        H, Z, Y = forward(w, X, h0, slip)
        found = {"h": H, "z": Z, "y": Y if every_step else Y[:, -1], "h last": H[:, -1]}
    return {name.split()[0]: found[name] for name in asked}


def plant(rng, slip):
    """A network, the numbers of a loop with the slip, and whether they differ from those of all other slips."""
    w, X, target, h0, every_step, trace = draw(rng, slip)
    if not possible(slip, trace, every_step):
        return trace, {}, False
    if slip in BACKWARD:
        choices = [["W_h"], ["W_x", "W_h"], ["W_x", "W_h", "b_h"], ["W_h", "W_o"]]
        asked = ["b_h"] if "b_h" in slip else ["W_x", "W_h"] if slip == "transposed" else choices[rng.integers(4)]
    elif slip in ("another W_x", "another W_h", "all others"):
        asked = ["h"]
    else:
        choices = [["y"], ["h", "y"]] if slip in HEAD else [["h"], ["h last"], ["y"], ["h", "y"], ["z"]]
        asked = choices[rng.integers(len(choices))]
    used = w
    if slip == "rounded":
        used = [np.round(a, 4) for a in w]
    if slip.startswith("another"):
        used = [a + 0.1 * rng.normal(size=a.shape) if i == ("x", "h").index(slip[-1]) else a for i, a in enumerate(w)]
    if slip == "all others":
        used = [0.7 * rng.normal(size=a.shape) for a in w]
    if slip.startswith("float32"):
        single = [a.astype("float32") for a in (*w, X, h0)]
        mine = numbers(single[:5], single[5], target, single[6], every_step, "", asked)
        mine = {k: a.astype(float) for k, a in mine.items()}
        if slip == "float32 states":  # and all that follows in float64
            H = forward(single[:5], single[5], single[6], "")[0].astype(float)
            Y = H @ w[3] + w[4]
            mine = {"y": Y if every_step else Y[:, -1]}
        return trace, mine, True
    plain = slip not in FORWARD | BACKWARD
    mine = numbers(used, X, target, h0, every_step, "" if plain else slip, asked)
    eps = np.finfo(X.dtype).eps

    def near(other):
        return all(
            other[k].shape == a.shape and np.abs(other[k] - a).max() <= 1000 * eps * np.abs(a).max() for k, a in mine.items()
        )

    double = [a.astype(float) for a in (*w, X, h0)]
    rivals = ["", *(BACKWARD if slip in BACKWARD else FORWARD)]
    names = {ALL.get(r) for r in rivals if ALL.get(r) != ALL[slip] and possible(r, trace, every_step)
             and near(numbers(double[:5], double[5], target, double[6], every_step, r, asked))}  # fmt: skip
    return trace, mine, not names


def possible(slip, trace, every_step):
    square = {"W_x transposed": "W_x", "W_o transposed": "W_o", "W_o not transposed": "W_o"}
    if slip in square and len(set(trace.value(square[slip]).shape)) > 1:
        return False
    return not (slip in EVERY_STEP and not every_step) and not (slip in LAST_STEP and every_step)


def sweep(slip, count, seed=0):
    """Of `count` networks: how many determine the slip, and how it was named there."""
    rng = np.random.default_rng([seed, sorted(ALL).index(slip)])
    determined, named, wrong = 0, Counter(), []
    for _ in range(20 * count):
        if determined == count:
            break
        with np.errstate(all="ignore"):
            trace, mine, clear = plant(rng, slip)
        if not clear:
            continue
        determined += 1
        found = trace.compare(mine)
        first = found.slips[0].name if found.slips else None
        named[first] += 1
        if first != ALL[slip]:
            wrong.append((trace, mine, found))
    return determined, named, wrong


@pytest.mark.parametrize("slip", ALL)
def test_it_is_named(slip):
    determined, named, _ = sweep(slip, 2)
    assert determined == 2 and named == {ALL[slip]: 2}


def right_numbers(rng):
    """A random network, perhaps saturated, long or with float32 weights, and right numbers of another order of summing."""
    w, X, target, h0, every_step, trace = draw(rng, "")
    grown = rng.choice([0.1, 1, 1, 3, 10])
    w = [(a * grown).astype(a.dtype) for a in w]
    trace.model.set_weights(w)
    inputs = [X, h0] if len(trace.inputs) > 1 else X
    trace = mr.trace(trace.model, inputs, target)
    mine = numbers(w, X, target, h0, every_step, "", ["h", "z", "y"]) | gradients(w, X, target, h0, every_step, "")
    names = rng.permutation(sorted(mine))[: rng.integers(1, 5)]
    return trace, {name: mine[name] for name in names}


def innocents(count, seed=0):
    """Right numbers that are called wrong, and those for which a slip is named."""
    rng = np.random.default_rng(seed)
    accused, named = [], []
    for _ in range(count):
        trace, mine = right_numbers(rng)
        found = trace.compare(mine)
        if not found.ok:
            accused.append((trace, mine, found))
        if found.slips:
            named.append((trace, mine, found))
    return accused, named


def test_right_numbers_are_right():
    accused, named = innocents(60)
    assert not named and not accused


if __name__ == "__main__":
    count, innocent = (int(a) for a in (*sys.argv[1:], 50, 1000)[:2])
    total, right = 0, 0
    for slip, name in ALL.items():
        determined, named, _ = sweep(slip, count, seed=1)
        total, right = total + determined, right + named[name]
        print(f"{slip:<28} {name:<28} {named[name]} of {determined}", {k: v for k, v in named.items() if k != name} or "")
    accused, named = innocents(innocent, seed=1)
    print(f"named first and rightly: {right} of {total}, {100 * right / total:.2f} %")
    print(f"of {innocent} right numbers {len(accused)} were called wrong, and for {len(named)} a slip was named")
