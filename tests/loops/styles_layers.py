"""Loops in the styles that people publish: characters, columns, layers as classes, cells with gates."""

# fmt: off
# ruff: noqa: B007, F841, RUF059
from __future__ import annotations

import dataclasses

import numpy as np
from published import characters_with_backward
from style_registry import D, K, M, N, V, sigmoid, softmax, style

# --------------------------------------------------------------------------------------------- characters, columns


style(Wxh=(M, V), Whh=(M, M), Why=(V, M), bh=(M, 1), by=(V, 1), hprev=(M, 1),
      ints={"inputs": (V, ("T",), "list"), "targets": (V, ("T",), "list")})(characters_with_backward)


@style(U=(M, V), W=(M, M), Vo=(V, M), ints={"x": (V, ("T",), "array"), "y": (V, ("T",), "array")})
def words_by_index(x, y, U, W, Vo):
    T = len(x)
    s = np.zeros((T + 1, M))
    s[-1] = np.zeros(M)
    o = np.zeros((T, V))
    for t in np.arange(T):
        s[t] = np.tanh(U[:, x[t]] + W.dot(s[t - 1]))
        o[t] = softmax(Vo.dot(s[t]))
    L = 0
    correct = o[np.arange(len(y)), y]
    L += -1 * np.sum(np.log(correct))
    return L


@style(Wax=(M, D), Waa=(M, M), Wya=(K, M), ba=(M, 1), by=(K, 1), x=(D, N, "T"), a0=(M, N), goal=(K, N, "T"))
def features_samples_steps(x, a0, goal, Wax, Waa, Wya, ba, by):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = Wya.shape
    a = np.zeros((n_a, m, T_x))
    y_pred = np.zeros((n_y, m, T_x))
    a_next = a0
    for t in range(T_x):
        xt = x[:, :, t]
        a_prev = a_next
        a_next = np.tanh(np.dot(Wax, xt) + np.dot(Waa, a_prev) + ba)
        z = np.dot(Wya, a_next) + by
        e = np.exp(z - np.max(z, axis=0, keepdims=True))
        yt_pred = e / e.sum(axis=0)
        a[:, :, t] = a_next
        y_pred[:, :, t] = yt_pred
        caches.append((a_next, a_prev, xt))
    cost = np.sum((y_pred - goal) ** 2)
    return cost


@style(Wf=(M, M + D), Wi=(M, M + D), Wc=(M, M + D), Wo=(M, M + D), Wy=(K, M), bf=(M, 1), bi=(M, 1), bc=(M, 1), bo=(M, 1),
       by=(K, 1), x=(D, N, "T"), a0=(M, N))
def lstm_features_samples_steps(x, a0, Wf, Wi, Wc, Wo, Wy, bf, bi, bc, bo, by):
    n_x, m, T_x = x.shape
    n_a = a0.shape[0]
    a_next, c_next = a0, np.zeros(a0.shape)
    cost = 0.0
    for t in range(T_x):
        xt = x[:, :, t]
        concat = np.zeros((n_a + n_x, m))
        concat[:n_a, :] = a_next
        concat[n_a:, :] = xt
        ft = sigmoid(np.dot(Wf, concat) + bf)
        it = sigmoid(np.dot(Wi, concat) + bi)
        cct = np.tanh(np.dot(Wc, concat) + bc)
        c_next = ft * c_next + it * cct
        ot = sigmoid(np.dot(Wo, concat) + bo)
        a_next = ot * np.tanh(c_next)
        yt_pred = np.dot(Wy, a_next) + by
        cost = cost + np.mean(yt_pred**2)
    return cost


@style(Wz=(M, M + V), Wh=(M, M + V), Wy=(V, M), h0=(M, 1),
       ints={"inputs": (V, ("T",), "list"), "targets": (V, ("T",), "list")})
def gated_by_row_stack(inputs, targets, h0, Wz, Wh, Wy):
    h, L = h0, 0.0
    for k, (i, target) in enumerate(zip(inputs, targets)):
        x = np.zeros((V, 1))
        x[i, 0] = 1.0
        hx = np.vstack((h, x))
        z = sigmoid(np.dot(Wz, hx))
        cand = np.tanh(np.dot(Wh, hx))
        h = z * h + (1 - z) * cand
        v = np.dot(Wy, h)
        y = softmax(v.T).T
        L -= np.log(y[target, 0])
    return L


