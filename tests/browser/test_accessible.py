from __future__ import annotations

import pytest

STATES = [
    "",
    "#step=3&sel=W_h",
    "#step=11",
    "#step=14&view=flow",
    "#step=14&view=ledger",
    "#step=2&view=parameters",
    "#step=2&view=verdict",
    "#step=2&view=words",
    "#step=16",
    "#step=16&view=practice",
    "#step=3&sel=x_3&set=x_3~1~2.5",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, scheme):
    from axe_playwright_python.sync_playwright import Axe

    tab = visit(color_scheme=scheme)
    for state in STATES:
        tab.evaluate(f"location.hash = '{state or '#step=0'}'")
        tab.wait_for_timeout(50)
        found = Axe().run(tab)
        assert found.violations_count == 0, (state, found.generate_report())
    tab.keyboard.press("?")
    found = Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


def test_axe_would_find_something(visit):
    from axe_playwright_python.sync_playwright import Axe

    tab = visit()
    tab.evaluate("for (const e of document.querySelectorAll('#play')) { e.removeAttribute('aria-label'); e.title = '' }")
    assert {v["id"] for v in Axe().run(tab).response["violations"]} == {"button-name"}


def test_the_picture_has_its_description_and_its_table(visit, demo_trace):
    tab = visit()
    described = tab.locator(".picture svg[role=img] > desc").text_content()
    assert "10 time steps" in described and "h₃ is computed from h₂ through Wₕ, x₃ through Wₓ." in described
    tab.locator("summary", has_text="The picture as a table").click()
    rows = {row.locator("td").first.inner_text(): row.inner_text() for row in tab.locator(".nodes tbody tr").all()}
    assert "z₃" in rows["h₃"] and "x₃, Wₓ, bₕ, h₂, Wₕ" in rows["z₃"] and "1 × 5" in rows["h₃"]
    assert len(rows) == 1 + 10 * 3 + 2


def test_every_quantity_of_a_step_can_be_reached_with_the_keyboard(visit):
    tab = visit(link="#step=3")
    tab.locator("#tab-step").focus()
    reached = []
    while "h_3" not in reached or "x_3" not in reached:
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.dataset.k"))
        assert len(reached) < 40
    assert {"x_3", "W_x", "W_h", "b_h", "h_2", "z_3", "h_3"} >= {key for key in reached if key}
    tab.locator('#view-step > .chips .chip[data-k="h_3"]').focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("state.selected") == "h_3"


def test_only_the_step_is_announced(visit):
    tab = visit(link="#step=3")
    assert tab.locator("[role=status], [aria-live]").count() == 1
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#said").text_content() == "Forward, t = 4 of 10"
