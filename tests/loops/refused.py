"""Functions that cannot be followed: the line that says so is marked ``# <-``, followed by words of the cure."""

# ruff: noqa: B008, RUF, SIM
from __future__ import annotations

import pickle

import numpy as np


def branch(X, W):
    h = X[0] @ W
    if h.sum() > 0:  # <- np.where
        return h
    return -h


def while_traced(X, W):
    h = X[0] @ W
    while np.max(h) > 1:  # <- np.where
        h = h / 2
    return h


def conditional_expression(X, W):
    h = X[0] @ W
    return [v if v > 0 else 0 * v for v in h]  # <- np.where


def python_max(X, W):
    h = X[0] @ W
    return max(h[0], h[1])  # <- np.where


def to_int(X, W):
    return X[int((X[0] @ W).sum() * 0)]  # <- numbers of the data


def text_in_brackets(X, W):
    h = X[0] @ W
    return np.r_["0,2", h, h]  # <- np.concatenate


def unknown_function(X, W):
    return np.sinc(X[0] @ W)  # <- functions and operations


def inverse(X, W):
    return np.linalg.inv(W[:3, :3])  # <- functions and operations


def into_integers(X, W):
    states = np.zeros((len(X), 5), dtype=int)
    for t in range(len(X)):
        states[t] = X[t] @ W  # <- with np.zeros
    return states


def into_a_default(X, W, buffer=np.zeros(5, int)):
    buffer[:] = X[0] @ W  # <- dtype=float
    return buffer


def where_alone(X, W):
    return np.where(X[0] @ W > 0)  # <- choose from


def saved(X, W):
    h = X[0] @ W
    return h * len(pickle.dumps(h))  # <- after the trace


def random_choice(X, W):
    p = np.exp(X[0] @ W)
    return X[np.random.choice(5, p=p / np.sum(p))]  # <- with np.zeros


def traced_scale(X, W):
    return np.random.normal(0, np.exp(X[0] @ W))  # <- with np.zeros


def a_better_number(X, W):
    best = np.sum(X[0] @ W)
    for x in X:
        if np.sum(x @ W) > best:  # <- np.where
            best = np.sum(x @ W)
    return best


def read_back_from_text(X, W):
    h = X[0] @ W
    print(f"{h[0]:.3f}")
    return h * float("3.0")  # <- the value itself


def complex_numbers(X, W):
    return np.abs((X[0] @ W) * 1j)  # <- real numbers


def nothing_computed(X, W):
    return 3.0  # <-
