from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model, Sequential


def by_hand(model, X, Y):
    """Forward and backpropagation through time as a textbook writes them."""
    W_x, W_h, b_h, W_o, b_o = model.get_weights()
    N, T, _ = X.shape
    h = {0: np.zeros((N, W_h.shape[0]))}
    for t in range(1, T + 1):
        h[t] = np.tanh(X[:, t - 1] @ W_x + h[t - 1] @ W_h + b_h)
    y = h[T] @ W_o + b_o
    dy = 2 * (y - Y) / Y.size
    dh, dW_x, dW_h, db_h, each = dy @ W_o.T, 0, 0, 0, {}
    for t in range(T, 0, -1):
        each[t] = dh
        dz = dh * (1 - h[t] ** 2)
        dW_x, dW_h, db_h = dW_x + X[:, t - 1].T @ dz, dW_h + h[t - 1].T @ dz, db_h + dz.sum(0)
        dh = dz @ W_h.T
    gradients = {"W_x": dW_x, "W_h": dW_h, "b_h": db_h, "W_o": h[T].T @ dy, "b_o": dy.sum(0)}
    return h, y, ((y - Y) ** 2).mean(), gradients, each


def test_everything_equals_the_textbook_loop(trace):
    h, y, loss, gradients, adjoints = by_hand(trace.model, trace.inputs[0], trace.target)
    np.testing.assert_allclose(trace.output, y, rtol=1e-13)
    assert trace.loss == pytest.approx(loss, rel=1e-14)
    for name, g in gradients.items():
        np.testing.assert_allclose(trace.gradients[name], g, rtol=1e-12, atol=1e-15)
    for t in range(1, 5):
        np.testing.assert_allclose(trace.value("h", t), h[t], rtol=1e-13)
        np.testing.assert_allclose(trace.adjoint("h", t), adjoints[t], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [{}, {"every_step": True, "layers": 2, "activation": "sigmoid"}, {"flatten": True, "hidden": "relu"},
     {"every_step": True, "head": "softmax", "loss": "categorical_crossentropy"},
     {"head": "sigmoid", "loss": "categorical_crossentropy", "activation": "softmax"}],
    ids=str,
)  # fmt: skip
def test_dtype_everywhere(make, options, dtype):
    trace = make(dtype=dtype, **options)
    assert trace.dtype == dtype and trace.loss.dtype == dtype
    assert {n.value.dtype for n in trace.nodes} == {np.dtype(dtype)}
    assert {g.dtype for g in trace.gradients.values()} == {np.dtype(dtype)}


def test_the_dtype_follows_the_arrays(network):
    model = Sequential([SimpleRNN(5), Dense(2)])
    X = np.zeros((1, 3, 4))
    assert mr.trace(model, X.astype("float32")).dtype == np.float32
    assert mr.trace(model, X).dtype == np.float64
    assert mr.trace(model, X.astype(int)).dtype == np.float32
    assert mr.trace(network(), np.zeros((1, 4, 3), "float32")).dtype == np.float64  # its weights are


def test_astype_runs_it_again(trace):
    single = trace.astype("float32")
    assert single.dtype == np.float32 and trace.astype("float64") is trace
    np.testing.assert_allclose(single.gradients["W_h"], trace.gradients["W_h"], rtol=1e-4, atol=1e-6)


def test_the_demonstration_network():
    trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
    np.testing.assert_allclose(trace.output, demo.PREDICTION, atol=1e-6)
    assert trace.steps == 10 and trace.dtype == np.float64 and "10 steps" in repr(trace)


def test_forward_only_has_no_gradients(network):
    trace = mr.trace(network(), np.zeros((2, 4, 3)))
    assert trace.loss is None and trace.loss_name is None and trace.gradients == {}
    with pytest.raises(ValueError, match="no loss to differentiate, so no dL/dW_h"):
        _ = trace.gradients["W_h"]


