from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import demo
from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model

EPS32 = np.finfo("float32").eps


def states(trace, name="h", first=1):
    """(N, T, M)"""
    return np.stack([trace.value(name, t) for t in range(first, trace.steps + 1)], axis=1)


def wrong(trace):
    """The states without the recurrent product."""
    return np.tanh(trace.inputs[0] @ trace.value("W_x") + trace.value("b_h"))


# -------------------------------------------------------------------------------------------------------------- layouts

LAYOUTS = {
    "samples first": lambda H: H,
    "steps first": lambda H: H.swapaxes(0, 1),
    "a list of steps": lambda H: list(H.swapaxes(0, 1)),
    "the last step": lambda H: H[:, -1],
    "columns": lambda H: H[:, -1].T,
    "columns at every step": lambda H: H.transpose(1, 2, 0),
    "one sample": lambda H: H[0],
    "one sample, as rows": lambda H: H[0][:, None],
    "one sample, as columns": lambda H: H[0][:, :, None],
    "one sample, last step": lambda H: H[0, -1],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_numbers_may_be_laid_out_in_many_ways(trace, layout):
    assert trace.compare(h=layout(states(trace))).ok
    found = trace.compare(h=layout(wrong(trace)))
    assert not found.ok and found.slips[0].name == "no recurrent product"


def test_with_the_initial_state(trace):
    H = states(trace, first=0)
    assert trace.compare(h=H).ok and trace.compare(h=H[0]).rows[0].layout.endswith("the first sample")
    H[:, 0] = 1
    assert trace.compare(h=H).first.first == 0


def test_all_outputs_of_a_loop_of_which_the_last_counts(trace):
    """As in the notebooks: y at every step, where the model gives the last."""
    Y = states(trace) @ trace.value("W_o") + trace.value("b_o")
    for mine in (Y, Y.swapaxes(0, 1), list(Y[0])):
        found = trace.compare(y=mine)
        assert found.ok and "the last of 4 steps" in found.rows[0].layout


def test_every_quantity(stacked):
    every = {name: states(stacked, name) for name in ("h^1", "h^2", "z^1", "y")} | {"L": stacked.loss}
    every |= dict(stacked.gradients.items())
    every |= {"dL/dh^2": np.stack([stacked.adjoint("h^2", t) for t in range(1, 5)], axis=1)}
    found = stacked.compare(every)
    assert found.ok and len(found.rows) == len(every) and found.rows[0].quantity == "z^1"
    every["h^2"] = every["h^2"] + 1e-9
    assert stacked.compare(every).first.quantity == "h^2"


def test_names_as_they_are_written(trace):
    g = trace.gradients
    found = trace.compare(Wh=g["W_h"], dWx=g["W_x"], bh=g["b_h"], yhat=trace.output, loss=trace.loss, Wo=g["W_o"])
    assert found.ok
    assert {row.quantity for row in found.rows} == {"dL/dW_h", "dL/dW_x", "dL/db_h", "y", "L", "dL/dW_o"}
    assert trace.compare(dh=np.stack([trace.adjoint("h", t) for t in range(1, 5)], axis=1)).ok


def test_tensors(trace):
    import tensorflow as tf

    assert trace.compare(h=tf.constant(states(trace))).ok


# ------------------------------------------------------------------------------------------------------------ precision


def test_agreement_is_said_in_eps(trace):
    found = trace.compare(h=states(trace) * (1 + 3e-16))
    assert found.ok and found.rows[0].error < 4 and "eps of float64 (32 are allowed)" in found.sentence
    assert found.slips == [] and found.first is None


def test_float32_numbers_are_judged_as_such(trace):
    single = states(trace).astype("float32")
    found = trace.compare(h=single)
    assert found.ok and 0.1 < found.rows[0].error <= 1 and found.rows[0].precision.says == "float32" and not found.slips
    held = trace.compare(h=single.astype(float))
    assert held.ok and held.slips[0].name == "float32 against float64" and "held in float64" in held.sentence


def test_a_float32_on_the_way(trace):
    y = states(trace)[:, -1].astype("float32").astype(float) @ trace.value("W_o") + trace.value("b_o")
    found = trace.compare(y=y)
    assert not found.ok and [slip.name for slip in found.slips] == ["float32 against float64"]


def test_numbers_copied_from_a_printout():
    """Keras' prediction as the notebook shows it, and the loop's: both are right."""
    trace = mr.trace(demo.model(), demo.X)
    said = trace.compare(y=[-1.32716133, -0.02186675]).sentence
    assert said == "They agree as far as the numbers were given: float32, 8 decimals."
    said = trace.compare(y=np.round(trace.output, 6)).sentence
    assert said == "They agree as far as the numbers were given: 6 decimals."
    assert trace.compare(y=[[-1.3271614, -0.02186675]]).ok
    assert not trace.compare(y=[-1.32726133, -0.02186675]).ok


def test_a_wrong_digit_is_no_slip(trace):
    H = states(trace)
    H[0, 2, 1] += 1e-5
    found = trace.compare(h=H)
    assert not found.ok and not found.slips and found.first.first == 3
    assert "h differs first at step 3" in found.sentence and "None of the" in found.sentence


def test_what_rounding_explains_is_allowed():
    """A long chaotic network, run in another order of summing, is right."""
    rng = np.random.default_rng(0)
    layer = SimpleRNN(20, return_sequences=True)
    layer.build((None, 40, 3))
    layer.set_weights([2 * rng.normal(size=w.shape) for w in layer.get_weights()])
    trace = mr.trace(layer, rng.normal(size=(1, 40, 3)))
    h, H = np.zeros(20), []
    W_x, W_h, b_h = layer.get_weights()
    for x in trace.inputs[0][0]:
        h = np.tanh((b_h + h @ W_h) + x @ W_x)
        H.append(h)
    found = trace.compare(h=H)
    assert found.ok and found.rows[0].error > 32 and "as far as rounding allows" in found.sentence
    assert not trace.compare(h=np.array(H) + 1e-3).ok


# ---------------------------------------------------------------------------------------------------------------- slips


def test_slips_that_explain_equally_are_all_named(trace):
    found = trace.compare(h=wrong(trace))
    assert [slip.name for slip in found.slips] == ["no recurrent product", "state not carried on"]
    assert "come out when the recurrent product h @ W_h is left out; or when" in found.sentence
    assert "h = np.tanh(x[t] @ W_x + b_h)" in str(found) and found.first.first == 2


def test_right_numbers_beside_wrong_ones(trace):
    """The slip explains both."""
    mine = trace.gradients["b_h"] / trace.steps
    found = trace.compare(h=states(trace), W_h=trace.gradients["W_h"], b_h=mine)
    assert found.first.quantity == "dL/db_h" and found.slips[0].name == "factor T"
    assert found.slips[0].detail == "dL/db_h is 4 times too small"


def test_the_weights_that_were_used_are_found():
    """Two layers of weights were drawn, one was printed: the numbers tell."""
    rng = np.random.default_rng(1)
    i = Input((6, 3))
    model = Model(i, Dense(2)(SimpleRNN(4)(i)))
    given = [rng.normal(size=w.shape) * 0.5 for w in model.get_weights()]
    other = [rng.normal(size=w.shape) * 0.5 for w in given]
    X = rng.normal(size=(5, 6, 3))
    model.set_weights(other)
    mine = states(mr.trace(model, X))
    model.set_weights(given)
    found = mr.trace(model, X).compare(h=mine)
    assert found.slips[0].name == "other weights" and "another W_x and b_h and W_h" in found.slips[0].detail
    model.set_weights([other[0], *given[1:]])
    mine = states(mr.trace(model, X))
    model.set_weights(given)
    found = mr.trace(model, X).compare(h=mine)
    assert "another W_x, found from your numbers" in found.slips[0].detail


def test_weights_that_changed_since():
    """The model was trained after the trace."""
    rng = np.random.default_rng(2)
    layer = SimpleRNN(2, return_sequences=True)
    layer.build((None, 3, 5))
    X = np.arange(1.0, 4.0)[None, :, None].repeat(5, axis=2)
    old = mr.trace(layer, X)
    before = layer.get_weights()
    layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in before])
    new = mr.trace(layer, X)
    assert "those the model has by now" in old.compare(h=states(new)).slips[0].detail
    found = new.compare(h=states(old), weights=[before])
    assert found.slips[0].name == "other weights" and "set 1" in found.slips[0].detail
    assert not new.compare(h=states(old)).slips  # three numbers for each unit determine no weights


