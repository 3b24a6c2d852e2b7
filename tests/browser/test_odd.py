"""Pages of odd networks: one of everything, no number left, nothing left of the gradient, names without end."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Conv1D, Dense, Input, SimpleRNN
from minirnn.models import Model

SCROLL = ".scroll, .picture, .tabs, .what-if, .chip, pre, .panels p, .meaning, #inspector, dt, dd"
WIDE = """(scroll) => all("main, main *").filter((e) => e.checkVisibility() && !e.parentNode.closest(scroll)
    && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
CHANGE = """() => {
    const key = [...nodeOf.keys()].find((one) => !one.startsWith(ADJOINT) && one !== DATA.loss && placeInGraph(one));
    change(key, 0, 0.25);
    return find("#what-if").innerText; }"""


def dense_after(layer, T=3, D=2, scale=1.0, N=2):
    rng = np.random.default_rng(0)
    i = Input(shape=(T, D))
    model = Model(i, Dense(N)(layer(i)))
    return mr.trace(model, scale * rng.normal(size=(N, T, D)), rng.normal(size=(N, N)))


def vanished():
    layer = SimpleRNN(2, activation="relu")
    i = Input(shape=(3, 2))
    model = Model(i, Dense(1)(layer(i)))
    layer.set_weights([np.zeros((2, 2)), np.zeros((2, 2)), -np.ones(2)])
    return mr.trace(model, np.ones((2, 3, 2)), np.ones((2, 1)))


def root(X, W, U, target):
    state = np.zeros(2)
    for x in X:
        state = np.sqrt(np.maximum(x @ W + state @ U, 0.0))
    return ((state - target) ** 2).sum()


def endless(
    The_whole_of_the_sequence_of_inputs, the_recurrent_kernel_of_the_only_layer, the_kernel_that_multiplies_inputs, aim
):
    the_hidden_state_after_this_very_step = np.zeros(3)
    for each in The_whole_of_the_sequence_of_inputs:
        the_hidden_state_after_this_very_step = np.tanh(
            each @ the_kernel_that_multiplies_inputs
            + the_hidden_state_after_this_very_step @ the_recurrent_kernel_of_the_only_layer
        )
    return ((the_hidden_state_after_this_very_step - aim) ** 2).mean()


SHAPES = (3, 2), (3, 3), (2, 3), 3
ODD = {
    "one of everything": (lambda: dense_after(SimpleRNN(1), T=1, D=1, N=1), None),
    "too large": (lambda: dense_after(SimpleRNN(3, activation="exponential"), scale=80.0), "the derivative is"),
    "large": (lambda: dense_after(SimpleRNN(3, activation="relu"), scale=1e150), "gradient"),
    "no root of 0": (lambda: mr.trace(root, X=np.zeros((3, 2)), W=np.ones((2, 2)), U=np.eye(2), target=np.ones(2)), "NaN"),
    "vanished": (vanished, "The gradient is 0 from t = 2 back"),
    "shorter than its input": (lambda: dense_after(lambda i: SimpleRNN(2)(Conv1D(3, 2)(i)), T=4), None),
    "names": (lambda: mr.trace(endless, **dict(zip(endless.__code__.co_varnames, map(np.ones, SHAPES)))), None),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of numbers that are too large
@pytest.mark.parametrize("name", ODD)
def test_nothing_complains_and_nothing_is_wide(visit, name):
    make, why = ODD[name]
    mr.set_random_seed(2)
    tab = visit(make())
    for view in tab.evaluate("VIEWS"):
        tab.evaluate(f"look('{view}')")
        for position in range(1, tab.evaluate("LAST") + 1) if view in ("step", "ledger", "flow") else (1,):
            tab.evaluate(f"state.position = {position}, show()")
            said = tab.locator("main").inner_text()
            assert "undefined" not in said and "[object" not in said
        if view == "flow" and why:
            assert why in tab.locator(".why").first.inner_text()
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate(WIDE, SCROLL) == [], view
        tab.set_viewport_size({"width": 1280, "height": 900})
    assert "What if" in tab.evaluate(CHANGE)
