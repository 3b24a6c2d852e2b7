"""Functions that are followed: with side computations, conversions, writing through views."""

# ruff: noqa: B008, RUF, SIM, PLW
from __future__ import annotations

import math

import numpy as np


def branch_on_all(X, W):
    h = X[0] @ W
    assert (h < 9).all()
    return h


def to_float(X, W):
    total = 0.0
    for x in X:
        total += float((x @ W).sum())
    return total


def math_function(X, W):
    h = X[0] @ W
    return [math.tanh(v) for v in h]


def item(X, W):
    return (X[0] @ W).sum().item()


def as_list(X, W):
    h = X[0] @ W
    return [2 * v for v in h.tolist()]


def largest_place(X, W):
    h = X[0] @ W
    return h[np.argmax(h)]


def unknown_method(X, W):
    return (X[0] @ W).cumsum()


def linear_algebra(X, W):
    return X[0] / np.linalg.norm(X[0] @ W)


def through_a_reshaped_view(X, W):
    h = X[0] @ W
    column = h.reshape(-1, 1)
    column[0] = 1.0
    return h


def the_same_place_twice(X, W):
    h = X[0] @ W
    h[[0, 0]] = X[0][:2]
    return h


def power_of_arrays(X, W):
    return np.abs(X[0]) ** X[1]


def numbers_of_conditions(X, W):
    h = X[0] @ W
    return h * ((h > 0) + (h < 1))


def three_operands(X, W):
    return np.einsum("t,td,dm->m", np.ones(len(X)), X, W)


def a_diagonal(X, W):
    return np.einsum("ii,i->i", W[:4, :4], X[0])


def windows_of_what_changes(X, W):
    h = X @ W
    pairs = np.lib.stride_tricks.sliding_window_view(h, 2, axis=0)
    h[1] = 0.5 * h[0]
    return np.tanh(pairs).sum(axis=(0, 2))


def reduce_method(X, W):
    return np.add.reduce(X @ W)


def with_out(X, W):
    return np.tanh(X[0] @ W, out=np.zeros(5))


def half_a_clip(X, W):
    return np.clip(X[0] @ W, 0, None)


def looks_for_nan(X, W):
    h = X[0] @ W
    if np.isnan(h).any():
        raise ValueError("NaN")
    return h


def swallows_the_error(X, W):
    h = X[0] @ W
    try:
        return h * float(h[0])
    except TypeError:
        return h


def assigns_a_global(X, W):
    global counter
    counter = X[0] @ W
    return counter


def of_objects(X, W):
    return np.array([X[0] @ W, X[1] @ W], dtype=object)[0]


def standard_deviation(X, W):
    return (X @ W).std(axis=0)


def accuracy_on_the_way(X, W):
    right, loss = 0, 0.0
    for x in X:
        p = x @ W
        if np.argmax(p) == 1:
            right += 1
        loss = loss + np.sum(p**2)
    print("accuracy %.2f" % (right / len(X)))
    return loss


def norm_is_shown(X, W):
    h = X[0] @ W
    print(round(float(np.linalg.norm(h)), 3), np.round(h, 2), h.tolist())
    return h


def dropout_that_is_off(X, W, p=np.float64(0.0)):
    h = X[0] @ W
    if p > 0:
        h = h * (np.random.rand(*h.shape) > p)
    return h