def test_an_owner_of_two_layers_forgets_one_recurrent_product(make):
    trace = make(layers=2, every_step=True)
    h = np.tanh(states(trace, "h^1") @ trace.value("W_x^2") + trace.value("b_h^2"))
    found = trace.compare({"h^2": h})
    assert found.slips[0].name == "no recurrent product" and found.slips[0].detail == "in the layer of h^2"


# ------------------------------------------------------------------------------------------------------- how it is shown


def test_saturation_is_said(network):
    """Where slopes have lost their digits, that is said beside the difference."""
    model = network()
    model.set_weights([8 * w for w in model.get_weights()])
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6)))
    found = trace.compare(W_h=trace.gradients["W_h"] * rng.uniform(1, 2, (5, 5)))
    assert not found.ok and "Note: 1 - h² has lost up to" in str(found) and "Note: " in found._repr_html_()
    assert trace.compare(h=states(trace)).warnings == []


def test_as_a_figure(trace):
    found = trace.compare(h=wrong(trace))
    (ax,) = found.plot().axes
    assert np.allclose(ax.lines[0].get_ydata(), np.maximum([error for _, error in found.rows[0].errors], 0.01))
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3, 4] and found.rows[0].errors[0][1] < 1
    with pytest.raises(ValueError, match="give all steps"):
        trace.compare(y=trace.output).plot()


