"""Functions that cannot be followed: the line that says so is marked ``# <-``, followed by words of the cure."""

# ruff: noqa: B008, RUF, SIM
from __future__ import annotations

import math
import pickle

import numpy as np


def branch(X, W):
    h = X[0] @ W
    if h.sum() > 0:  # <- np.where
        return h
    return -h


def branch_on_all(X, W):
    h = X[0] @ W
    assert (h < 9).all()  # <- after the trace
    return h


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


def to_float(X, W):
    total = 0.0
    for x in X:
        total += float((x @ W).sum())  # <- leave float() out
    return total


def to_int(X, W):
    return X[int((X[0] @ W).sum())]  # <- after the trace


def math_function(X, W):
    h = X[0] @ W
    return [math.tanh(v) for v in h]  # <- leave float() out


def item(X, W):
    return (X[0] @ W).sum().item()  # <- leave .item() out


def as_list(X, W):
    h = X[0] @ W
    return [2 * v for v in h.tolist()]  # <- keep it an array


def as_an_index(X, W):
    h = X[0] @ W
    return W[h > 0]  # <- np.where


def largest_place(X, W):
    h = X[0] @ W
    return h[np.argmax(h)]  # <- choose after the trace


def as_a_length(X, W):
    h = X[0] @ W
    return list(range(h[0]))  # <- numbers of the data


def unknown_function(X, W):
    return np.sinc(X[0] @ W)  # <- functions and operations


def unknown_method(X, W):
    return (X[0] @ W).cumsum()  # <- functions and operations


def linear_algebra(X, W):
    return X[0] / np.linalg.norm(X[0] @ W)  # <- np.sqrt


def inverse(X, W):
    return np.linalg.inv(W[:3, :3])  # <- functions and operations


def into_integers(X, W):
    states = np.zeros((len(X), 5), dtype=int)
    for t in range(len(X)):
        states[t] = X[t] @ W  # <- with np.zeros
    return states


def into_a_default(X, W, buffer=np.zeros(5, int)):
    buffer[:] = X[0] @ W  # <- with np.zeros
    return buffer


def through_a_reshaped_view(X, W):
    h = X[0] @ W
    column = h.reshape(-1, 1)
    column[0] = 1.0  # <- .copy()
    return h


def the_same_place_twice(X, W):
    h = X[0] @ W
    h[[0, 0]] = X[0][:2]  # <- each place once
    return h


def power_of_arrays(X, W):
    return X[0] ** X[1]  # <- np.exp


def numbers_of_conditions(X, W):
    h = X[0] @ W
    return h * ((h > 0) + (h < 1))  # <- np.where


def three_operands(X, W):
    return np.einsum("t,td,dm->m", np.ones(len(X)), X, W)  # <- two operands


def a_diagonal(X, W):
    return np.einsum("ii,i->i", W[:4, :4], X[0])  # <- np.sum


def reduce_method(X, W):
    return np.add.reduce(X @ W)  # <- functions and operations


def where_alone(X, W):
    return np.where(X[0] @ W > 0)  # <- choose from


def with_out(X, W):
    return np.tanh(X[0] @ W, out=np.zeros(5))  # <- leave this argument out


def half_a_clip(X, W):
    return np.clip(X[0] @ W, 0, None)  # <- a_min and a_max


def looks_for_nan(X, W):
    h = X[0] @ W
    if np.isnan(h).any():  # <- after the trace
        raise ValueError("NaN")
    return h


def swallows_the_error(X, W):
    h = X[0] @ W
    try:
        return h * float(h[0])  # <- leave float() out
    except TypeError:
        return h


def saved(X, W):
    h = X[0] @ W
    return h * len(pickle.dumps(h))  # <- after the trace


def assigns_a_global(X, W):
    global counter  # <- return the value
    counter = X[0] @ W
    return counter


def of_objects(X, W):
    return np.array([X[0] @ W, X[1] @ W], dtype=object)  # <- floating point


def standard_deviation(X, W):
    return (X @ W).std(axis=0)  # <- functions and operations


def random_choice(X, W):
    p = np.exp(X[0] @ W)
    return X[np.random.choice(5, p=p / np.sum(p))]  # <- before the trace


def traced_scale(X, W):
    return np.random.normal(0, np.exp(X[0] @ W))  # <- functions and operations


def as_a_size(X, W):
    return np.zeros(W[0, 0])  # <- functions and operations


def nothing_computed(X, W):
    return 3.0  # <-
