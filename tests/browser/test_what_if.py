"""The page computes the network itself when a number is changed: compared with minirnn on the changed data."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.readings.page import page as page_module
from minirnn.readings.page.program import _attributes, program

from .. import family
from ..engine.test_ops import PRIMITIVES, apply, operands

CROSS = {"loss": "categorical_crossentropy"}
NETWORKS = {
    "plain": {},
    "two layers, softmax at every step": {"layers": 2, "every_step": True, "head": "softmax"} | CROSS,
    "flattened": {"flatten": True},
    "relu, hidden sigmoid layer": {"activation": "relu", "hidden": "sigmoid"},
    "sigmoid with cross-entropy": {"activation": "sigmoid", "head": "sigmoid"} | CROSS,
    "exponential, no bias": {"activation": "exponential", "use_bias": False},
    "thirty steps": {"steps": 30},
}
VALUES = """() => Object.fromEntries([...nodeOf].map(([key, node]) => [key, [...state.run.value(node).data]]))"""
CHANGE = """([key, i, value]) => { const place = placeInLeaf(key); change(place.leaf, place.entry(i), value); }"""


def changed(trace, weight, x, t):
    """The trace of the same network with one entry of W_h (of the first layer) and one of x_t changed."""
    name = "W_h" if "W_h" in trace.parameters else "W_h^1"
    layer, place = trace.model.parameter_places()[name]
    before = layer.get_weights()
    after = [w.astype(trace.dtype).astype(float) for w in before]
    after[place][1, 2] = weight
    X = trace.inputs[0].astype(trace.dtype).astype(float)
    X[-1, t - 1, 1] = x
    all_before = trace.model.get_weights()
    trace.model.set_weights([w.astype(trace.dtype).astype(float) for w in all_before])
    layer.set_weights(after)
    try:
        return mr.trace(
            trace.model, X, trace.target.astype(trace.dtype).astype(float), loss=trace.loss_function, dtype="float64"
        )
    finally:
        trace.model.set_weights(all_before)


def agreement(found, trace):
    """The largest relative difference between the page's numbers and those of a trace."""
    errors = []
    for (name, step), node in trace.variables.items():
        here = np.array(found[name if step is None else f"{name}_{step}"])
        there = np.ravel(node.value)
        assert here.shape == there.shape
        errors.append(np.max(np.abs(here - there)) / (np.max(np.abs(there)) or 1))
    assert len(errors) == len(found)
    return max(errors)


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_it_agrees_with_numpy(visit, make, options):
    trace = make(**options)
    tab = visit(trace)
    assert agreement(tab.evaluate(VALUES), trace) == 0  # the stored values, to the last bit
    size = trace.inputs[0].shape[-1]
    weight = "W_h" if "W_h" in trace.parameters else "W_h^1"
    units = trace.parameters[weight].shape[1]
    tab.evaluate(CHANGE, [weight, units + 2, 0.25])
    tab.evaluate(CHANGE, ["x_2", (len(trace.output) - 1) * size + 1, -1.5])
    assert agreement(tab.evaluate(VALUES), changed(trace, 0.25, -1.5, 2)) <= 1e-12
    assert agreement(tab.evaluate(VALUES), trace) > 1e-6
    tab.evaluate("reset()")
    assert agreement(tab.evaluate(VALUES), trace) == 0


def test_the_whole_family_is_computed_as_numpy_does(visit):
    """Every network of tests/family.py from its leaves alone."""
    tab = visit()
    for name in family.NETWORKS:
        worst = tab.evaluate(
            """(graph) => {
                const known = decode(graph.values);
                const run = new Run(graph, new Map(graph.leaves.map((leaf) => [leaf, known.get(leaf)])));
                let worst = 0;
                for (const [node, x] of known) {
                    const y = run.value(node);
                    const top = largest(x.data) || 1;
                    if (x.shape.join() !== y.shape.join()) return `shape of ${node}`;
                    x.data.forEach((v, i) => { worst = Math.max(worst, Math.abs(v - y.data[i]) / top); });
                }
                return worst; }""",
            program(family.traced(name)),
        )
        assert worst <= 1e-12, name