def test_in_a_notebook(trace):
    shown = trace.compare(h=wrong(trace))._repr_html_()
    assert "<b>DIFFERS" in shown and ">h = np.tanh(x[t] @ W_x + b_h)</pre>" in shown


@pytest.mark.parametrize(
    "asked, says",
    [
        ({}, "nothing to compare"),
        ({"g": [1.0]}, "no quantity 'g'; there are"),
        ({"h": np.zeros((7, 7))}, r"h has shape \(7, 7\); h has shape \(2, 4, 5\) for all steps, \(2, 5\) for the last"),
        ({"h": [[1.0], [1.0, 2.0]]}, "h is ragged"),
        ({"h": [["a"]]}, "must hold real numbers"),
        ({"h": None}, "h is None"),
        ({"h": np.full((2, 5), np.nan)}, r"h has nan at \[0, 0\]"),
        ({"W_h": np.zeros(3)}, r"W_h has shape \(3,\); dL/dW_h has shape \(5, 5\)"),
    ],
)
def test_what_cannot_be_compared(trace, asked, says):
    with pytest.raises(ValueError, match=says):
        trace.compare(asked)


def test_weights_of_another_model(trace):
    with pytest.raises(ValueError, match=r"weights= takes sets of arrays of shapes \[\(3, 5\), .*, not \[\(2, 2\)\]"):
        trace.compare(h=wrong(trace), weights=[[np.zeros((2, 2))]])


def test_the_parameter_for_its_gradient(trace):
    with pytest.raises(ValueError, match="W_h is the parameter W_h itself"):
        trace.compare(W_h=trace.value("W_h"))


def test_no_loss_no_gradient(network):
    with pytest.raises(ValueError, match="there is no loss, so no dL/dW_h"):
        mr.trace(network(), np.ones((2, 4, 3))).compare(W_h=np.ones((5, 5)))


def test_the_notebook_that_asked_allclose():
    """Seed 004: ten samples of twenty steps, Keras in float32 beside a loop in float64."""
    import keras

    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    i = keras.layers.Input(shape=(20, 4))
    model = keras.models.Model(i, keras.layers.Dense(3)(keras.layers.SimpleRNN(4)(i)))
    X = rng.normal(size=(10, 20, 4))
    W_x, W_h, b_h, W_o, b_o = model.get_weights()
    by_hand = np.empty((10, 3))
    for n in range(10):
        h = np.zeros(4)
        for t in range(20):
            h = np.tanh(X[n][t].dot(W_x) + h.dot(W_h) + b_h)
        by_hand[n] = h.dot(W_o) + b_o
    trace = mr.trace(mr.from_keras(model), X)
    assert trace.compare(y=by_hand).rows[0].error < 32 and trace.compare(y=by_hand).ok
    keras_says = trace.compare(y=model.predict(X, verbose=0))
    assert keras_says.ok and 0.1 < keras_says.rows[0].error < 32 and "eps of float32" in keras_says.sentence


