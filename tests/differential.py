"""Every combination of arguments against the Keras that is installed: outputs, states, and gradients of all that flows in.

``python -m tests.differential`` runs all of them, ``python -m tests.differential 25`` every 25th. Each combination has an
activation, a dtype, dropout and statefulness of its own, and is run with several sizes, which hypothesis draws. None is
skipped.

Allowed are 32 eps of the largest entry of an array. Where terms cancel, as in a gradient through a softmax or summed over
the samples, no program keeps that: there it is 32 times what the exact result moves by when every number that goes in
moves by one eps (see `moved`). `Finding.cancels` marks these, and the command lists them, in float32 with the distance of
both programs from float64.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

import minirnn as mr
from minirnn.engine.backprop import backprop
from minirnn.engine.ops import leaf, multiply, sum_all, total
from minirnn.keras_io.describe import by_cell
from minirnn.keras_io.live import recurrences
from minirnn.layers import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell
from minirnn.layers.calls import Call, Conditions
from minirnn.layers.configs import described
from minirnn.layers.nodes import mask_node, mask_steps, state_node, steps

FLAGS = ("use_bias", "return_sequences", "return_state", "go_backwards", "unroll", "zero_output_for_mask")
MASKS = ("none", "some", "first steps", "last step", "all steps")
ACTIVATIONS = ("tanh", "relu", "softmax", "gelu", None, "sigmoid", "elu")
GATES = ("sigmoid", "hard_sigmoid", "tanh")
MERGES = ("concat", "sum", "mul", "ave", None)
TOLERANCE = 32.0
MOST = 1e4  # eps: more is a difference, whatever cancels
EXAMPLES = 3  # sizes for each combination; the first are all 1
SIZES = st.tuples(*[st.integers(1, 6)] * 4)  # N, T, D, M


def combinations() -> Iterator[dict[str, Any]]:
    """SimpleRNN, LSTM and GRU over the whole product; cells and both directions over that of what concerns them."""
    booleans = (False, True)
    for *flags, mask, state in itertools.product(*[booleans] * len(FLAGS), MASKS, booleans):
        yield {"kind": "SimpleRNN", **dict(zip(FLAGS, flags)), "mask": mask, "state": state}
    for kind, flags, mask, state in itertools.product(
        ("cell", "cells"), itertools.product(booleans, repeat=4), MASKS, booleans
    ):
        yield {"kind": kind, **dict(zip(FLAGS[1:5], flags)), "mask": mask, "state": state}
    for merge, flags, mask, state in itertools.product(MERGES, itertools.product(booleans, repeat=2), MASKS, booleans):
        yield {"kind": "Bidirectional", "merge": merge, **dict(zip(FLAGS[1:3], flags)), "mask": mask, "state": state}
    for gated in ("LSTM", "GRU"):
        for *flags, mask, state in itertools.product(*[booleans] * len(FLAGS), MASKS, booleans):
            yield {"kind": gated, **dict(zip(FLAGS, flags)), "mask": mask, "state": state}
    for kind, flags, mask, state in itertools.product(
        ("LSTM cell", "LSTM and GRU cells"), itertools.product(booleans, repeat=4), MASKS, booleans
    ):
        yield {"kind": kind, **dict(zip(FLAGS[1:5], flags)), "mask": mask, "state": state}
    for gated, merge, flags, mask, state in itertools.product(
        ("LSTM", "GRU"), MERGES, itertools.product(booleans, repeat=2), MASKS, booleans
    ):
        both = {"kind": f"Bidirectional {gated}", "merge": merge}
        yield both | {**dict(zip(FLAGS[1:3], flags)), "mask": mask, "state": state}


def drawn(number: int, options: dict[str, Any]) -> dict[str, Any]:
    """What the combination of that number has besides."""
    stateful = random.Random(number).random() < 0.3
    fails = options["kind"].startswith("Bidirectional") and options["return_state"]  # Keras does: see keras_differences
    found = {
        "activation": ACTIVATIONS[number % len(ACTIVATIONS)],
        "dtype": ("float64", "float32")[number // 7 % 2],
        "dropout": 0.4 if number % 3 == 0 else 0.0,
        "stateful": stateful and not fails,  # the second of two calls is compared
    }
    if "LSTM" in options["kind"] or "GRU" in options["kind"]:
        toss = random.Random(f"gates {number}")  # drawn apart from whether it is stateful
        found["recurrent_activation"] = toss.choice(GATES)
        found["reset_after"] = toss.random() < 0.5
        found["drops_states"] = toss.random() < 0.5  # else there is one mask of the input for all gates
    return found


class Case:
    """One combination with its sizes, its data and the weights of the loss, drawn from its number."""

    activation: str | None
    dtype: str
    dropout: float
    stateful: bool
    recurrent_activation = "sigmoid"
    reset_after = True
    drops_states = True

    def __init__(self, number: int, options: dict[str, Any], sizes: tuple[int, ...]) -> None:
        mr.set_random_seed(number)  # of the dropout masks
        self.options = options
        self.N, self.T, self.D, self.M = sizes
        vars(self).update(drawn(number, options))
        self.rng = np.random.default_rng(number)
        self.X, self.before = self.normal(self.N, self.T, self.D), self.normal(self.N, self.T, self.D)
        self.mask = self._mask(options["mask"])
        self.weights: list[np.ndarray] = []  # of the outputs in the loss
        self.states: list[np.ndarray] = []

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape).astype(self.dtype)

    def _mask(self, kind: str) -> np.ndarray | None:
        if kind == "none":
            return None
        mask = self.rng.random((self.N, self.T)) < 0.6
        if kind == "all steps":
            mask[:] = False
        if kind == "first steps":
            mask[:, : max(1, self.T // 2)] = False
        if kind == "last step":
            mask[:, -1] = False
        return mask

    def wide(self, shake: float = 0.0) -> Case:
        """The same numbers in float64, each larger or smaller by that share of itself."""
        wide = copy.copy(self)
        wide.dtype, (wide.X, wide.before) = "float64", shaken([self.X, self.before], self.rng, shake)
        wide.states, wide.weights = (shaken(arrays, self.rng, shake) for arrays in (self.states, self.weights))
        return wide

    def layer(self) -> Any:
        o = dict(self.options)
        kind, merge, _, state = o.pop("kind"), o.pop("merge", None), o.pop("mask"), o.pop("state")
        own = {"activation": self.activation, "dropout": self.dropout, "recurrent_dropout": self.dropout}
        own |= {"dtype": self.dtype}
        gated = own | {"recurrent_activation": self.recurrent_activation}
        gated["recurrent_dropout"] = self.dropout if self.drops_states else 0.0
        reset = {"reset_after": self.reset_after}
        o["stateful"] = self.stateful
        match kind:
            case "SimpleRNN":
                layer: Any = SimpleRNN(self.M, **own, **o)
            case "cell":
                layer = RNN(SimpleRNNCell(self.M, **own), dtype=self.dtype, **o)
            case "cells":
                layer = RNN([SimpleRNNCell(self.M, **own), SimpleRNNCell(7, **own)], dtype=self.dtype, **o)
            case "Bidirectional":
                layer = Bidirectional(SimpleRNN(self.M, **own, **o), merge_mode=merge, dtype=self.dtype)
            case "LSTM":
                layer = LSTM(self.M, **gated, **o)
            case "GRU":
                layer = GRU(self.M, **gated, **reset, **o)
            case "LSTM cell":
                layer = RNN(LSTMCell(self.M, **gated), dtype=self.dtype, **o)
            case "LSTM and GRU cells":
                layer = RNN([LSTMCell(self.M, **gated), GRUCell(7, **gated, **reset)], dtype=self.dtype, **o)
            case "Bidirectional LSTM":
                layer = Bidirectional(LSTM(self.M, **gated, **o), merge_mode=merge, dtype=self.dtype)
            case _:
                layer = Bidirectional(GRU(self.M, **gated, **reset, **o), merge_mode=merge, dtype=self.dtype)
        rnns = list(layer.children.values()) if isinstance(layer, Bidirectional) else [layer]
        sizes = [size for rnn in rnns for size in rnn.sizes]
        layer.build(self.X.shape)
        layer.set_weights([0.3 * self.normal(*w.shape) for w in layer.get_weights()])
        self.states = [self.normal(self.N, size) for size in sizes] if state else []
        return layer


def shaken(arrays: list[np.ndarray], rng: np.random.Generator, shake: float) -> list[np.ndarray]:
    return [a.astype("float64") * (1 + shake * rng.choice([-1.0, 1.0], size=a.shape)) for a in arrays]


def ours(
    case: Case, layer: Any, masks: dict[str, Any] | None = None
) -> tuple[list[np.ndarray], list[np.ndarray], dict[str, Any]]:
    """Outputs; gradients of the weights, of x and of the initial states; the dropout masks."""
    if case.stateful:
        layer.reset_state()
        layer(case.before)
    scope = layer.scope()
    parameters = layer.leaves(scope, case.dtype)
    x = layer.input_node(case.X, case.dtype)
    states = [state_node(h, case.dtype, "M") for h in case.states]
    mask = None if case.mask is None else mask_steps(mask_node(case.mask, case.dtype, ""), steps(x), "")
    conditions = Conditions(training=bool(case.dropout), masks=masks)
    outputs = layer.outputs(x, Call(scope, parameters, conditions, states or None, mask))
    if not case.weights:
        case.weights = [case.normal(*y.shape) for y in outputs]
    loss = total(*[sum_all(multiply(y, leaf(w))) for y, w in zip(outputs, case.weights)])
    found = backprop(loss, [*parameters.values(), *x.args, *states])
    gradients = [found[p].value for p in parameters.values()]
    gradients += [np.stack([found[x_t].value for x_t in x.args], axis=1), *[found[h].value for h in states]]
    return [y.value for y in outputs], gradients, conditions.masks


def theirs(case: Case, layer: Any, masks: dict[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    import keras
    import tensorflow as tf

    twin = keras.saving.deserialize_keras_object(described(layer))
    twin.build(case.X.shape)
    twin.set_weights(layer.get_weights())
    if case.stateful:
        twin(tf.constant(case.before))
    for rnn, _, cells, tags in recurrences(layer, twin, layer.scope()):
        for own, cell, tag in zip(rnn.cells, cells, tags):
            for names, place in zip(own.dropout_names(tag), ("_dropout_mask", "_recurrent_dropout_mask")):
                fixed = [tf.constant(masks[name], case.dtype) for name in names if name in masks]
                if fixed:
                    setattr(cell, place, fixed if hasattr(cell, "dropout_mask_count") else fixed[0])
    x, states = tf.constant(case.X), [tf.constant(h) for h in case.states]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        keywords: dict[str, Any] = {"mask": case.mask, "training": bool(case.dropout)}
        if states:
            keywords["initial_state"] = states if isinstance(layer, Bidirectional) else by_cell(layer, states)
        out = twin(x, **keywords)
        outputs = keras.tree.flatten(out)
        loss = tf.add_n([tf.reduce_sum(y * w) for y, w in zip(outputs, case.weights)])
    wrt = [*[w.value for w in twin.trainable_weights], x, *states]
    gradients = tape.gradient(loss, wrt)
    filled = [np.zeros(w.shape, case.dtype) if g is None else np.asarray(g) for g, w in zip(gradients, wrt)]
    return [np.asarray(y) for y in outputs], filled


def error(found: np.ndarray, truth: np.ndarray, dtype: str) -> float:
    if found.shape != truth.shape or found.dtype != truth.dtype:
        return float("inf")
    largest = float(np.max(np.abs(truth), initial=0)) or 1.0
    return float(np.max(np.abs(found - truth), initial=0)) / largest / float(np.finfo(dtype).eps)


class Finding(NamedTuple):
    """What one comparison found: the worst quantity, how many eps it is off, and whether these come of cancellation."""

    said: str
    eps: float
    cancels: bool = False

    @property
    def wrong(self) -> bool:
        return self.eps > TOLERANCE and not self.cancels


def compared(number: int, options: dict[str, Any], sizes: tuple[int, ...]) -> Finding:
    """One combination in one size, run by both."""
    case = Case(number, options, sizes)
    layer = case.layer()
    outputs, gradients, masks = ours(case, layer)
    their_outputs, their_gradients = theirs(case, layer, masks)
    names = [f"output {i}" for i, _ in enumerate(outputs)]
    names += [f"dL/d{n}" for n in (*layer.weight_names, "x", *[f"h_0 ({i})" for i, _ in enumerate(case.states)])]
    pairs = list(zip([*outputs, *gradients], [*their_outputs, *their_gradients], strict=True))
    off = [error(mine, keras, case.dtype) for mine, keras in pairs]
    eps, worst = max(off), off.index(max(off))
    said = f"{number} {options} {drawn(number, options)} N, T, D, M = {sizes}: {names[worst]} is {eps:.3g} eps off"
    if not TOLERANCE < eps < MOST:
        return Finding(said, eps)
    exact, moves = moved(case, layer, masks)
    largest = [float(np.max(np.abs(e), initial=0)) or 1.0 for e in exact]
    cancels = all(o <= TOLERANCE * max(1.0, move / size) for o, move, size in zip(off, moves, largest, strict=True))
    mine, keras = (error(a.astype("float64"), exact[worst], case.dtype) for a in pairs[worst])
    away = f", minirnn {mine:.3g} and Keras {keras:.3g} from float64" if case.dtype == "float32" else ""
    return Finding(f"{said}{away}; one eps moves it by {moves[worst] / largest[worst]:.3g}", eps, cancels)


def moved(case: Case, layer: Any, masks: dict[str, Any]) -> tuple[list[np.ndarray], list[float]]:
    """The results in float64, and by how many times the share by which all that goes in is shaken each of them moves."""
    share, weights, moves = 2.0**-12, layer.get_weights(), []
    exact = [array for arrays in ours(case.wide(), layer, masks)[:2] for array in arrays]
    for _ in range(5):
        layer.set_weights([w.astype(case.dtype) for w in shaken(weights, case.rng, share)])
        found = [array for arrays in ours(case.wide(share), layer, masks)[:2] for array in arrays]
        moves.append([float(np.max(np.abs(a - e), initial=0)) / share for a, e in zip(found, exact, strict=True)])
    layer.set_weights(weights)
    return exact, [max(several) for several in zip(*moves)]


def of_all_sizes(number: int, options: dict[str, Any]) -> list[Finding]:
    """The findings of one combination in all its sizes; if one is wrong hypothesis makes the sizes as small as it can."""
    found = []

    @seed(number)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(SIZES)
    def compare(sizes: tuple[int, ...]) -> None:
        found.append(compared(number, options, sizes))
        assert not found[-1].wrong

    try:
        compare()
    except AssertionError:
        return found[-1:]
    return found


def run(every: int = 1, start: int = 0) -> tuple[int, list[Finding]]:
    """How many combinations were compared, and what was found in each size of each."""
    chosen = [(i, options) for i, options in enumerate(combinations()) if i % every == start % every]
    return len(chosen), [finding for i, options in chosen for finding in of_all_sizes(i, options)]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    began = time.time()
    count, findings = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    wrong, cancel = [f for f in findings if f.wrong], [f for f in findings if f.cancels]
    within = max(f.eps for f in findings if f.eps <= TOLERANCE)
    print(*[f"cancellation: {f.said}" for f in cancel], *[f"DIFFERENT: {f.said}" for f in wrong], sep="\n")
    print(
        f"{count} combinations, {len(findings)} comparisons with Keras in {time.time() - began:.0f} s: {len(wrong)} differ,"
    )
    print(f"{len(cancel)} are off by what cancels, all others are within {within:.3g} eps")
    sys.exit(bool(wrong))