# ---------------------------------------------------------------------------------------------- classes and layers


class RNNLayer:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        t = np.dot(h_prev, Wh) + np.dot(x, Wx) + b
        h_next = np.tanh(t)
        self.cache = (x, h_prev, h_next)
        return h_next

    def backward(self, dh_next):
        Wx, Wh, b = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next**2)
        self.grads[0][...] = np.dot(x.T, dt)
        self.grads[1][...] = np.dot(h_prev.T, dt)
        self.grads[2][...] = np.sum(dt, axis=0)
        return np.dot(dt, Wx.T), np.dot(dt, Wh.T)


class TimeRNN:
    def __init__(self, Wx, Wh, b, stateful=False):
        self.params = [Wx, Wh, b]
        self.layers, self.h, self.stateful = None, None, stateful

    def forward(self, xs):
        Wx, Wh, b = self.params
        n, T, d = xs.shape
        self.layers = []
        hs = np.empty((n, T, Wh.shape[0]))
        if not self.stateful or self.h is None:
            self.h = np.zeros((n, Wh.shape[0]))
        for t in range(T):
            layer = RNNLayer(*self.params)
            self.h = layer.forward(xs[:, t, :], self.h)
            hs[:, t, :] = self.h
            self.layers.append(layer)
        return hs


class TimeAffine:
    def __init__(self, W, b):
        self.params, self.x = [W, b], None

    def forward(self, x):
        n, T, d = x.shape
        W, b = self.params
        rx = x.reshape(n * T, -1)
        out = np.dot(rx, W) + b
        self.x = x
        return out.reshape(n, T, -1)


class TimeSoftmaxWithLoss:
    def forward(self, xs, ts):
        n, T, v = xs.shape
        xs = xs.reshape(n * T, v)
        ts = ts.reshape(n * T)
        ys = softmax(xs)
        ls = np.log(ys[np.arange(n * T), ts])
        loss = -np.sum(ls)
        loss /= n * T
        return loss


@style(E=(V, D), Wx=(D, M), Wh=(M, M), b=(M,), W=(M, V), c=(V,),
       ints={"xs": (V, (N, "T"), "array"), "ts": (V, (N, "T"), "array")})
def layers_with_params_and_grads(xs, ts, E, Wx, Wh, b, W, c):
    layers = [TimeRNN(Wx, Wh, b), TimeAffine(W, c)]
    loss_layer = TimeSoftmaxWithLoss()
    out = E[xs]
    for layer in layers:
        out = layer.forward(out)
    return loss_layer.forward(out, ts)


@dataclasses.dataclass
class Cell:
    Wx: np.ndarray
    Wh: np.ndarray
    b: np.ndarray

    def __call__(self, x, h):
        return np.tanh(x @ self.Wx + h @ self.Wh + self.b)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), b=(M,), V1=(M, M), V2=(M, M), c=(M,))
def dataclass_cells(X, Wx, Wh, b, V1, V2, c):
    cells = [Cell(Wx, Wh, b), Cell(V1, V2, c)]
    states = [np.zeros(M) for _ in cells]
    for x in X:
        for i, cell in enumerate(cells):
            x = states[i] = cell(x, states[i])
    return np.sum(states[-1] ** 2)


class Base:
    def __init__(self, **weights):
        for name, value in weights.items():
            setattr(self, name, value)

    def activation(self, z):
        return np.tanh(z)

    def step(self, x, h):
        return self.activation(x @ self.Wx + h @ self.Wh)


