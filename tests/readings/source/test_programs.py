"""Random networks in every form; each of these numbers has found a fault once. See `tests.programs`."""

from __future__ import annotations

import numpy as np
import pytest

from ... import programs

FOUND = {
    5: "loops call what NumPy does not have",
    38: "a part of an equation is made of parts that were put together later",
    39: "NumPy chooses between two numbers in float64",
    213: "steps side by side are taken for the blocks of a weight",
    721: "of three steps it is not seen which ones a definition is for",
    260: "the mean over the steps of what is as long as T M is taken over T",
}


@pytest.mark.parametrize("number", FOUND)
def test_every_form_is_the_trace(number):
    tally = programs.Tally()
    tally.run(number, programs.FORMS)
    assert tally.faults == [] and tally.compared >= 2


def test_a_wrong_program_is_seen(monkeypatch):
    right = programs.executed
    monkeypatch.setattr(programs, "executed", lambda text, numpy: right(text.replace("dW_o", "dW_o * 1.01", 1), numpy))
    tally = programs.Tally()
    for number in range(3):
        tally.run(number, ("numpy",))
    assert tally.faults


def test_what_cancels_is_told_from_what_is_wrong():
    found, right = {"a": np.array([1.0, 2.0])}, {"a": np.array([1.0, 2.0 + 1e-15])}
    assert 2 < programs.errors(found, right, 1e-16)["a"] < 20
