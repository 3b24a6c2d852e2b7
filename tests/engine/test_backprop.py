from __future__ import annotations

import sys

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.engine.backprop import backprop
from minirnn.engine.graph import ancestors, at, named
from minirnn.layers import SimpleRNN


def test_a_weight_used_twice_gathers_both_parts():
    w = ops.leaf(np.array([[0.3, -0.2], [0.5, 0.7]]), "w")
    x = ops.leaf(np.array([[1.0, 2.0]]))
    loss = ops.sum_all(x @ w @ w)
    numeric = np.zeros((2, 2))
    for i in np.ndindex(2, 2):
        e = np.zeros((2, 2))
        e[i] = 1e-6
        numeric[i] = (
            (x.value @ (w.value + e) @ (w.value + e)).sum() - (x.value @ (w.value - e) @ (w.value - e)).sum()
        ) / 2e-6
    np.testing.assert_allclose(backprop(loss, [w])[w].value, numeric, rtol=1e-8)


def test_cotangents_are_named_after_their_variable_and_carry_its_step(trace):
    for t in range(1, 5):
        assert trace.variables["dL/dh", t].step == t
        assert trace.variables["dL/dz", t].shape == trace.value("z", t).shape
    assert trace.variables["dL/dW_h", None].step is None


def test_no_cotangent_is_built_off_the_paths(trace):
    """The inputs are not asked for, so δ W_xᵀ is nowhere in the graph."""
    assert not any(name == "dL/dx" for name, _ in trace.variables)
    W_x = trace.parameters["W_x"]
    assert not [n for n in trace.nodes if n.op is ops.transpose and n.args[0] is W_x]


def test_one_cotangent_for_several_variables_is_wrapped():
    with at(1):
        a, b = named("a", ops.leaf(np.ones((2, 3)))), named("b", ops.leaf(np.ones((2, 3))))
    found = backprop(named("L", ops.sum_all(a + b)), [a, b])
    assert {str(found[a].name), str(found[b].name)} == {"dL/da", "dL/db"}
    assert ops.same in (found[a].op, found[b].op)


def test_a_loss_of_several_numbers_is_refused():
    with pytest.raises(ValueError, match="single number"):
        backprop(ops.leaf(np.ones(3)), [])


def test_what_the_loss_does_not_need_gets_zeros():
    a, b = ops.leaf(np.ones(3), "a"), ops.leaf(np.ones(2), "b")
    np.testing.assert_array_equal(backprop(ops.sum_all(a), [a, b])[b].value, [0, 0])


def test_the_gradient_of_a_whole_sequence_is_one_stack():
    X = ops.leaf(np.random.default_rng(0).normal(size=(2, 4, 3)), "X")
    terms = [ops.sum_all(ops.square(ops.take(X, t))) for t in range(1, 5)]
    g = backprop(ops.total(*terms), [X])[X]
    np.testing.assert_allclose(g.value, 2 * X.value)
    assert ops.stack in (g.op, g.args[0].op)


def test_long_sequences_need_no_recursion_and_grow_linearly():
    model = SimpleRNN(4)
    rng = np.random.default_rng(0)
    sizes = {}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        for T in (1_000, 10_000):
            trace = mr.trace(model, rng.normal(size=(1, T, 3)), np.zeros((1, 4)))
            sizes[T] = len(trace.nodes)
            assert np.isfinite(trace.gradients["W_h"]).all()
            trace.fold()
    finally:
        sys.setrecursionlimit(limit)
    assert sizes[10_000] == pytest.approx(10 * sizes[1_000], rel=0.01)


def test_second_order_through_the_whole_network(trace):
    """The gradient of ‖dL/dW_h‖², against differences of the first derivative."""
    W = trace.parameters["W_h"]
    g = trace.cotangents[W]
    second = backprop(named("S", ops.sum_all(ops.square(g))), [W])[W].value

    def norm(value):
        weights = trace.model.get_weights()
        weights[1] = value
        model = trace.model
        before = model.get_weights()
        model.set_weights(weights)
        out = (mr.trace(model, trace.inputs[0], trace.target).gradients["W_h"] ** 2).sum()
        model.set_weights(before)
        return out

    e = np.zeros(W.shape)
    e[1, 2] = 1e-5
    numeric = (norm(W.value + e) - norm(W.value - e)) / 2e-5
    assert second[1, 2] == pytest.approx(numeric, rel=1e-6)