class Leaky(Base):
    def activation(self, z):
        return np.where(z > 0, z, 0.1 * z)

    def step(self, x, h):
        return 0.5 * h + 0.5 * super().step(x, h)


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), goal=(N, M))
def inheritance(X, goal, Wx, Wh):
    net, h = Leaky(Wx=Wx, Wh=Wh), np.zeros((N, M))
    for t in range(X.shape[1]):
        h = net.step(X[:, t], h)
    return ((h - goal) ** 2).mean()


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wo=(M, K), Y=("T", K))
def forward_and_update(X, Y, Wx, Wh, Wo):
    """Forward, backward and a step of Adagrad in one call, the history kept."""
    history = {"h": [], "loss": []}
    mem = [np.zeros_like(w) for w in (Wx, Wh, Wo)]
    h = np.zeros(M)
    hs = [h]
    outs = []
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        hs.append(h)
        outs.append(h @ Wo)
        history["h"].append(h)
    loss = 0.5 * np.sum((np.array(outs) - Y) ** 2)
    history["loss"].append(loss)
    dWx, dWh, dWo, dnext = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wo), np.zeros(M)
    for t in range(len(X) - 1, -1, -1):
        dy = outs[t] - Y[t]
        dWo += np.outer(hs[t + 1], dy)
        da = (dy @ Wo.T + dnext) * (1 - hs[t + 1] ** 2)
        dWx += np.outer(X[t], da)
        dWh += np.outer(hs[t], da)
        dnext = da @ Wh.T
    for w, dw, m in zip((Wx, Wh, Wo), (dWx, dWh, dWo), mem):
        m += dw * dw
        w_new = w - 0.1 * dw / np.sqrt(m + 1e-8)
    return loss


# --------------------------------------------------------------------------------------------- gates of every kind


@style(X=(N, "T", D), W=(D + M, 4 * M), b=(4 * M,), Wo=(M, K), Y=(N, K))
def lstm_one_matrix(X, Y, W, b, Wo):
    h, c = np.zeros((N, M)), np.zeros((N, M))
    for t in range(X.shape[1]):
        z = np.concatenate([X[:, t], h], axis=1) @ W + b
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return np.mean((h @ Wo - Y) ** 2)


@style(X=("T", D), W=(D, 3 * M), U=(M, 3 * M), b=(3 * M,))
def gru_by_slices(X, W, U, b):
    h = np.zeros(M)
    for x in X:
        gx = x @ W + b
        gh = h @ U
        z = sigmoid(gx[:M] + gh[:M])
        r = sigmoid(gx[M:2 * M] + gh[M:2 * M])
        n = np.tanh(gx[2 * M:] + r * gh[2 * M:])
        h = (1 - z) * n + z * h
    return np.dot(h, h)


@style(x=("T",), w=(), u=(), b=(), v=())
def one_neuron(x, w, u, b, v):
    h = 0.0
    for t in range(len(x)):
        h = np.tanh(w * x[t] + u * h + b)
    return (v * h - 1.0) ** 2


@style(X=(N, "T", D), Wx=(D, M), Wh=(M, M), p=(M,), gamma=(M,), beta=(M,))
def layer_norm_in_the_cell(X, Wx, Wh, p, gamma, beta):
    h = np.zeros((X.shape[0], M))
    for t in range(X.shape[1]):
        a = X[:, t] @ Wx + h @ Wh
        mu = a.mean(axis=1, keepdims=True)
        var = ((a - mu) ** 2).mean(axis=1, keepdims=True)
        h = np.tanh(gamma * (a - mu) / np.sqrt(var + 1e-5) + beta)
    return np.sum(h @ p)


@style(X=("T", D), Wx=(D, M), Wh=(M, M), Wc=(M, M), Wp=(M, M))
def peephole(X, Wx, Wh, Wc, Wp):
    h, c = np.zeros(M), np.zeros(M)
    for x in X:
        g = 1 / (1 + np.exp(-(x @ Wx + h @ Wh + c @ Wp)))
        c = g * c + (1 - g) * np.tanh(x @ Wx + h @ Wc)
        h = np.tanh(c)
    return h.sum()


@style(X=("T", D), Wx=(D, M), Wh=(M, M), tau=(M,))
def leaky_integrator(X, Wx, Wh, tau):
    dt, r = 0.1, np.zeros(M)
    xs = np.zeros(M)
    for u in X:
        xs += dt * (-xs + r @ Wh + u @ Wx) / (1 + tau**2)
        r = np.tanh(xs)
    return np.mean(r**2)
