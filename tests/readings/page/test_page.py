from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine.graph import Primitive
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.page.equation_slots import fragment, lines
from minirnn.readings.page.page import page, resource
from minirnn.readings.page.program import plain, program

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; remembers tags and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.addresses = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for key, value in attrs if key in ("src", "href", "xlink:href") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def page_of(trace, **options):
    return page(trace, report=trace.verify(with_keras=False), **options)


@pytest.fixture
def html(trace):
    return page_of(trace).html


def test_well_formed_without_network(html):
    parser = Balanced()
    parser.feed(html)
    assert not parser.open and not parser.tags & {"iframe", "object", "link", "form"}
    assert all(a.startswith(("#", "data:")) for a in parser.addresses)
    assert "default-src 'none'" in html and not re.search(r"url\((?!data:|#)", html)
    assert not re.search(r"<[^>]*\bon\w+=", html.split("<script")[0])


def test_the_policy_names_the_script_and_the_style_by_their_hashes(html):
    def hashed(text):
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.S)
    style = re.search(r"<style>(.*?)</style>", html, flags=re.S)[1]
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1]
    assert f"script-src '{hashed(script)}';" in policy and f"style-src '{hashed(style)}'" in policy
    assert "unsafe" not in policy and "base-uri 'none'" in policy
    assert not re.search(r"<[^>]* style=", html.split("<script")[0].split("</style>")[1])


def test_the_script_is_the_same_for_every_network(trace, stacked):
    """Nothing of a trace is ever code."""
    scripts = {re.search(r"<script>(.*?)</script>", page_of(t).html, flags=re.S)[1] for t in (trace, stacked)}
    assert len(scripts) == 1 and not re.search(r"\b(eval|innerHTML|outerHTML|insertAdjacentHTML|Function)\b", scripts.pop())


def test_it_holds_everything(trace, html):
    data = data_of(html)
    for part in ("overview", "step", "flow", "ledger", "parameters", "verdict", "words"):
        assert f'id="view-{part}"' in html and f'data-view="{part}"' in html
    stored = values_of(data)
    for (name, step), node in trace.variables.items():
        place = next(i for n, s, i in data["graph"]["quantities"] if (n, s) == (name, step))
        assert np.array_equal(stored[place], node.value), (name, step)
    assert 'id="h_3"' in html or 'data-k="h_3"' in html
    assert "3 · 5 = 15" in html and "complex step" in html and trace.verify(with_keras=False).sentence in html
    assert r"\begin{align*}" in html


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, flags=re.S)[1])


def values_of(data):
    values = data["graph"]["values"]
    numbers = np.frombuffer(base64.b64decode(values["data"]), f"<f{values['bytes']}")
    sizes = [int(np.prod(shape)) for shape in values["shapes"]]
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return {node: part.reshape(shape) for node, part, shape in zip(values["nodes"], parts, values["shapes"])}


def test_the_lines_are_the_equations(stacked):
    found = lines(stacked, stacked.equations(each_sample=True))
    assert [line.equation for line in found] == list(stacked.equations())
    slots = {line.left[0]: line.right for line in found}
    assert slots["z^1"] == [["x", "t", 0], ["W_x^1", None, 0], ["b_h^1", None, 0], ["h^1", "t", -1], ["W_h^1", None, 0]]
    assert slots["L"] == [["l", "sum", 0]] and ["dL/dz^2", "t", 1] in slots["dL/dh^2"]
    added = {line.left[0] for line in found if line.adds}
    assert added == {f"dL/d{name}" for name in stacked.parameters}
    for line in found:
        assert all(f"⟦{i}⟧" in line.skeleton for i in range(len(line.right)))


def test_no_latex_is_left_unset(make):
    cross_entropy = {"loss": "categorical_crossentropy"}
    several = [{"head": "softmax", "every_step": True, "layers": 2} | cross_entropy, {"head": "sigmoid"} | cross_entropy]
    for options in [*several, {"flatten": True}, {"activation": "relu"}]:
        whole = re.sub(r"<(style|script|pre)\b.*?</\1>", "", page_of(make(**options)).html, flags=re.S)
        assert "\\" not in whole


def test_what_no_converter_knows_is_shown_as_text():
    assert fragment(r"\nosuchthing{<b>}") == r"<mtext>\nosuchthing{&lt;b&gt;}</mtext>"


@pytest.mark.parametrize("code", ["en", "it", "pt"])
def test_languages_without_a_script(trace, code):
    html = page_of(trace, language=code).html
    words = json.loads(resource("texts.json"))[code]
    assert f'<html lang="{code}">' in html and words["equations_note"].replace("'", "&#39;") in html
    with pytest.raises(ValueError, match="speaks en, it, pt"):
        page_of(trace, language="xx")