def test_the_gradients_of_blocks_stand_beside_each_other():
    rng = np.random.default_rng(3)
    W, x = ops.leaf(rng.normal(size=(4, 9)), "W"), ops.leaf(rng.normal(size=(2, 4)), "x")
    first, second, third = ops.split(W, 3)
    loss = named("L", ops.sum_all(ops.tanh(x @ second) * ops.sigmoid(x @ first) + x @ third))
    g = backprop(loss, [W])[W]
    assert g.op is ops.join and not any(part.op is ops.full for part in g.args)
    V = W.value.astype(complex)
    direction = rng.normal(size=V.shape)
    moved = ops.leaf(V + 1e-30j * direction, "W")
    first, second, third = ops.split(moved, 3)
    by_step = ops.sum_all(ops.tanh(x @ second) * ops.sigmoid(x @ first) + x @ third).value.imag / 1e-30
    np.testing.assert_allclose((g.value * direction).sum(), by_step, rtol=1e-13)


def test_a_block_used_alone_leaves_zeros_beside_it():
    W = ops.leaf(np.arange(6.0).reshape(2, 3), "W")
    g = backprop(named("L", ops.sum_all(ops.split(W, 3)[1])), [W])[W]
    assert np.array_equal(g.value, [[0, 1, 0], [0, 1, 0]])


def test_columns_that_do_not_split_are_refused():
    with pytest.raises(ValueError, match="5 columns cannot be split into 2 equal parts"):
        ops.split(ops.leaf(np.zeros((2, 5))), 2)


def _cross_entropy(z, y, given):
    """-log p_y of p = softmax(z), by way of p or of z."""
    p = named("p", ops.softmax(z))
    logs = ops.log_softmax(z, p) if given else ops.log(p)
    return p, named("L", -ops.sum_all(ops.onehot(y, size=p.dims[-1]) * logs))


def test_a_probability_given_beside_its_logits_has_its_derivative():
    z, y = ops.leaf(np.random.default_rng(4).normal(size=(2, 3)), "z"), ops.leaf([[2.0], [0.0]])
    by_p = [backprop(loss, [p])[p].value for p, loss in (_cross_entropy(z, y, given) for given in (True, False))]
    assert np.abs(by_p[0]).max() > 1
    np.testing.assert_allclose(*by_p, rtol=1e-14)
    p, loss = _cross_entropy(z, y, True)
    by_z = backprop(loss, [z], every_name=True)
    np.testing.assert_allclose(by_z[p].value, by_p[0], rtol=1e-14)
    np.testing.assert_allclose(by_z[z].value, p.value - np.eye(3)[[2, 0]], rtol=1e-14)  # not counted twice


def test_the_sigmoid_of_a_logistic_loss_has_its_derivative():
    z, t = ops.leaf(np.array([[0.3, -1.2]]), "z"), ops.leaf(np.array([[1.0, 0.0]]))
    p = named("p", ops.sigmoid(z))
    loss = named("L", ops.sum_all(ops.logistic_loss(z, t, p)))
    expected = -t.value / p.value + (1 - t.value) / (1 - p.value)
    np.testing.assert_allclose(backprop(loss, [p])[p].value, expected, rtol=1e-14)


def test_a_term_of_a_running_sum_is_reached_by_no_way_through_the_sum_before():
    a, b = (ops.leaf(np.float64(v), name) for v, name in ((2.0, "a"), (3.0, "b")))
    before = named("S", ops.square(a))
    g = backprop(named("L", before - ops.square(b)), [a, b])
    assert g[before].value == 1 and g[before] not in ancestors([g[b]])
