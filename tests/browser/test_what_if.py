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
CHANGE = "([key, i, value]) => change(key, i, value)"


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
    band = " ".join(tab.locator("#what-if").inner_text().split())
    y, y_new = ([shown(x) for x in t.output.ravel()] for t in (demo_trace, after))
    assert f"[0, 1] {shown(demo_trace.inputs[0][0, 2, 1])} → 2.5" in band
    assert f"[{', '.join(y)}] → [{', '.join(y_new)}]" in band
    assert f"{shown(demo_trace.loss)} → {shown(after.loss)}" in band
    for name in ("W_x", "W_h", "b_h", "W_o"):
        was, now = (shown(np.linalg.norm(t.gradients[name])) for t in (demo_trace, after))
        assert f"{was} → {now}" in band
    assert "line-through" in tab.evaluate("getComputedStyle(find('.facts .verdict')).textDecoration")
    moved = set(tab.evaluate("all('.picture .node.moved').map((g) => g.dataset.k)"))
    assert moved == {"x_3", *(f"h_{t}" for t in range(3, 11)), "y", "L"}
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
    assert tab.locator("#inspector input[type=text]").get_attribute("aria-invalid") == "true"
    assert "“not a number” is not a number" in tab.locator("#inspector [role=alert]").inner_text()
    tab.keyboard.press("Escape")
    assert tab.locator("#inspector input").count() == 0 and tab.evaluate("state.changes.size") == 0
    tab.keyboard.press("Enter")
    tab.keyboard.press("ControlOrMeta+a")
    tab.keyboard.type("-0,75")  # a comma is a decimal point to half of the world
    tab.keyboard.press("ArrowLeft")  # moves in the text, not in time
    tab.keyboard.press("Enter")
    assert tab.evaluate("[state.position, state.run.value(nodeOf.get('W_h')).data[7]]") == [3, -0.75]
    assert tab.evaluate("document.activeElement.dataset.entry") == "7"


def test_derivatives_and_the_loss_cannot_be_changed(visit):
    for key in ("dL/dh_3", "L"):
        tab = visit(link=f"#step=3&sel={key}")
        assert tab.locator("#inspector [data-entry]").count() == 0
        tab.locator("#inspector td").first.click()
        assert tab.locator("#inspector input").count() == 0


def test_a_state_is_set_and_the_run_goes_on(visit, make):
    """What h_3 was computed from no longer matters: the gradients are those of finite differences of the run that is set."""
    trace = make(layers=2, every_step=True)
    tab = visit(trace)
    tab.evaluate(CHANGE, ["h^1_3", 1, 0.25])
    before, after = ({k: np.array(v) for k, v in found.items()} for found in (tab.evaluate(ORIGINAL), tab.evaluate(VALUES)))
    same = [k for k in before if "/" not in k and np.allclose(before[k], after[k], rtol=1e-14)]
    assert "h^1_2" in same and "z^1_3" in same and "h^2_2" in same and not {"h^1_4", "h^2_3", "L"} & set(same)
    assert after["h^1_3"][1] == 0.25 and np.allclose(np.delete(after["h^1_3"], 1), np.delete(before["h^1_3"], 1), rtol=1e-14)
    for name in ("W_h^1", "b_h^1", "W_x^2"):
        slope = tab.evaluate(SLOPE, [name, 1])
        assert slope == pytest.approx(after[f"dL/d{name}"][1], rel=1e-5), name
    assert after["dL/dW_h^1"][1] != pytest.approx(before["dL/dW_h^1"][1], rel=1e-3)
    tab.evaluate("reset()")
    assert agreement(tab.evaluate(VALUES), trace) == 0


ORIGINAL = """() => Object.fromEntries([...nodeOf].map(([key, node]) => [key, [...original.value(node).data]]))"""
SLOPE = """([key, i]) => {
    const at = original.value(nodeOf.get(key)).data[i];
    const losses = [1e-6, -1e-6].map((step) => {
        change(key, i, at + step);
        return state.run.value(nodeOf.get(DATA.loss)).data[0];
    });
    change(key, i, at);
    return (losses[0] - losses[1]) / 2e-6; }"""


def test_a_slider_is_dragged_and_the_link_says_it(visit, wait):
    tab = visit(link="#step=3&sel=x_3")
    tab.locator("#inspector td").nth(1).click()
    tab.locator(".editor .drag").fill("1.5")
    assert tab.evaluate("state.run.value(nodeOf.get('x_3')).data[1]") == 1.5
    tab.locator(".editor .drag").fill("-0.5")
    assert tab.evaluate("state.run.value(nodeOf.get('x_3')).data[1]") == -0.5 and tab.evaluate("state.changes.size") == 1
    link = tab.evaluate("location.hash")
    assert "set=x_3~1~-0.5" in link
    loss = tab.locator("#loss").inner_text()
    other = visit(link=link)
    assert other.locator("#loss").inner_text() == loss and other.locator("#what-if").is_visible()
    harmless = visit(link="#step=3&set=nothing~1~2,x_3~99~1,x_3~0~abc,dL/dh_3~0~1")
    assert harmless.evaluate("state.changes.size") == 0


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


def test_places_that_are_computed(visit):
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
    assert tab.locator("#no-replay").inner_text() == "" and tab.evaluate("browserCheck()") <= 1e-14
    tab.evaluate(CHANGE, ["E", 3 * 5 + 2, 0.25])
    assert tab.evaluate("state.run.value(nodeOf.get('L')).data[0] !== original.value(nodeOf.get('L')).data[0]")


def test_indexing_by_arrays_is_that_of_numpy(visit):
    """Numbers, slices and arrays of places in every order, tests too."""
    tab = visit()
    x = np.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    i, j, test = np.array([1, 0, 1]), np.array([[1], [0]]), np.array([True, False, True])
    some = slice(0, 3, 2)
    for key in (
        (i,),
        (j, i),
        (some, i),
        (i, some, i),
        (some, some, i, i),
        (1, i),
        (some, test),
        (i, some),
        (some, 2, some, i),
    ):
        operands = [k for k in key if isinstance(k, np.ndarray)]
        plain = [None if isinstance(k, np.ndarray) else k if isinstance(k, int) else vars_of(k) for k in key]
        found = tab.evaluate(
            """([key, tests, x, operands]) => {
                const read = ({ shape, data }) => array(shape, Float64Array.from(data));
                const y = OPERATIONS.entry_at({ key, tests }, read(x), ...operands.map(read));
                return [y.shape, [...y.data]]; }""",
            [plain, [k.dtype == bool for k in operands], as_data(x), [as_data(k) for k in operands]],
        )
        assert tuple(found[0]) == x[key].shape and found[1] == x[key].ravel().tolist(), key


def vars_of(k):
    return {"start": k.start, "stop": k.stop, "step": k.step}


def as_data(x):
    return {"shape": list(x.shape), "data": np.ravel(x).astype(float).tolist()}
