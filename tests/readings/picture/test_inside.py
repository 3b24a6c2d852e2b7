"""The inside of one cell: level lines, gates in a row, and the same for an LSTM, a cell of one's own and a loop."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn import ops
from minirnn.layers import GRU, LSTM, RNN, Bidirectional, Dense, Gate, GRUCell, Input, Layer, LSTMCell, Masking, SimpleRNN
from minirnn.models import Model

N, T, D, M, K = 2, 3, 4, 5, 6


class Own(Layer):
    state_names = ("h", "c")
    gates = (Gate("i", "a_i"), Gate("f", "a_f"), Gate("ctilde", "a_c", candidate=True), Gate("o", "a_o"))

    def __init__(self):
        super().__init__()
        self.state_size, self.output_size = [M, M], M

    def build(self, shape):
        self.W = self.add_weight((shape[-1], 4 * M), name="W_x")
        self.U = self.add_weight((M, 4 * M), name="W_h")

    def call(self, x, states):
        h, c = states
        a_i, a_f, a_c, a_o = ops.split(x @ self.W + h @ self.U, 4)
        i, f, o = (mr.named(name, ops.sigmoid(mr.named(f"a_{name}", a))) for name, a in zip("ifo", (a_i, a_f, a_o)))
        c = f * c + i * mr.named("ctilde", ops.tanh(mr.named("a_c", a_c)))
        h = o * ops.tanh(c)
        return h, [h, c]


def loop(X, Y, W, U, b, V):
    M = U.shape[0]
    h, c = np.zeros((len(X), M)), np.zeros((len(X), M))
    for t in range(X.shape[1]):
        z = X[:, t] @ W + h @ U + b
        i, f, o = (1 / (1 + np.exp(-z[:, k * M : (k + 1) * M])) for k in (0, 1, 3))
        ctilde = np.tanh(z[:, 2 * M : 3 * M])
        c = f * c + i * ctilde
        h = o * np.tanh(c)
    return np.mean((h @ V - Y) ** 2)


def traced(*layers):
    i = x = Input((T, D))
    for layer in layers:
        x = layer(x)
    rng = np.random.default_rng(0)
    return mr.trace(Model(i, Dense(K)(x)), rng.normal(size=(N, T, D)), rng.normal(size=(N, K)))


def of_a_loop():
    rng = np.random.default_rng(0)
    shapes = {"X": (N, T, D), "Y": (N, K), "W": (D, 4 * M), "U": (M, 4 * M), "b": (4 * M,), "V": (M, K)}
    return mr.trace(loop, **{name: rng.normal(size=shape) for name, shape in shapes.items()})


def shape_of(picture):
    """Which boxes lead to which, by names and by what circles do."""
    cell = picture.sheet.found

    def said(key):
        q = cell.quantities[key]
        return q.does[-1] if q.name is None else str(q.name).lower()

    return sorted((said(flow.source), said(flow.target)) for flow in cell.flows)


def test_the_cell_of_an_lstm_has_a_straight_line():
    picture = traced(LSTM(M)).picture(level="inside")
    box = picture.sheet.layout.boxes
    by_word = {q.does[-1]: key for key, q in picture.sheet.found.quantities.items() if q.does and q.name is None}
    ys = {box[key].y for key in ("c_t-1", by_word["+"], "c_t")}
    assert len(ys) == 1 and box["h_t-1"].y < box["f_t"].y < ys.pop()
    assert len({box[key].y for key in ("i_t", "f_t", "ctilde_t", "o_t")}) == 1
    assert box["f_t"].x < box["i_t"].x < box["ctilde_t"].x < box["o_t"].x < box["c_t"].x
    for line in picture.sheet.layout.lines:
        if line.source == "c_t-1":
            assert len(line.points) == 2 and line.points[0][1] == line.points[1][1]
    flows = {(f.source, f.target): [str(x.name) for x in f.through] for f in picture.sheet.found.flows}
    assert flows["h_t-1", "f_t"] == ["W_hf"] and flows["x_t", "o_t"] == ["W_xo"]


def test_own_cells_and_loops_are_drawn_alike():
    expected = shape_of(traced(LSTM(M)).picture(level="inside"))
    assert shape_of(traced(RNN(Own())).picture(level="inside")) == expected
    assert shape_of(of_a_loop().picture(level="inside")) == expected


@pytest.mark.parametrize("reset_after", [True, False])
def test_the_cell_of_a_gru(reset_after):
    picture = traced(GRU(M, reset_after=reset_after)).picture(level="inside")
    pairs = shape_of(picture)
    for pair in (("z", "1 −"), ("z", "⊙"), ("r", "⊙"), ("h", "⊙"), ("⊙", "htilde"), ("1 −", "⊙"), ("⊙", "+"), ("+", "h")):
        assert pair in pairs, pair
    box = picture.sheet.layout.boxes
    assert box["h_t-1"].y == box["h_t"].y > box["z_t"].y == box["r_t"].y
    note = [flow.note for flow in picture.sheet.found.flows if flow.note]
    assert note == (["+ bₕₕ"] if reset_after else [])


def test_numbers_of_one_step_and_how_far_gates_are_open():
    trace = traced(LSTM(2))
    picture = trace.picture(level="inside", step=2, values=True)
    dot = picture.dot
    assert all(f"{x:.3g}".replace("-", "−") in dot for name in "ifoch" for x in trace.value(name, 2).ravel())
    assert 'data-k="f_2"' in picture.svg and "t = 2" in dot
    shades = {box.key: box.shade for box, _ in picture.sheet.canvas.boxes if box.shade is not None}
    assert set(shades) == {"i_2", "f_2", "o_2"} and shades["f_2"] == pytest.approx(trace.value("f", 2).mean())
    assert f"open {trace.value('f', 2).mean():.2f}" in dot
    shown = {box.key: box.shade for box, _ in trace.picture(flow=True).sheet.canvas.boxes}
    assert shown["f_3"] == pytest.approx(trace.value("f", 3).mean()) and shown["c_3"] is None
    backward = [s for s in trace.picture(level="inside", flow=True).sheet.canvas.strokes if s.kind == "backward"]
    assert {("c_3", "add.2"), ("multiply.0", "f_3")} <= {(s.source, s.target) for s in backward}


def test_layers_steps_and_directions():
    trace = traced(Masking(), Bidirectional(LSTM(M)))
    assert trace.picture(level="inside").sheet.found.layer == "f"
    backwards = trace.picture(level="inside", layer="b").sheet.found
    assert backwards.states == {"c^b_t+1": "c^b_t", "h^b_t+1": "h^b_t"}
    stacked = traced(RNN([SimpleRNN(7).cell, GRUCell(M), LSTMCell(3)]))
    assert stacked.picture(level="inside").sheet.found.layer == "2"  # the first with gates
    assert stacked.picture(level="inside", layer="1").sheet.found.states == {"h^1_t-1": "h^1_t"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"level": "inside", "step": 9}, "the cell has steps 1 to 3"),
        ({"level": "inside", "layer": "z"}, "no cell 'z'"),
        ({"level": "inside", "rolled": True}, "leave rolled and rankdir out"),
        ({"level": "inside", "rankdir": "LR"}, "leave rolled and rankdir out"),
        ({"step": 2}, "step is for level='inside'"),
        ({"level": "op", "layer": "1"}, "layer is for level='inside'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        traced(LSTM(M)).picture(**options)


def test_a_network_without_a_cell_has_none():
    i = Input((D,))
    trace = mr.trace(Model(i, Dense(K)(i)), np.ones((N, D)))
    with pytest.raises(ValueError, match="there is none"):
        trace.picture(level="inside")


def test_what_stands_on_many_lines_is_written_once():
    found = traced(Bidirectional(LSTM(M))).picture(rolled=True, backward=True).sheet
    from .test_layout import faults

    assert not faults(found.layout)
    said = [row for box, rows in found.canvas.boxes for row, *_ in rows if box.key == "dL/dW_x^f"]
    assert any("xₜᵀ, sum over t" in row for row in said)


@pytest.mark.parametrize("name", ["gelu", "selu", "hard_sigmoid", "leaky_relu", "sparsemax"])
@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM"])
def test_an_activation_of_several_operations_is_one_box(layer, name):
    """The candidate and the state are activated by it: no primitive of it stands alone."""
    i = Input((None, 3))
    model = Model(i, Dense(2)(getattr(mr.layers, layer)(4, activation=name)(i)))
    cell = mr.trace(model, np.ones((2, 3, 3)), np.zeros((2, 2))).picture(level="inside").sheet.found
    said = [word for quantity in cell.quantities.values() for word in quantity.does if isinstance(word, str)]
    assert said.count(name) == (2 if layer == "LSTM" else 1)
    assert set(said) <= {name, "σ", "⊙", "+"}


def test_operations_that_are_no_activation_stay_circles():
    from minirnn import ops

    i = Input((None, 3))
    model = Model(i, Dense(2)(mr.layers.LSTM(4, activation=lambda z: ops.tanh(z) * ops.sin(z))(i)))
    cell = mr.trace(model, np.ones((2, 3, 3)), np.zeros((2, 2))).picture(level="inside").sheet.found
    assert {"tanh", "sin"} <= {word for q in cell.quantities.values() for word in q.does if isinstance(word, str)}
