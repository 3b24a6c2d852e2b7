from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from minirnn.readings import picture as drawing
from minirnn.readings.layout import grid
from minirnn.readings.svg import DARK, LIGHT

VARIANTS = [
    {},
    {"every_step": True},
    {"layers": 2},
    {"layers": 3, "every_step": True},
    {"flatten": True},
    {"hidden": "relu"},
    {"head": "softmax", "loss": "categorical_crossentropy", "every_step": True},
]


def box_of(found, key):
    return found.boxes[key]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 30])
def test_time_runs_right_and_the_forward_pass_up(make, options, steps):
    found = grid(make(steps=steps, **options), 8)
    by_name = {}
    for box in found.boxes.values():
        if box.step is not None:
            by_name.setdefault(box.name, []).append(box)
    for boxes in by_name.values():
        columns = [b.x for b in sorted(boxes, key=lambda b: b.step)]
        assert columns == sorted(set(columns)) and len({b.y for b in boxes}) == 1
    for edge in found.edges:
        a, b = box_of(found, edge.source), box_of(found, edge.target)
        assert (a.y == b.y and (a.x < b.x or a.role == "target")) or a.y < b.y


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("steps", [1, 3, 8, 30])
def test_nothing_overlaps_and_no_line_runs_through_a_box(make, options, steps):
    found = grid(make(steps=steps, **options), 8)
    boxes = {}
    for key, b in found.boxes.items():
        half = (drawing._width(b) / 2, drawing.HEIGHT / 2) if b.role != "gap" else (20, 10)
        boxes[key] = (b.x * drawing.ACROSS, b.y * drawing.UP, *half)
    keys = list(boxes)
    for i, a in enumerate(keys):
        for b in keys[i + 1 :]:
            (ax, ay, aw, ah), (bx, by, bw, bh) = boxes[a], boxes[b]
            assert abs(ax - bx) >= aw + bw or abs(ay - by) >= ah + bh, (a, b)
    for edge in found.edges:
        (ax, ay, *_), (bx, by, *_) = boxes[edge.source], boxes[edge.target]
        for key, (x, y, w, h) in boxes.items():
            if key in (edge.source, edge.target):
                continue
            for k in range(1, 100):
                px, py = ax + (bx - ax) * k / 100, ay + (by - ay) * k / 100
                assert not (abs(px - x) < w and abs(py - y) < h), (edge, key)


def test_what_is_on_the_edges_and_in_the_boxes(trace):
    found = grid(trace, 8)
    labels = {(e.source, e.target): e.labels for e in found.edges}
    assert labels["h_1", "h_2"] == ("W_h",) and labels["x_2", "h_2"] == ("W_x",) and labels["h_4", "y"] == ("W_o",)
    assert labels["h_0", "h_1"] == ("W_h",) and labels["target", "L"] == ()
    assert found.boxes["h_2"].does == ["+ b_h", "tanh"] and found.boxes["L"].does == ["mse"]
    assert set(found.boxes) == {*(f"x_{t}" for t in range(1, 5)), *(f"h_{t}" for t in range(5)), "y", "target", "L"}


def test_few_boxes_per_step(make):
    assert len(grid(make(steps=10), None).boxes) <= 5 * 10 + 12


def test_long_sequences_are_cut_in_the_middle(make):
    for steps in (9, 100, 400):
        found = grid(make(steps=steps), 8)
        shown = sorted({b.step for b in found.boxes.values() if b.step is not None})
        assert shown == [0, 1, 2, steps - 1, steps]
        gap = found.boxes["h_gap"]
        assert found.boxes["h_2"].x < gap.x < found.boxes[f"h_{steps - 1}"].x
        assert {("h_2", "h_gap"), ("h_gap", f"h_{steps - 1}")} <= {(e.source, e.target) for e in found.edges}
    assert len(grid(make(steps=30), None).boxes) == 30 * 2 + 1 + 3


