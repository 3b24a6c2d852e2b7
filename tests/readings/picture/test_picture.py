from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import minirnn as mr
from minirnn import layers, models
from minirnn.engine.graph import leaf_op
from minirnn.engine.names import parse
from minirnn.readings.picture import render as engines
from minirnn.readings.picture.geometry import overlap, segment_meets
from minirnn.readings.picture.svg import DARK, LIGHT

from .test_layout import faults

VARIANTS = [
    {},
    {"every_step": True},
    {"layers": 2},
    {"layers": 3, "every_step": True},
    {"flatten": True},
    {"hidden": "relu"},
    {"head": "softmax", "loss": "categorical_crossentropy", "every_step": True},
]


LOOKS = [
    {},
    {"backward": True},
    {"values": True},
    {"backward": True, "values": True},
    {"flow": True},
    {"show_shapes": True, "show_dtype": True, "rankdir": "TB"},
    {"rankdir": "LR"},
    {"level": "op"},
    {"level": "op", "backward": True, "values": True},
    {"rolled": True},
    {"rolled": True, "level": "op"},
    {"rolled": True, "backward": True},
]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 30])
def test_every_picture_is_without_fault(make, options, steps):
    """Time in order; no line through a box or a label, no label away from its line; nothing on anything else."""
    trace = make(steps=steps, **options)
    for look in LOOKS:
        if look.get("rolled") and look.get("backward") and (options.get("layers") == 3 and steps < 3):
            continue  # what is no repetition yet is no picture of one
        sheet = trace.picture(**look).sheet
        assert not faults(sheet.layout), look
        drawn = [box for box, _ in sheet.canvas.boxes]
        assert not [(a.key, b.key) for i, a in enumerate(drawn) for b in drawn[i + 1 :] if overlap(a.rect, b.rect)], look
        if not look.get("rolled"):
            in_order(sheet, look)


def in_order(sheet, look):
    place = (lambda b: -b.y) if look.get("rankdir") == "LR" else (lambda b: b.x)
    slots = {}
    for box in sheet.layout.boxes.values():
        slots.setdefault(box.slot, []).append(box)
    for boxes in slots.values():
        along = [place(b) for b in sorted(boxes, key=lambda b: b.column)]
        assert along == sorted(along) and len(set(along)) == len(along)


def test_no_line_crosses_the_recurrent_path(make):
    """At cell level h_0 → h_1 → … → h_T runs level, and only what feeds it or leaves it touches it."""
    for options in VARIANTS:
        sheet = make(steps=8, **options).picture().sheet
        paths = [line for line in sheet.layout.lines if line.loop]
        assert len(paths) == 8 * options.get("layers", 1)
        for path in paths:
            (ax, ay), (bx, by) = path.points
            assert ay == by and ax < bx
            for line in sheet.layout.lines:
                if line is not path:
                    assert not any(
                        segment_meets(a, b, (ax, ay - 0.1, bx, by + 0.1)) for a, b in zip(line.points, line.points[1:])
                    )


def test_what_is_on_the_lines_and_in_the_boxes(trace):
    sheet = trace.picture().sheet
    through = {(line.source, line.target): bool(line.label) for line in sheet.layout.lines}
    assert through["h_1", "h_2"] and through["x_2", "h_2"] and through["h_4", "y"] and not through["target", "L"]
    assert set(sheet.layout.boxes) == {*(f"x_{t}" for t in range(1, 5)), *(f"h_{t}" for t in range(5)), "y", "target", "L"}
    dot = trace.picture().dot
    assert "tanh" in dot and "mse" in dot and dot.count("lp=") == 9


def test_few_boxes_per_step(make):
    assert len(make(steps=10).picture(max_steps=None, values=True).sheet.canvas.boxes) <= 5 * 10 + 12


def test_long_sequences_are_cut_in_the_middle(make):
    for steps in (9, 100, 400):
        for level in ("cell", "op"):
            boxes = make(steps=steps).picture(level=level).sheet.layout.boxes
            shown = sorted(int(key[2:]) for key in boxes if key.startswith("h_") and key != "h_gap")
            assert shown == [0, 1, 2, steps - 1, steps]
            assert boxes["h_2"].x < boxes["h_gap"].x < boxes[f"h_{steps - 1}"].x
    lines = {(line.source, line.target) for line in make(steps=100).picture().sheet.layout.lines}
    assert {("h_2", "h_gap"), ("h_gap", "h_99")} <= lines
    assert len(make(steps=30).picture(max_steps=None).sheet.layout.boxes) == 30 * 2 + 1 + 3


