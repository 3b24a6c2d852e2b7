"""How the page looks and where it can be used: languages, links, dark, paper, zoom, phone, notebooks, without script."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.page.page import resource

TEXTS = json.loads(resource("texts.json"))
VIEWS = ["overview", "step", "flow", "ledger", "practice", "parameters", "source", "verdict", "words"]


def contrast(one, other):
    def light(colour):
        parts = [float(p) / 255 for p in re.findall(r"[\d.]+", colour)[:3]]
        return np.dot([0.2126, 0.7152, 0.0722], [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts])

    a, b = sorted([light(one), light(other)])
    return (b + 0.05) / (a + 0.05)


def colours(tab):
    """Text and filling of every box of the picture, and of the page."""
    return tab.evaluate("""() => [...document.querySelectorAll(".picture g.node[data-k]:has(path, polygon, ellipse)")]
    .map((g) => {
        const shapes = [...g.querySelectorAll("path, polygon, ellipse")];
        const box = shapes.map((s) => getComputedStyle(s).fill).find((f) => f !== "none") ?? "none";
        const paper = getComputedStyle(document.body).backgroundColor;
        const clear = box === "none" || /, 0\\)$/.test(box);
        return [g.dataset.k, getComputedStyle(g.querySelector("text")).fill, clear ? paper : box] })""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_can_be_read(visit, scheme):
    tab = visit(color_scheme=scheme, reduced_motion="reduce")
    for link in ("#step=0", "#step=4", "#step=14&sel=h_3"):
        tab.evaluate(f"location.hash = '{link}'")
        tab.wait_for_timeout(50)
        found = colours(tab)
        assert len(found) == 24
        for key, text, box in found:
            assert contrast(text, box) >= 4.5, (key, text, box)
    body = tab.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert contrast(*body) > 12 and (contrast(body[1], "rgb(0,0,0)") < 2) == (scheme == "dark")


def test_links_open_the_step_the_selection_and_the_view(visit):
    tab = visit(link="#step=9&sel=h_3&view=ledger")
    assert tab.evaluate("[state.position, state.selected, state.view]") == [9, "h_3", "ledger"]
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("location.hash") == "#step=10&sel=h_3&view=ledger"
    tab.evaluate("location.hash = '#step=2&sel=W_x'")
    assert tab.locator("#where").inner_text() == "Forward, t = 2 of 10" and tab.evaluate("state.selected") == "W_x"


WRONG = (
    "#step=-3",
    "#step=99999",
    "#step=abc&sel=nothing&view=none&lang=xx&sample=77",
    "#%%%",
    "#step=1e1&sel=<script>",
    "#view=step",
)


def test_a_wrong_link_is_harmless(visit):
    tab = visit(link=WRONG[0])
    for link in WRONG:
        tab.evaluate(f"location.hash = '{link}'")
        tab.wait_for_timeout(30)
        assert 0 <= tab.evaluate("state.position") <= tab.evaluate("LAST") and tab.evaluate("state.selected") is None
        tab.keyboard.press("End")
        assert tab.locator("#where").inner_text() == "Backward, t = 1 of 10"


def test_bare_for_slides(visit):
    tab = visit(link="#step=3&bare=1")
    assert not any(tab.locator(s).first.is_visible() for s in (".head", ".tabs", ".buttons", "#slider", "#inspector"))
    assert (
        tab.locator(".picture svg").is_visible() and tab.locator(".card").count() == 2 and tab.locator("#where").is_visible()
    )
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("state.position") == 4 and "bare=1" in tab.evaluate("location.hash")


@pytest.mark.parametrize("code, locale", [("en", "fr-FR"), ("it", "it-IT"), ("pt", "pt-BR")])
def test_the_language_is_the_readers(visit, code, locale):
    tab = visit(locale=locale, link="#step=4")
    words = TEXTS[code]
    assert tab.evaluate("document.documentElement.lang") == code
    assert tab.locator("#where").inner_text() == words["at_forward"].format(t=4, T=10)
    for view in VIEWS:
        tab.locator(f"#tab-{view}").click()
        assert tab.locator(f"#tab-{view}").inner_text() == words[view]
        body = tab.locator("main").inner_text()
        assert "undefined" not in body
        assert view == "source" or "{" not in re.sub(r"\\\w+\{.*", "", body)  # a program has braces of its own
    other = "it" if code != "it" else "pt"
    tab.locator("#language").select_option(other)
    assert tab.locator("#tab-words").inner_text() == TEXTS[other]["words"] and f"lang={other}" in tab.evaluate(
        "location.hash"
    )


def test_every_language_says_everything():
    english = TEXTS["en"]
    for code, words in TEXTS.items():
        assert words.keys() == english.keys() and words["word"].keys() == english["word"].keys(), code
        for key, text in english.items():
            if isinstance(text, str):
                assert re.findall(r"\{\w+\}", text).sort() == re.findall(r"\{\w+\}", words[key]).sort(), (code, key)


