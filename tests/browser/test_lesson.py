"""The page as a lesson: one view, why, exercises, lecture mode; answers within two actions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import LSTM, Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

from .test_stepper import shown

SEEN = """() => {
    const inside = (e) => {
        const r = e.getBoundingClientRect();
        return r.width > 0 && r.top >= -1 && r.bottom <= innerHeight + 1;
    };
    const box = state.boxes.find(({ group }) => group.classList.contains("now")).group.getBoundingClientRect();
    const window_ = find(".picture").getBoundingClientRect();
    const middle = box.top + box.height / 2;
    const card = find(".card.active");
    const top = find(".bar-top").getBoundingClientRect().bottom;
    return [middle > window_.top && middle < window_.bottom && box.right > 0 && box.left < innerWidth,
        inside(card.querySelector(".numbers")) && card.getBoundingClientRect().top >= top - 2]; }"""


IN_SIGHT = """return middle > window_.top && middle < window_.bottom
    && card.querySelector(".numbers math:nth-of-type(2)").getBoundingClientRect().bottom < innerHeight; }"""


@pytest.mark.parametrize("width, height", [(1280, 720), (360, 740)], ids=["laptop", "phone"])
def test_picture_and_numbers_are_seen_together(visit, width, height):
    tab = visit(viewport={"width": width, "height": height})
    for position in range(1, 22):
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(SEEN) == [True, True], position


def gated():
    i = Input(shape=(6, 3))
    rng = np.random.default_rng(0)
    return mr.trace(Model(i, Dense(2)(LSTM(4)(i))), rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 2)))


def test_a_tall_picture_stands_beside(visit):
    tab = visit(gated(), viewport={"width": 1280, "height": 720})
    assert tab.evaluate("document.documentElement.classList.contains('beside')")
    for position in range(1, 14):  # of a sum of four products the first lines
        tab.evaluate(f"go({position})")
        assert tab.evaluate(SEEN[: SEEN.index("return [middle")] + IN_SIGHT), position
    tab.set_viewport_size({"width": 500, "height": 740})
    assert not tab.evaluate("document.documentElement.classList.contains('beside')")


def test_selecting_a_symbol_opens_its_card_at_this_step(visit):
    tab = visit(link="#step=15", viewport={"width": 1280, "height": 720})  # backward, t = 7
    tab.locator('.picture .edge[data-k="W_h"] text').first.click()
    active = tab.locator(".card.active")
    assert active.locator("h2 .chip").get_attribute("data-k") == "dL/dW_h"
    top = tab.evaluate("find('.card.active').getBoundingClientRect().top - find('.bar-top').getBoundingClientRect().bottom")
    assert -2 <= top < 100
    held = tab.evaluate("[...find('.card.active .here').querySelectorAll('.quantity')].map((e) => e.dataset.k)")
    assert held == ["dL/dW_h", "h_6", "dL/dz_7"]
    tab.evaluate("location.hash = '#step=3&sel=h_3'")
    tab.wait_for_timeout(50)
    assert tab.locator(".card.active h2 .chip").get_attribute("data-k") == "h_3"


def test_lecture_mode(visit, at):
    tab = visit(link="#step=3", viewport={"width": 1280, "height": 720})
    small = tab.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    tab.keyboard.press("m")
    assert tab.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 1.3 * small
    assert tab.locator(".card:visible").count() == 1 and not tab.locator(".head").is_visible()
    seen = []
    for _ in range(3):
        seen.append(tab.locator(".card:visible h2 .chip").get_attribute("data-k"))
        tab.keyboard.press("PageDown")
    assert seen == ["z_3", "h_3", "z_4"] and at(tab) == 4
    tab.keyboard.press("Escape")
    assert tab.locator(".head").is_visible() and tab.locator(".card:visible").count() == 2


def test_the_boxes_carry_their_numbers(visit, demo_trace):
    tab = visit(link="#step=4")
    cells = """(key) => [...document.querySelectorAll(`.picture [data-k="${key}"] .heat.${'%s'} rect`)].map((cell) =>
        (cell.getAttribute("class") === "minus" ? -1 : 1) * Number(cell.getAttribute("fill-opacity")))"""
    shown_in = "(key) => getComputedStyle(document.querySelector(`.picture [data-k='${key}'] .heat.%s`)).visibility"
    values = np.stack([demo_trace.value("h", t)[0] for t in range(11)])
    assert np.allclose(tab.evaluate(cells % "value", "h_4"), values[4] / np.abs(values).max())
    assert [tab.evaluate(shown_in % "value", f"h_{t}") for t in (3, 4, 5)] == ["visible", "visible", "hidden"]
    assert tab.evaluate(shown_in % "gradient", "h_4") == "hidden"
    tab.keyboard.press("b")
    gradients = np.stack([demo_trace.adjoint("h", t)[0] for t in range(1, 11)])
    assert np.allclose(tab.evaluate(cells % "gradient", "h_7"), gradients[6] / np.abs(gradients).max())
    assert [tab.evaluate(shown_in % "gradient", f"h_{t}") for t in (3, 4, 5)] == ["hidden", "visible", "visible"]
    tab.evaluate("go(0)")
    assert "blue above 0" in tab.locator("#view-overview .key").inner_text()


def test_zoom_and_pan(visit):
    tab = visit(link="#step=4", viewport={"width": 1000, "height": 700})
    width = "find('.picture svg').getBoundingClientRect().width"
    before = tab.evaluate(width)
    tab.locator("[data-zoom='1.2']").click()
    tab.locator("h1").click()
    tab.keyboard.press("+")
    assert tab.evaluate(width) == pytest.approx(1.44 * before, rel=0.02)
    box = tab.locator(".picture").bounding_box()
    left = tab.evaluate("find('.picture').scrollLeft")
    tab.mouse.move(box["x"] + 500, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 440, box["y"] + 20, steps=4)
    tab.mouse.up()
    assert tab.evaluate("find('.picture').scrollLeft") == pytest.approx(left + 60, abs=2)
    assert tab.evaluate("state.selected") is None  # a drag is no click
    tab.keyboard.press("0")
    assert tab.evaluate(width) == pytest.approx(before)


def test_why_it_vanishes(visit, demo_trace):
    tab = visit(link="#step=14&view=flow")
    norms = {t: np.linalg.norm(demo_trace.adjoint("h", t)) for t in range(1, 11)}
    ratios = {t: norms[t - 1] / norms[t] for t in range(2, 11)}
    t = min(ratios, key=ratios.get)
    slope = 1 - demo_trace.value("h", t) ** 2
    said = tab.locator("#view-flow .why:not(.product)").inner_text()
    assert f"shrinks most at t = {t}" in said and f"by a factor of {1 / ratios[t]:.2g}" in said
    assert f"tanh is saturated there: its slope is {slope.min():.2g} to {slope.max():.2g}" in said
    titles = [bar.get_attribute("title") for bar in tab.locator("#view-flow .bars").nth(1).locator(".bar").all()]
    for step in range(2, 11):
        delta = np.linalg.norm(demo_trace.value("dL/dz", step))
        first, second = (float(part.split("× ")[1].replace("−", "-")) for part in titles[step - 1].split(", "))
        assert first == pytest.approx(delta / norms[step], rel=0.01)
        assert second == pytest.approx(norms[step - 1] / delta, rel=0.01)
    assert tab.locator("#view-flow .tick-y").count() > 4
    tab.locator("#view-flow .bars").first.locator(".bar").nth(6).focus()
    assert shown(norms[7]) in tab.locator("#view-flow .readout").first.inner_text()
    sigma = np.linalg.norm(demo_trace.value("W_h"), 2)
    assert f"γ σₘₐₓ = 1 · {shown(sigma)}" in " ".join(tab.locator("#view-flow").inner_text().split())


def test_why_along_the_cell_of_an_lstm(visit):
    trace = gated()
    tab = visit(trace, "#step=10&view=flow&sample=all")
    said = " ".join(tab.locator("#view-flow .why:not(.product)").nth(1).inner_text().split())
    norms = {t: np.linalg.norm(trace.adjoint("c", t)) for t in range(1, 7)}
    carried = {t: np.linalg.norm(trace.adjoint("c", t) * trace.value("f", t)) / norms[t] for t in range(2, 7)}
    t = max(carried, key=lambda t: abs(np.log(carried[t])))
    f = trace.value("f", t)
    assert f"shrinks most at t = {t}" in said and f"is {f.min():.2g} to {f.max():.2g} there" in said


def test_order_of_two_directions(visit):
    i = Input(shape=(4, 3))
    rng = np.random.default_rng(0)
    model = Model(i, Dense(2)(Bidirectional(SimpleRNN(5, return_sequences=True))(i)))
    tab = visit(mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 2))))
    found = []
    for _ in range(tab.evaluate("LAST")):
        tab.keyboard.press("ArrowRight")
        found.append(tab.locator("#where").inner_text())
        early = tab.evaluate("""() => linesAt(state.position).flatMap((i) => DATA.lines[i].right)
            .map((slot) => keyOf(slot, placeOf(state.position).t))
            .filter((key) => (computedAt.get(key) ?? 0) > state.position)""")
        assert early == []
    assert found[4] == "Forward, t = 4 of 4 · layer b" and found[7] == "Forward, t = 1 of 4 · layer b"
    assert found[8] == "Forward, t = 1 of 4" and found[12] == "Output and loss"


def test_without_a_loss_nothing_is_red(visit, network):
    tab = visit(mr.trace(network(), np.ones((2, 4, 3))), "#step=5")
    colour = "getComputedStyle(document.documentElement).getPropertyValue('%s').trim()"
    assert tab.evaluate("getComputedStyle(find('#where')).color") == "rgb(44, 96, 153)"
    assert tab.evaluate(colour % "--track") == tab.evaluate(colour % "--forward")
    assert tab.locator(".ticks .backward").count() == 0


def test_exercises(visit, demo_trace):
    tab = visit(link="#step=3&view=practice")
    asked = demo_trace.exercises()
    assert tab.locator(".question").count() == len(asked)
    for place, one in enumerate(asked):
        question = tab.locator(".question").nth(place)
        if one.choices:
            wrong = one.wrong[0][0]
            question.locator(".choice").nth(wrong).click()
            assert "Not right." in question.locator(".told").inner_text()
            question.locator(".choice").nth(one.answer).click()
        else:
            value, _, says = one.wrong[0]
            question.locator("input").fill(repr(value))
            question.locator("[data-answer]").click()
            assert says in question.locator(".told").inner_text()
            question.locator("input").fill("many")
            question.locator("[data-answer]").click()
            assert "is not a number" in question.locator(".told").inner_text()
            question.locator("input").fill(f"{one.answer:.3g}")
            tab.keyboard.press("Enter")
        assert question.locator(".told").inner_text() == "Right."
    assert tab.locator(".progress").inner_text().startswith(f"{len(asked)} of {len(asked)} right")
    tab.locator("#language").select_option("it")
    tab.locator(".question").first.locator("input").fill(repr(asked[0].wrong[0][0]))
    tab.locator(".question").first.locator("[data-answer]").click()
    assert "prodotto ricorrente" in tab.locator(".question").first.locator(".told").inner_text()


def test_five_questions_of_a_student_in_two_actions_each(visit, demo_trace):
    """From step 7 of the way back: what is dL/dW_h made of, why does it vanish, which equation, how many, what if."""
    tab = visit(link="#step=15", viewport={"width": 1280, "height": 720})
    tab.locator('.picture .edge[data-k="W_h"] text').first.click()
    term = demo_trace.value("h", 6).T @ demo_trace.value("dL/dz", 7)
    said = tab.locator(".card.active").inner_text()
    assert all(shown(x) in said for x in term.ravel()) and "4 of 10 terms" in said
    tab.keyboard.press("w")
    assert "saturated" in tab.locator(".why:not(.product)").inner_text()
    tab.locator("#tab-step").click()
    tab.locator('.picture g.node[data-k="h_7"]').click()
    assert tab.locator(".card.active h2 .chip").get_attribute("data-k") == "dL/dh_7"
    assert "only through" in tab.locator(".card.active .because").inner_text()
    tab.locator("#tab-parameters").click()
    assert "D · M + M · M + M = 3 · 5 + 5 · 5 + 5 = 45" in tab.locator("#view-parameters").inner_text()
    tab.evaluate("go(3), look('step')")
    tab.locator('.picture g.node[data-k="x_3"]').click()
    tab.locator(".editor .drag").fill("2")
    assert tab.locator('#what-if .effect[data-k="y"]').count() == 1
    assert tab.locator("#what-if .effect").count() >= 3


def test_labels_of_a_thousand_steps_do_not_collide(visit, make):
    for steps in (100, 1000):
        tab = visit(make(steps=steps, samples=1), "#step=50")
        for width in (360, 1280):
            tab.set_viewport_size({"width": width, "height": 740})
            boxes = tab.evaluate("""() => all(".ticks .tick").map((tick) => {
                const range = document.createRange();
                range.selectNodeContents(tick);
                const { left, right } = range.getBoundingClientRect();
                return [left, right]; })""")
            assert len(boxes) >= 7 and all(a[1] <= b[0] for a, b in itertools.pairwise(boxes)), (steps, width)