def test_by_hand_and_back(visit, demo_trace):
    from .test_stepper import shown

    tab = visit(link="#step=3&sel=x_3")
    assert not tab.locator("#what-if").is_visible()
    before = tab.locator("#view-step").inner_text()
    cell = tab.locator("#inspector td").nth(1)
    cell.click()
    tab.keyboard.type("2.5")
    tab.keyboard.press("Enter")
    X = demo_trace.inputs[0].copy()
    X[0, 2, 1] = 2.5
    after = mr.trace(demo_trace.model, X, demo_trace.target)
    assert tab.locator("#what-if").is_visible() and "1 changed" in tab.locator("#what-if").inner_text()
    assert "was 0.880918" in tab.locator("#what-if").inner_text()
    assert tab.locator("#loss").inner_text() == f"{after.loss:.6g}"
    assert all(shown(x) in tab.locator("#view-step").inner_text() for x in after.value("h", 3).ravel())
    assert tab.locator("#inspector td.changed").count() == 1
    tab.locator("h1").click()
    tab.keyboard.press("b")
    assert all(shown(x) in tab.locator("#view-step").inner_text() for x in after.adjoint("h", 3).ravel())
    tab.locator("#tab-parameters").click()
    assert all(shown(x) in tab.locator('[data-value="dL/dW_x"]').inner_text() for x in after.gradients["W_x"].ravel())
    tab.locator("#reset").click()
    tab.evaluate("go(3), look('step')")
    assert tab.locator("#view-step").inner_text() == before and not tab.locator("#what-if").is_visible()


def test_with_the_keyboard_alone(visit):
    tab = visit(link="#step=3&sel=W_h")
    tab.locator("#inspector td").nth(7).focus()
    tab.keyboard.press("Enter")
    tab.keyboard.type("not a number")
    tab.keyboard.press("Enter")
    assert tab.locator("#inspector input").get_attribute("aria-invalid") == "true"
    tab.keyboard.press("Escape")
    assert tab.locator("#inspector input").count() == 0 and tab.evaluate("state.changes.size") == 0
    tab.keyboard.press("Enter")
    tab.keyboard.press("ControlOrMeta+a")
    tab.keyboard.type("-0,75")  # a comma is a decimal point to half of the world
    tab.keyboard.press("ArrowLeft")  # moves in the text, not in time
    tab.keyboard.press("Enter")
    assert tab.evaluate("[state.position, state.run.value(nodeOf.get('W_h')).data[7]]") == [3, -0.75]
    assert tab.evaluate("document.activeElement.dataset.entry") == "7"


def test_what_is_computed_cannot_be_changed(visit):
    tab = visit(link="#step=3&sel=h_3")
    assert tab.locator("#inspector [data-entry]").count() == 0
    tab.locator("#inspector td").first.click()
    assert tab.locator("#inspector input").count() == 0


def test_the_browser_checks_itself(visit, demo_trace):
    tab = visit(link="#step=3&view=verdict")
    said = tab.locator("#browser-check").inner_text()
    assert (
        said.startswith("Your browser has computed all of it again")
        and float(said.split()[-1].rstrip(".").replace("−", "-")) < 1e-14
    )


def test_float32_is_shown_in_its_own_digits(visit, make):
    trace = make(dtype="float32")
    tab = visit(trace, "#step=2&sel=h_2")
    titles = [c.get_attribute("title") for c in tab.locator("#inspector td").all()]
    assert [np.float32(title) for title in titles] == trace.value("h", 2).ravel().tolist()
    assert max(map(len, titles)) <= 13  # nine digits at most, not the seventeen of a double
    tab.evaluate(CHANGE, ["W_h", 7, 0.25])
    assert agreement(tab.evaluate(VALUES), changed(trace, 0.25, float(np.float32(trace.inputs[0][-1, 1, 1])), 2)) <= 1e-12


def test_large_traces_are_computed_in_the_page(visit, make, monkeypatch):
    monkeypatch.setattr(sys.modules["minirnn.readings.page.program"], "MAX_STORED", 100)
    trace = make()
    tab = visit(trace)
    assert tab.evaluate("stored.size === DATA.graph.leaves.length")
    assert 0 < agreement(tab.evaluate(VALUES), trace) <= 1e-12


