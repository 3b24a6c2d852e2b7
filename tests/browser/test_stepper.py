from __future__ import annotations

import pytest

from .. import family

T = 10
POSITIONS = 2 * T + 2


def shown(x):
    return f"{x:.4g}".replace("-", "−").replace("e−0", "e−")


def test_every_key(visit, at):
    tab = visit()
    for keys, position in [
        (["ArrowRight"] * 3, 3), (["ArrowLeft"], 2), (["b"], 20), (["f"], 2), (["l"], T + 1), (["b"], T + 1),
        (["End"], 2 * T + 1), (["ArrowRight"], 2 * T + 1), (["f"], 1), (["Home"], 0), (["ArrowLeft"], 0),
    ]:  # fmt: skip
        for key in keys:
            tab.keyboard.press(key)
        assert at(tab) == position, keys
    tab.keyboard.press("ArrowRight")
    opened = []
    for _ in range(3):  # two equations at a forward step, then the next step
        opened.append(tab.locator(".card.active h2 .chip").get_attribute("data-k"))
        tab.keyboard.press("Shift+ArrowRight")
    assert opened == ["z_1", "h_1", "z_2"] and at(tab) == 2
    tab.keyboard.press("Shift+ArrowLeft")
    tab.keyboard.press("Shift+ArrowLeft")
    assert at(tab) == 1 and tab.locator(".card.active h2 .chip").get_attribute("data-k") == "h_1"
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible() and tab.locator("#help dt").count() == 14
    tab.keyboard.press("ArrowRight")
    assert at(tab) == 1  # the list of keys has the keys now
    tab.keyboard.press("Escape")
    assert not tab.locator("#help").is_visible()
    tab.keyboard.press("d")
    assert tab.locator("#digits").get_attribute("aria-pressed") == "true"
    tab.keyboard.press("d")
    tab.locator(".chip[data-k=h_1]").first.click()
    assert tab.evaluate("state.selected") == "h_1"
    tab.locator("h1").click()
    tab.keyboard.press("Escape")
    assert tab.evaluate("state.selected") is None


def test_space_plays_and_stops_at_the_end(visit, at, wait):
    tab = visit()
    tab.locator("#speed").select_option("4")
    tab.locator("h1").click()
    tab.keyboard.press("Space")
    wait(tab, "state.position >= 2")
    assert tab.locator("#play").get_attribute("aria-label") == "Pause"
    tab.keyboard.press("Space")
    stopped = at(tab)
    tab.wait_for_timeout(500)
    assert at(tab) == stopped and tab.locator("#play").get_attribute("aria-label") == "Play"
    tab.evaluate(f"go({2 * T})")
    tab.locator("#play").click()
    wait(tab, "state.timer === null")
    assert at(tab) == 2 * T + 1


def test_every_button(visit, at, demo_trace):
    tab = visit()
    assert tab.locator("[data-move=first]").is_disabled() and tab.locator("[data-move=back]").is_disabled()
    for move, position in [("next", 1), ("next", 2), ("back", 1), ("last", 2 * T + 1), ("back", 2 * T), ("first", 0)]:
        tab.locator(f"[data-move={move}]").click()
        assert at(tab) == position
    tab.locator('.ticks [data-go="13"]').dispatch_event("click")
    assert at(tab) == 13
    tab.locator("#keys").click()
    tab.locator("#close").click()
    assert not tab.locator("#help").is_visible()
    tab.locator("#digits").click()
    assert float(tab.locator("#loss").inner_text()) == demo_trace.loss


def test_the_slider_keeps_its_own_keys(visit, at):
    tab = visit()
    slider = tab.locator("#slider")
    slider.focus()
    for key, position in [
        ("ArrowRight", 1),
        ("ArrowUp", 2),
        ("PageUp", None),
        ("Home", 0),
        ("End", 2 * T + 1),
        ("ArrowDown", 2 * T),
    ]:
        tab.keyboard.press(key)
        assert position is None or at(tab) == position, key
    slider.fill("4")
    assert at(tab) == 4 and slider.get_attribute("aria-valuetext") == "Forward, t = 4 of 10"
    assert tab.locator("#said").inner_text() == "Forward, t = 4 of 10"