def test_a_loss_at_every_step_is_averaged(make):
    trace = make(every_step=True)
    losses = [trace.value("l", t) for t in range(1, 5)]
    assert trace.loss == pytest.approx(np.mean(losses))
    assert trace.loss == pytest.approx(((trace.output - trace.target) ** 2).mean())


def test_a_bare_layer_and_a_function_as_loss():
    def largest(target, y):
        from minirnn.engine import ops

        return ops.sum_all(ops.square(y - target))

    rng = np.random.default_rng(0)
    trace = mr.trace(
        SimpleRNN(3, return_sequences=True), rng.normal(size=(2, 4, 5)), rng.normal(size=(2, 4, 3)), loss=largest
    )
    assert trace.loss_name == "largest" and trace.gradients["W_h"].shape == (3, 3)
    assert trace.verify(with_keras=False).ok


def test_an_initial_state_is_an_input():
    i, s = Input(shape=(4, 3)), Input(shape=(5,))
    model = Model([i, s], Dense(2)(SimpleRNN(5)(i, initial_state=s)))
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 5))
    trace = mr.trace(model, [X, S], rng.normal(size=(2, 2)))
    np.testing.assert_array_equal(trace.value("h", 0), S)
    assert trace.verify(with_keras=False).ok
    assert trace.equations().residual <= 1e-12


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((4, 3)), "add the axis of the samples"),
        (np.zeros((2, 5, 3)), r"X has shape \(2, 5, 3\); the model 'net' takes \(N, 4, 3\)"),
        (np.zeros((2, 4, 9)), "takes"),
        (np.zeros((0, 4, 3)), "no sample"),
        (np.full((1, 4, 3), np.nan), r"X has nan at \[0, 0, 0\]: 12 of 12 entries are not finite"),
        (np.full((1, 4, 3), "a"), "must hold real numbers"),
        (np.zeros((1, 4, 3), complex), "real numbers"),
        ([np.zeros((1, 4, 3))] * 2, "takes 1 inputs, not 2"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(network, X, says):
    with pytest.raises(ValueError, match=says) as error:
        mr.trace(network(), X)
    assert "\n" not in str(error.value)


def test_targets_that_do_not_fit(network):
    X = np.zeros((2, 4, 3))
    with pytest.raises(ValueError, match=r"Y has shape \(2, 5\); the output of the model has shape \(2, 6\)"):
        mr.trace(network(), X, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="Y has inf"):
        mr.trace(network(), X, np.full((2, 6), np.inf))
    with pytest.raises(ValueError, match="needs a target"):
        mr.trace(network(), X, loss="mse")
    with pytest.raises(ValueError, match="unknown loss 'mspe'"):
        mr.trace(network(), X, np.zeros((2, 6)), loss="mspe")
    with pytest.raises(TypeError, match="takes a model or a layer"):
        mr.trace("model.keras", X)


def test_what_is_not_there_is_said(trace):
    with pytest.raises(KeyError, match="no quantity 's'; there are X, x, W_x"):
        trace.value("s", 1)
    with pytest.raises(KeyError, match="h has steps 0 to 4, not 9"):
        trace.value("h", 9)
    with pytest.raises(KeyError, match="W_h has no time steps"):
        trace.value("W_h", 1)
    with pytest.raises(KeyError, match=r"h has steps 0 to 4: value\('h', t\)"):
        trace.value("h")
    with pytest.raises(KeyError, match=r"no parameter 'Wh'; did you mean W_h. There are W_x, W_h"):
        _ = trace.gradients["Wh"]


def test_inputs_and_the_initial_state_have_adjoints_too(trace):
    """They are on no path from a parameter: computed when asked for, checked by the complex step."""
    from minirnn.engine.replay import replay

    for name, t in (("x", 2), ("h", 0), ("x", 4)):
        node, found = trace.variables[name, t], trace.adjoint(name, t)
        for place in np.ndindex(*node.shape):
            e = np.zeros(node.shape)
            e[place] = 1e-30
            value = replay(trace.forward, {node: node.value + 1j * e})[trace.loss_node]
            assert found[place] == pytest.approx(value.imag / 1e-30, rel=1e-12, abs=1e-15)
    assert trace.adjoint("L") == 1


def encoder_decoder(steps):
    """The last state of one layer is the first of another: a reference from one end of the sequence to the other."""
    i = Input(shape=(None, 3))
    model = Model(i, Dense(2)(SimpleRNN(4)(i, initial_state=SimpleRNN(4)(i))))
    rng = np.random.default_rng(0)
    model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.get_weights()])
    return mr.trace(model, rng.normal(size=(2, steps, 3)), rng.normal(size=(2, 2)))


