"""What a notebook shows of every object that a user holds: kept as small files, and short as a text."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.layers import Dense, Input, Masking, SimpleRNN
from minirnn.models import Model, Sequential


def loop(X, U, W):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ W)
    return h


@pytest.fixture(scope="module")
def objects():
    trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=size) for name, size in {"X": (6, 3), "U": (3, 4), "W": (4, 4)}.items()}
    i = Input((4, 3))
    masked = Model(i, Dense(2)(SimpleRNN(5)(Masking()(i))))
    forgetful = [np.tanh(x @ demo.WEIGHTS[0]) for x in demo.X[0]]
    return {
        "trace": trace,
        "loop": mr.trace(loop, **arrays),
        "forward": mr.trace(demo.model(), demo.X),
        "model": trace.model,
        "unbuilt": Sequential([SimpleRNN(5)]),
        "walk": trace.walk(),
        "ledger": trace.ledger("W_h"),
        "paths": trace.ledger("W_h", by="path"),
        "jacobians": trace.jacobian_norms(),
        "masks": mr.trace(masked, np.array([[[1, 2, 3], [0, 0, 0], [4, 5, 6], [0, 0, 0]]], float)).masks(),
        "compiled": trace.compile(),
        "exact": trace.exact(),
        "report": trace.verify(with_keras=False),
        "mismatch": trace.compare(h=forgetful),
    }


def shown(thing):
    """Its HTML; pictures and numbers without what differs from one machine to the next."""
    text = re.sub(r'src="data:[^"]*"', "src", thing._repr_html_())
    text = re.sub(r"[-\d.]+(e[+-]\d+)? eps", "? eps", text)
    text = re.sub(r"\d+ lines</summary>.*?</pre>", "? lines</summary>", text, flags=re.S)  # of source
    return text.replace("<tr>", "\n<tr>").replace("<p>", "\n<p>").replace("<details>", "\n<details>")


NAMES = (
    "trace", "loop", "forward", "model", "unbuilt", "walk", "ledger", "paths", "jacobians", "masks", "compiled", "mismatch",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_as_html(objects, golden, name):
    text = shown(objects[name])
    golden(f"displays/{name}.html", text)
    assert not set(re.findall(r"<(\w+)", text)) & {"script", "style", "svg", "math", "iframe"}


def test_a_verdict_begins_with_its_sentence(objects):
    report = objects["report"]
    text = report._repr_html_()
    assert text.startswith(f"<div><p><b>{report.sentence}</b></p>") and "<summary>6 agree</summary>" in text
    wrong = type(report)([report.rows[0]._replace(error=1e6), *report.rows[1:]])
    assert re.search(r"<b>DIFFERS</b>.*<summary>5 agree", wrong._repr_html_())


def test_every_number_to_twenty_digits(objects):
    assert "-1.327161334914133051576" in objects["exact"]._repr_html_()


@pytest.mark.parametrize("name", ["trace", "loop", "model", "walk", "jacobians", "compiled", "exact"])
def test_a_text_is_one_line(objects, name):
    assert "\n" not in repr(objects[name]) and len(repr(objects[name])) < 170 and " at 0x" not in repr(objects[name])


def test_a_fold_is_short_until_it_is_printed(objects):
    folded = objects["trace"].fold()
    assert repr(folded) == "Folded(T=10)" and "h[t] = " in str(folded)
    assert re.match(r"<details><summary>Folded\(T=10\)</summary><pre>[^<]*h\[t\] = tanh", folded._repr_html_())


def test_the_first_lines_of_what_to_ask_next_can_be_asked(objects):
    """Every line of code that a trace names runs."""
    for name in ("trace", "loop", "forward"):
        trace = objects[name]
        text = trace._repr_html_()
        asked = [re.sub(r"&#x27;|&quot;", '"', code) for code in re.findall(r"<code>(.*?)</code>", text)]
        assert len(asked) >= 7
        for code in asked:
            if "page.html" not in code and not code.startswith("mr."):
                assert eval(code, {"trace": trace}) is not None


def test_a_stop_is_typeset_with_its_numbers(objects):
    walk = objects["walk"]
    text = walk[2]._repr_latex_()
    assert (
        text.startswith("$$\\begin{aligned}\n&\\textbf{forward, t = 2} \\\\\nz_{2} &= x_{2}") and r"\begin{bmatrix}" in text
    )
    assert walk.latex().count(r"\paragraph{") == len(walk) and walk[2].latex() in walk.latex()
    assert r"\frac{\partial L}{\partial W_{h}} &\mathrel{+}= h_{8}^{\top}\, \delta_{9}" in walk[14].latex()


def test_what_is_computed_from_a_ledger_is_an_array(objects):
    ledger = objects["ledger"]
    assert ledger[2]._repr_html_() is None and ledger.sum(0)._repr_html_() is None
    assert np.array_equal(ledger.sum(0), np.asarray(ledger).sum(0))


def test_jacobians_of_a_layer_that_runs_backwards():
    """Its last state is h_1, its first h_{T+1}."""
    trace = mr.trace(SimpleRNN(3, go_backwards=True), np.random.default_rng(0).normal(size=(2, 4, 3)))
    found = trace.jacobian_norms()
    assert f"‖dh_1/dh_5‖ = {found.norms[0, 4]:.3g}" in repr(found) and found.norms[0, 4] > 0
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found._repr_html_())
    assert cells[::3] == ["1", "2", "3", "4", "5"] and cells[1] == "1" and "‖∂h_1/∂h_k‖" in found._repr_html_()


def test_what_a_compiled_loop_takes(objects):
    assert "for data of shapes (6, 3)" in objects["loop"].compile()._repr_html_()


def test_a_figure_shows_itself_in_a_fresh_kernel(objects):
    data, size = objects["trace"].plot("flow")._repr_png_()
    assert data.startswith(b"\x89PNG") and size == {"width": 518, "height": 259}


def test_a_trace_is_shown_where_nothing_can_draw(objects, monkeypatch):
    from minirnn.readings.picture import picture

    def cannot(*given):
        raise RuntimeError("nothing can draw here")

    monkeypatch.setattr(picture, "draw", cannot)
    text = objects["trace"]._repr_html_()
    assert "<img" not in text and "0.880918" in text
    assert objects["trace"].picture()._repr_mimebundle_()["text/plain"].endswith("nothing can draw here")


def test_a_page_is_shown_once(objects):
    """The still picture is hidden by a style, which a notebook removes together with the frame."""
    text = objects["trace"].page(report=objects["report"])._repr_html_()
    (name,) = set(re.findall(r"still-m\w+", text))
    assert text.startswith(f"<style>.{name}{{display:none}}</style>") and text.count("<iframe") == 1


def test_matplotlib_is_loaded_for_a_plot_only():
    code = (
        "import sys, numpy as np, minirnn as mr; from minirnn import demo; "
        "t = mr.trace(demo.model(), demo.X, np.zeros((1, 2))); t._repr_html_(); sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