def test_every_position_says_where_it_is_and_shows_its_numbers(visit, demo_trace):
    tab = visit()
    for position in range(1, POSITIONS):
        tab.keyboard.press("ArrowRight")
        said = tab.locator("#view-step").inner_text()
        where = tab.locator("#where").inner_text()
        if position <= T:
            assert where == f"Forward, t = {position} of 10"
            expected = [demo_trace.value(name, position) for name in ("x", "z", "h")]
        elif position == T + 1:
            assert where == "Output and loss"
            expected = [demo_trace.output, demo_trace.gradients["W_o"], demo_trace.gradients["b_o"]]
        else:
            t = POSITIONS - position
            assert where == f"Backward, t = {t} of 10"
            h, delta = demo_trace.value("h", t - 1), demo_trace.value("dL/dz", t)
            so_far = sum(demo_trace.value("h", k - 1).T @ demo_trace.value("dL/dz", k) for k in range(T, t - 1, -1))
            expected = [demo_trace.adjoint("h", t), delta, h.T @ delta, so_far]
            assert f"{T + 1 - t} of 10 terms" in said or (t == 1 and "this is the gradient" in said)
        missing = [shown(x) for array in expected for x in array.ravel() if shown(x) not in said]
        assert not missing, (where, missing)


def test_the_sum_so_far_ends_at_the_gradient(visit, demo_trace):
    tab = visit(link=f"#step={2 * T + 1}")
    for name, gradient in demo_trace.gradients.items():
        if name in ("W_x", "W_h", "b_h"):
            said = tab.locator(f'.card:has(> h2 [data-k="dL/d{name}"]) .running').inner_text()
            assert all(shown(x) in said for x in gradient.ravel())


@pytest.mark.parametrize("first, last", [(2, T), (T + 3, 2 * T)])
def test_nothing_jumps_between_steps(visit, first, last):
    """The places of everything that stays; the last digits of numbers may make a line a hair wider."""
    tab = visit(link=f"#step={first}")
    places = """() => [".player", ".tabs", ".picture svg", "#view-step", "#inspector", "#play", "#slider"].map((s) => {
        const r = document.querySelector(s).getBoundingClientRect();
        return [r.x, r.y, s === "#view-step" || s === "#inspector" ? 0 : r.height] })"""
    before = tab.evaluate(places)
    heads = tab.evaluate("[...document.querySelectorAll('.card')].map((c) => Math.round(c.getBoundingClientRect().height))")
    for _ in range(first, last):
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(places) == before
        now = tab.evaluate(
            "[...document.querySelectorAll('.card')].map((c) => Math.round(c.getBoundingClientRect().height))"
        )
        assert len(now) == len(heads)


def test_every_view(visit):
    tab = visit()
    views = [tab_.get_attribute("data-view") for tab_ in tab.locator("[role=tab]").all()]
    assert views == ["overview", "step", "flow", "ledger", "practice", "parameters", "source", "verdict", "words"]
    for view in views:
        tab.locator(f"#tab-{view}").click()
        open_panels = [p.get_attribute("id") for p in tab.locator("[role=tabpanel]").all() if p.is_visible()]
        assert open_panels == [f"view-{view}"] and tab.locator(f"#view-{view}").inner_text().strip()
        assert tab.locator(f"#tab-{view}").get_attribute("aria-selected") == "true"
    tab.keyboard.press("ArrowRight")  # with a tab in focus, the arrows move between tabs, round and round
    assert tab.evaluate("state.view") == "overview"
    tab.keyboard.press("ArrowLeft")
    assert tab.evaluate("state.view") == "words" and tab.evaluate("document.activeElement.id") == "tab-words"


def test_overview_is_the_position_before_the_first_step(visit, at):
    tab = visit()
    tab.locator("#tab-step").click()
    assert at(tab) == 1
    tab.locator("#tab-overview").click()
    assert at(tab) == 0
    tab.keyboard.press("Escape")
    tab.locator("h1").click()
    tab.keyboard.press("ArrowRight")
    assert tab.evaluate("state.view") == "step"


def test_the_flow_shows_the_norms_and_goes_there(visit, demo_trace, at):
    import numpy as np

    tab = visit(link="#step=14&view=flow")
    bars = tab.locator("#view-flow .bars").first.locator(".bar")
    titles = [bar.get_attribute("title") for bar in bars.all()]
    norms = [np.linalg.norm(demo_trace.adjoint("h", t)) for t in range(1, T + 1)]
    assert [title.split(": ")[1].split(" ≤ ")[0] for title in titles] == [shown(norm) for norm in norms]
    heights = tab.evaluate(
        "[...find('#view-flow .bars').querySelectorAll('.column')].map((c) => c.getBoundingClientRect().height)"
    )
    assert np.allclose(np.diff(heights) / np.diff(np.log10(norms)), np.ptp(heights) / np.ptp(np.log10(norms)), rtol=0.05)
    product = tab.locator("#view-flow .product").inner_text()
    assert f"multiply to {norms[0] / norms[-1]:.3g}"[:-1] in product and f"step {T} to step 1" in product
    bars.nth(2).click()
    assert at(tab) == 2 * T + 2 - 3
    tab.locator("#view-flow summary").click()
    assert shown(norms[4]) in tab.locator("#view-flow table").inner_text()


