from __future__ import annotations

import numpy as np

import minirnn as mr
from minirnn.readings.page.equation_slots import lines
from minirnn.readings.page.links import code
from minirnn.readings.page.page import page

from ... import family


def test_it_is_the_source_line_by_line(stacked):
    found = code(stacked, lines(stacked, stacked.equations(each_sample=True)))
    assert "\n".join(line.text for line in found).rstrip("\n") == stacked.source().rstrip("\n")


def test_every_equation_has_lines_and_each_line_its_quantity(make):
    plain, two = make(), make(layers=2, every_step=True, head="softmax", loss="categorical_crossentropy")
    for trace, fused in ((plain, set()), (two, {"l", "dL/dh^1", "dL/dh^2"})):  # parts of another statement
        shown = lines(trace, trace.equations(each_sample=True))
        found = code(trace, shown)
        there = {place for line in found for place in line.equations}
        assert {shown[place].left[0] for place in range(len(shown)) if place not in there} <= fused
        for line in found:
            assert all(shown[place].left[0] == line.name for place in line.equations)
            assert line.equations == [] or line.text.strip()


def test_where_there_is_no_source_the_page_says_why():
    """A table of numbers inside of a function is too large to be written out."""

    def f(X, W):
        h, table = np.zeros(2), np.arange(130.0).reshape(65, 2)
        for x in X:
            h = np.tanh(x @ W + h + (table * h).sum(0))
        return np.sum(h * h)

    rng = np.random.default_rng(0)
    trace = mr.trace(f, X=rng.normal(size=(4, 3)), W=rng.normal(size=(3, 2)))
    html = page(trace, report=trace.verify(with_keras=False)).html
    assert "too large for source code" in html and 'class="listing"' not in html


def test_of_several_outputs_too():
    trace = family.traced("two heads")
    assert 'class="listing"' in page(trace, report=trace.verify(with_keras=False)).html
