"""What shares memory in NumPy shares it in a trace: what is written into one array is in the other."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine.replay import replay
from minirnn.loops.recording import array as recording

BODIES = [
    "hs = np.zeros((3, 2)); row = hs[1]; hs[1] = X[0]; return row * 2 + X[0]",
    "hs = np.zeros((3, 2)); row = hs[1]; row += X[0]; return hs * 2",
    "hs = np.zeros((3, 2)); row = hs[1]; row[0] = X[0, 1]; return hs * 2",
    "hs = np.zeros((3, 2)); r = hs[1:]; r[0] = X[0]; return hs * 2",
    "hs = np.zeros((3, 2)); r = hs.reshape(-1); hs[0] = X[0]; return r * 2",
    "hs = np.zeros((3, 2)); r = hs.T; hs[0] = X[0]; return r * 2",
    "hs = np.zeros((3, 2)); r = np.asarray(hs); hs[0] = X[0]; return r * 2",
    "hs = np.zeros((3, 2)); r = hs[None]; hs[0] = X[0]; return r * 2",
    "hs = np.zeros((3, 2)); r = hs[[0, 1]]; hs[0] = X[0]; return r + hs[:2]",
    "hs = np.zeros((3, 2)); r = hs.copy(); hs[0] = X[0]; return r + hs",
    "hs = np.zeros((3, 2))\n    for row in hs: row[...] = X[0]\n    return hs * 1.5",
    "hs = np.zeros((3, 2)); a = hs[1]; b = hs[1]; a[0] = X[0, 1]; b[1] = X[1, 1]; return hs + a + b",
    "hs = np.zeros((3, 2)); other = hs; hs[0] = X[0]; return other * 2",
    "hs = np.zeros((3, 2)); hs[0] = X[0]; s = hs * 1; row = hs[1]; row[0] = 5.0; return hs + s",
    "hs = np.zeros((3, 2)); row = hs[-1]; hs[2] = X[0]; hs[1] = X[1]; return row + hs",
    "h = X[0] * 1; g = h; g += X[1]; return h * 2",
    "h = X * 1; g = h[0]; k = g; h[0] = X[2]; k[1] = X[1, 1]; return h * 1.0 + g + k",
    "h = X * 1; r = h[1]; s = r[:1]; h[1, 0] = X[0, 0]; return s * r",
    "h = X * 1; r = h[1]; r[0] = X[0, 0]; r[1] = 2.0; return h * 3",
    "h = X * 1; r = h[1]; h = h + 1; r[0] = X[0, 0]; return h * r",
    "h = X * 1; g = np.asarray(h); g[0] = X[1]; return h * 2",
    "h = X * 1; g = np.array(h); g[0] = X[1]; return h * 2 + g",
    "h = X * 1; g = np.ascontiguousarray(h.T); g[0] = X[:, 1]; return h * 2 + g.T",
    "hs = np.zeros((3, 2)); r = hs.T; r[0] = X[:, 0]; return hs * 2",
    "hs = np.zeros((3, 2)); a, b, c = np.split(hs, 3); b[:] = X[1]; hs[0] = X[0] * 2; return a + b + c + hs",
    "h = X * 1; d = np.einsum('ii->i', h[:2]); d *= 3; h[0, 0] += 1; return h * d",
    "h = X * 1; r = h.reshape(2, 3); r[1] = X[0, 0]; r[:, ::2] -= X[:2] ; return h * 2",
    "h = X * 1; r = h[::-1, ::-1]; r[0] = X[0]; h[0] *= 2; return r + h",
    "h = X * 1; h[:-1] = h[1:]; return h * 2",
    "h = X * 1; h[[2, 0]] = h[[0, 2]]; h[[0, 0]] = X[1:]; return h * 2",
    "h = X * 1; np.add.at(h, [0, 0, 2], X); np.copyto(h[1], X[0], where=X[1] > 2); return h * 2",
    "h = X * 1; out = np.zeros((3, 2)); np.multiply(h, X, out=out); np.tanh(out[0], out=h[1]); return h + out",
    "b = X[0] * 1; h = X + b; b += 1; return h * b",
    "h = X * 1; m = X > 2; h[m] = -h[m]; m[:] = False; return h * 2",
    "h = np.zeros(2); last = h; h = X[0] * 2; return last + h",
]


def function(body):
    text = f"def f(X):\n    {body}\n"
    file = f"<views {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"np": np}
    exec(compile(text, file, "exec"), space)
    return space["f"]


X = np.arange(6.0).reshape(3, 2) + 0.5


@pytest.mark.parametrize("body", BODIES)
def test_what_is_written_into_one_is_in_the_other(body):
    f = function(body)
    assert mr.trace(f, X=X.copy()).returned.tolist() == f(X.copy()).tolist()


def test_without_deriving_views_again_the_graph_would_differ(monkeypatch):
    """The numbers are NumPy's; it is the graph that must follow: each node's value is that of its array."""
    monkeypatch.setattr(recording.Array, "_refresh", lambda self, memory: None)
    wrong = 0
    for body in BODIES:
        try:
            trace = mr.trace(function(body), X=X.copy())
            wrong += replay(trace.forward, {})[trace.output_node].tolist() != trace.output.tolist()
        except (mr.CannotFollow, AttributeError, AssertionError):
            wrong += 1
    assert wrong >= 4


@pytest.mark.parametrize("body", BODIES)
def test_the_graph_computed_again_gives_the_same_numbers(body):
    trace = mr.trace(function(body), X=X.copy())
    assert np.array_equal(replay(trace.forward, {})[trace.output_node], trace.output)


def test_a_copy_in_another_order_keeps_its_numbers():
    """np.asarray(h, order="F") is a copy that has the node of h: what is written into h later is not in it."""

    def f(X, W):
        h = X @ W
        g = np.asarray(h, order="F")
        h[0] = 5.0
        return np.sum(g * g)

    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    np.testing.assert_allclose(mr.trace(f, X=X, W=W).gradients["W"], 2 * X.T @ X @ W, rtol=1e-12)