def test_on_paper_every_step_is_spelled_out(visit, wait):
    tab = visit(link="#step=4")
    tab.evaluate("""() => { window.printed = [];
        addEventListener("beforeprint", () => printed.push(document.querySelectorAll("#print section").length)) }""")
    assert tab.locator("#print").inner_text() == ""
    paper = tab.pdf()
    assert paper.startswith(b"%PDF") and len(paper) > 100_000
    assert tab.evaluate("printed") == [21]
    wait(tab, "!document.querySelector('#print section')")
    tab.emulate_media(media="print")
    tab.evaluate("spellOut()")
    titles = [h.inner_text() for h in tab.locator("#print section > h2").all()]
    assert titles[0] == "Forward, t = 1 of 10" and titles[10] == "Output and loss" and titles[-1] == "Backward, t = 1 of 10"
    assert (
        not tab.locator(".player").is_visible()
        and tab.locator("#view-parameters").is_visible()
        and tab.locator("#view-overview").is_visible()
    )


PLACES = (
    "#step=0",
    "#step=3&sel=W_h",
    "#step=11",
    "#step=16",
    "#step=16&view=flow",
    "#step=16&view=ledger",
    "#view=parameters&step=1",
)


COVERED = """() => [...document.querySelectorAll("button, select, input")]
    .filter((e) => e.checkVisibility() && !e.disabled && !e.closest(".chart, .scroll, #inspector, dialog, .what-if"))
    .filter((e) => {
        e.scrollIntoView({ block: "center" });
        const r = e.getBoundingClientRect();
        const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
        return r.left < -1 || r.right > innerWidth + 1 || !(e.contains(top) || top?.contains(e));
    }).map((e) => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize(
    "width, height, scale", [(360, 740, 2), (640, 450, 2), (1920, 1080, 1)], ids=["phone", "200 %", "projector"]
)
def test_it_fits(visit, width, height, scale):
    """The page itself never scrolls sideways, and nothing that can be pressed lies under something else or outside."""
    tab = visit(viewport={"width": width, "height": height}, device_scale_factor=scale)
    for link in PLACES:
        tab.evaluate(f"location.hash = '{link}'")
        tab.wait_for_timeout(50)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        hidden = tab.evaluate(COVERED)
        assert hidden == [], link


def test_texts_do_not_overlap(visit):
    """Labels of the slider and headings of a step, light enough to be told apart."""
    for width in (360, 1280):
        tab = visit(viewport={"width": width, "height": 800}, link="#step=14")
        overlaps = tab.evaluate("""() => {
            const found = [...document.querySelectorAll(".ticks .tick")].filter((e) => e.textContent).map((e) => {
                const range = document.createRange();
                range.selectNodeContents(e);
                return range.getBoundingClientRect();
            });
            return found.slice(1).filter((r, i) => r.left < found[i].right - 0.5).length }""")
        assert overlaps == 0


def test_reduced_motion(visit):
    tab = visit(reduced_motion="reduce")
    assert tab.evaluate("getComputedStyle(document.querySelector('.picture g.node')).transitionDuration") == "0s"


def test_without_script_the_page_still_says_most_of_it(visit, demo_trace):
    tab = visit(java_script_enabled=False)
    for part in ("picture", "view-overview", "view-parameters", "view-verdict", "view-words"):
        assert tab.locator(f"#{part}").is_visible()
    assert (
        not tab.locator(".player").is_visible()
        and "needs a browser that runs scripts" in tab.locator("noscript").inner_text()
    )
    assert "complex step" in tab.locator("#view-verdict").inner_text()


def test_in_a_notebook(visit, demo_trace, tmp_path, wait):
    """A frame that may run scripts and nothing else steps; where frames are removed the picture stays."""
    shown = demo_trace.page(report=demo_trace.verify(with_keras=False))._repr_html_()
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><meta charset=utf-8><title>notebook</title>{shown}")
    tab = visit(page=notebook)
    assert tab.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    frame = tab.frame_locator("iframe")
    frame.locator("[data-move=next]").click()
    assert frame.locator("#where").inner_text() == "Forward, t = 1 of 10"
    frame.locator(".chips .chip").first.click()
    frame.locator("[data-copy]").click()
    tab.evaluate("document.querySelectorAll('iframe, style').forEach((found) => found.remove())")
    assert tab.locator("img").bounding_box()["width"] > 300 and tab.locator("img").get_attribute("alt")


def test_hostile_names_run_nothing(visit):
    evil = [
        '"><svg onload=alert(1)>',
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>${alert(1)}{{7*7}}",
    ]
    i = Input(shape=(3, 2), name=evil[0])
    model = Model(
        i, Dense(2, name=evil[1])(SimpleRNN(3, name=evil[2])(i)), name=r"$\input{x}$]; [label=x" + "\u202e" + evil[1]
    )
    tab = visit(mr.trace(model, np.ones((1, 3, 2)), np.ones((1, 2))), "#step=2&sel=W_h")
    tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for view in VIEWS:
        tab.locator(f"#tab-{view}").click()
    assert evil[1] in tab.locator("h1").inner_text() and evil[2] in tab.locator("#view-parameters").text_content()
    assert tab.locator("script:not([id])").count() == 1 and tab.locator("[onload], [onerror]").count() == 0


def test_no_other_script_can_run(visit):
    """The policy knows one script by its hash: a handler put into the page does not run."""
    tab = visit()
    tab.evaluate("""() => {
        const [b, s] = ["b", "script"].map((tag) => document.createElement(tag));
        b.innerHTML = "<img src=x onerror='window.ran = 1'>";
        s.textContent = "window.ran = 2";
        document.body.append(b, s) }""")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.ran") is None
    assert visit.complaints and all("Content Security Policy" in text for text in visit.complaints)
    visit.complaints.clear()
    visit.asked.pop()  # the picture x, asked for and refused
