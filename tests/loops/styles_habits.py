"""Loops in the styles that people publish: further habits."""

# ruff: noqa: UP031
# fmt: off
# ruff: noqa: C416, RUF059
from __future__ import annotations

import numpy as np
from style_registry import D, K, M, N, V, style
from styles_layers import Base

# ------------------------------------------------------------------------------------------------- further habits


@style(X=("T", D), Win=(2, M, M), U=(D, M), W=(2, M, M), b=(2, M, 1), V=(M, K))
def states_of_layers_in_one_array(X, Win, U, W, b, V):
    """States of shape (L, M, 1)."""
    s = np.zeros((2, M, 1))
    total = 0.0
    for x in X:
        below = U.T @ x[:, None]
        for layer in range(2):
            s[layer] = np.tanh(below + W[layer] @ s[layer] + b[layer])
            below = Win[layer] @ s[layer]
        total += np.sum((V.T @ s[1]) ** 2)
    return total


@style(features=(N, 6), Wp=(6, M), bp=(M,), E=(V, D), Wx=(D, M), Wh=(M, M), b=(M,), Wv=(M, V), bv=(V,),
       ints={"captions": (V, (N, "T1"), "array")})
def captioning(features, captions, Wp, bp, E, Wx, Wh, b, Wv, bv):
    captions_in, captions_out = captions[:, :-1], captions[:, 1:]
    mask = captions_out != 0
    h0 = features.dot(Wp) + bp
    x = E[captions_in]
    n, T, d = x.shape
    h = np.zeros((n, T, M))
    prev_h = h0
    for t in range(T):
        next_h = np.tanh(x[:, t, :].dot(Wx) + prev_h.dot(Wh) + b)
        h[:, t, :] = next_h
        prev_h = next_h
    scores = h.reshape(n * T, M).dot(Wv).reshape(n, T, V) + bv
    x_flat, y_flat, mask_flat = scores.reshape(n * T, V), captions_out.reshape(n * T), mask.reshape(n * T)
    probs = np.exp(x_flat - np.max(x_flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    return -np.sum(mask_flat * np.log(probs[np.arange(n * T), y_flat])) / n


@style(steps=lambda T: 0, x1=(D,), x2=(D,), x3=(D,), Wx=(D, M), Wh=(M, M), b=(M,))
def three_steps_written_out(x1, x2, x3, Wx, Wh, b):
    h0 = np.zeros(M)
    h1 = np.tanh(np.dot(x1, Wx) + np.dot(h0, Wh) + b)
    h2 = np.tanh(np.dot(x2, Wx) + np.dot(h1, Wh) + b)
    h3 = np.tanh(np.dot(x3, Wx) + np.dot(h2, Wh) + b)
    return np.sum(h3)


class Network:
    def __init__(self, activation):
        self.activations = {"tanh": self.tanh, "relu": self.relu, "sigmoid": self.sigmoid}
        self.f = self.activations[activation]

    def tanh(self, z):
        return np.tanh(z)

    def relu(self, z):
        return z * (z > 0)

    def sigmoid(self, z):
        return 1.0 / (1.0 + np.exp(-z))

    def run(self, X, W, U):
        h = np.zeros(U.shape[0])
        for x in X:
            h = self.f(np.dot(W.T, x) + np.dot(U, h))
        return h


@style(X=("T", D), W=(D, M), U=(M, M), target=True)
def activations_in_a_dictionary(X, W, U):
    return Network("relu").run(X, W, U)


class BadShape(Exception):
    def __init__(self, what):
        super().__init__("bad shape: " + what)


class Cells(Base):
    def __init__(self, **weights):
        super().__init__(**weights)

    def run(self, X):
        if X.ndim != 3:
            raise BadShape("X")
        h = np.zeros((len(X), self.Wh.shape[0]))
        for t in range(X.shape[1]):
            h = self.step(X[:, t], h)
        return h


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), target=True)
def older_super_and_own_exceptions(X, Wx, Wh):
    return Cells(Wx=Wx, Wh=Wh).run(X)


KERNELS, RECURRENT = [], []


