"""A part of the table of every network times every reading; all of it: `python -m tests.matrix`."""

from __future__ import annotations

import numpy as np
import pytest

from . import matrix

NETWORKS = sorted(matrix.networks())
READINGS = list(matrix.READINGS)


@pytest.mark.parametrize("name", NETWORKS)
def test_readings_are_right_or_refused_in_one_sentence(name):
    """Of every network other readings: each reading is tried on many."""
    place = NETWORKS.index(name)
    trace = matrix.traced(name)
    for reading in READINGS[place % 13 :: 13]:
        verdict, said = matrix.outcome(reading, trace)
        assert verdict != "wrong", (reading, said)


@pytest.mark.parametrize("how", ["last", "sequences", "backwards", "mask"])
def test_source_of_a_cell_that_skips_a_step_is_right_or_of_one_length(how):
    """Of the two states one is what the other was a step before: every other step depends on it."""
    assert matrix.outcome("source at other sizes", matrix.traced(f"RNN own, delayed, {how}"))[0] != "wrong"


@pytest.mark.parametrize(
    ("name", "reading"),
    [("RNN own, unused, states", "source"), ("head glu", "source"),  # sizes that no argument has
     ("head glu", "source at other sizes"), ("activation exponential", "source at other sizes"),
     ("around: RepeatVector, LSTM", "picture rolled backward")],
)  # fmt: skip
def test_readings_that_are_right(name, reading):
    assert matrix.outcome(reading, matrix.traced(name)) == ("right", "")


def test_the_checks_find_what_is_wrong(monkeypatch):
    """A number that is changed after the run is found by what compares, and a sentence nobody promised is no refusal."""
    trace = matrix.traced("SimpleRNN plain")
    assert matrix.outcome("source", trace) == ("right", "")
    trace.gradients["W_h"][0, 0] += 1e-6
    for reading in ("source", "compile", "ledger", "ledger by path"):
        assert matrix.outcome(reading, trace)[0] == "wrong"
    monkeypatch.setitem(matrix.READINGS, "walk", lambda trace: 1 / 0)
    assert matrix.outcome("walk", trace)[0] == "wrong"
    monkeypatch.setitem(matrix.READINGS, "source", lambda trace: np.zeros(2) + np.zeros(3))
    assert matrix.outcome("source", trace)[0] == "wrong"


@pytest.mark.parametrize(
    "name",
    [
        "Bidirectional mul, sequences, mask", "Dropout twice", "RNN stacked, states", "TimeDistributed Dropout",
        "TimeDistributed Masking", "activation sparsemax", "embedding, both ways", "head glu", "stateful Bidirectional",
    ],
)  # fmt: skip
def test_keras_agrees(name):
    report = matrix.traced(name).verify()
    heard = {row.quantity for row in report if not row.missing and row.witness in ("Keras forward", "tf.GradientTape")}
    assert report.ok and any(quantity.startswith("dL/d") for quantity in heard), report
