"""Loops in the styles that people publish: context layers, both ways, attention, decoders, containers."""

# ruff: noqa: E741
# fmt: off
from __future__ import annotations

import collections
import functools
import itertools

import numpy as np
from style_registry import D, K, M, N, sigmoid, style

# ------------------------------------------------------------------------------------------ context, echo, addition


@style(X=("T", 2), Y=("T", 2), W0=(2 + 1 + M, M), W1=(M, 2))
def elman_layers_in_place(X, Y, W0, W1):
    layers = [np.ones(2 + 1 + M), np.ones(M), np.ones(2)]
    layers[0][3:] = 0.0
    layers[1][...] = 0.0
    error = 0.0
    for k in range(len(X)):
        layers[0][:2] = X[k]
        layers[0][3:] = layers[1]
        layers[1][...] = np.tanh(np.dot(layers[0], W0))
        layers[2][...] = np.tanh(np.dot(layers[1], W1))
        error += ((Y[k] - layers[2]) ** 2).sum()
    return error


@style(X=("T", D), Y=("T", K), Wi=(D, M), Wc=(K, M), Wo=(M, K))
def jordan(X, Y, Wi, Wc, Wo):
    y, loss = np.zeros(K), 0.0
    for x, target in zip(X, Y):
        h = np.tanh(x @ Wi + y @ Wc)
        y = sigmoid(h @ Wo)
        loss += 0.5 * ((y - target) ** 2).sum()
    return loss


@style(u=("T",), Win=(M, 2), W=(M, M), Wout=(1, 2 + M), wanted=("T",))
def echo_state(u, wanted, Win, W, Wout):
    a, x = 0.3, np.zeros((M, 1))
    Y = np.zeros((1, len(u)))
    for t in range(len(u)):
        x = (1 - a) * x + a * np.tanh(np.dot(Win, np.vstack((1, u[t]))) + np.dot(W, x))
        y = np.dot(Wout, np.vstack((1, u[t], x)))
        Y[:, t:t + 1] = y
    return np.sum((Y[0] - wanted) ** 2)


@style(a=("T",), b=("T",), c=("T",), s0=(2, M), s1=(M, 1), sh=(M, M))
def binary_addition(a, b, c, s0, s1, sh):
    layer_1_values = [np.zeros(M)]
    deltas, overall = [], 0
    d = np.zeros(len(a))
    for position in range(len(a)):
        X = np.array([[a[len(a) - position - 1], b[len(a) - position - 1]]])
        y = np.array([[c[len(a) - position - 1]]]).T
        layer_1 = sigmoid(np.dot(X, s0) + np.dot(layer_1_values[-1], sh))
        layer_2 = sigmoid(np.dot(layer_1, s1))
        error = y - layer_2
        deltas.append(error * layer_2 * (1 - layer_2))
        overall += np.abs(error[0])
        d[len(a) - position - 1] = np.round(layer_2[0][0])
        layer_1_values.append(layer_1.copy())
    return overall


# -------------------------------------------------------------------------------- both ways, attention, decoders


@style(X=(N, "T", D), Wf=(D, M), Uf=(M, M), Wb=(D, M), Ub=(M, M), W=(2 * M, K), Y=(N, "T", K))
def both_ways(X, Y, Wf, Uf, Wb, Ub, W):
    T = X.shape[1]
    hf, hb = np.zeros((N, M)), np.zeros((N, M))
    fs, bs = [], []
    for t in range(T):
        hf = np.tanh(X[:, t] @ Wf + hf @ Uf)
        fs.append(hf)
    for t in reversed(range(T)):
        hb = np.tanh(X[:, t] @ Wb + hb @ Ub)
        bs.insert(0, hb)
    out = [np.concatenate([f, b], axis=-1) @ W for f, b in zip(fs, bs)]
    return np.mean((np.stack(out, axis=1) - Y) ** 2)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), wa=(M,), Wo=(M, K))
def attention_on_top(X, Wx, Wh, wa, Wo):
    h, states = np.zeros(M), []
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        states.append(h)
    H = np.stack(states)
    scores = H @ wa
    alpha = np.exp(scores - scores.max())
    alpha = alpha / alpha.sum()
    context = alpha @ H
    return np.sum((context @ Wo) ** 2)


