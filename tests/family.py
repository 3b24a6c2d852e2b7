"""One network of every kind that Keras' simple recurrent family has, with random weights and data, for many tests."""

from __future__ import annotations

import numpy as np

import minirnn as mr
from minirnn.layers import (
    RNN,
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    TimeDistributed,
)
from minirnn.models import Model
from minirnn.regularizers import L1L2

N, T, D, M, K = 2, 4, 3, 5, 6
MASK = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], bool)


def row(*layers, shape=(None, D)):
    """The layers one after the other; of a layer with several outputs the first goes on."""
    i = x = Input(shape)
    for layer in layers:
        x = layer(x if not isinstance(x, list) else x[0])
    return Model(i, x)


def masked_with_state(**options):
    i, h, m = Input((None, D)), Input((M,)), Input((None,), dtype="bool")
    return Model([i, h, m], Dense(K)(SimpleRNN(M, **options)(i, initial_state=h, mask=m)))


def both_ways_with_states():
    i, h, g = Input((None, D)), Input((M,)), Input((M,))
    return Model([i, h, g], Dense(K)(Bidirectional(SimpleRNN(M, return_sequences=True))(i, initial_state=[h, g])))


def backwards_with_state():
    i, h = Input((None, D)), Input((M,))
    return Model([i, h], Dense(K)(SimpleRNN(M, go_backwards=True)(i, initial_state=h)))


def encoder_decoder():
    i, j = Input((None, D)), Input((None, 2))
    _, h = SimpleRNN(M, return_state=True)(i)
    return Model([i, j], Dense(K)(SimpleRNN(M, return_sequences=True)(j, initial_state=h)))


def two_heads():
    i = Input((None, D))
    x = SimpleRNN(M, return_sequences=True)(i)
    return Model(i, [Dense(K)(x), Dense(2, activation="sigmoid")(SimpleRNN(7)(x))])


def used_twice():
    i, rnn = Input((None, D)), SimpleRNN(D, return_sequences=True)
    return Model(i, Dense(K)(rnn(rnn(i))))


def penalties():
    rnn = SimpleRNN(M, kernel_regularizer="l2", recurrent_regularizer="l1", bias_regularizer=L1L2(0.01, 0.01))
    return row(rnn, Dense(K, activity_regularizer="l2", kernel_regularizer="l1"))


NETWORKS = {
    "backwards": lambda: row(SimpleRNN(M, go_backwards=True), Dense(K)),
    "backwards, every step": lambda: row(SimpleRNN(M, go_backwards=True, return_sequences=True), Dense(K)),
    "backwards twice": lambda: row(
        SimpleRNN(M, go_backwards=True, return_sequences=True), SimpleRNN(7, go_backwards=True, return_sequences=True)
    ),
    "both ways": lambda: row(Bidirectional(SimpleRNN(M)), Dense(K)),
    "both ways, stacked": lambda: row(
        Bidirectional(SimpleRNN(M, return_sequences=True)),
        Bidirectional(SimpleRNN(7, return_sequences=True), merge_mode="sum"),
        Dense(K),
    ),
    "both ways, alone": lambda: row(Bidirectional(SimpleRNN(M, return_sequences=True), merge_mode="mul")),
    "both ways, apart": lambda: row(Bidirectional(SimpleRNN(M, return_state=True, return_sequences=True), merge_mode=None)),
    "both ways, unlike": lambda: row(
        Bidirectional(SimpleRNN(M), backward_layer=SimpleRNN(M, activation="relu", go_backwards=True)), Dense(K)
    ),
    "cells": lambda: row(RNN([SimpleRNNCell(M), SimpleRNNCell(7)], return_sequences=True), Dense(K)),
    "state": lambda: row(SimpleRNN(M, return_state=True)),
    "dropout": lambda: row(SimpleRNN(M, dropout=0.4, recurrent_dropout=0.3, return_sequences=True), Dropout(0.5), Dense(K)),
    "every step": lambda: row(SimpleRNN(M, return_sequences=True), TimeDistributed(Dense(K)), Activation("softmax")),
    "masking": lambda: row(Masking(), SimpleRNN(M), Dense(K)),
    "masking, every step": lambda: row(Masking(), SimpleRNN(M, return_sequences=True), Dense(K)),
    "masking, zeros": lambda: row(Masking(), SimpleRNN(M, return_sequences=True, zero_output_for_mask=True), Dense(K)),
    "masking, both ways": lambda: row(Masking(), Bidirectional(SimpleRNN(M, return_sequences=True)), Dense(K)),
    "embedding": lambda: row(Embedding(9, 8, mask_zero=True), SimpleRNN(M, return_sequences=True), Dense(K), shape=(None,)),
    "mask and state": lambda: masked_with_state(return_sequences=True),
    "mask and state, zeros": lambda: masked_with_state(zero_output_for_mask=True),
    "flat": lambda: row(SimpleRNN(M, return_sequences=True), Flatten(), Dense(K), shape=(T, D)),
    "encoder and decoder": encoder_decoder,
    "states, both ways": both_ways_with_states,
    "states, backwards": backwards_with_state,
    "two heads": two_heads,
    "used twice": used_twice,
    "penalties": penalties,
}


def data(name, rng, steps=T):
    """What the network of that name is given."""
    X = rng.normal(size=(N, steps, D))
    if name.startswith("masking"):
        X = X * np.resize(MASK, (N, steps))[..., None]
    if name == "embedding":
        return rng.integers(0, 9, size=(N, steps)) * np.resize(MASK, (N, steps))
    if name.startswith("mask and state"):
        return [X, rng.normal(size=(N, M)), np.resize(MASK, (N, steps))]
    if name.startswith("states"):
        return [X, rng.normal(size=(N, M)), *([rng.normal(size=(N, M))] if name == "states, both ways" else [])]
    return [X, rng.normal(size=(N, steps, 2))] if name == "encoder and decoder" else X


def traced(name, steps=T, **options):
    """A trace of the network of that name, forward and backward, in float64."""
    rng = np.random.default_rng(3)
    model = NETWORKS[name]()
    model.set_weights([0.6 * rng.normal(size=w.shape) for w in model.get_weights()])
    X = data(name, rng, steps)
    Y = [rng.normal(size=y.shape) for y in mr.trace(model, X, dtype="float64").outputs]
    return mr.trace(model, X, Y if len(Y) > 1 else Y[0], dtype="float64", training=name == "dropout", **options)
