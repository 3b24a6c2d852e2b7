"""Pictures of loops of one's own: their boxes, their lines, their names."""

from __future__ import annotations

import re

import pytest
from test_published import traced

from minirnn.readings.picture.views import unrolled


def drawn(name):
    return unrolled(traced(name), level="cell", max_steps=10)


@pytest.mark.parametrize(
    ("name", "boxes"),
    [
        ("lstm_by_hand", {"X", "concat", "f", "i", "c_tilde", "c", "o", "h"}),
        ("gru_by_hand", {"x", "z", "r", "n", "h"}),
        ("bidirectional", {"X", "h", "g", "target", "l"}),
    ],
)
def test_a_quantity_has_a_box_at_every_step_or_at_none(name, boxes):
    found = drawn(name).quantities.values()
    for t in range(1, 7):
        here = {str(q.name) for q in found if q.step == t}
        assert here - {"h_prev", "c_prev"} == boxes


def test_factors_stand_on_the_lines():
    flows = {(f.source, f.target): tuple(str(factor.name) for factor in f.through) for f in drawn("lstm_by_hand").flows}
    assert flows["concat_3", "f_3"] == ("Wf",) and flows["concat_3", "o_3"] == ("Wo",) and flows["c_3", "h_3"] == ()
    flows = {(f.source, f.target): tuple(str(factor.name) for factor in f.through) for f in drawn("bidirectional").flows}
    assert flows["g_4", "g_3"] == ("Ub",) and flows["X_3", "g_3"] == ("Wb",)


def test_names_stand_as_they_are():
    words = {word for line in re.findall(r">([^<>]+)<", traced("seed_004").picture().dot) for word in line.split()}
    assert {"Y", "pred_manual", "previous,3"} <= words and not words & {"ŷ", "[", "]"}
