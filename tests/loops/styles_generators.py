"""Loops whose steps come from generators, lists filled from the front, queues, and cells with further connections."""

# ruff: noqa: RUF007
from __future__ import annotations

import collections
import functools
import math

import numpy as np
from style_registry import D, K, M, N, V, sigmoid, style


def states_of(xs, W, U):
    h = np.zeros(M)
    for x in xs:
        h = np.tanh(x @ W + h @ U)
        yield h


@style(X=("T", D), W=(D, M), U=(M, M), V=(M, K))
def generator_of_states(X, W, U, V):
    loss = 0
    for h in states_of(X, W, U):
        y = h @ V
        loss = loss + np.sum(y**2)
    return loss


@style(X=("T", D), W=(D, M), U=(M, M), V=(M, K))
def generator_into_generator(X, W, U, V):
    def second_layer(hs):
        s = np.zeros(K)
        for h in hs:
            s = np.tanh(h @ V + 0.5 * s)
            yield s

    return list(second_layer(states_of(X, W, U)))[-1].sum()


@style(X=("T", D), W=(D, M), U=(M, M))
def generator_of_inputs(X, W, U):
    h = np.zeros(M)
    for p in (x @ W for x in X):
        h = np.tanh(p + h @ U)
    return h @ h


@style(X=("T", N, D), Wf=(D, M), Uf=(M, M), Wb=(D, M), Ub=(M, M), V=(2 * M, K))
def inserted_from_the_back(X, Wf, Uf, Wb, Ub, V):
    hf, hb = [np.zeros((N, M))], [np.zeros((N, M))]
    for t in range(len(X)):
        hf.append(np.tanh(X[t].dot(Wf) + hf[-1].dot(Uf)))
    for t in reversed(range(len(X))):
        hb.insert(0, np.tanh(X[t].dot(Wb) + hb[0].dot(Ub)))
    return np.mean((np.concatenate([hf[-1], hb[0]], axis=1) @ V) ** 2)


@style(xs=("T",), w=(), u=(), b=())
def neuron_of_pure_python(xs, w, u, b):
    h = 0.0
    for x in xs:
        h = math.tanh(w * x + u * h + b)
    return h**2


@style(X=("T", D), W=(D, M), U=(M, M))
def queue_of_two(X, W, U):
    last = collections.deque([np.zeros(M)] * 2, maxlen=2)
    for x in X:
        last.append(np.tanh(x @ W + last[0] @ U + 0.5 * last[1]))
    return last[-1].sum()


@style(X=("T", D), W=(D, M), U=(M, M))
def reduced(X, W, U):
    h = functools.reduce(lambda h, x: np.tanh(x @ W + h @ U), X, np.zeros(M))
    return np.dot(h, h)


@style(X=("T", D), Wf=(M, M + D), Wi=(M, M + D), Wc=(M, M + D), Wo=(M, M + D), pf=(M,), pi=(M,), po=(M,))
def peepholes(X, Wf, Wi, Wc, Wo, pf, pi, po):
    h, c = np.zeros(M), np.zeros(M)
    for x in X:
        hx = np.concatenate((h, x))
        f, i = sigmoid(Wf @ hx + pf * c), sigmoid(Wi @ hx + pi * c)
        c = f * c + i * np.tanh(Wc @ hx)
        h = sigmoid(Wo @ hx + po * c) * np.tanh(c)
    return np.sum(h)


@style(X=("T", D), dec=("T", D), We=(D, M), Ue=(M, M), Wd=(D, M), Ud=(M, M), Wa=(M, M), Wc=(2 * M, K))
def attends_to_the_encoder(X, dec, We, Ue, Wd, Ud, Wa, Wc):
    encoded, h = [], np.zeros(M)
    for x in X:
        h = np.tanh(x @ We + h @ Ue)
        encoded.append(h)
    H, s, outs = np.array(encoded), h, []
    for y in dec:
        s = np.tanh(y @ Wd + s @ Ud)
        scores = H @ (Wa @ s)
        a = np.exp(scores - scores.max())
        a = a / a.sum()
        context = a @ H
        outs.append(np.tanh(np.concatenate([context, s]) @ Wc))
    return np.mean(np.square(np.stack(outs)))


@style(X=("T", N, D), W=(D, M), U=(M, M))
def clockwork(X, W, U):
    h, above = np.zeros((N, M)), np.triu(np.ones((M, M)))
    for t, x in enumerate(X):
        new = np.tanh(x @ W + h @ (U * above))
        due = np.array([(t + 1) % (k + 1) == 0 for k in range(M)])
        h = np.where(due, new, h)
    return (h**2).sum()


@style(X=("T", D), W=(D, M), U=(M, M), g=(M,), b=(M,))
def normalized_layer(X, W, U, g, b):
    h = np.zeros(M)
    for x in X:
        a = x @ W + h @ U
        mu, sd = a.mean(), a.std()
        h = np.tanh(g * (a - mu) / (sd + 1e-5) + b)
    return (h * h).sum()


@style(X=("T", N, D), Wx=(3, D, M), Wh=(3, M, M))
def gates_in_one_array(X, Wx, Wh):
    h = np.zeros((N, M))
    for x in X:
        r, z = (sigmoid(x @ Wx[k] + h @ Wh[k]) for k in (0, 1))
        n = np.tanh(x @ Wx[2] + (r * h) @ Wh[2])
        h = h + z * (n - h)
    return h.var()


@style(ints={"ids": (V, ("T1",), "array")}, E=(V, M), U=(M, M), b=(V,))
def tied_embedding(ids, E, U, b):
    h, losses = np.zeros(M), []
    for now, following in zip(ids[:-1], ids[1:]):
        h = np.tanh(E[now] + h @ U)
        logits = E @ h + b
        losses.append(np.log(np.sum(np.exp(logits))) - logits[following])
    return np.mean(losses)
