"""What shares memory in NumPy shares it in a trace: what is written into one array is in the other."""

from __future__ import annotations

import linecache

import numpy as np
import pytest

import minirnn as mr
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


def test_without_looking_again_they_would_differ(monkeypatch):
    monkeypatch.setattr(recording.Array, "_changed", lambda self, place=(): None)
    wrong = 0
    for body in BODIES:
        try:
            wrong += mr.trace(function(body), X=X.copy()).returned.tolist() != function(body)(X.copy()).tolist()
        except mr.CannotFollow:
            wrong += 1
    assert wrong >= 8


def test_what_cannot_be_written_through_is_refused():
    with pytest.raises(mr.CannotFollow, match="another view"):
        mr.trace(function("hs = np.zeros((3, 2)); r = hs.T; r[0] = X[:, 0]; return hs * 2"), X=X)
