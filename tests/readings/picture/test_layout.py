"""The layout alone, on graphs that are no networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minirnn.readings.picture import line_labels, places
from minirnn.readings.picture.dot import beside, spline
from minirnn.readings.picture.geometry import DIRECTIONS, Box, Line, overlap, segment_meets, turned
from minirnn.readings.picture.layout import arrange


def faults(layout):
    """What no picture may have: boxes on boxes, lines through boxes, labels on anything or far from their line."""
    found = []
    boxes, lines = list(layout.boxes.values()), layout.lines
    for i, a in enumerate(boxes):
        found += [("boxes", a.key, b.key) for b in boxes[i + 1 :] if overlap(a.rect, b.rect)]
    for line in lines:
        for a, b in zip(line.points, line.points[1:]):
            for box in boxes:
                if box.key not in (line.source, line.target) and segment_meets(a, b, box.rect):
                    found.append(("line through box", line.source, line.target, box.key))
            found += [
                ("line through label", line.source, line.target, other.source, other.target)
                for other in lines
                if other.label and segment_meets(a, b, other.label_rect)
            ]
        if line.label:
            found += [("label on box", line.source, line.target, b.key) for b in boxes if overlap(line.label_rect, b.rect)]
            found += [
                ("label on label", line.source, line.target, other.source, other.target)
                for other in lines
                if other is not line and other.label and overlap(line.label_rect, other.label_rect)
            ]
            if stranded(line):
                found.append(("stranded label", line.source, line.target))
    return found


def stranded(line):
    """Whether the label, grown by 12 points, touches its line nowhere."""
    left, low, right, high = line.label_rect
    near = left - 12, low - 12, right + 12, high + 12
    return not any(segment_meets(a, b, near) for a, b in zip(line.points, line.points[1:]))


@st.composite
def steps(draw):
    """A step of named quantities that feed later ones and, over time, any; repeated a few times."""
    names = [f"q{i}" for i in range(draw(st.integers(2, 6)))]
    within = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if draw(st.booleans())]
    over = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=2, unique=True))
    T = draw(st.integers(1, 4))
    sizes = {n: (draw(st.integers(30, 120)), draw(st.integers(25, 80))) for n in names}
    boxes = [Box(f"{n}_{t}", n, t, *sizes[n]) for t in range(T) for n in names]
    lines = [Line(f"{a}_{t}", f"{b}_{t}") for t in range(T) for a, b in within]
    lines += [Line(f"{a}_{t}", f"{b}_{t + 1}", loop=True) for t in range(T - 1) for a, b in over]
    return boxes, lines


@settings(max_examples=60, deadline=None)
@given(steps(), st.sampled_from(DIRECTIONS))
def test_of_any_graph_the_steps_are_in_order_and_no_box_is_on_another(graph, rankdir):
    boxes, lines = graph
    layout = arrange(boxes, lines, rankdir)
    assert not [f for f in faults(layout) if f[0] == "boxes"]
    across = rankdir in ("LR", "RL")
    for slot in {b.slot for b in boxes}:
        along = [(-b.y if across else b.x) for b in boxes if b.slot == slot]
        assert along == sorted(along) and len(set(along)) == len(along)
    for line in lines:
        a, b = layout.boxes[line.source], layout.boxes[line.target]
        if a.column == b.column:
            (_, low), (_, high) = (turned((p.x, p.y), {"RL": "RL", "LR": "LR"}.get(rankdir, rankdir)) for p in (a, b))
            depth = {"BT": b.y - a.y, "TB": a.y - b.y, "LR": b.x - a.x, "RL": a.x - b.x}[rankdir]
            assert depth > 0, (low, high)


@settings(max_examples=60, deadline=None)
@given(steps())
def test_lines_within_a_step_pass_no_box(graph):
    boxes, lines = graph
    layout = arrange(boxes, [line for line in lines if not line.loop])
    assert not [f for f in faults(layout) if f[0] == "line through box"]


def test_the_faults_are_found():
    """The tester, tested: each fault once."""
    layout = arrange([Box("a", "a", 0, 40, 40), Box("b", "b", 0, 40, 40)], [Line("a", "b", (20, 15))])
    assert not faults(layout)
    line = layout.lines[0]
    at, line.at = line.at, (at_x := line.at[0] + 90, line.at[1])
    assert at_x and [f[0] for f in faults(layout)] == ["stranded label"]
    line.at = (layout.boxes["a"].x, layout.boxes["a"].y + 24)
    assert {f[0] for f in faults(layout)} == {"line through label", "label on box"}
    line.at = at
    layout.boxes["c"] = Box("c", "c", 0, 10, 10, x=layout.boxes["a"].x, y=line.points[0][1] + 12)
    assert "line through box" in {f[0] for f in faults(layout)}
    layout.boxes["c"].y = layout.boxes["a"].y
    assert "boxes" in {f[0] for f in faults(layout)}


def test_faults_planted_in_the_layout_are_found(make, monkeypatch):
    trace = make(layers=2)
    with monkeypatch.context() as planted:  # labels in the middle of their lines
        planted.setattr(line_labels, "_candidates", lambda line: [tuple(np.mean(line.points, axis=0))])
        assert "line through label" in {f[0] for f in faults(trace.picture().sheet.layout)}
    passing = make(every_step=True, head="softmax", loss="categorical_crossentropy")
    with monkeypatch.context() as planted:  # lines without a place of their own in the rows they pass
        planted.setattr(places.Places, "_chain", lambda self, line: [])
        assert "line through box" in {f[0] for f in faults(passing.picture(level="op").sheet.layout)}
    with monkeypatch.context() as planted:  # boxes wherever their neighbours are
        planted.setattr(places.Places, "_spaced", lambda self, layer, wish: dict(zip(layer, wish)))
        assert "boxes" in {f[0] for f in faults(trace.picture(level="op").sheet.layout)}
    assert not faults(trace.picture(level="op").sheet.layout)


def test_quantities_that_feed_each_other_are_drawn_all_the_same():
    boxes = [Box(k, k, 0, 30, 30) for k in "abc"]
    layout = arrange(boxes, [Line("a", "b"), Line("b", "c"), Line("c", "a")])
    assert not [f for f in faults(layout) if f[0] == "boxes"]


def test_a_direction_there_is_not():
    with pytest.raises(ValueError, match="rankdir is 'UP'; it must be one of BT, TB, LR, RL"):
        arrange([], [], "UP")


def test_a_line_beside_a_line():
    assert beside([(0, 0), (10, 0), (10, 10)], 2) == [(0, 2), (8, 2), (8, 10)]
    assert spline([(0, 0), (30, 0)], arrow=False) == "0,0 10,0 20,0 30,0"
    assert spline([(0, 0), (30, 0)]).startswith("e,30,0 0,0 ")