@style(X=(N, "T", D), Y=(N, "T", K), We=(D, M), Ue=(M, M), Wd=(K, M), Ud=(M, M), Wo=(M, K), steps=lambda T: T)
def encoder_decoder_teacher(X, Y, We, Ue, Wd, Ud, Wo):
    h = np.zeros((N, M))
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ We + h @ Ue)
    y, loss = np.zeros((N, K)), 0.0
    for t in range(Y.shape[1]):
        h = np.tanh(y @ Wd + h @ Ud)
        out = h @ Wo
        loss += np.mean((out - Y[:, t]) ** 2)
        y = Y[:, t]
    return loss


@style(X=("T", K), Wx=(K, M), Wh=(M, M), Wo=(M, K))
def feeds_back_its_output(X, Wx, Wh, Wo):
    h, x, loss = np.zeros(M), X[0], 0.0
    for t in range(1, len(X)):
        h = np.tanh(x @ Wx + h @ Wh)
        x = h @ Wo
        loss = loss + np.sum((x - X[t]) ** 2)
    return loss




# ---------------------------------------------------------------------------------- containers, generators, closures


def steps_of(X):
    for t in range(len(X)):
        yield X[t]


@style(X=("T", D), Wx=(D, M), Wh=(M, M))
def generator_of_steps(X, Wx, Wh):
    h = np.zeros(M)
    for x_t in steps_of(X):
        h = np.tanh(x_t @ Wx + h @ Wh)
    return np.linalg.norm(h)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), b=(M,), target=True)
def closure_and_reduce(X, Wx, Wh, b):
    def step(h, x):
        return np.tanh(np.add(np.add(x.dot(Wx), h.dot(Wh)), b))

    return functools.reduce(step, X, np.zeros(M))


@style(X=("T", D), Wx=(D, M), Wh=(M, M))
def accumulate(X, Wx, Wh):
    hs = list(itertools.accumulate(X, lambda h, x: np.tanh(x @ Wx + h @ Wh), initial=np.zeros(M)))
    return np.sum(np.array(hs[1:]) ** 2)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K))
def dictionary_of_weights(X, Wx, Wh, Wo):
    params = {"Wx": Wx, "Wh": Wh, "Wo": Wo}
    cache = collections.defaultdict(list)
    cache["h"].append(np.zeros(M))
    for t in range(X.shape[0]):
        z = X[t] @ params["Wx"] + cache["h"][-1] @ params["Wh"]
        cache["z"].append(z)
        cache["h"].append(np.maximum(z, 0.0))
    return 0.5 * np.square(cache["h"][-1] @ params["Wo"]).sum()


State = collections.namedtuple("State", "h c")


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wc=(M, M))
def named_tuple_state(X, Wx, Wh, Wc):
    state = State(h=np.zeros(M), c=np.zeros(M))
    for x in X:
        c = 0.5 * state.c + np.tanh(x @ Wx + state.h @ Wh)
        state = state._replace(c=c, h=np.tanh(c @ Wc))
    return np.sum(state.h * state.c)


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), b=(M,), lengths=(N,))
def masked_by_length(X, Wx, Wh, b, lengths):
    ends = np.array([2, X.shape[1]])
    h = np.zeros((N, M))
    for t in range(X.shape[1]):
        new = np.tanh(X[:, t] @ Wx + h @ Wh + b)
        m = (t < ends)[:, None]
        h = np.where(m, new, h)
    return np.sum(h * lengths[:, None])


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K), ints={"labels": (K, (N,), "array")})
def batch_cross_entropy(X, labels, Wx, Wh, Wo):
    h = np.zeros((N, M))
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t].dot(Wx) + h.dot(Wh))
    logits = h.dot(Wo)
    logits -= logits.max(axis=1, keepdims=True)
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -logp[np.arange(N), labels].mean()


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), Wo=(M, 1), ints={"y": (2, (N, "T"), "array")})
def binary_cross_entropy_each_step(X, y, Wx, Wh, Wo):
    h, loss = np.zeros((N, M)), 0.0
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ Wx + h @ Wh)
        p = sigmoid(h @ Wo)[:, 0]
        loss -= np.mean(y[:, t] * np.log(p) + (1 - y[:, t]) * np.log(1 - p))
    return loss / X.shape[1]


@style(X=("T", D), Wx=(D, M), Wh=(M, M))
def dropout_inside(X, Wx, Wh):
    rng = np.random.default_rng(4)
    h, p = np.zeros(M), 0.3
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        if p > 0:
            mask = (rng.random(M) > p) / (1 - p)
            h = h * mask
    return np.sum(np.abs(h))


