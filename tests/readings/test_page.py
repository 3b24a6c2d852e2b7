from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

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
    return trace.page(report=trace.verify(with_keras=False), **options)


@pytest.fixture
def html(trace):
    return page_of(trace).html


def test_well_formed_without_script_or_network(html):
    parser = Balanced()
    parser.feed(html)
    assert not parser.open and not parser.tags & {"script", "iframe", "object", "link", "form"}
    assert all(a.startswith(("#", "data:")) for a in parser.addresses)
    assert "default-src 'none'" in html and not re.search(r"url\((?!data:)", html)
    assert not re.search(r"\bon\w+=", html)


def test_it_holds_everything(trace, html):
    for part in ("picture", "equations", "parameters", "forward", "backward", "flow", "verdict"):
        assert f'<section id="{part}">' in html
    assert html.count("<math") > 14 + 4 * 7 and 'id="h_3"' in html
    for t in range(1, 5):
        assert f"forward, t = {t}" in html and f"backward, t = {t}" in html
        for x in trace.value("h", t).ravel():
            assert f"<td>{x:.4g}</td>" in html
        for x in trace.adjoint("h", t).ravel():
            assert f"<td>{x:.4g}</td>" in html
    assert "3 · 5 = 15" in html and "net: " not in html.split("</title>")[1].split("<h1>")[0]
    assert "complex step" in html and trace.verify(with_keras=False).sentence in html
    assert r"\begin{align*}" in html


def test_no_latex_is_left_unset(make):
    cross_entropy = {"loss": "categorical_crossentropy"}
    several = [{"head": "softmax", "every_step": True, "layers": 2} | cross_entropy, {"head": "sigmoid"} | cross_entropy]
    for options in [*several, {"flatten": True}, {"activation": "relu"}]:
        body = page_of(make(**options)).html.split("<pre>")
        without_source = body[0] + body[1].split("</pre>")[1]
        assert "\\" not in re.sub(r"<style>.*?</style>", "", without_source, flags=re.S)


def test_hostile_names_are_text():
    i = Input(shape=(3, 2), name="<script>alert(1)</script>")
    evil = '"><svg onload=alert(1)>'
    model = Model(i, Dense(2, name=evil)(SimpleRNN(3, name="${7*7}{{ 7*7 }}")(i)), name=evil)
    trace = mr.trace(model, np.ones((1, 3, 2)), np.ones((1, 2)))
    html = page_of(trace).html
    assert "<svg onload" not in html and "<script" not in html and "{{ 7*7 }}" in html
    assert "&lt;svg onload" in html


def test_written_whole_or_not_at_all(trace, tmp_path):
    with pytest.raises(FileNotFoundError):
        page_of(trace, path=tmp_path / "nowhere" / "page.html")
    page = page_of(trace, path=tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == page.html and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_the_same_every_time(make):
    assert page_of(make()).html == page_of(make()).html


def test_forward_only(network):
    html = page_of(mr.trace(network(), np.ones((2, 4, 3)))).html
    assert 'id="backward"' not in html and 'id="forward"' in html and "there is no loss" in html


def test_long_and_wide_is_cut_and_says_so(make):
    html = page_of(make(steps=130, samples=30)).html
    assert "steps in between are left out here" in html and "30 × 5, of which the corner is shown" in html
    assert len(html) < 3_000_000


def test_small_networks_make_small_pages(html):
    assert len(html.encode()) < 250_000


def test_in_a_notebook(trace):
    page = page_of(trace)
    shown = page._repr_html_()
    assert shown.startswith("<img alt=") and 'sandbox=""' in shown and "<script" not in shown
    assert "kB" in str(page)
