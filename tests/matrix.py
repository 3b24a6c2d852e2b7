"""Every kind of network times every reading: `python -m tests.matrix` prints the whole table, the suite runs a part of it.

A reading of a network is right, or it is refused in one sentence; what each reading must show is in `READINGS`.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import minirnn as mr
from minirnn import activations
from minirnn.engine import ops
from minirnn.layers import (
    RNN,
    Activation,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from minirnn.models import Model
from minirnn.readings.picture.geometry import overlap

from . import around_networks, gated_networks
from .family import MASK, NETWORKS, D, K, M, N, T, row

# ------------------------------------------------------------------------------------------------------- the networks


class Minimal(Layer):
    """The cell of Keras' documentation: one state, which is the output."""

    def __init__(self, units):
        super().__init__()
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), "glorot_uniform", "kernel")
        self.recurrent = self.add_weight((self.units, self.units), "glorot_uniform", "recurrent")

    def call(self, x, states):
        h = ops.tanh(x @ self.kernel + states[0] @ self.recurrent)
        return h, [h]


class Gated(Layer):
    """Two states of one size, h and c; the output is h."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, units], units

    def build(self, input_shape):
        M = self.output_size
        self.W = self.add_weight((input_shape[-1], M), "glorot_uniform", "W")
        self.U = self.add_weight((M, M), "glorot_uniform", "U")
        self.V = self.add_weight((M, M), "glorot_uniform", "V")

    def call(self, x, states):
        h, c = states
        f = ops.sigmoid(x @ self.W + h @ self.U)
        c = f * c + (1 - f) * ops.tanh(h @ self.V)
        return ops.tanh(c), [ops.tanh(c), c]


class Delayed(Layer):
    """Two states of different sizes; the second is what the first was a step before, needed later or never."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, 2], units

    def build(self, input_shape):
        M = self.output_size
        self.W = self.add_weight((input_shape[-1], M), "glorot_uniform", "W")
        self.U = self.add_weight((M, 2), "glorot_uniform", "U")
        self.V = self.add_weight((2, M), "glorot_uniform", "V")

    def call(self, x, states):
        h, s = states
        new = ops.tanh(x @ self.W + s @ self.V)
        return new, [new, h @ self.U]


class Read(Layer):
    """One state; the output is read off it and has another size."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = units, 7

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.state_size), "glorot_uniform", "W")
        self.U = self.add_weight((self.state_size, self.state_size), "glorot_uniform", "U")
        self.V = self.add_weight((self.state_size, 7), "glorot_uniform", "V")

    def call(self, x, states):
        h = ops.tanh(x @ self.W + states[0] @ self.U)
        return h @ self.V, [h]


class Unused(Layer):
    """A second state that nothing uses."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, 2], units

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[-1], self.output_size), "glorot_uniform", "W")
        self.U = self.add_weight((self.output_size, self.output_size), "glorot_uniform", "U")

    def call(self, x, states):
        h = ops.tanh(x @ self.W + states[0] @ self.U)
        return h, [h, states[1]]


def with_states(layer, count, head=True, shape=(None, D), sizes=None):
    """The layer with `count` initial states of size M (or those of `sizes`), then a Dense."""
    i = Input(shape)
    given = [Input((size,)) for size in (sizes or [M] * count)]
    out = layer(i, initial_state=given)
    x = out[0] if isinstance(out, list) else out
    return Model([i, *given], Dense(K)(x) if head else out)


def masked(*layers):
    """The first layer with an explicit mask."""
    i, m = Input((None, D)), Input((None,), dtype="bool")
    x = layers[0](i, mask=m)
    for layer in layers[1:]:
        x = layer(x)
    return Model([i, m], x)


def several(layer, shape=(None, D), batch=None):
    """All outputs of the layer are outputs of the model."""
    i = Input(shape, batch_size=batch)
    return Model(i, layer(i))


def stateful(**options):
    i = Input((T, D), batch_size=N)
    return Model(i, Dense(K)(SimpleRNN(M, stateful=True, **options)(i)))


