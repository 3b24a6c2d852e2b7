from __future__ import annotations

import re

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import LSTM, Dense, Input
from minirnn.models import Model

from .. import family


def asked(trace, kind, place=0):
    return [one for one in trace.exercises() if one.kind == kind][place]


def test_the_answers_are_those_of_the_trace(trace):
    for one in trace.exercises():
        assert one.check(one.solution if one.choices else one.answer) == "Right."
        if one.kind == "number":
            name, _, step = one.key.rpartition("_")
            assert one.answer == pytest.approx(float(trace.value(name, int(step)).reshape(-1)[one.entry]))
        if one.kind == "term":
            t, name = one.term, one.key.split("/d")[1]
            delta = trace.value("dL/dz", t)
            term = {"W_x": trace.value("x", t), "W_h": trace.value("h", t - 1)}[name].T @ delta
            assert one.answer == pytest.approx(term.reshape(-1)[one.entry])
    kinds = [one.kind for one in trace.exercises()]
    assert {"number", "line", "shape", "term"} == set(kinds) and 7 <= len(kinds) <= 12


def test_a_wrong_number_is_named_by_the_slip_behind_it(trace):
    one = asked(trace, "number")  # h_2
    h = np.tanh(trace.value("x", 2) @ trace.value("W_x") + trace.value("b_h"))
    said = one.check(float(h.reshape(-1)[one.entry]))
    assert said.startswith("Not right. It is what comes out when the recurrent product")
    assert one.check(17.0) == "Not right."
    delta = next(one for one in trace.exercises() if "dz" in one.key)
    h_t = trace.adjoint("h", int(delta.key.rpartition("_")[2]))
    assert "slope of the activation is left out" in delta.check(float(h_t.reshape(-1)[delta.entry]))


def test_lines_are_true_of_this_network():
    i = Input(shape=(4, 3))
    rng = np.random.default_rng(0)
    gated = mr.trace(Model(i, Dense(2)(LSTM(5)(i))), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 2)))
    lines = [one for one in gated.exercises() if one.kind == "line"]
    assert lines and all("dh * (1 - h" not in choice for one in lines for choice in one.choices)
    for one in lines:
        assert len(set(one.choices)) == len(one.choices) >= 3
        assert {place for place, _, _ in one.wrong} == set(range(len(one.choices))) - {one.answer}


@pytest.mark.parametrize("name", ["both ways", "embedding", "encoder and decoder", "masking, both ways", "two heads"])
def test_every_network_has_some(name):
    trace = family.traced(name)
    found = trace.exercises()
    assert len(found) >= 3
    for one in found:
        assert (np.isfinite(one.answer) and one.asked.endswith("?")) or one.asked.endswith(".")
        assert all(abs(wrong - one.answer) > one.tolerance for wrong, _, _ in one.wrong)


def test_without_a_loss_nothing_is_asked_of_the_way_back(network):
    found = mr.trace(network(), np.ones((2, 4, 3))).exercises()
    assert found and not any("∂" in one.asked or "δ" in one.asked for one in found)


def test_in_a_notebook_and_on_paper(trace, tmp_path):
    found = trace.exercises()
    shown = found._repr_html_()
    assert shown.count("<details>") == len(found) and "<script" not in shown
    assert repr(found).splitlines()[0].startswith("1. What is h₂")
    whole = found.sheet(tmp_path / "sheet.html").read_text()
    bare = found.sheet(tmp_path / "bare.html", answers=False).read_text()
    assert found[0].solution in whole.split('class="answers"')[1] and found[0].solution not in bare
    assert len(re.findall(r"<p>\d+\. ", bare)) == len(found)
    with pytest.raises(ValueError, match="none of the choices"):
        asked(trace, "line").check(99)
