"""One network, indexed in the ways that people index: as many equations at T = 8 as at T = 5, and the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr

D, M, K = 2, 3, 4


def arrays(T):
    rng = np.random.default_rng(5)
    shapes = {"X": (T, D), "W": (D, M), "U": (M, M), "V": (M, K), "Y": (T, K)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def row_kept(X, W, U, V, Y):
    h, hs = np.zeros((1, M)), []
    for t in range(len(X)):
        h = np.tanh(X[t : t + 1] @ W + h @ U)
        hs.append(h)
    return np.sum((np.concatenate(hs) @ V - Y) ** 2)


def row_of_a_list(X, W, U, V, Y):
    h, hs = np.zeros((1, M)), []
    for t in range(len(X)):
        h = np.tanh(X[[t]] @ W + h @ U)
        hs.append(h)
    return np.sum((np.vstack(hs) @ V - Y) ** 2)


def column_of_a_list(X, W, U, V, Y):
    x, h, hs = X.T, np.zeros((M, 1)), []
    for t in range(len(X)):
        h = np.tanh(W.T @ x[:, [t]] + U.T @ h)
        hs.append(h)
    return np.sum((V.T @ np.hstack(hs) - Y.T) ** 2)


def column_kept(X, W, U, V, Y):
    x, h, hs = X.T, np.zeros((M, 1)), []
    for t in range(len(X)):
        h = np.tanh(W.T @ x[:, t : t + 1] + U.T @ h)
        hs.append(h)
    return np.sum((V.T @ np.concatenate(hs, axis=1) - Y.T) ** 2)


def new_axis(X, W, U, V, Y):
    h, hs = np.zeros((1, M)), []
    for t in range(len(X)):
        h = np.tanh(X[t][None] @ W + h @ U)
        hs.append(h[0])
    return np.sum((np.array(hs) @ V - Y) ** 2)


def new_axis_in_the_key(X, W, U, V, Y):
    h, hs = np.zeros((1, M)), []
    for t in range(len(X)):
        h = np.tanh(X[t, None, :] @ W + h @ U)
        hs.append(h.ravel())
    return np.sum((np.stack(hs) @ V - Y) ** 2)


def reshaped(X, W, U, V, Y):
    h, hs = np.zeros((M, 1)), []
    for t in range(len(X)):
        h = np.tanh(W.T @ X[t].reshape(-1, 1) + U.T @ h)
        hs.append(h.reshape(-1))
    return np.sum((np.array(hs) @ V - Y) ** 2)


def expanded(X, W, U, V, Y):
    h, hs = np.zeros((1, M)), []
    for x in X:
        h = np.tanh(np.atleast_2d(x) @ W + h @ U)
        hs.append(np.squeeze(h))
    return np.sum((np.r_[tuple([h[None] for h in hs])] @ V - Y) ** 2)


def some_columns(X, W, U, V, Y):
    h, hs = np.zeros(M), []
    for t in range(len(X)):
        h = np.tanh(X[t, :D] @ W + h @ U)
        hs.append(h)
    return np.sum((np.vstack(hs) @ V - Y) ** 2)


def buffer_of_rows(X, W, U, V, Y):
    T = len(X)
    H, out = np.zeros((T + 1, M)), np.zeros((T, K))
    for t in range(T):
        H[t + 1 : t + 2] = np.tanh(X[t : t + 1] @ W + H[t : t + 1] @ U)
        out[t : t + 1] = H[t + 1 : t + 2] @ V
    return np.sum((out - Y) ** 2)


def buffer_of_columns(X, W, U, V, Y):
    T = len(X)
    H = np.zeros((M, T + 1))
    for t in range(1, T + 1):
        H[:, t : t + 1] = np.tanh(W.T @ X[t - 1 : t].T + U.T @ H[:, t - 1 : t])
    return np.sum((V.T @ H[:, 1:] - Y.T) ** 2)


def grown(X, W, U, V, Y):
    h, H = np.zeros((1, M)), np.zeros((0, M))
    for t in range(len(X)):
        h = np.tanh(X[t : t + 1] @ W + h @ U)
        H = np.vstack([H, h])
    return np.sum((H @ V - Y) ** 2)


def grown_by_append(X, W, U, V, Y):
    h = np.zeros((1, M))
    H = h
    for t in range(len(X)):
        h = np.tanh(X[t : t + 1] @ W + h @ U)
        H = np.append(H, h, axis=0)
    return np.sum((H[1:] @ V - Y) ** 2)


def with_its_start(X, W, U, V, Y):
    h = np.zeros((1, M))
    hs = [h]
    for x in X:
        h = np.tanh(x @ W + h @ U)
        hs.append(h)
    return np.sum((np.concatenate(hs)[1:] @ V - Y) ** 2)


def joined_in_brackets(X, W, U, V, Y):
    h, hs, Z = np.zeros((1, M)), [], np.r_[W, U]
    for t in range(len(X)):
        h = np.tanh(np.c_[X[t : t + 1], h] @ Z)
        hs.append(h)
    return np.sum((np.r_[tuple(hs)] @ V - Y) ** 2)


def samples_in_front(X, W, U, V, Y):
    X, h, out = X[None], np.zeros((1, M)), np.zeros((1, len(X), K))
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t, :] @ W + h @ U)
        out[:, t : t + 1, :] = (h @ V)[:, None, :]
    return np.sum((out - Y[None]) ** 2)


SPELLINGS = [
    row_kept, row_of_a_list, column_of_a_list, column_kept, new_axis, new_axis_in_the_key, reshaped, expanded, some_columns,
    buffer_of_rows, buffer_of_columns, grown, grown_by_append, with_its_start, joined_in_brackets, samples_in_front,
]  # fmt: skip


def equations_of(trace):
    """The left sides, which say a quantity and the steps of one equation, in letters."""
    return [line.split("residual")[0].strip() for line in str(trace.equations()).splitlines()]


@pytest.mark.parametrize("function", SPELLINGS, ids=lambda function: function.__name__)
def test_the_equations_are_those_of_any_length(function):
    short, long = (mr.trace(function, **arrays(T)) for T in (5, 8))
    assert equations_of(long) == equations_of(short)


@pytest.mark.parametrize("function", SPELLINGS, ids=lambda function: function.__name__)
def test_the_numbers_are_those_of_one_spelling(function):
    given = arrays(6)
    found, right = mr.trace(function, **given), mr.trace(row_kept, **given)
    np.testing.assert_allclose(float(found.loss), float(right.loss), rtol=1e-13)
    for name in ("W", "U", "V"):
        np.testing.assert_allclose(found.gradients[name], right.gradients[name], rtol=1e-11)
    assert found.verify(with_keras=False).ok
