from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Input, SimpleRNN
from minirnn.models import Model

from ...family import traced

TABLE = """quantity  sample  t=1       t=2       t=3       t=4
h         1       carried   computed  computed  carried
          2       computed  computed  carried   computed
o         1       zeroed    computed  computed  zeroed
          2       computed  computed  zeroed    computed"""


def test_a_word_for_each_step_and_sample():
    found = traced("masking, zeros").masks()
    assert str(found) == TABLE
    assert found["o"].tolist()[1] == ["computed", "computed", "zeroed", "computed"] and found.steps["h"] == [1, 2, 3, 4]
    assert found._repr_html_().count("<tr>") == 5 and ">zeroed</td>" in found._repr_html_()


def test_before_the_first_output_there_is_a_zero_to_carry():
    assert traced("mask and state").masks()["o"][0, 0] == "carried"
    assert traced("masking").masks()["h"][0].tolist() == ["carried", "computed", "computed", "carried"]


def test_what_there_is_not_is_said():
    i = Input((None, 3))
    trace = mr.trace(Model(i, SimpleRNN(2)(i)), np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match=r"has no mask: give a layer mask=, or put Masking"):
        trace.masks()
    with pytest.raises(KeyError, match="no mask chooses 'z'; there are h"):
        traced("masking").masks()["z"]