@style(X=("T", D), A0=(D, M), A1=(M, M), A2=(M, M), B0=(M, M), B1=(M, M), B2=(M, M), target=True)
def weights_in_global_lists(X, A0, A1, A2, B0, B1, B2):
    KERNELS[:] = [A0, A1, A2]
    RECURRENT[:] = [B0, B1, B2]
    seq = [x for x in X]
    for layer in range(3):
        h, out = np.zeros(M), []
        for x in seq:
            h = np.tanh(x @ KERNELS[layer] + h @ RECURRENT[layer])
            out.append(h)
        seq = out
    return seq[-1]


@style(X=(N, "T", 2), W=(3, 3, 2), U=(3, 3), b=(3,), v=(3,), Y=(N, "T"))
def adder_with_tensordot(X, Y, W, U, b, v):
    S = np.zeros((X.shape[0], X.shape[1] + 1, 3))
    for k in range(X.shape[1]):
        z = np.tensordot(X[:, k], W[0], axes=((1), (1))) + S[:, k].dot(U) + b
        S[:, k + 1] = np.tanh(z)
    P = 1 / (1 + np.exp(-S[:, 1:].dot(v)))
    return -np.mean(Y * np.log(P) + (1 - Y) * np.log(1 - P))


@style(X=("T", D), W1=(D, M), U1=(M, M), W2=(M, K), U2=(K, K))
def two_layers_dropout_guarded(X, W1, U1, W2, U2):
    p, a, b = 0.0, np.zeros(M), np.zeros(K)
    for x in X:
        a = x @ W1 + a @ U1
        a = a * (a > 0)
        if p > 0:
            a *= np.random.binomial(1, 1 - p, a.shape) / (1 - p)
        b = np.tanh(a @ W2 + b @ U2)
    return np.sum(b**2)


class SimpleRNN:
    def __init__(self, kernel, recurrent, bias):
        self.kernel, self.recurrent, self.bias = kernel, recurrent, bias

    def __call__(self, X, go_backwards=False):
        X = np.flip(X, axis=1) if go_backwards else X
        h, out = np.zeros((X.shape[0], self.recurrent.shape[0])), []
        for t in range(X.shape[1]):
            h = np.tanh(X[:, t] @ self.kernel + self.bias + h @ self.recurrent)
            out.append(h)
        return np.stack(out, axis=1)


@style(X=(N, "T", D), Wf=(D, M), Uf=(M, M), bf=(M,), Wb=(D, M), Ub=(M, M), bb=(M,), Wd=(2 * M, K), bd=(K,), target=True)
def own_keras_layers(X, Wf, Uf, bf, Wb, Ub, bb, Wd, bd):
    forward, backward = SimpleRNN(Wf, Uf, bf), SimpleRNN(Wb, Ub, bb)
    both = np.concatenate([forward(X), np.flip(backward(X, go_backwards=True), axis=1)], axis=-1)
    return np.dot(both[:, -1], Wd) + bd


@style(X=(6, "T", D), Wx=(D, M), Wh=(M, M), Wo=(M, 1), y=(6, 1))
def minibatches(X, y, Wx, Wh, Wo):
    losses = []
    for k in range(0, len(X), 3):
        batch, goal = X[k:k + 3], y[k:k + 3]
        h = np.zeros((len(batch), M))
        for t in range(batch.shape[1]):
            h = np.tanh(batch[:, t] @ Wx + h @ Wh)
        losses.append(np.mean((h @ Wo - goal) ** 2))
    return sum(losses) / len(losses)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K), Y=("T", K))
def gradient_checking(X, Y, Wx, Wh, Wo):
    def loss(Wx, Wh, Wo):
        h, L = np.zeros(M), 0.0
        for x, y in zip(X, Y):
            h = np.tanh(x @ Wx + h @ Wh)
            L = L + ((h @ Wo - y) ** 2).sum()
        return L

    eps = 1e-5
    plus, minus = Wh.copy(), Wh.copy()
    plus[0, 1] += eps
    minus[0, 1] -= eps
    numeric = (loss(Wx, plus, Wo) - loss(Wx, minus, Wo)) / (2 * eps)
    print("numerical gradient: %.5f" % numeric)
    return loss(Wx, Wh, Wo)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), m=(M,))
def adam_inside(X, Wx, Wh, m):
    h = np.zeros(M)
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
    loss = np.sum((h - m) ** 2)
    g = 2 * (h - m)
    first, second = 0.1 * g, 0.001 * g * g
    step = 0.01 * first / (1 - 0.9) / (np.sqrt(second / (1 - 0.999)) + 1e-8)
    m -= step
    return loss
