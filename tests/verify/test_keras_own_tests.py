"""Keras' own tests of its recurrent layers, run on minirnn's: those on numbers, masks, states, shapes and refusals."""

from __future__ import annotations

import functools
import importlib.util
import types
from pathlib import Path

import numpy as np
import pytest

from minirnn import layers, ops

FOLDER = "keras.src.layers.rnn"
LSTM = "LSTM and GRU are other families"
KERAS = "it tests how Keras builds, saves and counts, not what the layer gives"
RUN = {
    "simple_rnn_test.SimpleRNNTest": ["test_correctness", "test_statefulness", "test_pass_initial_state", "test_masking"],
    "rnn_test.RNNTest": [
        "test_forward_pass_single_state", "test_forward_pass_two_states", "test_passing_initial_state_single_state",
        "test_passing_initial_state_two_states", "test_statefulness_single_state", "test_statefulness_two_states",
        "test_go_backwards", "test_masking",
    ],
    "stacked_rnn_cells_test.StackedRNNTest": [
        "test_correctness_single_state_stack", "test_correctness_two_states_stack",
        "test_statefullness_single_state_stack", "test_statefullness_two_states_stack",
    ],
    "bidirectional_test.SimpleRNNTest": ["test_correctness"],
    "time_distributed_test.TimeDistributedTest": [
        "test_correctness", "test_mask_validation_with_mismatched_timesteps",
        "test_mask_validation_with_mismatched_batch_size", "test_mask_validation_with_correct_shape",
        "test_mask_validation_with_3d_mask", "test_mask_validation_with_none_mask",
        "test_mask_validation_with_both_batch_and_timesteps_mismatched",
    ],
}  # fmt: skip
NOT_RUN = {
    "simple_rnn_test.SimpleRNNTest": {"test_basics": KERAS},
    "rnn_test.RNNTest": {
        "test_basics": KERAS,
        "test_compute_output_shape_single_state": KERAS,
        "test_compute_output_shape_two_states": KERAS,
        "test_dynamic_shapes": "it compiles and fits a model of Keras",
        "test_serialization": KERAS,
        "test_stateful_batch_size_mismatch_raises": "the sentence is Keras'; tests/layers has minirnn's",
    },
    "stacked_rnn_cells_test.StackedRNNTest": {
        "test_basics": KERAS,
        "test_return_state_stacked_lstm_cell": LSTM,
        "test_stacked_lstm_cell_mask": LSTM,
    },
    "bidirectional_test.SimpleRNNTest": {
        "test_basics": KERAS,
        "test_statefulness": LSTM,
        "test_pass_initial_state": LSTM,
        "test_masking": LSTM,
        "test_return_state": LSTM,
        "test_output_shape": LSTM,
        "test_keeps_use_cudnn": LSTM,
        "test_fused_lstm_eligibility": LSTM,
        "test_fused_lstm_matches_unfused": LSTM,
        "test_fused_gru_eligibility": LSTM,
        "test_fused_gru_matches_unfused": LSTM,
        "test_torch_cudnn_bidirectional_gru_dispatch_fires": LSTM,
    },
    "time_distributed_test.TimeDistributedTest": {
        "test_basics": KERAS,
        "test_build": "convolutions are another family",
        "test_masking": "a wrapper of one's own in the style of Keras",
        "test_with_mask_zero": "it fits a model with a sparse loss of Keras",
    },
}


class OtherFamily(Exception):
    """A test has come to a layer that is not of the family."""


def another_family(*_, **__):
    raise OtherFamily


class Arrays:
    """A layer called on an array gives arrays, and the states of stacked cells by cell, as in Keras."""

    def __call__(self, x, **keywords):
        found = super().__call__(x, **keywords)
        if not isinstance(found, list):
            return np.asarray(found)
        out, *states = map(np.asarray, found)
        cells = self.cells if isinstance(getattr(self, "cell", None), layers.StackedRNNCells) else []
        if any(len(cell.sizes) > 1 for cell in cells):
            states = [[states.pop(0) for _ in cell.sizes] for cell in cells]
        return [out, *states]


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
        for key in ("RNN", "SimpleRNN", "Bidirectional", "TimeDistributed"):
            setattr(self.layers, key, type(key, (Arrays, getattr(layers, key)), {}))
        self.layers.GRU = another_family
        self.ops = types.SimpleNamespace(matmul=ops.matmul)
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


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, names in RUN.items() for name in names])
def test_keras_own_tests(place, name, monkeypatch):
    module, kind = suite(place)
    case = getattr(module, kind)(name)

    def close(self, a, b, atol=1e-6, rtol=1e-6, **_):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=atol, rtol=rtol)

    monkeypatch.setattr(type(case), "assertAllClose", close)
    case.setUp()
    if (place, name) == ("bidirectional_test.SimpleRNNTest", "test_correctness"):
        with pytest.raises(OtherFamily):  # its last quarter is of a GRU
            getattr(case, name)()
    else:
        getattr(case, name)()


@pytest.mark.parametrize("place", RUN)
def test_every_test_of_keras_is_run_or_has_its_reason(place):
    module, kind = suite(place)
    there = {name for name in vars(getattr(module, kind)) if name.startswith("test_")}
    assert there == set(RUN[place]) | set(NOT_RUN[place])