def test_hostile_names_are_text():
    i = Input(shape=(3, 2), name="<script>alert(1)</script>")
    evil = '"><svg onload=alert(1)>'
    model = Model(i, Dense(2, name=evil)(SimpleRNN(3, name="${7*7}{{ 7*7 }}")(i)), name=evil)
    trace = mr.trace(model, np.ones((1, 3, 2)), np.ones((1, 2)))
    html = page_of(trace).html
    assert "<svg onload" not in html and html.count("<script") == 2 and "{{ 7*7 }}" in html
    assert "&lt;svg onload" in html and "<script>alert" not in html


def test_written_whole_or_not_at_all(trace, tmp_path):
    with pytest.raises(FileNotFoundError):
        page_of(trace, path=tmp_path / "nowhere" / "page.html")
    made = page_of(trace, path=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == made.html and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_the_same_every_time(make):
    assert page_of(make()).html == page_of(make()).html


def test_forward_only(network):
    html = page_of(mr.trace(network(), np.ones((2, 4, 3)))).html
    assert 'data-view="flow"' not in html and "there is no loss" in html
    assert data_of(html)["backward"] is False


def test_long_and_wide_stays_small(make):
    html = page_of(make(steps=130, samples=30)).html
    assert len(html) < 3_000_000 and data_of(html)["graph"]["values"]["complete"]


def test_what_is_too_much_to_store_is_left_to_the_browser(make, monkeypatch):
    monkeypatch.setattr(sys.modules["minirnn.readings.page.program"], "MAX_STORED", 100)
    trace = make()
    data = data_of(page_of(trace).html)
    assert data["graph"]["values"]["nodes"] == data["graph"]["leaves"] and not data["graph"]["values"]["complete"]


def test_an_operation_of_the_users_is_stored_however_large(make, monkeypatch):
    """The browser could not compute it."""
    own = Primitive("own", "np.sin({0})", (lambda g, y, x: g,), lambda S, x: S.entrywise("own", x), "own")
    monkeypatch.setattr(sys.modules["minirnn.readings.page.program"], "MAX_STORED", 100)
    trace = make()
    monkeypatch.setattr(trace.nodes[-1], "op", own)
    assert program(trace)["values"]["complete"]


def test_small_networks_make_small_pages(html):
    assert len(html.encode()) < 400_000


def test_in_a_notebook(trace):
    made = page_of(trace)
    shown = made._repr_html_()
    assert (
        shown.startswith("<style>.still-")
        and "<img alt=" in shown
        and 'sandbox="allow-scripts"' in shown
        and "<script" not in shown
    )
    assert "kB" in str(made)


def test_what_gates_are_is_asked_of_their_cells():
    from minirnn import ops
    from minirnn.layers import LSTM, RNN, Dense, Gate, Input, Layer
    from minirnn.models import Model

    class Own(Layer):
        gates = (Gate("keep", "a_keep", title="forget gate"), Gate("f", "a_f"))

        def __init__(self):
            super().__init__()
            self.state_size = 3

        def build(self, shape):
            self.W = self.add_weight((shape[-1], 3), name="W")

        def call(self, x, states):
            keep = mr.named("keep", ops.sigmoid(mr.named("a_keep", x @ self.W)))
            f = mr.named("f", ops.sigmoid(mr.named("a_f", x @ self.W)))
            h = keep * states[0] + f
            return h, [h]

    i = Input((3, 2))

    def said(layer):
        trace = mr.trace(Model(i, Dense(2)(layer(i))), np.ones((1, 3, 2)), np.zeros((1, 2)))
        from minirnn.readings.page.equation_slots import lines
        from minirnn.readings.page.words import meanings

        return {
            key: meaning.key for key, meaning in meanings(trace, lines(trace, trace.equations(each_sample=True))).items()
        }

    lstm, own = said(LSTM(3)), said(RNN(Own()))
    assert [lstm[name] for name in "ifoch"] == ["input_gate", "forget_gate", "output_gate", "cell", "state"]
    assert own["keep"] == "forget_gate" and own["f"] == "gate" and own["h"] == "state"


def test_what_json_cannot_say_is_not_in_it(trace, monkeypatch):
    """A bound that overflows, an infinite end of an interval: the script could read none of the page."""
    bound = np.array([np.inf, 2.0, np.nan, 1.0])
    monkeypatch.setattr(sys.modules["minirnn.readings.page.content"], "gradient_bound", lambda *_: bound)
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page(trace).html, flags=re.S)[1]
    data = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert data["flows"][0]["bound"] == [None, 2.0, None, 1.0]
    assert plain(float("inf")) > 1e308 and plain(float("nan")) is None