def one_input_two_networks():
    i = Input((None, D))
    return Model(i, [Dense(K)(SimpleRNN(M)(i)), Dense(2)(SimpleRNN(7, go_backwards=True)(i))])


def shared_dense():
    i = Input((None, D))
    dense = Dense(K)
    return Model(i, [dense(SimpleRNN(M)(i)), dense(SimpleRNN(M, activation="relu")(i))])


SEQ = {"return_sequences": True}
RNNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sequences": SEQ,
    "no bias": {"use_bias": False},
    "backwards": {"go_backwards": True},
    "backwards sequences": SEQ | {"go_backwards": True},
    "unroll": {"unroll": True},
    "unroll sequences": SEQ | {"unroll": True},
    "dropouts": SEQ | {"dropout": 0.3, "recurrent_dropout": 0.4},
    "constraints": {"kernel_constraint": "max_norm", "recurrent_constraint": "unit_norm", "bias_constraint": "non_neg"},
    "regularizers": {"kernel_regularizer": "l1", "recurrent_regularizer": "l1_l2", "bias_regularizer": "l2"},
    "orthogonal regularizer": {"recurrent_regularizer": "orthogonal_regularizer"},
    "initializers": {"kernel_initializer": "he_normal", "recurrent_initializer": "identity", "bias_initializer": "ones"},
    "float64": {"dtype": "float64"},
    "not trainable": {"trainable": False},
}