def test_a_layer_that_runs_backwards():
    from minirnn.layers import Bidirectional

    i = Input((4, 3))
    model = Model(i, Dense(6)(Bidirectional(SimpleRNN(5))(i)))
    rng = np.random.default_rng(0)
    trace = mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6)))
    H = states(trace, "h^b")
    assert trace.compare({"h^b": H}).ok
    assert trace.compare({"h^b": H[:, 0]}).ok  # the last to be computed
    h = np.tanh(trace.inputs[0] @ trace.value("W_x^b") + trace.value("b_h^b"))
    found = trace.compare({"h^b": h})
    assert found.slips[0].name == "no recurrent product"


# ------------------------------------------------------------------------------------- numbers beside a loop of one's own


def features_first(x, a0, Wax, Waa):
    a, a_next = np.zeros((5, 7, 4)), a0
    for t in range(4):
        a_next = np.tanh(Wax @ x[:, :, t] + Waa @ a_next)
        a[:, :, t] = a_next
    return a


def test_the_layout_of_the_loop_itself():
    shapes = {"x": (3, 7, 4), "a0": (5, 7), "Wax": (5, 3), "Waa": (5, 5)}
    rng = np.random.default_rng(0)
    given = {name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()}
    trace = mr.trace(features_first, **given, Y=np.zeros((5, 7, 4)))
    mine = features_first(**given)
    by_step = {t - 1: mine[:, :, t - 1] for t in range(1, 5)}
    for numbers in (mine, by_step, [*by_step.values()], mine.transpose(1, 2, 0), {-1: given["a0"], **by_step}):
        assert trace.compare(a_next=numbers).ok
    assert trace.compare(a=mine).ok
    mine[2, 4, 1] += 1e-3
    found = trace.compare(a=mine)
    assert not found.ok and found.first.first == 2


def zero_bias(X, U, V, c):
    h = np.zeros(4)
    for x in X:
        h = np.tanh(x @ U + h @ V)
    return h + c


def test_a_gradient_of_zeros_is_compared():
    rng = np.random.default_rng(1)
    given = {"X": rng.normal(size=(5, 3)), "U": rng.normal(size=(3, 4)), "V": rng.normal(size=(4, 4)), "c": np.zeros(4)}
    trace = mr.trace(zero_bias, **given, Y=np.ones(4))
    for name in ("dc", "c"):
        found = trace.compare({name: np.zeros(4)})
        assert not found.ok and found.first.quantity == "dL/dc"
    with pytest.raises(ValueError, match="V is the parameter V itself"):
        trace.compare(V=given["V"])


def test_float32_numbers_of_a_float32_trace_held_in_float64(network):
    model = network()
    model.set_weights([w.astype("float32") for w in model.get_weights()])
    X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    trace = mr.trace(model, X, np.zeros((2, 6), "float32"))
    mine = trace.gradients["W_h"].astype(float)
    found = trace.compare(W_h=mine * (1 + 1e-7))
    assert found.ok and "eps of float32" in found.sentence and not found.slips
    assert trace.compare(W_h=-mine).slips[0].name == "sign"
    assert not trace.compare(W_h=mine * 1.0005).ok


def test_derivatives_are_known_by_the_name_of_the_loss_and_as_those_of_L():
    def loop(X, dL, W):
        h, J = np.zeros(3), 0.0
        for x in X:
            h = np.tanh(x @ dL + h @ W)
            J += np.sum(h**2)
        return J

    rng = np.random.default_rng(3)
    trace = mr.trace(loop, X=rng.normal(size=(4, 2)), dL=rng.normal(size=(2, 3)), W=rng.normal(size=(3, 3)))
    for name in ("dL", "W"):
        for key in (name, f"d{name}", f"dL/d{name}", f"dJ/d{name}"):
            assert trace.compare({key: trace.gradients[name]}).ok
            found = trace.compare({key: 2 * trace.gradients[name]})
            assert not found.ok and found.slips[0].name == "factor 2"
    with pytest.raises(ValueError, match="and derivatives such as dJ/dh"):
        trace.compare({"dJ/dnothing": 1.0})


def test_a_gradient_that_equals_its_parameter_is_compared():
    def ridge(W):
        return 0.5 * np.sum(W**2)

    W = np.random.default_rng(0).normal(size=(2, 3))
    assert mr.trace(ridge, W=W).compare(dW=W).ok


