"""mr.check: slips between layers, of what is read and returned, and of arrays that are not the model's, each by its name."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import LSTM, Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 3, 5, 4, 6, 2
rng = np.random.default_rng(12)
X = rng.normal(size=(N, T, D))


def network(*layers, outputs=None):
    entry = Input((T, D))
    found = entry
    for layer in layers:
        found = layer(found)
    model = Model(entry, [head(found) for head in outputs] if outputs else found)
    model.set_weights([0.6 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def said(loop, model, *names, **others):
    """What check says; the loop is given the weights in order, but for `others`."""
    given = dict(zip(names, model.get_weights(), strict=True)) | others
    return mr.check(loop, model, X, **given)


def demand(found, name):
    assert not found.ok and found.slips and found.slips[0].name == name, found


# ------------------------------------------------------------------------------------------------------- between layers


def run(X, U, W, b, times):
    h, hs = np.zeros((N, M)), []
    for t in times:
        h = np.tanh(X[:, t] @ U + h @ W + b)
        hs.append(h)
    return hs


def both(slip, every_step, merge):
    def loop(X, U, W, b, Ur, Wr, br, V, c):
        forth = run(X, U, W, b, range(T))
        back = run(X, Ur, Wr, br, range(T) if "reversed" in slip else range(T)[::-1])
        if every_step:
            forth, back = np.stack(forth, 1), np.stack(back, 1)
            back = back if slip in ("not flipped", "not reversed") else back[:, ::-1]
        else:
            forth, back = forth[-1], back[0 if slip == "not flipped" else -1]
        if merge == "sum":
            return (forth + back) @ V + c
        return np.concatenate([back, forth] if slip == "exchanged" else [forth, back], axis=-1) @ V + c

    return loop


HALVES = {
    "": None, "not flipped": "backward half not turned back", "not reversed": "backward half not reversed",
    "reversed at the end only": "backward half not reversed", "exchanged": "halves exchanged",
}  # fmt: skip


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("slip", HALVES)
def test_halves_of_a_bidirectional(slip, every_step, merge):
    if slip == "exchanged" and merge == "sum":
        return
    layer = Bidirectional(SimpleRNN(M, return_sequences=every_step), merge_mode=merge)
    found = said(both(slip, every_step, merge), network(layer, Dense(K)), "U", "W", "b", "Ur", "Wr", "br", "V", "c")
    if slip:
        demand(found, HALVES[slip])
    else:
        assert found.ok, found


def test_a_half_that_is_not_flipped_before_another_layer():
    def deep(X, U, W, b, Ur, Wr, br, A, B, a):
        forth, back = run(X, U, W, b, range(T)), run(X, Ur, Wr, br, range(T)[::-1])
        h = np.zeros((N, 3))
        for t in range(T):
            h = np.tanh(np.concatenate([forth[t], back[t]], axis=1) @ A + h @ B + a)
        return h

    model = network(Bidirectional(SimpleRNN(M, return_sequences=True)), SimpleRNN(3))
    demand(said(deep, model, "U", "W", "b", "Ur", "Wr", "br", "A", "B", "a"), "backward half not turned back")


def test_a_layer_that_reads_the_one_below_too_early():
    def deep(X, U, W, b, A, B, a):
        h, g = np.zeros((N, M)), np.zeros((N, 3))
        for t in range(T):
            g = np.tanh(h @ A + g @ B + a)
            h = np.tanh(X[:, t] @ U + h @ W + b)
        return g

    model = network(SimpleRNN(M, return_sequences=True), SimpleRNN(3))
    demand(said(deep, model, *"UWbABa"), "layer below of the step before")


# -------------------------------------------------------------------------------------------- products in place of sums


@pytest.mark.parametrize("bias", ["with what comes in", "outside", "with what is carried"])
def test_a_product_for_a_sum(bias):
    def loop(X, U, W, b, V, c):
        h = np.zeros((N, M))
        for t in range(T):
            x, carried = X[:, t] @ U, h @ W
            if bias == "outside":
                z = x * carried + b
            else:
                z = (x + b) * carried if bias == "with what comes in" else x * (carried + b)
            h = np.tanh(z)
        return h @ V + c

    demand(said(loop, network(SimpleRNN(M), Dense(K)), *"UWbVc"), "product for sum")


def test_a_product_for_a_sum_in_all_gates():
    def loop(X, W, U, b, V, c):
        h, m = np.zeros((N, M)), np.zeros((N, M))
        for t in range(T):
            i, f, g, o = np.split((X[:, t] @ W) * (h @ U) + b, 4, axis=1)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            m = f * m + i * np.tanh(g)
            h = o * np.tanh(m)
        return h @ V + c

    demand(said(loop, network(LSTM(M), Dense(K)), *"WUbVc"), "product for sum")


# ------------------------------------------------------------------------------------------------------- what is returned


def states(X, U, W, b):
    return np.stack(run(X, U, W, b, range(T)), axis=1)


READ = {
    "output of the first step": lambda S: S[:, 0], "mean of the states": lambda S: S.mean(1),
    "sum of the states": lambda S: S.sum(1), "sequence for the last step": lambda S: S,
}  # fmt: skip


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("name", READ)
def test_what_is_read_from_the_states(name, head):
    model = network(SimpleRNN(M), *[Dense(K)] * head)
    if head:
        demand(said(lambda X, U, W, b, V, c: READ[name](states(X, U, W, b)) @ V + c, model, *"UWbVc"), name)
    else:
        demand(said(lambda X, U, W, b: READ[name](states(X, U, W, b)), model, *"UWb"), name)


def test_the_last_step_is_not_the_sequence():
    model = network(SimpleRNN(M, return_sequences=True), Dense(K))
    demand(said(lambda X, U, W, b, V, c: states(X, U, W, b)[:, -1] @ V + c, model, *"UWbVc"), "last step for the sequence")


def test_outputs_in_the_other_order():
    model = network(SimpleRNN(M, return_sequences=True), Dense(K))
    demand(said(lambda X, U, W, b, V, c: (states(X, U, W, b) @ V + c)[:, ::-1], model, *"UWbVc"), "outputs reversed")


@pytest.mark.parametrize("steps", [range(T - 1), range(T - 2), range(1, T)])
def test_steps_that_are_left_empty(steps):
    def loop(X, U, W, b, V, c):
        h, found = np.zeros((N, M)), np.zeros((N, T, K))
        for t in steps:
            h = np.tanh(X[:, t] @ U + h @ W + b)
            found[:, t] = h @ V + c
        return found

    demand(said(loop, network(SimpleRNN(M, return_sequences=True), Dense(K)), *"UWbVc"), "steps left empty")


def test_outputs_of_several_heads():
    def heads(order):
        def loop(X, U, W, b, V, c, V2, c2):
            h = run(X, U, W, b, range(T))[-1]
            return order(h @ V + c, h @ V2 + c2)

        return loop

    model, names = network(SimpleRNN(M), outputs=[Dense(K), Dense(K)]), ("U", "W", "b", "V", "c", "V2", "c2")
    for order in (lambda a, b: (a, b), lambda a, b: [a, b], lambda a, b: {"first": a, "second": b}):
        assert said(heads(order), model, *names).ok
    demand(said(heads(lambda a, b: (b, a)), model, *names), "outputs exchanged")


# --------------------------------------------------------------------------------------------- arrays of an earlier cell


def loop(X, U, W, b, V, c):
    return run(X, U, W, b, range(T))[-1] @ V + c


@pytest.mark.parametrize("stale", ["b", "W", "V", "c", "UWbVc"])
def test_arrays_that_are_not_the_models(stale):
    model = network(SimpleRNN(M), Dense(K))
    weights = dict(zip("UWbVc", model.get_weights()))
    found = said(loop, model, *"UWbVc", **{name: rng.normal(size=weights[name].shape) for name in stale})
    demand(found, "other weights")
    assert all(f"{name} is not the model's" in found.sentence for name in stale), found.sentence


# ---------------------------------------------------------------------------------------------------- the lines of code


def in_two_lines(X, U, W, b, V, c):
    state = np.zeros((N, M))
    for t in range(T):
        before = X[:, t] @ U + state @ W.T + b  # the line of the slip
        state = np.tanh(before)
    return state @ V + c


def of_the_head(X, U, W, b, V, c):
    state = np.zeros((N, M))
    for t in range(T):
        state = np.tanh(X[:, t] @ U + state @ W + b)
    return state @ V  # the line of the slip


class Network:
    def __init__(self, *weights):
        self.weights, self.memory = weights, np.zeros((N, M))

    def step(self, x):
        U, W, _ = self.weights
        self.memory = np.tanh(x @ U + self.memory @ W)  # the line of the slip


def of_a_class(X, U, W, b, V, c):
    network = Network(U, W, b)
    for t in range(T):
        network.step(X[:, t])
    return network.memory @ V + c


@pytest.mark.parametrize("function", [in_two_lines, of_the_head, of_a_class])
def test_the_users_line_is_that_of_the_slip(function):
    (slip,) = said(function, network(SimpleRNN(M), Dense(K)), *"UWbVc").slips
    assert "test_slips_of_models.py:" in slip.line and slip.line.endswith("# the line of the slip")
    if function is of_the_head:
        assert "V" in slip.wrong and "tanh" not in slip.wrong + slip.right