def networks() -> dict[str, Callable[[], Model]]:
    """All of them by name."""
    found: dict[str, Callable[[], Model]] = {f"family: {name}": make for name, make in NETWORKS.items()}
    for name, options in RNNS.items():
        found[f"SimpleRNN {name}"] = lambda o=options: row(SimpleRNN(M, **o), Dense(K), shape=(T, D))
    cells: dict[str, Callable[[], Any]] = {
        "cell": lambda: SimpleRNNCell(M),
        "cell with dropout": lambda: SimpleRNNCell(M, dropout=0.3, recurrent_dropout=0.4),
        "cells": lambda: [SimpleRNNCell(M), SimpleRNNCell(7, activation="relu")],
        "stacked": lambda: StackedRNNCells([SimpleRNNCell(M), SimpleRNNCell(7)]),
        "own": lambda: Minimal(M),
        "own, gated": lambda: Gated(M),
        "own, delayed": lambda: Delayed(M),
        "own, read": lambda: Read(M),
        "own, unused": lambda: Unused(M),
        "own and ours": lambda: [Minimal(M), SimpleRNNCell(7)],
    }
    for name, cell in cells.items():
        for how, options in {"last": {}, "sequences": SEQ, "backwards": {"go_backwards": True} | SEQ}.items():
            found[f"RNN {name}, {how}"] = lambda c=cell, o=options: row(RNN(c(), **o), Dense(K))
        found[f"RNN {name}, mask"] = lambda c=cell: masked(RNN(c(), return_sequences=True), Dense(K))
        found[f"RNN {name}, states"] = lambda c=cell: several(RNN(c(), return_state=True))
    for mode in ("concat", "sum", "mul", "ave", None):
        for how, options in {"last": {}, "sequences": SEQ}.items():
            name = f"Bidirectional {mode}, {how}"
            found[name] = lambda m=mode, o=options: row(
                Bidirectional(SimpleRNN(M, **o), merge_mode=m), *([Dense(K)] * bool(m))
            )
            found[f"{name}, mask"] = lambda m=mode, o=options: row(
                Masking(), Bidirectional(SimpleRNN(M, **o), merge_mode=m), *([Dense(K)] * bool(m))
            )
    unlike = {"activation": "relu", "go_backwards": True}
    further: dict[str, Callable[[], Model]] = {
        "Bidirectional backward_layer": lambda: row(
            Bidirectional(SimpleRNN(M, **SEQ), backward_layer=SimpleRNN(7, **SEQ, **unlike)), Dense(K)
        ),
        "Bidirectional of cells": lambda: row(Bidirectional(RNN([SimpleRNNCell(M), SimpleRNNCell(7)], **SEQ)), Dense(K)),
        "Bidirectional of own cell": lambda: row(Bidirectional(RNN(Minimal(M), **SEQ)), Dense(K)),
        "Bidirectional twice": lambda: row(
            Bidirectional(SimpleRNN(M, **SEQ)), Bidirectional(SimpleRNN(4), merge_mode="ave"), Dense(K)
        ),
        "Bidirectional of states": lambda: with_states(Bidirectional(SimpleRNN(M)), 2),
        "Bidirectional returns states": lambda: several(Bidirectional(SimpleRNN(M, return_state=True))),
        "Bidirectional with dropout": lambda: row(Bidirectional(SimpleRNN(M, dropout=0.4, recurrent_dropout=0.2)), Dense(K)),
        "Bidirectional, explicit mask": lambda: masked(Bidirectional(SimpleRNN(M, **SEQ)), Dense(K)),
        "initial state": lambda: with_states(SimpleRNN(M), 1),
        "initial state, backwards": lambda: with_states(SimpleRNN(M, go_backwards=True, **SEQ), 1),
        "initial states of cells": lambda: with_states(RNN([SimpleRNNCell(M), SimpleRNNCell(7)]), 2, sizes=[M, 7]),
        "initial states of own cell": lambda: with_states(RNN(Gated(M)), 2),
        "return state": lambda: several(SimpleRNN(M, return_state=True)),
        "return state and sequences": lambda: several(SimpleRNN(M, return_state=True, **SEQ)),
        "stateful": stateful,
        "stateful sequences": lambda: stateful(**SEQ),
        "stateful Bidirectional": lambda: row_of(
            Input((T, D), batch_size=N), Bidirectional(SimpleRNN(M, stateful=True)), Dense(K)
        ),
        "mask": lambda: masked(SimpleRNN(M), Dense(K)),
        "mask, sequences": lambda: masked(SimpleRNN(M, **SEQ), Dense(K)),
        "mask, zeros": lambda: masked(SimpleRNN(M, zero_output_for_mask=True, **SEQ), Dense(K)),
        "mask, zeros, backwards, unroll": lambda: masked_fixed(
            SimpleRNN(M, zero_output_for_mask=True, go_backwards=True, unroll=True, **SEQ)
        ),
        "mask, backwards": lambda: masked(SimpleRNN(M, go_backwards=True, **SEQ), Dense(K)),
        "mask, dropout": lambda: masked(SimpleRNN(M, dropout=0.3, recurrent_dropout=0.3), Dense(K)),
        "masking value": lambda: row(Masking(2.0), SimpleRNN(M), Dense(K)),
        "masking, two layers": lambda: row(Masking(), SimpleRNN(M, **SEQ), SimpleRNN(7), Dense(K)),
        "masking, TimeDistributed": lambda: row(Masking(), SimpleRNN(M, **SEQ), TimeDistributed(Dense(K))),
        "embedding": lambda: row(Embedding(9, 8), SimpleRNN(M), Dense(K), shape=(None,)),
        "embedding, mask": lambda: row(Embedding(9, 8, mask_zero=True), SimpleRNN(M), Dense(K), shape=(None,)),
        "embedding, both ways": lambda: row(
            Embedding(9, 8, mask_zero=True), Bidirectional(SimpleRNN(M, **SEQ)), Dense(K), shape=(None,)
        ),
        "TimeDistributed Dense": lambda: row(SimpleRNN(M, **SEQ), TimeDistributed(Dense(4, "relu")), Dense(K)),
        "TimeDistributed Activation": lambda: row(SimpleRNN(M, **SEQ), TimeDistributed(Activation("sigmoid"))),
        "TimeDistributed Dropout": lambda: row(SimpleRNN(M, **SEQ), TimeDistributed(Dropout(0.4)), Dense(K)),
        "Dropout twice": lambda: row(Dropout(0.3), SimpleRNN(M, **SEQ), TimeDistributed(Dropout(0.4)), Dense(K)),
        "TimeDistributed Masking": lambda: row(TimeDistributed(Masking()), SimpleRNN(M), Dense(K)),
        "TimeDistributed Flatten": lambda: row(SimpleRNN(M, **SEQ), TimeDistributed(Flatten()), Dense(K)),
        "Activation": lambda: row(SimpleRNN(M), Dense(K), Activation("softmax")),
        "Activation, hidden": lambda: row(SimpleRNN(M, **SEQ), Activation("relu"), SimpleRNN(7), Dense(K)),
        "Dense in front": lambda: row(Dense(4, "tanh"), SimpleRNN(M), Dense(K)),
        "three Dense": lambda: row(SimpleRNN(M), Dense(4, "relu"), Dense(7), Dense(K)),
        "Dropout": lambda: row(Dropout(0.3), SimpleRNN(M), Dropout(0.3), Dense(K)),
        "Dropout of all steps": lambda: row(Dropout(0.3, noise_shape=(None, 1, D)), SimpleRNN(M), Dense(K)),
        "Flatten": lambda: row(SimpleRNN(M, **SEQ), Flatten(), Dense(K), shape=(T, D)),
        "Flatten, both ways": lambda: row(Bidirectional(SimpleRNN(M, **SEQ)), Flatten(), Dense(K), shape=(T, D)),
        "Flatten, backwards": lambda: row(SimpleRNN(M, go_backwards=True, **SEQ), Flatten(), Dense(K), shape=(T, D)),
        "three layers": lambda: row(SimpleRNN(M, **SEQ), SimpleRNN(7, **SEQ), SimpleRNN(4), Dense(K)),
        "no head": lambda: row(SimpleRNN(M)),
        "one input, two networks": one_input_two_networks,
        "shared Dense": shared_dense,
        "activity regularizer": lambda: row(
            SimpleRNN(M, **SEQ), Dense(4, activity_regularizer="l1"), SimpleRNN(7), Dense(K)
        ),
        "glu": lambda: row(SimpleRNN(6, **SEQ), Activation("glu"), Dense(8, "glu"), SimpleRNN(M), Dense(K)),
        "threshold": lambda: row(SimpleRNN(M, activation=lambda z: activations.threshold(z, 0.3, 0.2)), Dense(K)),
        "own function": lambda: row(SimpleRNN(M, activation=lambda z: z * ops.sigmoid(z)), Dense(K)),
    }  # fmt: skip
    found |= further
    for name in sorted(set(activations.KNOWN.names) - {"glu"}):
        found[f"activation {name}"] = lambda a=name: row(SimpleRNN(M, activation=a, **SEQ), Dense(K))
    for name in ("log_softmax", "gelu", "softsign", "elu", "glu", "sparsemax"):
        found[f"head {name}"] = lambda a=name: row(SimpleRNN(M), Dense(K, activation=a))
    return found | gated_networks.networks() | around_networks.networks()