def test_the_ledger_of_each_parameter(visit, demo_trace):
    tab = visit(link="#step=16&view=ledger")  # backward, t = 6
    for name in demo_trace.gradients:
        tab.locator(f"[data-ledger={name}]").click()
        said = tab.locator("#view-ledger").inner_text()
        assert all(shown(x) in said for x in demo_trace.gradients[name].ravel())
        assert ("term of step 6" in said) == (name not in ("W_o", "b_o"))
    tab.locator("[data-ledger=W_h]").click()
    term = demo_trace.value("h", 5).T @ demo_trace.value("dL/dz", 6)
    assert all(shown(x) in tab.locator("#view-ledger .block").first.inner_text() for x in term.ravel())


def test_the_parameters_add_up(visit):
    tab = visit(link="#step=2&view=parameters")
    assert [s.inner_text() for s in tab.locator(".sizes").all()] == [
        "D · M + M · M + M = 3 · 5 + 5 · 5 + 5 = 45",
        "M · K + K = 5 · 2 + 2 = 12",
        "together: 57",
    ]


def test_the_samples_of_a_batch(visit, make):
    trace = make()
    tab = visit(trace, "#step=2")
    for choice, rows in [("0", [0]), ("1", [1]), ("all", [0, 1])]:
        tab.locator("#sample").select_option(choice)
        said = tab.locator(".card:has(> h2 [data-k=h_2]) .row.numbers").inner_text()
        for n in (0, 1):
            assert all((shown(x) in said) == (n in rows) for x in trace.value("h", 2)[n])
    tab.locator("#sample").select_option("1")
    tab.keyboard.press("End")  # the gradient is that of the whole batch
    assert all(shown(x) in tab.locator("#view-step").inner_text() for x in trace.gradients["W_h"].ravel())


def test_two_hundred_steps(visit, make):
    trace = make(steps=200, samples=3)
    tab = visit(trace, "#step=100")
    assert all(shown(x) in tab.locator("#view-step").inner_text() for x in trace.value("h", 100)[0])
    box = tab.locator('.picture [data-k="h_100"]').bounding_box()
    assert 0 < box["x"] < 1280  # the window of the picture follows
    tab.keyboard.press("b")
    delta = trace.value("dL/dz", 100)
    assert all(shown(x) in tab.locator("#view-step").inner_text() for x in (trace.value("h", 99).T @ delta).ravel())


def test_without_a_target_there_is_no_way_back(visit, network):
    import numpy as np

    import minirnn as mr

    tab = visit(mr.trace(network(), np.ones((2, 4, 3))))
    tab.keyboard.press("End")
    assert tab.evaluate("[state.position, LAST]") == [5, 5] and tab.locator("#where").inner_text() == "Output"
    assert tab.locator("#tab-flow").count() == 0 and "no way back" in tab.locator(".caption:visible").inner_text()
    for key in "bfl":
        tab.keyboard.press(key)
    assert tab.evaluate("state.position") == 5


@pytest.mark.parametrize("name", ["both ways", "embedding", "two heads", "encoder and decoder", "masking, both ways"])
def test_every_position_and_view_of_other_networks(visit, name):
    tab = visit(family.traced(name))
    wrong = tab.evaluate("""() => {
        const found = [];
        for (const view of VIEWS) for (let position = 0; position <= LAST; position++) {
            state.view = view;
            go(position);
            const said = document.querySelector("main").innerText;
            if (/undefined|NaN|null|⟦/.test(said)) found.push([view, position]);
        }
        for (const key of nodeOf.keys()) select(key);
        return found }""")
    assert wrong == []


def test_the_source_marks_the_lines_of_the_step(visit):
    tab = visit(link="#step=3&view=source")

    def marked():
        return [line.inner_text().strip() for line in tab.locator("#view-source .marked").all()]

    forward = marked()
    assert any(line.startswith("# hₜ = tanh(zₜ)") for line in forward) and any(
        "tanh(" in line and "#" not in line for line in forward
    )
    assert not any("∂L" in line for line in forward)
    tab.keyboard.press("b")
    backward = marked()
    assert any(line.startswith("# ∂L/∂hₜ = ") for line in backward) and not any(line.startswith("# hₜ") for line in backward)
    assert not any(line.startswith("# ∂L/∂h_T") for line in backward)
    assert any("dz[t] =" in line for line in backward) and not any("dz[T] =" in line for line in backward)
    tab.evaluate("go(T + 2)")  # at T the gradient comes from the output
    assert any("dz[T] =" in line for line in marked()) and not any("dz[t] =" in line for line in marked())
    assert any(line.startswith("# ∂L/∂h_T") for line in marked())
    tab.keyboard.press("l")
    assert any(line.startswith("# L = mean") for line in marked())
    assert tab.locator("#view-source").inner_text().count("def ") >= 2
