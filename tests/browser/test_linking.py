from __future__ import annotations

LIT = """() => [...document.querySelectorAll(".is-lit")]
    .filter((e) => e.offsetParent || !(e instanceof HTMLElement)).map((e) => e.localName)"""


def lit(tab):
    """Keys that are lit, and those with a ring or a dashed ring; a box of the picture has several, and is not asked."""
    return [
        set(tab.evaluate(f"[...document.querySelectorAll('.{name}:not(svg *)')].map((e) => e.dataset.k)"))
        for name in ("is-lit", "is-input", "is-consumer")
    ]


def test_from_the_picture_to_the_equations(visit):
    tab = visit(link="#step=3")
    assert lit(tab) == [set(), set(), set()]
    tab.locator('.picture [data-k="h_3"]').hover()
    assert set(tab.evaluate(LIT)) >= {"g", "mrow", "button"}
    own, inputs, consumers = lit(tab)
    assert own == {"h_3"} and inputs == {"z_3"} and not consumers & {"x_3", "h_2"}
    tab.mouse.move(640, 2)
    assert lit(tab)[0] == set()


def test_from_the_equations_to_the_picture(visit):
    tab = visit(link="#step=3")
    tab.locator('.card .here mrow[data-k="h_2"]').first.hover()
    assert "is-lit" in tab.locator('.picture [data-k="h_2"]').get_attribute("class")
    own, inputs, consumers = lit(tab)
    assert own == {"h_2"} and inputs <= {"z_2"} and "z_3" in consumers


def test_focus_does_what_pointing_does(visit):
    tab = visit(link="#step=3")
    tab.locator('.chips .chip[data-k="x_3"]').first.focus()
    assert lit(tab)[0] == {"x_3"} and "is-lit" in tab.locator('.picture [data-k="x_3"]').get_attribute("class")
    assert lit(tab)[2] == {"z_3", "dL/dW_x"}


def test_a_click_pins_and_a_second_lets_go(visit):
    tab = visit(link="#step=3")
    tab.locator('.picture [data-k="h_5"]').click()
    tab.mouse.move(640, 2)
    assert lit(tab)[0] == {"h_5"} and tab.evaluate("location.hash").count("sel=h_5") == 1
    assert tab.locator("#inspector header").text_content().startswith("h5")
    tab.keyboard.press("ArrowRight")  # pinned through the steps
    tab.keyboard.press("ArrowRight")
    assert lit(tab)[0] == {"h_5"} and tab.locator('.card [data-k="h_5"].is-lit').count() > 0
    tab.locator("[data-unpin]").click()
    tab.mouse.move(640, 2)
    assert lit(tab)[0] == set()
    tab.locator('.picture [data-k="h_5"]').click()
    tab.locator('.picture [data-k="h_5"]').click()
    tab.mouse.move(640, 2)
    assert tab.evaluate("state.selected") is None


def test_a_plot_point_and_a_table_cell(visit):
    tab = visit(link="#step=14&view=flow")
    tab.locator('.bar[data-k="dL/dh_4"]').first.hover()
    assert lit(tab)[0] == {"dL/dh_4"}
    tab.locator("#tab-parameters").click()
    tab.locator('[data-value="W_h"] td').first.hover()
    assert lit(tab)[0] == {"W_h"}
    tab.locator('.sizes [data-k="W_x"]').first.hover()
    assert lit(tab)[0] == {"W_x"}


def test_in_the_overview_an_equation_lights_all_its_steps(visit):
    tab = visit()
    tab.locator('.equations td[data-k="h"]').last.hover()
    assert lit(tab)[0] >= {"h"} | {f"h_{t}" for t in range(1, 11)}


def test_the_side_panel_names_inputs_and_consumers(visit):
    tab = visit(link="#step=3&sel=h_2")
    inputs, consumers = (
        [c.get_attribute("data-k") for c in block.locator(".chip").all()]
        for block in tab.locator("#inspector .around").all()
    )
    assert inputs == ["z_2"] and consumers == ["z_3", "dL/dz_2", "dL/dW_h"]
    tab.locator("#inspector .chip").first.click()
    assert tab.evaluate("state.selected") == "z_2"


def test_nothing_hides_when_pointed_at(visit):
    tab = visit(link="#step=12")
    before = tab.locator("#view-step").inner_text()
    for place in tab.locator("#view-step [data-k]").all()[:20]:
        place.hover()
        assert tab.locator("#view-step").inner_text() == before


def test_copying_gives_every_digit(visit, demo_trace, wait):
    import numpy as np

    tab = visit(link="#step=3&sel=h_3", permissions=["clipboard-read", "clipboard-write"])
    tab.locator("[data-copy]").click()
    wait(tab, "find('[data-copy]').textContent === 'Copied'")
    name, _, text = tab.evaluate("navigator.clipboard.readText()").partition(" = ")
    assert name == "h_3" and np.array_equal(np.array(eval(text)), demo_trace.value("h", 3))


def test_the_full_value_is_there_on_demand(visit, demo_trace):
    tab = visit(link="#step=3&sel=h_3")
    titles = [float(c.get_attribute("title")) for c in tab.locator("#inspector .matrix td").all()]
    assert titles == demo_trace.value("h", 3).ravel().tolist()
    tab.keyboard.press("d")
    said = tab.locator(".card:has(> h2 [data-k=h_3]) .row.numbers").inner_text()
    assert all(str(x).replace("-", "−") in said for x in demo_trace.value("h", 3).ravel().tolist())


def test_the_arrows_turn_round(visit):
    """Forward the arrows into this step are marked; backward those that the gradient has come along are turned."""
    tab = visit(link="#step=4")
    assert set(tab.evaluate("[...document.querySelectorAll('.edge.now')].map((e) => e.id.slice(6))")) == {
        "x_4--h_4",
        "h_3--h_4",
    }
    tab.keyboard.press("b")
    assert set(tab.evaluate("[...document.querySelectorAll('.edge.now')].map((e) => e.id.slice(6))")) == {"h_4--h_5"}
    turned = set(tab.evaluate("[...document.querySelectorAll('.edge.back')].map((e) => e.id.slice(6))"))
    assert turned == {f"h_{t}--h_{t + 1}" for t in range(4, 10)} | {"h_10--y", "y--L"}
    assert "back" in tab.evaluate("getComputedStyle(document.querySelector('.edge.back path')).markerStart")


def test_a_box_lights_for_what_it_holds(visit):
    tab = visit(link="#step=3")
    tab.locator('.card .here mrow[data-k="z_3"]').first.hover()
    assert "is-lit" in tab.locator('.picture [data-k="h_3"]').get_attribute("class")