@style(steps=lambda T: T - 1, X=("T", D), Wx=(D, M), Wh=(M, M), Wo=(M, D))
def regularized(X, Wx, Wh, Wo):
    h, err = np.zeros(M), []
    for t in range(len(X) - 1):
        h = np.tanh(X[t] @ Wx + h @ Wh)
        err.append(X[t + 1] - h @ Wo)
    return np.mean(np.square(err)) + 0.01 * (np.sum(Wx**2) + np.sum(np.abs(Wh)))




@style(X=("T", D), Wx1=(D, M), Wh1=(M, M), Wx2=(M, K), Wh2=(K, K))
def layer_by_layer_arrays(X, Wx1, Wh1, Wx2, Wh2):
    def run(seq, Wx, Wh):
        out = np.zeros((len(seq), Wh.shape[0]))
        h = np.zeros(Wh.shape[0])
        for t in range(len(seq)):
            h = np.tanh(seq[t] @ Wx + h @ Wh)
            out[t] = h
        return out

    H = run(run(X, Wx1, Wh1), Wx2, Wh2)
    return np.sum(H**2) / len(X)


@style(X=("T", D), W=(3, D, M), U=(3, M, M), h0=(3, M), target=True)
def stacked_weights(X, W, U, h0):
    h = [h0[l] for l in range(1)]
    for x in X:
        h[0] = np.tanh(x @ W[0] + h[0] @ U[0])
    return h[0]


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), b=(M,))
def einsum_everywhere(X, Wx, Wh, b):
    h, out = np.zeros((X.shape[0], M)), []
    for t in range(X.shape[1]):
        h = np.tanh(np.einsum("nd,dm->nm", X[:, t], Wx) + np.einsum("nm,mk->nk", h, Wh) + b)
        out.append(h)
    H = np.stack(out, axis=1)
    return np.einsum("ntm,ntm->", H, H)


@style(X=("T", N, D), Wx=(D, M), Wh=(M, M), b=(M,), Wo=(M, K), target=True)
def time_major(X, Wx, Wh, b, Wo):
    h = np.zeros((X.shape[1], M))
    outputs = []
    for x_t in X:
        h = np.tanh(x_t @ Wx + h @ Wh + b)
        outputs.append(h @ Wo)
    return np.stack(outputs)


@style(X=("T", D), Wx=(D, M), Wh=(M, M))
def checks_and_prints(X, Wx, Wh):
    h, norms = np.zeros(M), []
    for t, x in enumerate(X):
        h = np.tanh(x @ Wx + h @ Wh)
        assert h.shape == (M,)
        if not np.all(np.isfinite(h)):
            raise ValueError("it diverges")
        norms.append(np.linalg.norm(h))
        if t % 2 == 0:
            print(f"step {t}: {h[0]:.3f}, {np.argmax(h)}, %.2f" % norms[-1])
    return np.sum(h**3)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K))
def while_and_counters(X, Wx, Wh, Wo):
    t, h, total = 0, np.zeros(M), 0.0
    while True:
        if t >= X.shape[0]:
            break
        h = np.tanh(np.matmul(X[t], Wx) + np.matmul(h, Wh))
        total += (h @ Wo).sum()
        t += 1
    return total / t


@style(X=("T", D), theta=(D * M + M * M + M,))
def one_flat_vector(X, theta):
    Wx = theta[: D * M].reshape(D, M)
    Wh = theta[D * M : D * M + M * M].reshape(M, M)
    b = theta[D * M + M * M :]
    h = np.zeros(M)
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh + b)
    return np.sum(h**2)


@style(x=("T", D), Wx=(D, M), Wh=(M, M), steps=lambda T: T)
def stateful_chunks(x, Wx, Wh):
    h, loss = np.zeros(M), 0.0
    for start in range(0, len(x), 2):
        chunk = x[start : start + 2]
        for row in chunk:
            h = np.tanh(row @ Wx + h @ Wh)
        loss += np.sum(h**2)
    return loss


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K), Y=(N, K))
def sample_by_sample(X, Y, Wx, Wh, Wo):
    total = 0.0
    for x, y in zip(X, Y):
        h = np.zeros(M)
        for x_t in x:
            h = np.tanh(np.dot(x_t, Wx) + np.dot(h, Wh))
        total += np.sum((np.dot(h, Wo) - y) ** 2)
    return total / len(X)
