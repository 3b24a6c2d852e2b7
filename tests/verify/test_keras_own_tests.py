"""Keras' own tests of its recurrent layers, run on minirnn's: those on numbers, masks, states, shapes and refusals."""

from __future__ import annotations

import functools
import importlib.util
import types
from pathlib import Path

import numpy as np
import pytest

from minirnn import layers
from minirnn.engine import ops
from minirnn.layers.configs import described, layer_from
from minirnn.layers.recurrent.cells import OwnCell
from minirnn.models import Model

FOLDER = "keras.src.layers.rnn"
FUSED = "it is about a kernel of a graphics card"
NOT_RUN = {
    "rnn_test.RNNTest": {
        "test_serialization": "it is about Keras' description of a cell of one's own, which Keras alone can read"
    },
    "bidirectional_test.SimpleRNNTest": {
        "test_keeps_use_cudnn": FUSED,
        "test_fused_lstm_eligibility": FUSED,
        "test_fused_lstm_matches_unfused": FUSED,
        "test_fused_gru_eligibility": FUSED,
        "test_fused_gru_matches_unfused": FUSED,
        "test_torch_cudnn_bidirectional_gru_dispatch_fires": FUSED,
    },
    "gru_test.GRUTest": {
        "test_torch_cudnn_dispatch_fires": FUSED,
        "test_stateful_with_symbolic_batch_size": "it calls the layer on a tensor of TensorFlow that has no numbers",
    },
    "time_distributed_test.TimeDistributedTest": {
        "test_build": "it is about a convolution, which is refused by name",
        "test_masking": "it is about a layer of one's own inside TimeDistributed, which is refused by name",
        "test_with_mask_zero": "it is about a loss of whole numbers, which minirnn has not; it asserts nothing",
    },
}
PLACES = (
    "simple_rnn_test.SimpleRNNTest", "rnn_test.RNNTest", "stacked_rnn_cells_test.StackedRNNTest",
    "bidirectional_test.SimpleRNNTest", "lstm_test.LSTMTest", "gru_test.GRUTest",
    "time_distributed_test.TimeDistributedTest",
)  # fmt: skip


class Arrays:
    """A layer called on an array gives arrays, and the states of stacked cells by cell, as in Keras."""

    def nested(self, states):
        cells = self.cells if isinstance(getattr(self, "cell", None), layers.StackedRNNCells) else []
        if any(len(cell.sizes) > 1 for cell in cells):
            return [[states.pop(0) for _ in cell.sizes] for cell in cells]
        return states

    def __call__(self, x, **keywords):
        found = super().__call__(x, **keywords)
        if isinstance(x, layers.Symbolic):
            return found
        if not isinstance(found, list):
            return np.asarray(found)
        return [[np.asarray(part) for part in each] if isinstance(each, list) else np.asarray(each) for each in found]

    def compute_output_shape(self, shape):
        out, *states = self.output_shapes(shape)
        return [out, *self.nested(states)] if states else out


def run_layer_test(
    self,
    layer_cls,
    init_kwargs,
    input_shape,
    expected_output_shape,
    expected_num_trainable_weights,
    expected_num_losses=0,
    supports_masking=True,
    call_kwargs=None,
    **of_keras,
):
    """What Keras' helper of this name asserts, of a minirnn layer: shapes, weights, penalties, masks, and the round trip."""
    left = {
        "expected_num_non_trainable_weights", "expected_num_non_trainable_variables", "expected_num_seed_generators",
        "custom_objects",
    }  # fmt: skip
    assert set(of_keras) <= left
    layer = layer_cls(**init_kwargs)
    assert layer(layers.Input(input_shape[1:], batch_size=input_shape[0])).shape == expected_output_shape
    X = np.random.default_rng(0).normal(size=input_shape)
    out = layer(X, **(call_kwargs or {}))
    own = [cell.cell for cell in getattr(layer, "cells", []) if isinstance(cell, OwnCell)]
    assert out.shape == expected_output_shape
    assert len(layer.get_weights()) == expected_num_trainable_weights
    assert len(layer.regularizers) == expected_num_losses and layer.supports_masking is supports_masking
    if not own:
        again = layer_from(described(layer))
        again.build(input_shape)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(np.asarray(again(X)), np.asarray(layer(X)))


class Marks:
    """Marks of pytest that this project does not know: they change nothing."""

    def __getattr__(self, name):
        return lambda *given, **_: given[0] if given and callable(given[0]) else lambda f: f


class Kind(types.ModuleType):
    """A test module of Keras, run anew with minirnn's layers and operations in place of Keras'."""

    def __init__(self, name):
        super().__init__(name)
        source = Path(str(importlib.util.find_spec(f"{FOLDER}.{name}").origin)).read_text()
        self.layers = types.SimpleNamespace(**{key: getattr(layers, key) for key in layers.__all__})
        for key in ("RNN", "SimpleRNN", "LSTM", "GRU", "Bidirectional", "TimeDistributed"):
            setattr(self.layers, key, type(key, (Arrays, getattr(layers, key)), {}))
        draw = types.SimpleNamespace(uniform=lambda shape: np.random.default_rng(0).uniform(size=shape))
        self.ops = types.SimpleNamespace(matmul=ops.matmul, random=draw)
        self.pytest = types.SimpleNamespace(mark=Marks())
        kept = [line for line in source.split("\n") if line not in TAKEN]
        exec("\n".join(kept), vars(self))


TAKEN = {"import pytest", "from keras.src import layers", "from keras.src import ops"} | {
    f"from keras.src.layers.rnn.rnn_test import {kind}" for kind in ("OneStateRNNCell", "TwoStatesRNNCell")
}


@functools.cache
def suite(place):
    module, _, kind = place.partition(".")
    found = Kind.__new__(Kind)
    if module == "stacked_rnn_cells_test":
        vars(found).update({k: v for k, v in vars(suite("rnn_test.RNNTest")[0]).items() if k.endswith("RNNCell")})
    found.__init__(module)
    return found, kind


def names_of(place):
    module, kind = suite(place)
    return [name for name in vars(getattr(module, kind)) if name.startswith("test_")]


@pytest.mark.parametrize("place", PLACES)
def test_keras_own_tests(place, monkeypatch):
    """Every test of the module that is not listed above."""
    module, kind = suite(place)
    case = getattr(module, kind)()

    def close(self, a, b, atol=1e-6, rtol=1e-6, **_):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=atol, rtol=rtol)

    monkeypatch.setattr(type(case), "assertAllClose", close)
    monkeypatch.setattr(type(case), "run_layer_test", run_layer_test)
    monkeypatch.setattr("keras.src.models.Functional", Model)
    for name in names_of(place):
        if name not in NOT_RUN.get(place, {}):
            case.setUp()
            getattr(case, name)()


def test_every_test_of_keras_is_run_or_has_its_reason():
    names = {place: set(names_of(place)) for place in PLACES}
    assert all(set(left) <= names[place] for place, left in NOT_RUN.items())
    assert sum(map(len, names.values())) - sum(map(len, NOT_RUN.values())) == 54