def row_of(i, *layers):
    x = i
    for layer in layers:
        x = layer(x)
    return Model(i, x)


def masked_fixed(*layers):
    i, m = Input((T, D)), Input((T,), dtype="bool")
    x = layers[0](i, mask=m)
    return Model([i, m], x)


def arrays(model: Model, rng: np.random.Generator, name: str, steps: int = T, samples: int = N) -> Any:
    """Data for every input of the model."""
    found = []
    masking = next((layer for layer in model.layers if isinstance(layer, Masking)), None)
    for symbolic in model.inputs:
        match model.role(symbolic):
            case "mask":
                found.append(np.resize(MASK, (samples, steps)))
            case "numbers":
                numbers = rng.integers(1, 9, size=(samples, steps))
                found.append(numbers * np.resize(MASK, (samples, steps)) if "mask" in name or "both" in name else numbers)
            case "state":
                found.append(rng.normal(size=(samples, symbolic.shape[1])))
            case _:
                X = rng.normal(size=(samples, steps, *symbolic.shape[2:]))
                if masking is not None:
                    X[~np.resize(MASK, (samples, steps))] = masking.mask_value
                found.append(X)
    return found if len(found) > 1 else found[0]


def traced(name: str, steps: int = T, **options: Any) -> mr.trace.Trace:  # type: ignore[name-defined]
    """A trace of the network of that name, forward and backward, in float64, with weights drawn anew."""
    rng = np.random.default_rng(3)
    model = networks()[name]()
    size = 0.3 if "exponential" in name else 0.6
    drawn = [size * rng.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights([np.abs(w) + 0.5 if "variance" in v.name else w for v, w in zip(model.weights, drawn, strict=True)])
    X = arrays(model, rng, name, steps)
    training = any(word in name.lower() for word in ("dropout",))
    if name == "TimeDistributed Masking":
        X[~np.resize(MASK, X.shape[:2])] = 0
    if "stateful" in name:  # in the middle of a long sequence
        model.predict(X)
    Y = [rng.normal(size=y.shape) for y in mr.trace(model, X, dtype="float64").outputs]
    return mr.trace(model, X, Y if len(Y) > 1 else Y[0], dtype="float64", training=training, **options)


# -------------------------------------------------------------------------------------------------------- the readings


def equations(trace: Any, **options: Any) -> None:
    found = trace.equations(**options)
    assert len(list(found)) > 3 and found.residual <= 1e-12, f"residual {found.residual}"
    latex = found.latex()
    assert latex.count("{") == latex.count("}") and all(line.strip() for line in str(found).splitlines())
    shown = {e.name for e in found}
    assert {f"dL/d{name}" for name in trace.parameters} <= shown, "a gradient has no equation"


def equations_of_a_step(trace: Any) -> None:
    for t in (0, 1, trace.steps):
        found = trace.equations(t=t)
        assert found.residual <= 1e-12


def equations_with_respect_to(trace: Any) -> None:
    name = next(n for n in ("x", "i", "x^1") if n in trace.counts)
    if name == "i":
        name = "e"
    found = trace.equations(wrt=[name])
    assert found.residual <= 1e-12 and any(e.name == f"dL/d{name}" for e in found)


def picture(trace: Any, **options: Any) -> None:
    from .readings.picture.test_layout import faults

    made = trace.picture(**options)
    assert not faults(made.sheet.layout), faults(made.sheet.layout)[:3]
    drawn = [box for box, _ in made.sheet.canvas.boxes]
    assert not [(a.key, b.key) for i, a in enumerate(drawn) for b in drawn[i + 1 :] if overlap(a.rect, b.rect)]
    assert "digraph" in made.dot


def inside(trace: Any, **options: Any) -> None:
    """Of every cell: each box once, lines between boxes, level lines level."""
    for layer in dict.fromkeys(trace.names[name].layer for name in trace.state_names):
        made = trace.picture(level="inside", layer=layer, **options)
        drawn = [box for box, _ in made.sheet.canvas.boxes]
        assert not [(a.key, b.key) for i, a in enumerate(drawn) for b in drawn[i + 1 :] if overlap(a.rect, b.rect)]
        known = set(made.sheet.found.quantities)
        assert all({flow.source, flow.target} <= known for flow in made.sheet.found.flows) and "digraph" in made.dot
        assert all(key in {f.target for f in made.sheet.found.flows} for key in made.sheet.found.states.values())


def numbers_in_picture(trace: Any) -> None:
    made = trace.picture(values=True, backward=True)
    for name in trace.parameters:
        gradient = trace.gradients[name]
        entries = [f"{x:.3g}".replace("-", "−") for x in gradient.ravel()]
        assert f"norm {np.linalg.norm(gradient):.3g}" in made.dot or all(entry in made.dot for entry in entries), name


def svg(trace: Any) -> None:
    text = trace.picture(max_steps=4).svg
    assert text.startswith("<") and "data-k" in text


def source(trace: Any) -> None:
    for form in ("numpy", "buffers"):
        executes(trace, trace.source(form))


def other_sizes(trace: Any) -> None:
    """The source on data of other sizes gives what a trace of these gives, or says that it is for one number of steps."""
    from minirnn.readings.source.compiled import executed

    model, rng = trace.model, np.random.default_rng(1)
    if any(s.shape[0] is not None for s in model.inputs) or trace.conditions.training:
        return
    module = executed(trace.source(), np)
    for steps in (T + 1, T + 5):
        try:
            X = arrays(model, rng, trace.model.name, steps, 3)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the numbers overflow")
                other = mr.trace(model, X, dtype="float64")
        except ValueError:
            return  # the model takes no other length
        if other.overflow:
            return
        Y = [rng.normal(size=y.shape) for y in other.outputs]
        other = mr.trace(model, X, Y if len(Y) > 1 else Y[0], dtype="float64")
        params = {name: node.value for name, node in trace.parameters.items()}
        try:
            loss, gradients = module["loss_and_gradients"](params, *other.inputs, *other.targets)
        except ValueError as error:
            assert re.fullmatch(rf"this program is for {trace.steps} steps( of X)?", str(error))
            return
        assert abs(loss - other.loss) <= 1e-12 * max(abs(other.loss), 1), (loss, other.loss)
        for name, g in other.gradients.items():
            assert np.abs(gradients[name] - g).max() <= 1e-11 * max(np.abs(g).max(), 1e-30), name


def executes(trace: Any, text: str) -> None:
    from minirnn.readings.source.compiled import executed

    module = executed(text, np)
    params = {name: node.value for name, node in trace.parameters.items()}
    data = [*trace.inputs, *trace.conditions.masks.values()]
    targets = [y.astype(trace.dtype) for y in trace.targets]
    loss, gradients = module["loss_and_gradients"](params, *data, *targets)
    out = module["forward"](params, *data)
    outs = list(out) if isinstance(out, (tuple, list)) else [out]
    pairs = [(loss, trace.loss), *zip(outs, [o.value for o in trace.outputs], strict=True)]
    pairs += [(gradients[name], g) for name, g in trace.gradients.items()]
    assert list(gradients) == list(trace.gradients)
    for a, b in pairs:
        assert np.shape(a) == np.shape(b)
        assert np.abs(a - b).max() <= 32 * np.finfo(trace.dtype).eps * max(np.abs(b).max(), 1e-300), np.abs(a - b).max()


def compiled(trace: Any) -> None:
    f = trace.compile()
    params = {name: node.value for name, node in trace.parameters.items()}
    target = trace.target
    data = [*trace.inputs, *trace.conditions.masks.values()]
    loss, gradients = f(params, data if len(data) > 1 else data[0], target)
    assert abs(loss - trace.loss) <= 1e-13 * max(abs(trace.loss), 1)
    for name, g in trace.gradients.items():
        assert np.abs(gradients[name] - g).max() <= 1e-12 * max(np.abs(g).max(), 1e-30)


def page(trace: Any) -> None:
    from minirnn.readings.page.page import page as page_of

    from .readings.page.test_page import Balanced, data_of, values_of

    html = page_of(trace, report=trace.verify(with_keras=False)).html
    parser = Balanced()
    parser.feed(html)
    assert not parser.open
    data = data_of(html)
    stored = values_of(data)
    for (name, step), node in trace.variables.items():
        place = next(i for n, s, i in data["graph"]["quantities"] if (n, s) == (name, step))
        assert np.array_equal(stored[place], node.value), (name, step)


def walk(trace: Any) -> None:
    said = [str(step) for step in trace.walk()]
    assert all(said) and str(trace.walk())


def ledger(trace: Any, by: str = "step") -> None:
    for name, gradient in trace.gradients.items():
        try:
            each = trace.ledger(name, by)
        except ValueError as error:
            layer, place = trace.model.parameter_places()[name]
            assert "it is whole in trace.gradients" in str(error)
            assert (
                f"at step {trace.steps + 1}" in str(error)
                or not name.startswith("W_x")
                or layer.weight_names[place] in layer.regularizers
            ), error
            continue
        total = each.sum(0) if by == "step" else each.sum((0, 1))
        assert np.abs(total - gradient).max() <= 1e-12 * max(np.abs(gradient).max(), 1e-30), name
        if by == "path":
            assert np.allclose(each.sum(0), trace.ledger(name), atol=1e-14)


def compare(trace: Any) -> None:
    quantities = {f"dL/d{name}": g for name, g in trace.gradients.items()} | {"L": trace.loss}
    for name, steps in trace.counts.items():
        if "/d" in name or name in quantities:
            continue
        if steps > 1 and name in trace.state_names:
            own = sorted(s for n, s in trace.variables if n == name)
            quantities[name] = np.stack([trace.value(name, t) for t in own if 1 <= t <= trace.steps], axis=1)
    found = trace.compare(quantities)
    assert found.ok, found


def slip(trace: Any) -> None:
    """A bias that is forgotten, or a number that is wrong at one step, is found where it is."""
    name = trace.state_names[0]
    steps = sorted(t for known, t in trace.variables if known == name and 1 <= t <= trace.steps)
    wrong = np.stack([trace.value(name, t) for t in steps], axis=1)
    wrong[:, len(steps) // 2] += 0.5
    found = trace.compare({name: wrong})
    assert not found.ok and found.first.first == steps[len(steps) // 2], found


def jacobians(trace: Any) -> None:
    """dh_T/dh_1 by central differences of the network from step 1 on: here by the chain of the ledger's own definition."""
    for name in trace.state_names:
        present = sorted(s for n, s in trace.variables if n == name)
        a, b = (present[-1], present[0])
        found = trace.jacobian(a, b, name)
        assert np.isfinite(found).all()
        eye = trace.jacobian(a, a, name)
        np.testing.assert_allclose(eye, np.broadcast_to(np.eye(eye.shape[-1]), eye.shape))
        if len(trace.state_names) == 1 and "SimpleRNN" in type(trace.model.layers[-1]).__name__:
            middle = present[len(present) // 2]
            product = trace.jacobian(a, middle, name) @ trace.jacobian(middle, b, name)
            np.testing.assert_allclose(product, found, atol=1e-12)


def norms(trace: Any) -> None:
    for name in trace.state_names:
        found = trace.jacobian_norms(name)
        assert str(found) or found


def figures(trace: Any, what: str = "flow") -> None:
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    options = {"of": next(n for n in trace.parameters if n.startswith(("W_x", "kernel", "W")))} if what == "ledger" else {}
    figure = trace.plot(what, **options)
    assert figure.axes and (
        figure.axes[0].lines or figure.axes[0].images or figure.axes[0].patches or figure.axes[0].collections
    )
    plt.close(figure)


def verdict(trace: Any) -> None:
    report = trace.verify(with_keras=False)
    assert report.ok, report


def masked_steps(trace: Any) -> None:
    """A word is carried or zeroed where the mask is 0, and the numbers do what the word says."""
    found = trace.masks()
    assert found.words and str(found).count("\n") == sum(map(len, found.words.values()))
    for name, words in found.words.items():
        steps = found.steps[name]
        back = name == "h" and trace.model.layers and any(getattr(x, "go_backwards", False) for x in trace.model.layers)
        for t, column in zip(steps, words.T):
            before = trace.variables.get((name, t + (1 if back or name.endswith("b") else -1)))
            for n, word in enumerate(column):
                value = trace.value(name, t)[n]
                if word == "zeroed":
                    assert not value.any()
                elif word == "carried":
                    assert before is not None and np.array_equal(value, before.value[n]), (name, t, n)
                else:
                    new = "hat" if f"{name[0]}hat{name[1:]}" in trace.counts else "tilde"  # ĥ of a cell with a candidate h̃
                    candidate = trace.variables.get((f"{name[0]}{new}{name[1:]}", t)) if name[0] in "hc" else None
                    assert word == "computed" and (candidate is None or np.array_equal(value, candidate.value[n]))


READINGS: dict[str, Callable[..., None]] = {
    "equations": equations,
    "equations column": lambda t: equations(t, convention="column"),
    "equations component": lambda t: equations(t, form="component"),
    "equations component column": lambda t: equations(t, form="component", convention="column"),
    "equations unrolled": lambda t: equations(t, form="unrolled"),
    "equations unrolled column": lambda t: equations(t, form="unrolled", convention="column"),
    "equations paths": lambda t: equations(t, paths=True),
    "equations of a step": equations_of_a_step,
    "equations wrt": equations_with_respect_to,
    "picture": picture,
    "picture backward": lambda t: picture(t, backward=True),
    "picture values": lambda t: picture(t, values=True, backward=True),
    "picture flow": lambda t: picture(t, flow=True),
    "picture op": lambda t: picture(t, level="op"),
    "picture op backward": lambda t: picture(t, level="op", backward=True, values=True),
    "picture rolled": lambda t: picture(t, rolled=True),
    "picture rolled backward": lambda t: picture(t, rolled=True, backward=True),
    "picture rolled op": lambda t: picture(t, rolled=True, level="op"),
    "picture rolled op backward": lambda t: picture(t, rolled=True, level="op", backward=True),
    "picture inside": lambda t: inside(t, values=True, backward=True) or inside(t),
    "picture shapes LR": lambda t: picture(t, show_shapes=True, show_dtype=True, rankdir="LR"),
    "picture max_steps": lambda t: picture(t, max_steps=3),
    "numbers in the picture": numbers_in_picture,
    "svg": svg,
    "source": source,
    "source at other sizes": other_sizes,
    "compile": compiled,
    "page": page,
    "walk": walk,
    "masks": masked_steps,
    "ledger": ledger,
    "ledger by path": lambda t: ledger(t, "path"),
    "compare": compare,
    "compare slip": slip,
    "jacobians": jacobians,
    "jacobian norms": norms,
    "figure flow": figures,
    "figure ledger": lambda t: figures(t, "ledger"),
    "figure jacobians": lambda t: figures(t, "jacobians"),
    "verify": verdict,
}


# What may be refused, and the sentence that does it: of a reading whose name begins so
REFUSALS = {
    "equations component": r"in the equation of \S+ there is no component form for what is written as .*: use form='matrix'",
    "equations paths": r"paths: (.* (does not go on as its rows times a matrix|has no row for each sample"
    r"|is not used at every step|in another at others|depends on other steps than the one before|one fixed step"
    r"|has no steps); (see )?trace\.jacobian.*|no parameter reaches the loss through \S+)",
    "source": r".*: such a network has no source yet; trace and fit compute it"
    r"|a model with \d outputs has no source (yet|in this form)"
    r"|\S+ is drawn for each run: a network with dropout in training has no source",
    "picture inside": r"level='inside' shows a recurrent cell, and there is none",
    "masks": r"\S+ has no mask: give a layer mask=, or put Masking or Embedding\(mask_zero=True\) before it",
    "figure jacobians": r"the network has the states .*: say which"
    r"|the states .* run through the steps in opposite directions: say .*",
    "figure ledger": r".* is used (outside of the time steps|at step \d), so its gradient is not a sum over the steps .*",
}
REFUSALS["compile"] = REFUSALS["source"]


def outcome(name: str, trace: Any) -> tuple[str, str]:
    """("right", ""), ("refused", the sentence) or ("wrong", what): the reading `name` of a trace."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            READINGS[name](trace)
    except Exception as error:
        pattern = next((p for start, p in REFUSALS.items() if name.startswith(start)), None)
        if pattern and type(error) in (NotImplementedError, ValueError) and re.fullmatch(pattern, str(error)):
            return "refused", str(error)
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "wrong", f"{type(error).__name__}: {str(error)[:300]} [{Path(last.filename).name}:{last.lineno}]"
    return "right", ""


def main() -> None:
    """Every reading of every network, or of those whose names hold the first argument: the table of what is not right."""
    counts = dict.fromkeys(("right", "refused", "wrong"), 0)
    for name in [n for n in sorted(networks()) if not sys.argv[1:] or sys.argv[1] in n]:
        trace = traced(name)
        for reading in READINGS:
            verdict, said = outcome(reading, trace)
            counts[verdict] += 1
            if verdict != "right":
                print(f"{verdict:8} {reading:28} {name:40} {said}", flush=True)
    print(", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
    sys.exit(bool(counts["wrong"]))


if __name__ == "__main__":
    main()