@pytest.mark.parametrize("steps", [3, 5, 11, 25])
def test_from_one_end_to_the_other_is_no_delay(steps):
    found = encoder_decoder(steps).equations()
    assert found.residual <= 1e-12 and "h⁽²⁾₀ = h⁽¹⁾_T" in str(found) and "∂L/∂h⁽¹⁾_T = ∂L/∂h⁽²⁾₀" in str(found)


def test_what_was_traced_stays_as_it_was(network):
    model = network()
    X, Y = np.random.default_rng(0).normal(size=(2, 4, 3)), np.zeros((2, 6))
    trace = mr.trace(model, X, Y)
    before = trace.gradients["W_h"].copy()
    X[:], Y[:] = 0, 7
    model.set_weights([0 * w for w in model.get_weights()])
    assert trace.value("x", 1).any() and trace.equations().residual <= 1e-12 and trace.verify(with_keras=False).ok
    np.testing.assert_allclose(trace.astype("float32").gradients["W_h"], before, rtol=1e-3, atol=1e-6)


def test_a_step_around_it_does_not_matter(network):
    with mr.at(3):
        trace = mr.trace(network(), np.ones((2, 4, 3)), np.zeros((2, 6)))
    assert trace.value("W_h").shape == (5, 5) and trace.equations().residual <= 1e-12


def test_a_sequence_flattened_at_the_end():
    from minirnn.layers import Flatten

    i = Input((4, 3))
    model = Model(i, Flatten()(Dense(2)(SimpleRNN(5, return_sequences=True)(i))))
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(3, 4, 3)), rng.normal(size=(3, 8)))
    assert trace.equations().residual <= 1e-12 and trace.verify(with_keras=False).ok


def test_other_mistakes(network):
    model, X, Y = network(), np.ones((2, 4, 3)), np.zeros((2, 6))
    with pytest.raises(TypeError, match="nothing in it was computed from the arrays"):
        mr.trace(model, X, Y, loss=lambda target, y: 5.0)
    with pytest.raises(ValueError, match="computes in float32 or float64"):
        mr.trace(model, X, Y, dtype="float16")
    with pytest.raises(KeyError, match="is a derivative already"):
        mr.trace(model, X, Y).adjoint("dL/dh", 2)


def test_numbers_that_overflow_are_said(network):
    """A saturated sigmoid is not among them: its exp overflows, and 0 is right."""
    model = network(activation="exponential")
    model.set_weights([9 * abs(w) for w in model.get_weights()])
    for _ in range(4):  # from the third on by a plan
        with pytest.warns(RuntimeWarning) as heard:
            mr.trace(model, np.ones((2, 4, 3)))
        assert [str(warning.message) for warning in heard] == ["the numbers overflow: h at step 3 is not finite"]
    model = network(activation="sigmoid")
    weights = model.get_weights()
    weights[2] -= 1000
    model.set_weights(weights)
    assert not mr.trace(model, np.ones((2, 4, 3))).value("h", 1).any()


def test_a_softmax_under_its_cross_entropy_has_a_derivative():
    rng = np.random.default_rng(8)
    net = Sequential([Input((5, 3)), SimpleRNN(4), Dense(2, activation="softmax")])
    Y = np.array([[0, 1.0], [1, 0]])
    run = mr.trace(net, rng.normal(size=(2, 5, 3)), Y, "categorical_crossentropy")
    np.testing.assert_allclose(run.adjoint("y"), -Y / run.output / 2, rtol=1e-12)