def test_every_operation_is_there_at_op_level(trace):
    boxes = trace.picture(level="op").sheet.layout.boxes
    operations = [n for n in trace.forward if n.op is not leaf_op and n.op.name != "stack"]
    assert sum(b.role != "parameter" and not key.startswith("target") for key, b in boxes.items()) == len(operations)
    assert {"W_x", "W_h", "b_h"} <= {
        key.split(" of ")[0] for key in boxes if key.endswith("_3") or key.endswith("_3") or " of " in key
    }


def test_the_two_passes_are_on_one_line(trace):
    picture = trace.picture(backward=True)
    strokes = {(s.source, s.target): s for s in picture.sheet.canvas.strokes}
    for t in range(1, 4):
        ahead, back = strokes[f"h_{t}", f"h_{t + 1}"], strokes[f"h_{t + 1}", f"h_{t}"]
        assert ahead.kind == "forward" and back.kind == "backward" and back.dashed
        assert abs(ahead.points[0][1] - back.points[0][1]) > 5
    assert ("h_1", "h_0") not in strokes and ("h_1", "x_1") not in strokes, "nothing is derived by what is given"
    assert "∂" in picture.dot and picture.dot.count("style=dashed") >= 5


def test_the_numbers_are_those_of_the_trace(trace):
    picture = trace.picture(values=True, backward=True)
    for t in range(1, 5):
        for x in (*trace.value("x", t).ravel(), np.linalg.norm(trace.value("h", t)), np.linalg.norm(trace.adjoint("h", t))):
            assert f"{x:.3g}".replace("-", "−") in picture.dot
    assert f"norm {np.linalg.norm(trace.gradients['W_h']):.3g}" in picture.dot


def test_flow_is_as_wide_as_the_derivative_is_large(make):
    trace = make(steps=8)
    picture = trace.picture(flow=True)
    width = {(s.source, s.target): s.width for s in picture.sheet.canvas.strokes if s.kind == "backward"}
    norms = {t: np.linalg.norm(trace.adjoint("h", t)) for t in range(1, 8)}
    by_norm = sorted(norms, key=norms.get)
    widths = [width[f"h_{t + 1}", f"h_{t}"] for t in by_norm]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    assert all(f"{norms[t]:.3g}" in picture.dot for t in norms) and "‖∂L/∂·‖" in picture.dot


def test_rolled_is_one_step_with_its_loop(make):
    for steps in (4, 50):
        sheet = make(steps=steps).picture(rolled=True).sheet
        assert set(sheet.layout.boxes) == {"x", "h", "y", "target", "L"}
        (loop,) = [line for line in sheet.layout.lines if line.loop]
        assert (loop.source, loop.target) == ("h", "h")
        dot = make(steps=steps).picture(rolled=True).dot
        assert "[t−1]" in html.unescape(dot) and "t = T" in dot and f"t = 1, … , {steps}" in dot


def test_rolled_with_both_passes(trace):
    picture = trace.picture(rolled=True, backward=True)
    lines = {(line.source, line.target): line.loop for line in picture.sheet.layout.lines}
    assert lines["dL/dh", "dL/dz"] is False and lines["dL/dz", "dL/dh"] is True
    assert {("dL/dz", f"dL/d{w}") for w in ("W_x", "W_h", "b_h")} | {("L", "dL/dy")} <= set(lines)
    assert "[t+1]" in html.unescape(picture.dot) and "sum over t" in picture.dot


