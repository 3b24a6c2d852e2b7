"""Networks of LSTM and GRU for the table of every network times every reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minirnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GRUCell,
    Input,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from minirnn.models import Model

from .family import D, K, M, N, T, row

SEQ = {"return_sequences": True}
OPTIONS: dict[str, dict[str, Any]] = {
    "last": {},
    "sequences": SEQ,
    "backwards": SEQ | {"go_backwards": True},
    "no bias": {"use_bias": False},
    "hard sigmoid, relu": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    "penalties": {"kernel_regularizer": "l2", "recurrent_regularizer": "l1", "activity_regularizer": "l2"},
    "dropout": {"dropout": 0.3},
    "dropouts": SEQ | {"dropout": 0.3, "recurrent_dropout": 0.4},
    "float64": {"dtype": "float64"},
}


def with_initial_states(layer: Any, sizes: list[int]) -> Model:
    i = Input((None, D))
    given = [Input((size,)) for size in sizes]
    return Model([i, *given], Dense(K)(layer(i, initial_state=given)))


def all_outputs(layer: Any) -> Model:
    i = Input((None, D))
    return Model(i, layer(i))


def masked(layer: Any) -> Model:
    i, m = Input((None, D)), Input((None,), dtype="bool")
    return Model([i, m], Dense(K)(layer(i, mask=m)))


def kept(layer: Any) -> Model:
    i = Input((T, D), batch_size=N)
    return Model(i, Dense(K)(layer(i)))


def networks() -> dict[str, Callable[[], Model]]:
    """All of them by name."""
    found: dict[str, Callable[[], Model]] = {}
    kinds: dict[str, Callable[..., Any]] = {
        "LSTM": LSTM, "GRU": GRU, "GRU, reset before": lambda units, **o: GRU(units, reset_after=False, **o),
    }  # fmt: skip
    for kind, make in kinds.items():
        for name, options in OPTIONS.items():
            found[f"{kind}, {name}"] = lambda make=make, o=options: row(make(M, **o), Dense(K))
        found[f"{kind}, masked"] = lambda make=make: row(Masking(), make(M, **SEQ), Dense(K))
        found[f"{kind}, explicit mask, zeros"] = lambda make=make: masked(make(M, zero_output_for_mask=True, **SEQ))
        found[f"{kind}, all states"] = lambda make=make: all_outputs(make(M, return_state=True))
        found[f"{kind}, initial states"] = lambda make=make: with_initial_states(make(M), make(M).sizes)
        found[f"{kind}, stateful"] = lambda make=make: kept(make(M, stateful=True))
        found[f"Bidirectional {kind}"] = lambda make=make: row(Bidirectional(make(M)), Dense(K))
        found[f"Bidirectional {kind}, masked"] = lambda make=make: row(
            Masking(), Bidirectional(make(M, **SEQ), merge_mode="sum"), TimeDistributed(Dense(K))
        )
    return found | {
        "LSTM, GRU, SimpleRNN": lambda: row(LSTM(M, **SEQ), GRU(7, **SEQ), SimpleRNN(4), Dense(K)),
        "LSTM twice": lambda: row(LSTM(M, **SEQ), LSTM(7), Dense(K)),
        "cells of all kinds": lambda: row(RNN([LSTMCell(M), SimpleRNNCell(7), GRUCell(4)], **SEQ), Dense(K)),
        "cells of all kinds, masked": lambda: masked(RNN(StackedRNNCells([LSTMCell(M), GRUCell(4)]))),
        "cells of all kinds, all states": lambda: all_outputs(RNN([GRUCell(M), LSTMCell(7)], return_state=True)),
        "LSTM of words": lambda: row(Embedding(9, 3, mask_zero=True), LSTM(M), Dense(K), shape=(None,)),
    }
