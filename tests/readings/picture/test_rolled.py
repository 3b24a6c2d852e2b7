"""Rolled pictures: what is of no step stands above the frame, two directions stand beside each other."""

from __future__ import annotations

import itertools

import pytest

from minirnn.readings.picture import compose
from minirnn.readings.picture.views import rolled as read_rolled
from minirnn.readings.picture.views import unrolled as read_unrolled

from ... import family
from .test_layout import faults


def crossings(sheet):
    """Pairs of lines, without a box in common, that cross."""
    found = []
    for a, b in itertools.combinations(sheet.layout.lines, 2):
        if {a.source, a.target} & {b.source, b.target}:
            continue
        found += [(a, b) for p in itertools.pairwise(a.points) for q in itertools.pairwise(b.points) if cross(p, q)]
    return found


def cross(p, q):
    def side(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    return side(*p, q[0]) * side(*p, q[1]) < 0 and side(*q, p[0]) * side(*q, p[1]) < 0


@pytest.mark.parametrize("name", ["both ways", "both ways, alone", "backwards, every step"])
def test_two_directions_without_a_crossing(name):
    sheet = family.traced(name).picture(rolled=True).sheet
    assert not crossings(sheet) and not faults(sheet.layout)
    backward = [q for q in sheet.canvas.boxes if "h" in q[0].key and q[0].key.endswith("b")]
    assert all("starts at 0" in "".join(text for text, _, _ in rows) for _, rows in backward)


def outside(sheet):
    (_, frame, _) = sheet.canvas.frames[0]
    return {box.key.partition(" ")[0] for box, _ in sheet.canvas.boxes if box.rect[1] > frame[3]}


def test_what_is_of_no_step_is_outside_of_the_frame(make, monkeypatch):
    trace = make()
    assert {"W_o", "b_o", "y", "target", "L"} <= outside(trace.picture(rolled=True, level="op").sheet)
    assert not {"W_h", "W_x", "b_h"} & outside(trace.picture(rolled=True, level="op").sheet)
    monkeypatch.setattr(compose, "Box", lambda *args: compose_box(*args[:7]))
    assert "W_o" not in outside(trace.picture(rolled=True, level="op").sheet)


compose_box = compose.Box


def test_a_decoder_starts_from_the_encoder():
    flows = family.traced("encoder and decoder").picture(rolled=True).sheet
    assert any({line.source, line.target} == {"h^1", "h^2"} for line in flows.layout.lines)


@pytest.mark.parametrize("level", ["cell", "op"])
@pytest.mark.parametrize("name", ["both ways", "masking", "dropout", "state", "embedding", "encoder and decoder"])
def test_it_has_the_boxes_of_the_unrolled_picture(name, level):
    """The same quantities do the same in both; of an inner step, for the first may be given."""
    trace = family.traced(name)
    rolled, unrolled = read_rolled(trace, level, False), read_unrolled(trace, level, None)
    inner = {q.name: q for q in unrolled.quantities.values() if q.name is not None and q.step in (2, None)}
    named = {q.name: q for q in rolled.quantities.values() if q.name is not None}
    assert len(named) > 3 and named.keys() == inner.keys()
    assert all(
        (q.role, q.does, q.holds) == (inner[name].role, inner[name].does, inner[name].holds) for name, q in named.items()
    )


def test_both_directions_are_read_where_they_end():
    """The last step of the forward layer and the first of the backward one: neither is the step before the last."""
    notes = {(f.source, f.target): f.note for f in read_rolled(family.traced("both ways"), "cell", False).flows}
    assert notes["h^f", "y"] == "t = T" and notes["h^b", "y"] == "t = 1"
