"""Loss and all gradients: minirnn's compiled source beside its competitors, all in one run, taking turns.

    python tests/benchmarks/gradients.py [rounds]

Prints a table, and writes it to gradients.md beside this file. Each competitor is first checked against a float64 loop.
Keras, torch, JAX and autograd take part where they are installed; what takes longer than three seconds per call sits out.
The time is processor time, the best of all rounds: what else the machine does makes a call longer, never shorter.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.update(dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"), TF_CPP_MIN_LOG_LEVEL="3")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import datetime
import importlib.util
import platform
import sys
import time
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

SIZES = {
    "S1": (1, 10, 3, 5, 2),
    "S2": (10, 20, 4, 4, 3),
    "S3": (32, 50, 16, 32, 4),
    "S4": (64, 100, 64, 128, 10),
    "S5": (128, 200, 128, 256, 10),
}
NAMES = ("W_x", "W_h", "b_h", "W_o", "b_o")


def data(N, T, D, M, K):
    rng = np.random.default_rng(0)
    shapes = {"W_x": (D, M), "W_h": (M, M), "b_h": (M,), "W_o": (M, K), "b_o": (K,)}
    params = {name: (rng.normal(size=s) / np.sqrt(s[0])).astype("float32") for name, s in shapes.items()}
    return params, rng.normal(size=(N, T, D)).astype("float32"), rng.normal(size=(N, K)).astype("float32")


def naive(params, X, Y):
    """The loop that notebooks write, with textbook backpropagation through time."""
    W_x, W_h, b_h, W_o, b_o = (params[name] for name in NAMES)
    h = [np.zeros((len(X), len(W_h)), X.dtype)]
    for t in range(X.shape[1]):
        h.append(np.tanh(X[:, t].dot(W_x) + h[-1].dot(W_h) + b_h))
    y = h[-1].dot(W_o) + b_o
    dy = 2 * (y - Y) / Y.size
    dW_x, dW_h, db_h, dh = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b_h), dy.dot(W_o.T)
    for t in reversed(range(X.shape[1])):
        dz = dh * (1 - h[t + 1] ** 2)
        dW_x += X[:, t].T.dot(dz)
        dW_h += h[t].T.dot(dz)
        db_h += dz.sum(0)
        dh = dz.dot(W_h.T)
    return ((y - Y) ** 2).mean(), (dW_x, dW_h, db_h, h[-1].T.dot(dy), dy.sum(0))


class Hoisted:
    """Hand-optimised: products hoisted out of the loops, every array and every view of a step made beforehand."""

    def __init__(self, N, T, D, M, K):
        f = np.float32
        self.x, self.p, self.g, self.dz = (np.empty((T, N, width), f) for width in (D, M, M, M))
        self.h, self.one = np.zeros((T + 1, N, M), f), np.ones(T * N, f)
        self.scratch, self.dh = np.empty((N, M), f), np.empty((N, M), f)
        self.forward = list(zip(self.p, self.h[:-1], self.h[1:]))
        self.backward = list(zip(self.g, self.dz))[::-1]
        self.flat = [a.reshape(T * N, -1) for a in (self.x, self.p, self.h[:-1], self.dz)]

    def __call__(self, params, X, Y):
        W_x, W_h, b_h, W_o, b_o = (params[name] for name in NAMES)
        tanh, add, multiply, scratch, dh = np.tanh, np.add, np.multiply, self.scratch, self.dh
        x, p, before, dz_all = self.flat
        self.x[...] = X.transpose(1, 0, 2)
        x.dot(W_x, p)
        add(p, b_h, p)
        for p_t, h_before, h_t in self.forward:
            h_before.dot(W_h, scratch)
            add(scratch, p_t, h_t)
            tanh(h_t, h_t)
        return self.finish(W_h.T, W_o, b_o, h_t, Y, scratch, dh, multiply, x, before, dz_all)

    def finish(self, W_hT, W_o, b_o, h, Y, scratch, dh, multiply, x, before, dz_all):
        y = h.dot(W_o)
        y += b_o
        y -= Y
        flat = y.ravel()
        loss = flat.dot(flat) / y.size
        y *= 2 / y.size
        g = self.g
        multiply(self.h[1:], self.h[1:], g)
        np.subtract(1, g, g)
        y.dot(W_o.T, dh)
        for g_t, dz in self.backward:
            multiply(g_t, dh, dz)
            dz.dot(W_hT, dh)
        return loss, (x.T.dot(dz_all), before.T.dot(dz_all), self.one.dot(dz_all), h.T.dot(y), y.sum(0))


class Stacked:
    """Hand-optimised: the row [h x 1] for state, input and bias, so that a step is one product and one tanh."""

    def __init__(self, N, T, D, M, K):
        f, width = np.float32, M + D + 1
        self.s, self.W = np.zeros((T + 1, N, width), f), np.empty((width, M), f)
        self.s[:, :, -1] = 1
        self.z, self.dh = np.empty((N, M), f), np.empty((N, M), f)
        self.g, self.dz = np.empty((T, N, M), f), np.empty((T, N, M), f)
        self.h, self.x = self.s[1:, :, :M], self.s[:-1, :, M : M + D]
        self.forward = list(zip(self.s[:-1], self.h))
        self.backward = list(zip(self.g, self.dz))[::-1]
        self.rows, self.dz_all = self.s[:-1].reshape(T * N, width).T, self.dz.reshape(T * N, M)

    def __call__(self, params, X, Y):
        W_x, W_h, b_h, W_o, b_o = (params[name] for name in NAMES)
        M, D = len(W_h), len(W_x)
        W, z, dh, g, tanh, multiply = self.W, self.z, self.dh, self.g, np.tanh, np.multiply
        W[:M], W[M : M + D], W[-1] = W_h, W_x, b_h
        self.x[...] = X.transpose(1, 0, 2)
        for s, h in self.forward:
            s.dot(W, z)
            tanh(z, h)
        y = h.dot(W_o)
        y += b_o
        y -= Y
        flat = y.ravel()
        loss = flat.dot(flat) / y.size
        y *= 2 / y.size
        multiply(self.h, self.h, g)
        np.subtract(1, g, g)
        y.dot(W_o.T, dh)
        W_hT = W_h.T
        for g_t, dz in self.backward:
            multiply(g_t, dh, dz)
            dz.dot(W_hT, dh)
        d = self.rows.dot(self.dz_all)
        return loss, (d[M : M + D], d[:M], d[-1], h.T.dot(y), y.sum(0))


def ours(engine):
    def make(N, T, D, M, K):
        i = Input(shape=(5, D))
        trace = mr.trace(Model(i, Dense(K)(SimpleRNN(M)(i))), np.zeros((1, 5, D), "f"), np.zeros((1, K), "f"))
        compiled = trace.compile(engine)

        def call(params, X, Y):
            loss, gradients = compiled(params, X, Y)
            return loss, tuple(gradients[name] for name in NAMES)

        call.fixed = lambda params, X, Y: lambda: compiled(params, X, Y)
        return call

    return make


def traced(N, T, D, M, K):
    """Tracing itself: values, forward and backward graph, names and steps."""
    i = Input(shape=(T, D))
    model = Model(i, Dense(K)(SimpleRNN(M)(i)))

    def call(params, X, Y):
        model.set_weights([params[name] for name in NAMES])
        trace = mr.trace(model, X, Y)
        return trace.loss, tuple(trace.gradients[name] for name in NAMES)

    call.fixed = lambda params, X, Y: call(params, X, Y) and (lambda: mr.trace(model, X, Y))
    return call


def keras_model(T, D, M, K):
    import keras

    i = keras.Input((T, D))
    return keras.Model(i, keras.layers.Dense(K)(keras.layers.SimpleRNN(M)(i)))


def tensorflow(mode):
    def make(N, T, D, M, K):
        import tensorflow as tf

        model = keras_model(T, D, M, K)
        order = [v.value for v in model.trainable_variables]

        def gradients(X, Y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(model(X) - Y))
            return loss, tape.gradient(loss, order)

        run = gradients if mode == "eager" else tf.function(gradients, jit_compile=mode == "xla")

        def call(params, X, Y):
            for variable, name in zip(order, NAMES):
                variable.assign(params[name])
            loss, found = run(tf.constant(X), tf.constant(Y))
            return loss.numpy(), tuple(g.numpy() for g in found)

        def fixed(params, X, Y):
            call(params, X, Y)
            X, Y = tf.constant(X), tf.constant(Y)
            return lambda: run(X, Y)

        call.fixed = fixed
        return call

    return make


def torch_rnn(N, T, D, M, K):
    import torch

    torch.set_num_threads(1)
    rnn, out = torch.nn.RNN(D, M, batch_first=True), torch.nn.Linear(M, K)
    rnn.bias_hh_l0.requires_grad_(False).zero_()
    leaves = [rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, out.weight, out.bias]

    def call(params, X, Y):
        with torch.no_grad():
            for p, name in zip(leaves, NAMES):
                p.copy_(torch.from_numpy(params[name].T if params[name].ndim == 2 else params[name]))
        loss = ((out(rnn(torch.from_numpy(X))[0][:, -1]) - torch.from_numpy(Y)) ** 2).mean()
        return loss.item(), tuple(g.numpy().T for g in torch.autograd.grad(loss, leaves))

    def fixed(params, X, Y):
        call(params, X, Y)
        X, Y = torch.from_numpy(X), torch.from_numpy(Y)
        return lambda: torch.autograd.grad(((out(rnn(X)[0][:, -1]) - Y) ** 2).mean(), leaves)

    call.fixed = fixed
    return call


def jax_scan(N, T, D, M, K):
    import jax
    import jax.numpy as jnp

    def loss(params, X, Y):
        W_x, W_h, b_h, W_o, b_o = params
        p = X.transpose(1, 0, 2) @ W_x + b_h
        h, _ = jax.lax.scan(lambda h, p_t: (jnp.tanh(p_t + h @ W_h), None), jnp.zeros((N, M)), p)
        return jnp.mean((h @ W_o + b_o - Y) ** 2)

    run = jax.jit(jax.value_and_grad(loss))

    def call(params, X, Y):
        value, found = run(tuple(params[name] for name in NAMES), X, Y)
        return value, tuple(np.asarray(g) for g in found)

    def fixed(params, X, Y):
        arguments = jax.device_put((tuple(params[name] for name in NAMES), X, Y))
        return lambda: jax.block_until_ready(run(*arguments))

    call.fixed = fixed
    return call


def hips_autograd(N, T, D, M, K):
    import autograd.numpy as anp
    from autograd import value_and_grad

    def loss(params, X, Y):
        W_x, W_h, b_h, W_o, b_o = params
        h = anp.zeros((N, M), "float32")
        for t in range(T):
            h = anp.tanh(X[:, t] @ W_x + h @ W_h + b_h)
        return anp.mean((h @ W_o + b_o - Y) ** 2)

    run = value_and_grad(loss)
    return lambda params, X, Y: run(tuple(params[name] for name in NAMES), X, Y)


COMPETITORS = {
    "minirnn, compiled": ours("numpy"),
    "minirnn, compiled C": ours("c"),
    "NumPy by hand: naive loop": lambda *sizes: naive,
    "NumPy by hand: hoisted": Hoisted,
    "NumPy by hand: stacked": Stacked,
    "minirnn, tracing anew": traced,
    "Keras, eager tape": tensorflow("eager"),
    "Keras, tf.function": tensorflow("graph"),
    "Keras, tf.function XLA": tensorflow("xla"),
    "torch nn.RNN": torch_rnn,
    "JAX jit": jax_scan,
    "autograd": hips_autograd,
}
NEEDS = {"Keras": "tensorflow", "torch": "torch", "JAX": "jax", "autograd": "autograd"}


def present(name):
    return all(importlib.util.find_spec(module) for word, module in NEEDS.items() if name.startswith(word))


def timed(size, rounds):
    """The best time of each competitor in microseconds; None for those that sit out."""
    params, X, Y = data(*size)
    wide = {name: p.astype("float64") for name, p in params.items()}
    loss, gradients = naive(wide, X.astype("float64"), Y.astype("float64"))
    calls, repeats, times = {}, {}, {name: [] for name in COMPETITORS}
    for name, make in COMPETITORS.items():
        if not present(name):
            continue
        call = make(*size)
        found_loss, found = call(params, X, Y)
        assert abs(found_loss - loss) < 1e-4 * abs(loss), name
        for mine, right in zip(found, gradients):
            assert np.abs(np.asarray(mine).reshape(right.shape) - right).max() < 1e-3 * np.abs(right).max(), name
        run = call.fixed(params, X, Y) if hasattr(call, "fixed") else lambda call=call: call(params, X, Y)
        once = np.inf
        for _ in range(3):
            start = time.process_time()
            run()
            once = min(once, time.process_time() - start)
        if once < 3:
            calls[name], repeats[name] = run, max(1, int(0.01 / once))
    for _ in range(rounds):
        for name, run in calls.items():
            start = time.process_time()
            for _ in range(repeats[name]):
                run()
            times[name].append((time.process_time() - start) / repeats[name])
    return {name: 1e6 * min(t) if t else None for name, t in times.items()}


def shown(microseconds, best):
    return "" if microseconds is None else f"{microseconds:,.{int(microseconds < 100)}f} ({microseconds / best:.2f})"


def main(rounds=25):
    columns = {name: timed(size, rounds if name != "S5" else max(5, rounds // 3)) for name, size in SIZES.items()}
    best = {s: min(t for name, t in column.items() if t and name.startswith("NumPy")) for s, column in columns.items()}
    lines = ["| | " + " | ".join(f"{s} {size}" for s, size in SIZES.items()) + " |", "|---" * (len(SIZES) + 1) + "|"]
    for name in COMPETITORS:
        if any(column[name] for column in columns.values()):
            lines.append(f"| {name} | " + " | ".join(shown(columns[s][name], best[s]) for s in SIZES) + " |")
    said = (
        f"{platform.processor() or platform.machine()}, one of {os.cpu_count()} CPUs, Python {platform.python_version()}, "
    )
    said += f"NumPy {np.__version__}, {datetime.date.today()}. "
    said += "(N, T, D, M, K) above; in parentheses, the ratio to the best NumPy written by hand."
    text = "\n".join([*lines, "", said, ""])
    Path(__file__).with_name("gradients.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