def test_networks_nobody_told_it_of():
    """Both directions, masks, embeddings: drawn from names, steps and operations."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 4, 3))
    i = layers.Input(shape=(4, 3))
    for last in (
        layers.Bidirectional(layers.SimpleRNN(3)),
        layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True)),
        layers.SimpleRNN(3, go_backwards=True),
    ):
        model = models.Model(i, layers.Dense(2)(last(i)))
        trace = mr.trace(model, X, rng.normal(size=model.predict(X).shape))
        for look in ({}, {"level": "op"}, {"rolled": True}, {"flow": True}):
            assert not faults(trace.picture(**look).sheet.layout), look


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
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
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
    monkeypatch.setattr(engines.shutil, "which", lambda name: str(program))
    assert ">-Kneato -n2 -Tsvg</svg>" in trace.picture().svg
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(RuntimeError, match="Graphviz could not draw: broken"):
        _ = trace.picture().svg


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"level": "layer"}, "level is 'layer'; it must be one of 'cell', 'op'"),
        ({"rankdir": "UP"}, "rankdir is 'UP'"),
        ({"theme": "blue"}, "theme is 'blue'"),
        ({"rolled": True, "values": True}, "values=True shows numbers of each step"),
        ({"to_file": "x.jpg"}, "saved as"),
    ],
)
def test_what_cannot_be_drawn_says_why(trace, options, says):
    with pytest.raises(ValueError, match=says):
        trace.picture(**options)


def test_without_a_loss_there_is_no_backward_pass(network):
    trace = mr.trace(network(), np.ones((1, 4, 3)))
    assert not faults(trace.picture(values=True).sheet.layout)
    for option in ("backward", "flow"):
        with pytest.raises(ValueError, match=f"{option}=True needs a loss"):
            trace.picture(**{option: True})


def test_attributes_of_ones_own(trace, tmp_path):
    picture = trace.picture(
        tmp_path / "g.dot", graph_attr={"bgcolor": "transparent"}, node_attr={"fillcolor": "gold"},
        edge_attr={"color": "purple"}, dpi=72,
    )  # fmt: skip
    text = (tmp_path / "g.dot").read_text()
    assert text == picture.dot and "bgcolor=transparent" in text and "fillcolor=gold" in text and "dpi=72" in text
    assert LIGHT["state"] not in text and "color=purple" in text
    assert LIGHT["state"] not in picture.svg.split("</style>")[1]


def test_in_a_notebook(trace):
    picture = trace.picture(rolled=True)
    shown = picture._repr_mimebundle_()
    assert picture.svg == shown["image/svg+xml"] and shown["text/html"].startswith("<img alt=")
    assert not hasattr(picture, "_repr_latex_") and str(picture) == picture._repr_mimebundle_()["text/plain"]
    assert picture.digraph.source == picture.dot


def test_themes(trace):
    assert DARK["paper"] in trace.picture(theme="dark").dot and "prefers-color-scheme" not in trace.picture(theme="dark").svg
    assert "prefers-color-scheme" not in trace.picture(theme="light").svg


def test_on_a_machine_without_fonts_those_of_matplotlib_are_used(trace, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "g.dot").write_text(trace.picture(backward=True).dot)
    code = (
        "import os, sys; from pathlib import Path; from minirnn.readings.picture import render as engines; "
        "engines.has_fonts = lambda: False; engines.shutil.which = lambda name: None; "
        "data = engines.draw(Path('g.dot').read_text(), 'pdf'); "
        "sys.exit(not (b'DejaVu' in data and 'FONTCONFIG_FILE' not in os.environ))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz' program is not installed here")
def test_the_program_and_the_library_draw_the_same(trace, monkeypatch):
    dot = trace.picture(backward=True, values=True).dot
    first = engines.draw(dot, "svg")
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    second = engines.draw(dot, "svg")
    places = [re.findall(r'class="edge.*?<path [^>]* d="(M[^"]*)"', svg.decode(), re.S) for svg in (first, second)]
    assert len(places[0]) == len(places[1]) > 15
    for one, other in zip(*places):
        a, b = (np.array([float(x) for x in re.findall(r"-?[\d.]+", path)]) for path in (one, other))
        assert a.shape == b.shape and np.ptp((a - b)[::2]) < 1 and np.ptp((a - b)[1::2]) < 1  # but for the origin


@pytest.mark.parametrize("name", ['a"]; evil [label="x', "<svg onload=alert(1)>", "a:b", "q" * 5000, "a b", "&amp;", "\\N"])
def test_hostile_names_are_text(trace, name):
    for node in trace.nodes:
        node.name = {"h": parse(name), "dL/dh": parse(name).derivative(parse("L"))}.get(str(node.name), node.name)
    trace.variables = {(str(n.name), n.step): n for n in trace.nodes if n.name is not None}
    for look in ({}, {"backward": True}, {"level": "op"}):
        picture = trace.picture(**look)
        svg = picture.svg
        tree = ElementTree.fromstring(svg)
        tags = {e.tag.rpartition("}")[2] for e in tree.iter()}
        assert tags <= {"svg", "g", "title", "desc", "style", "text", "path", "polygon", "ellipse", "polyline"}
        assert not any(k.lower().startswith("on") for e in tree.iter() for k in e.attrib)
        texts = [e.text for e in tree.iter() if e.tag.endswith("text") and e.text]
        assert max(map(len, texts)) < 60 and len({e.get("id") for e in tree.iter() if e.get("id")}) == svg.count(' id="')
        assert len(tree.findall(".//*[@class='node state']")) == (5 if not look.get("level") else 9)


def test_max_steps_must_make_sense(trace):
    for wrong in (0, 2.5, "a"):
        with pytest.raises(ValueError, match=f"max_steps is {wrong!r}; it must be a positive whole number"):
            trace.picture(max_steps=wrong)


def test_numbers_of_operations_are_shown():
    def halves(x, W):
        h = np.zeros(3)
        for t in range(len(x)):
            h = 0.5 * np.tanh(x[t] @ W + 2.5 * h)
        return h

    rng = np.random.default_rng(0)
    trace = mr.trace(halves, x=rng.normal(size=(4, 2)), W=rng.normal(size=(2, 3)))
    for look in ({}, {"level": "op"}, {"rolled": True}):
        assert "0.5 ·" in trace.picture(**look).svg and "2.5 ·" in trace.picture(**look).svg
