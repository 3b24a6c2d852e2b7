"""What each engine costs, first call included: SimpleRNN, LSTM and GRU with a Dense head, loss and all gradients.

    python tests/benchmarks/engines.py [rounds] [competitors ...]

Prints a table, and writes it to engines.md beside this file: microseconds of processor time, the best of all rounds, all
taking turns in one process on one thread; in parentheses the seconds of processor time from the trace to the end of the
first call, compilers included. Keras and JAX take part where they are installed; both engines are checked against each
other.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ.update(dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"), TF_CPP_MIN_LOG_LEVEL="3")
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import minirnn as mr
from minirnn.layers import GRU, LSTM, Dense, Input, SimpleRNN
from minirnn.models import Model

SIZES = {"S1": (1, 10, 3, 5, 2), "S2": (10, 20, 4, 4, 3), "S3": (32, 50, 16, 32, 4), "S4": (64, 100, 64, 128, 10)}
KINDS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}


def network(kind, N, T, D, M, K):
    i = Input(shape=(None, D))
    return Model(i, Dense(K)(KINDS[kind](M)(i)))


def ours(engine, kind, dtype, size, X, Y):
    trace = mr.trace(network(kind, *size), X[:, :5], Y, dtype=dtype)
    params = {name: node.value for name, node in trace.parameters.items()}
    f = trace.compile(engine)
    return lambda: f(params, X, Y)


def keras_function(kind, dtype, size, X, Y):
    import keras
    import tensorflow as tf

    i = keras.Input((size[1], size[2]), dtype=dtype)
    x = getattr(keras.layers, kind)(size[3], dtype=dtype)(i)
    model = keras.Model(i, keras.layers.Dense(size[4], dtype=dtype)(x))
    order = [v.value for v in model.trainable_variables]

    @tf.function
    def run(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        return loss, tape.gradient(loss, order)

    x, y = tf.constant(X), tf.constant(Y)
    return lambda: run(x, y)[0].numpy()


def jax_scan(kind, dtype, size, X, Y):
    import jax
    import jax.numpy as jnp

    N, _, D, M, K = size
    jax.config.update("jax_enable_x64", dtype == "float64")
    gates = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}[kind]
    rng = np.random.default_rng(0)
    shapes = [(D, gates * M), (M, gates * M), (gates * M,), (M, K), (K,)]
    params = jax.device_put([(rng.normal(size=s) / 4).astype(dtype) for s in shapes])

    def step(W_h, state, p):
        if kind == "SimpleRNN":
            return (jnp.tanh(p + state[0] @ W_h),), None
        if kind == "LSTM":
            i, f, g, o = jnp.split(p + state[0] @ W_h, 4, -1)
            c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None
        a, b, c = jnp.split(p, 3, -1)
        u, v, w = jnp.split(state[0] @ W_h, 3, -1)
        z, r = jax.nn.sigmoid(a + u), jax.nn.sigmoid(b + v)
        return (z * state[0] + (1 - z) * jnp.tanh(c + r * w),), None

    def loss(params, X, Y):
        W_x, W_h, b, W_o, b_o = params
        p = X.transpose(1, 0, 2) @ W_x + b
        zero = tuple(jnp.zeros((N, M), dtype) for _ in range(2 if kind == "LSTM" else 1))
        state, _ = jax.lax.scan(lambda state, p_t: step(W_h, state, p_t), zero, p)
        return jnp.mean((state[0] @ W_o + b_o - Y) ** 2)

    run = jax.jit(jax.value_and_grad(loss))
    x, y = jax.device_put((X, Y))
    return lambda: jax.block_until_ready(run(params, x, y))


COMPETITORS = {"NumPy": "numpy", "C": "c", "Keras, tf.function": keras_function, "JAX jit": jax_scan}
NEEDS = {"Keras, tf.function": "tensorflow", "JAX jit": "jax"}


def spent():
    """The processor time of this process and of those that it has started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def row(kind, dtype, name, size, rounds, wanted):
    """The first call and the best of all later ones, in microseconds, of each competitor."""
    rng = np.random.default_rng(0)
    N, T, D, _, K = size
    X, Y = rng.normal(size=(N, T, D)).astype(dtype), rng.normal(size=(N, K)).astype(dtype)
    calls, first, best = {}, {}, {}
    for who, make in COMPETITORS.items():
        if who not in wanted or (who in NEEDS and not importlib.util.find_spec(NEEDS[who])):
            continue
        begun = spent()
        if isinstance(make, str):
            mr.set_random_seed(1)
            calls[who] = ours(make, kind, dtype, size, X, Y)
        else:
            calls[who] = make(kind, dtype, size, X, Y)
        calls[who]()
        first[who], best[who] = spent() - begun, np.inf
    (loss, gradients), (other, others) = calls["NumPy"](), calls["C"]()
    assert abs(loss - other) < 1e-4 * abs(loss)
    assert all(np.abs(others[k] - g).max() < 1e-3 * np.abs(g).max() for k, g in gradients.items())
    for _ in range(rounds):
        for who, call in calls.items():
            repeats = max(1, int(0.002 / min(best[who], 1))) if best[who] < np.inf else 1
            begun = time.process_time()
            for _ in range(repeats):
                call()
            best[who] = min(best[who], (time.process_time() - begun) / repeats)
    shown = [f"{1e6 * best[w]:,.{1 if best[w] < 1e-4 else 0}f} ({first[w]:.1f} s)" for w in best]
    return f"| {kind} {name} {dtype} | " + " | ".join(shown) + f" | {best['NumPy'] / best['C']:.1f} |"


def main(rounds="40", *wanted):
    chosen = [who for who in COMPETITORS if who in (wanted or COMPETITORS)]
    lines = ["| | " + " | ".join(chosen) + " | NumPy / C |", "|---" * (len(chosen) + 2) + "|"]
    with tempfile.TemporaryDirectory() as empty:
        os.environ["MINIRNN_CACHE"] = empty  # so that the first call compiles
        for dtype in ("float32", "float64"):
            for kind in KINDS:
                for name, size in SIZES.items():
                    lines.append(row(kind, dtype, name, size, int(rounds) if name != "S4" else 4, chosen))
                    print(lines[-1], flush=True)
    Path(__file__).with_name("engines.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main(*sys.argv[1:])