def test_dot_is_the_same_in_every_process(make):
    code = (
        "import numpy as np, minirnn as mr; from minirnn import demo; "
        "print(mr.trace(demo.model(), demo.X, np.zeros((1, 2))).picture(max_steps=4).dot)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1")
    }
    assert len(runs) == 1 and "digraph" in runs.pop()
    assert make().picture().dot == make().picture().dot


def test_svg_carries_the_keys_of_every_quantity(trace):
    picture = trace.picture()
    tree = ElementTree.fromstring(picture.svg)
    shown = {key for g in tree.iter() for key in [*g.get("data-k", "").split(), *g.get("data-holds", "").split()]}
    assert {"h_0", "h_4", "z_4", "x_1", "y", "L", "target", "W_h", "b_h", "dL/dh_4", "dL/dz_4", "dL/dW_h"} <= shown
    assert [g.get("data-k") for g in tree.iter() if g.get("class") == "node state"] == ["h_0", "h_1", "h_2", "h_3", "h_4"]


def test_two_pictures_do_not_clash(trace, stacked):
    found = [re.findall(r'\bid="([^"]*)"', t.picture().svg) for t in (trace, stacked)]
    found.append(re.findall(r'\bid="([^"]*)"', trace.picture().to_svg("second")))
    ids = [i for each in found for i in each]
    assert len(ids) == len(set(ids)) and trace.picture().svg == trace.picture().svg


def test_svg_is_described_and_knows_light_and_dark(trace):
    svg = trace.picture().svg
    tree = ElementTree.fromstring(svg)
    title, desc = tree[0], tree[1]
    assert tree.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert "4 steps" in title.text and "h₂ is computed from h₁ through Wₕ" in desc.text
    assert len(set(LIGHT.values())) == len(LIGHT) == len(set(DARK.values())) and set(LIGHT) == set(DARK)
    used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', svg[svg.index("</style>") :]))
    assert used <= set(LIGHT.values()), "every colour is one that the dark variant knows"
    assert "prefers-color-scheme:dark" in svg and "baseline-shift" not in svg


@pytest.mark.parametrize(("suffix", "starts"), [("svg", b"<"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph")])
def test_saving(trace, tmp_path, suffix, starts):
    path = trace.picture().save(tmp_path / f"network.{suffix}")
    assert path.read_bytes().startswith(starts) and [p.name for p in tmp_path.iterdir()] == [f"network.{suffix}"]


def test_saving_what_cannot_be_saved_leaves_nothing(trace, tmp_path):
    with pytest.raises(ValueError, match=r"saved as \.svg, \.png, \.pdf, \.dot"):
        trace.picture().save(tmp_path / "network.jpg")
    with pytest.raises(FileNotFoundError, match="no folder"):
        trace.picture().save(tmp_path / "nowhere" / "network.svg")
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_draw_the_text_is_still_there(trace, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    picture = trace.picture()
    with pytest.raises(RuntimeError, match="install Graphviz"):
        picture.save(tmp_path / "network.svg")
    assert not list(tmp_path.iterdir())
    assert picture.save(tmp_path / "network.dot").read_text().startswith("digraph")
    bundle = picture._repr_mimebundle_()
    assert "image/svg+xml" not in bundle and "install Graphviz" in bundle["text/plain"]
    assert "No picture</span>: nothing can draw here" in trace.page(report=trace.verify(with_keras=False)).html


def test_the_program_dot_is_used_where_it_is(trace, tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\ncat > /dev/null\necho "<svg>$*</svg>"\n')
    program.chmod(0o755)
    monkeypatch.setattr(drawing.shutil, "which", lambda name: str(program))
    assert ">-Kneato -n2 -Tsvg</svg>" in trace.picture().svg
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(RuntimeError, match="Graphviz could not draw: broken"):
        _ = trace.picture().svg


@pytest.mark.parametrize("option", [{"level": "op"}, {"backward": True}, {"values": True}, {"rolled": True}])
def test_what_is_not_there_yet_says_so(trace, option):
    with pytest.raises(NotImplementedError, match="not there yet"):
        trace.picture(**option)


def test_max_steps_must_make_sense(trace):
    with pytest.raises(ValueError, match="max_steps is 0"):
        trace.picture(max_steps=0)