def test_a_wrong_operation_would_be_found(visit, make, monkeypatch):
    whole = page_module.resource
    monkeypatch.setattr(page_module, "resource", lambda name: whole(name).replace(b"v * v)", b"v + v)"))
    tab = visit(make())
    tab.evaluate(CHANGE, ["W_h", 7, 0.25])
    assert agreement(tab.evaluate(VALUES), changed(make(), 0.25, float(make().inputs[0][-1, 1, 1]), 2)) > 1e-3
    assert tab.evaluate("browserCheck()") > 1e-3


def test_an_operation_the_page_does_not_know_is_said(visit, make, monkeypatch):
    whole = page_module.resource
    monkeypatch.setattr(page_module, "resource", lambda name: whole(name).replace(b"  sum: ", b"  sum_up: "))
    tab = visit(make(), "#step=2&sel=W_h")
    assert "cannot compute sum" in tab.locator("#no-replay").inner_text()
    assert tab.locator("#inspector [data-entry]").count() == 0 and tab.locator(".card").count() == 2


def test_every_operation_is_that_of_numpy(visit):
    """Each by itself: the networks above do not use them all."""
    tab = visit()
    for name in PRIMITIVES:
        y = apply(name, operands(name))
        given = [{"shape": list(x.shape), "data": np.ravel(x.value).astype(float).tolist()} for x in y.args]
        found = tab.evaluate(
            """([operations, functions, attributes, given]) => {
                const operands = given.map(({ shape, data }) => array(shape, Float64Array.from(data)));
                const run = new Run({ nodes: [[0]], operations, functions, attributes: [] }, []);
                const x = run.operation(0)(attributes, ...operands);
                return [x.shape, [...x.data]]; }""",
            [[y.op.name], {n: f.javascript for n, f in ops.FUNCTIONS.items()}, _attributes(y), given],
        )
        assert tuple(found[0]) == y.shape, name
        assert np.allclose(found[1], np.ravel(y.value), rtol=1e-14, atol=1e-15), name


def predict(X, Wx, Wh, bh, Wo):
    """A loop of one's own, with most of what a page must be able to compute again."""
    h = np.zeros((2, 5))
    c = np.ones((2, 5))
    history = []
    for t in range(4):
        x = X[:, t]
        z = np.hstack([x, h]) @ np.vstack([Wx, Wh]) + bh
        c = np.where(z[:, :5] > 0, np.maximum(c, z[:, 5:]), c / 2)
        h = np.tanh(c * z[:, :5]) + Wo[2].sum() * np.mean(c, axis=1, keepdims=True) / (1 + np.exp(-h))
        history.append(h.max(axis=-1))
    return np.stack(history) + np.einsum("nm,km->nk", h, Wo).sum(axis=1)


def test_a_loop_of_ones_own(visit):
    rng = np.random.default_rng(0)
    shapes = {"X": (2, 4, 3), "Wx": (3, 10), "Wh": (5, 10), "bh": (10,), "Wo": (6, 5)}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    trace = mr.trace(predict, **arrays, Y=np.ones((4, 2)))
    tab = visit(trace)
    assert tab.locator("#no-replay").inner_text() == ""
    assert tab.evaluate("browserCheck()") <= 1e-12
    tab.evaluate(CHANGE, ["Wh", 7, 0.25])
    tab.evaluate(CHANGE, ["x_3", 4, -1.5])
    arrays["Wh"][0, 7], arrays["X"][1, 2, 1] = 0.25, -1.5
    changed_trace = mr.trace(predict, **arrays, Y=np.ones((4, 2)))
    assert agreement(tab.evaluate(VALUES), changed_trace) <= 1e-12


def test_places_that_are_computed_are_not_computed_again(visit):
    def looked_up(tokens, E, W):
        h = np.zeros(5)
        for token in tokens:
            h = np.tanh(E[token] + h @ W)
        return h

    rng = np.random.default_rng(0)
    trace = mr.trace(
        looked_up, tokens=np.array([3, 0, 3]), E=rng.normal(size=(6, 5)), W=rng.normal(size=(5, 5)), Y=np.ones(5)
    )
    tab = visit(trace)
    assert "cannot compute entry_at" in tab.locator("#no-replay").inner_text()
    assert tab.locator("#inspector [data-entry]").count() == 0