def test_states_beside_scaled_and_clipped_gradients():
    def loop(X, U, W):
        h, J = np.zeros(3), 0.0
        for x in X:
            h = np.tanh(x @ U + h @ W)
            J += np.sum(h**2)
        return J

    rng = np.random.default_rng(3)
    trace = mr.trace(loop, X=rng.normal(size=(4, 2)), U=rng.normal(size=(2, 3)), W=rng.normal(size=(3, 3)))
    sent = {"dh": [trace.adjoint("h", t) for t in range(1, 5)]}
    for change, name in ((lambda g: 2 * g, "factor 2"), (lambda g: np.clip(g, -0.5, 0.5), "gradient clipped")):
        found = trace.compare({k: change(g) for k, g in trace.gradients.items() if k in "UW"} | sent)
        assert found.slips[0].name == name and "dh" not in found.first.quantity


def test_the_loss_of_the_last_step_where_the_sum_is_divided_at_the_end():
    def loop(X, U, W):
        h, cost = np.zeros(3), 0.0
        for x in X:
            h = np.tanh(x @ U + h @ W)
            cost += np.sum(h**2)
        return cost / len(X)

    rng = np.random.default_rng(3)
    X, U, W = rng.normal(size=(4, 2)), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    h = [np.zeros(3)]
    for x in X:
        h.append(np.tanh(x @ U + h[-1] @ W))
    dh, dU = 2 * h[-1] / 4, 0.0
    for t in range(3, -1, -1):
        dz = dh * (1 - h[t + 1] ** 2)
        dU, dh = dU + np.outer(X[t], dz), dz @ W.T
    assert mr.trace(loop, X=X, U=U, W=W).compare(U=dU).slips[0].name == "loss of the last step only"


def of_sigmoids(X, U, W, b, V, Y):
    h, L = np.zeros(4), 0.0
    for t in range(5):
        h = np.tanh(X[t] @ U + h @ W + b)
        L += np.sum((1 / (1 + np.exp(-(h @ V))) - Y[t]) ** 2)
    return L


def sigmoids():
    rng = np.random.default_rng(7)
    shapes = {"X": (5, 3), "U": (3, 4), "W": (4, 4), "b": (4,), "V": (4, 2), "Y": (5, 2)}
    return {name: 0.7 * rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    "slope, name",
    [(lambda p: 1, "slope left out"), (lambda p: 1 - p**2, "slope of another activation"), (lambda p: p * (1 - p), None)],
)
def test_the_slope_of_the_output(slope, name):
    w = sigmoids()
    h = [np.zeros(4)]
    for x in w["X"]:
        h.append(np.tanh(x @ w["U"] + h[-1] @ w["W"] + w["b"]))
    dU, dV, sent = 0.0, 0.0, np.zeros(4)
    for t in range(4, -1, -1):
        p = 1 / (1 + np.exp(-(h[t + 1] @ w["V"])))
        do = 2 * (p - w["Y"][t]) * slope(p)
        dz = (do @ w["V"].T + sent) * (1 - h[t + 1] ** 2)
        dU, dV, sent = dU + np.outer(w["X"][t], dz), dV + np.outer(h[t + 1], do), dz @ w["W"].T
    found = mr.trace(of_sigmoids, **w).compare(U=dU, V=dV)
    assert found.ok if name is None else found.slips[0].name == name, found


def test_the_mean_of_the_losses_for_their_sum():
    w = sigmoids()
    trace = mr.trace(of_sigmoids, **w)
    assert trace.compare(L=trace.loss / 5).slips[0].name == "factor T"
    assert trace.compare(L=trace.loss / 5, U=trace.gradients["U"] / 5).slips[0].name == "factor T"


def test_states_of_one_sample_tell_a_bias_of_an_earlier_cell_and_a_list_in_the_other_order():
    w = sigmoids()
    trace, h, hs = mr.trace(of_sigmoids, **w), np.zeros(4), []
    for x in w["X"]:
        h = np.tanh(x @ w["U"] + h @ w["W"] + w["b"] + 0.25)
        hs.append(h)
    found = trace.compare(h=hs)
    assert found.slips[0].name == "other weights" and "another b" in found.sentence
    right = [trace.value("h", t) for t in range(1, 6)]
    assert trace.compare(h=right[::-1]).slips[0].name == "outputs reversed"
