"""Every kind of network: its gradients against the complex step, its readings, its long sequences, its weights."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.layers import RNN, Bidirectional, Dense, Input, Layer, Masking, SimpleRNN, SimpleRNNCell, TimeDistributed
from minirnn.models import Model, Sequential

from ..family import MASK, NETWORKS, D, M, N, T, row, traced

KINDS = sorted(NETWORKS)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_equal_the_complex_step(name):
    report = traced(name).verify(with_keras=False)
    assert report.ok, report


@pytest.mark.parametrize("name", KINDS)
def test_equations_hold_at_every_step(name):
    trace = traced(name)
    for convention in ("row", "column"):
        assert trace.equations(convention=convention).residual <= 1e-13
    assert trace.equations(form="unrolled").residual <= 1e-13
    assert trace.equations(form="component").residual <= 1e-13


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"flat"}))
def test_a_long_sequence_has_the_same_equations(name):
    short, long = traced(name, steps=6).equations(), traced(name, steps=23).equations()
    assert [e.latex for e in long] == [e.latex for e in short] and long.residual <= 1e-12


@pytest.mark.parametrize("name", KINDS)
def test_the_walk_says_every_step(name):
    assert str(traced(name).walk())


@pytest.mark.parametrize("name", KINDS)
def test_copies_and_pickles_are_the_same_trace(name):
    trace = traced(name)
    for twin in (copy.deepcopy(trace), pickle.loads(pickle.dumps(trace))):
        assert twin.loss == trace.loss and twin.model is not trace.model
        for key, gradient in trace.gradients.items():
            np.testing.assert_array_equal(twin.gradients[key], gradient)
        assert str(twin.equations()) == str(trace.equations())


def test_a_masked_step_carries_the_state_in_one_uniform_equation():
    lines = [str(e) for e in traced("masking").equations()]
    assert "hₜ = (mₜ 1ᵀ) ⊙ h̃ₜ + (1 - mₜ 1ᵀ) ⊙ hₜ₋₁    (t=1..T)" in lines and "mₜ = [xₜ ≠ 0]    (t=1..T)" in lines


def test_quantities_keep_their_step_when_time_runs_backwards():
    trace = traced("backwards, every step")
    assert not trace.value("h", T + 1).any()
    np.testing.assert_array_equal(trace.output[:, 0], trace.value("y", T))  # Keras gives the outputs as they were computed
    np.testing.assert_array_equal(trace.output[:, -1], trace.value("y", 1))


def test_gradients_flow_to_the_initial_state():
    i, h = Input((T, D)), Input((M,))
    model = Model([i, h], SimpleRNN(M)(i, initial_state=h))
    rng = np.random.default_rng(0)
    X, H, Y = rng.normal(size=(N, T, D)), rng.normal(size=(N, M)), np.zeros((N, M))
    found = mr.trace(model, [X, H], Y, dtype="float64").adjoint("h", 0)
    moved = H.copy()
    moved[1, 2] += 1e-6
    change = mr.trace(model, [X, moved], Y, dtype="float64").loss - mr.trace(model, [X, H], Y, dtype="float64").loss
    assert abs(change / 1e-6 - found[1, 2]) < 1e-6


# ------------------------------------------------------------------------------------------------------------- states


def test_a_stateful_layer_goes_on_where_it_was():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 2 * T, D))
    whole, parts = SimpleRNN(M), SimpleRNN(M, stateful=True)
    end = np.asarray(whole(X))
    parts.build((N, T, D))
    parts.set_weights(whole.get_weights())
    parts(X[:, :T])
    np.testing.assert_array_equal(np.asarray(parts(X[:, T:])), end)
    parts.reset_state()
    np.testing.assert_array_equal(np.asarray(parts(X)), end)
    with pytest.raises(ValueError, match="has the state of 2 samples; it is called on 3"):
        parts(np.ones((3, T, D)))
    np.testing.assert_allclose(np.asarray(parts(X, initial_state=np.zeros((N, M)))), end)


def test_a_stateful_model_predicts_on_and_traces_from_where_it_is():
    i = Input(batch_shape=(N, T, D))
    model = Model(i, Dense(2)(SimpleRNN(M, stateful=True)(i)))
    X = np.random.default_rng(0).normal(size=(N, T, D))
    first, second = model.predict(X), model.predict(X)
    assert not np.allclose(first, second)
    state = model.layers[1].states[0]
    trace = mr.trace(model, X)
    np.testing.assert_array_equal(trace.value("h", 0), state.astype(trace.dtype))
    np.testing.assert_allclose(trace.output, model.predict(X), rtol=1e-6)  # a trace does not go on
    model.reset_states()
    np.testing.assert_array_equal(model.predict(X), first)
    with pytest.raises(ValueError, match="needs the number of samples"):
        SimpleRNN(M, stateful=True)(Input((T, D)))
    with pytest.raises(ValueError, match="holds 3 samples; the batch size of"):
        model.predict(np.ones((3, T, D)))


def test_states_must_fit():
    x = np.ones((N, T, D))
    with pytest.raises(ValueError, match="takes 2 initial states, not 1"):
        RNN([SimpleRNNCell(2), SimpleRNNCell(3)])(x, initial_state=[np.ones((N, 2))])
    with pytest.raises(ValueError, match="even number"):
        Bidirectional(SimpleRNN(2))(Input((T, D)), initial_state=[Input((2,))])


# ------------------------------------------------------------------------------------------------ masks and directions


@pytest.mark.parametrize("shape", [(N, T), (N, T, 1)])
def test_a_mask_given_to_a_call(shape):
    rnn = SimpleRNN(M, return_sequences=True, return_state=True)
    X = np.random.default_rng(0).normal(size=(N, T, D))
    out, state = rnn(X, mask=MASK.reshape(shape))
    np.testing.assert_array_equal(np.asarray(out)[0, 3], np.asarray(out)[0, 2])
    np.testing.assert_array_equal(np.asarray(state)[0], np.asarray(out)[0, 3])
    with pytest.raises(ValueError, match="mask has shape"):
        rnn(X, mask=MASK[:, :2])


def test_one_step_runs_either_way():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 1, D))
    forward, backward = SimpleRNN(M, return_sequences=True), SimpleRNN(M, go_backwards=True, return_sequences=True)
    forward(X), backward(X)
    backward.set_weights(forward.get_weights())
    np.testing.assert_array_equal(np.asarray(forward(X)), np.asarray(backward(X)))


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Bidirectional(Dense(3)), ValueError, "takes a SimpleRNN or RNN"),
        (lambda: Bidirectional(SimpleRNN(3), merge_mode="max"), ValueError, "merge_mode"),
        (lambda: Bidirectional(SimpleRNN(3, go_backwards=True)), ValueError, "must go backwards"),
        (lambda: Bidirectional(SimpleRNN(3), backward_layer=SimpleRNN(3)), ValueError, "must go backwards"),
        (
            lambda: Bidirectional(SimpleRNN(3), backward_layer=SimpleRNN(3, go_backwards=True, return_state=True)),
            ValueError,
            "differ in return_state",
        ),
        (lambda: TimeDistributed("dense"), ValueError, "takes a layer"),
        (lambda: TimeDistributed(Dense(3))(Input((4,))), ValueError, "takes sequences"),
        (lambda: SimpleRNN(3)(Input((4, 2)), mask=Input((4, 2))), ValueError, "a mask has shape"),
        (lambda: SimpleRNN(3)(Input((4, 2)), mask=np.ones((1, 4))), TypeError, "must be placeholders"),
        (lambda: SimpleRNN(3, dropout="0.5"), ValueError, "number from 0 to 1"),
        (lambda: Bidirectional(SimpleRNN(3)).reset_state(), AttributeError, "stateful"),
        (lambda: RNN([]), ValueError, "list of cells"),
    ],
)
def test_arguments_that_make_no_sense(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_sizes_that_do_not_add_up():
    layer = Bidirectional(SimpleRNN(3), merge_mode="sum", backward_layer=SimpleRNN(4, go_backwards=True))
    with pytest.raises(ValueError, match="different units"):
        layer(Input((T, D)))


def test_as_keras_both_layers_are_made_anew_with_weights_of_their_own():
    given = SimpleRNN(M, seed=5, name="mine")
    given(np.ones((1, T, D)))
    layer = Bidirectional(given)
    layer.build((None, T, D))
    assert [c.name for c in layer.children.values()] == ["forward_mine", "backward_mine"]
    assert not np.array_equal(layer.get_weights()[0], given.get_weights()[0]) and len(layer.get_weights()) == 6
    weights = [np.ones(w.shape) for w in layer.get_weights()]
    again = Bidirectional(SimpleRNN(M), weights=weights)
    again.build((None, T, D))
    np.testing.assert_array_equal(again.get_weights()[4], np.ones((M, M)))


# ------------------------------------------------------------------------------------------------------------ dropout


def test_one_dropout_mask_for_all_steps_and_none_outside_training():
    trace = traced("dropout")
    d = trace.value("d_x")
    assert d.shape == (N, D) and set(np.unique(d)) <= {0, 1 / 0.6}
    assert "d_x" not in mr.trace(trace.model, trace.inputs[0]).counts
    given = {"d_x": np.zeros((N, D)), "d_h": np.ones((N, M)), "D": np.ones((N, T, M))}
    quiet = mr.trace(trace.model, trace.inputs[0], training=True, masks=given, dtype="float64")
    np.testing.assert_array_equal(quiet.value("z", 1), np.tile(quiet.value("b_h"), (N, 1)))
    with pytest.raises(ValueError, match=r"dropout mask d_x has shape \(1, 1\)"):
        mr.trace(trace.model, trace.inputs[0], training=True, masks={"d_x": np.ones((1, 1))})


def test_a_seed_draws_the_same_masks_again():
    def run(seed):
        mr.set_random_seed(1)
        i = Input((T, D))
        model = Model(i, SimpleRNN(M, dropout=0.5, seed=seed)(i))
        return [mr.trace(model, np.ones((N, T, D)), training=True).value("d_x") for _ in range(3)]

    first, again = run(3), run(3)
    np.testing.assert_array_equal(first, again)
    assert any(not np.array_equal(first[0], other) for other in first[1:])  # each call draws anew


def test_a_verdict_replays_the_masks():
    trace = traced("dropout")
    np.testing.assert_array_equal(trace.astype("float32").value("d_h"), trace.value("d_h").astype("float32"))


# ---------------------------------------------------------------------------------------------------------- embedding


def test_an_embedding_takes_row_numbers_only():
    trace = traced("embedding")
    model, W = trace.model, trace.value("W_e")
    np.testing.assert_array_equal(trace.value("e", 2), W[trace.inputs[0][:, 1]])
    for wrong in (np.full((N, T), 9), np.full((N, T), -1)):
        with pytest.raises(ValueError, match="has rows 0 to 8"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="takes whole numbers"):
        model.predict(np.full((N, T), 0.5))


def test_a_row_of_layers_is_put_together_on_first_data():
    model = Sequential([Masking(), Bidirectional(SimpleRNN(M)), Dense(2)])
    assert model.predict(np.ones((N, T, D))).shape == (N, 2) and model.predict(np.ones((N, 9, D))).shape == (N, 2)
    assert [w.shape for w in model.get_weights()][:3] == [(D, M), (M, M), (M,)]
    with pytest.raises(ValueError, match="several outputs"):
        Sequential([Input((T, D)), SimpleRNN(3, return_state=True), Dense(2)])


def test_penalties_are_part_of_the_loss():
    trace = traced("penalties")
    bare = row(SimpleRNN(M), Dense(6))
    bare.set_weights(trace.model.get_weights())
    without = mr.trace(bare, trace.inputs[0], trace.target, dtype="float64")
    W_x, W_h, b_h, W_o, _ = trace.model.get_weights()
    factor = float(np.float32(0.01))  # as Keras rounds it
    added = factor * ((W_x**2).sum() + abs(W_h).sum() + abs(b_h).sum() + (b_h**2).sum() + abs(W_o).sum())
    added += factor * (trace.output**2).sum() / N
    assert abs(trace.loss - without.loss - added) < 1e-14
    trace.model.layers[1].trainable = False
    frozen = mr.trace(trace.model, trace.inputs[0], trace.target, dtype="float64")
    assert frozen.loss < trace.loss  # as in Keras, weights that are not trained are not penalized


# ------------------------------------------------------------------------------------------------ cells of one's own


class TwoStates(Layer):
    """A cell with a slow state beside the fast one."""

    def __init__(self, units):
        super().__init__()
        self.units, self.state_size, self.output_size = units, [units, units], units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.units), "glorot_uniform", name="W", regularizer="l2")
        self.R = self.add_weight((self.units, self.units), "orthogonal", name="R")

    def call(self, x, states):
        fast, slow = states
        new = ops.tanh(x @ self.W + slow @ self.R)
        return new * slow, [new, 0.5 * slow + 0.5 * fast]


@pytest.mark.parametrize(
    "wrap",
    [lambda cell: RNN(cell, return_sequences=True), lambda cell: RNN([SimpleRNNCell(M), cell], return_sequences=True)],
)
@pytest.mark.parametrize("masked", [False, True])
def test_a_cell_of_ones_own(wrap, masked):
    i, m = Input((None, D)), Input((None,), dtype="bool")
    model = Model([i, m], Dense(6)(wrap(TwoStates(M))(i, mask=m))) if masked else Model(i, Dense(6)(wrap(TwoStates(M))(i)))
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(N, T, D)), MASK] if masked else rng.normal(size=(N, T, D))
    trace = mr.trace(model, X, rng.normal(size=model.predict(X).shape), dtype="float64")
    assert trace.verify(with_keras=False).ok and trace.equations().residual < 1e-13
    report = trace.verify()
    assert report.ok and any("a cell of your own" in row.note for row in report if row.missing)
    with pytest.raises(NotImplementedError, match="two_states"):
        mr.to_keras(model)


def test_a_cell_that_gives_no_nodes():
    cell = TwoStates(M)
    cell.call = lambda x, states: (np.zeros((N, M)), states)
    with pytest.raises(TypeError, match="gives 3 results, and 2 of them are computed from the arrays"):
        RNN(cell)(np.ones((N, T, D)))
    cell = TwoStates(M)
    cell.call = lambda x, states: (states[0], states[:1])
    with pytest.raises(TypeError, match="must give an output and 2 states"):
        RNN(cell)(np.ones((N, T, D)))


def test_an_activation_of_ones_own():
    def swish(z):
        return z * ops.sigmoid(z)

    i = Input((T, D))
    model = Model(i, SimpleRNN(M, activation=swish)(i))
    twin = Model(i, SimpleRNN(M, activation="silu")(i))
    twin.set_weights(model.get_weights())
    X = np.random.default_rng(0).normal(size=(N, T, D))
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    report = mr.trace(model, X, np.zeros((N, M))).verify()
    assert report.ok and any("a function of your own" in row.note for row in report)
    np.testing.assert_array_equal(SimpleRNN(M, activation=np.tanh, kernel_initializer="ones")(X).shape, (N, M))
    for wrong, says in (
        (lambda z: 3.0, "cannot be followed: .*nothing in it was computed from the arrays"),
        (lambda z: z if np.sum(z) > 0 else -z, "a branch on a traced value"),
        (ops.sumcols, "keep the shape"),
    ):
        with pytest.raises((TypeError, ValueError), match=says):
            SimpleRNN(M, activation=wrong)(X)
