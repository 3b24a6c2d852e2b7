"""Every combination of arguments against the Keras that is installed: outputs, states, and gradients of all that flows in.

``python -m tests.differential`` runs all of them, ``python -m tests.differential 25`` every 25th. Each combination has
sizes, an activation, a dtype and dropout of its own; 32 eps are allowed, and up to 128 in float32 where Keras
loses as many digits against float64. None is skipped.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import minirnn as mr
from minirnn.backprop import backprop
from minirnn.keras_io.describe import described
from minirnn.layers import RNN, Bidirectional, SimpleRNN, SimpleRNNCell
from minirnn.layers.base import Call, Conditions, mask_node, mask_steps, state_node, steps
from minirnn.ops import leaf, multiply, sum_all, total

FLAGS = ("use_bias", "return_sequences", "return_state", "go_backwards", "unroll", "zero_output_for_mask")
MASKS = ("none", "some", "first steps", "last step", "all steps")
ACTIVATIONS = ("tanh", "relu", "softmax", "gelu", None, "sigmoid", "elu")
MERGES = ("concat", "sum", "mul", "ave", None)
TOLERANCE = 32.0


def combinations() -> Iterator[dict[str, Any]]:
    """SimpleRNN over the whole product; cells and both directions over the product of what concerns them."""
    booleans = (False, True)
    for *flags, mask, state in itertools.product(*[booleans] * len(FLAGS), MASKS, booleans):
        yield {"kind": "SimpleRNN", **dict(zip(FLAGS, flags)), "mask": mask, "state": state}
    for kind, flags, mask, state in itertools.product(
        ("cell", "cells"), itertools.product(booleans, repeat=4), MASKS, booleans
    ):
        yield {"kind": kind, **dict(zip(FLAGS[1:5], flags)), "mask": mask, "state": state}
    for merge, flags, mask, state in itertools.product(MERGES, itertools.product(booleans, repeat=2), MASKS, booleans):
        yield {"kind": "Bidirectional", "merge": merge, **dict(zip(FLAGS[1:3], flags)), "mask": mask, "state": state}


class Case:
    """One combination with its sizes, its data and the weights of the loss, drawn from its number."""

    def __init__(self, number: int, options: dict[str, Any]) -> None:
        draw = random.Random(number)
        mr.set_random_seed(number)  # of the dropout masks
        self.options = options
        self.N, self.T, self.D, self.M = draw.sample(range(2, 7), 4)
        self.T = draw.choice((1, self.T, self.T))
        self.activation = ACTIVATIONS[number % len(ACTIVATIONS)]
        self.dtype = ("float64", "float32")[number // 7 % 2]
        self.dropout = 0.4 if number % 3 == 0 else 0.0
        self.rng = np.random.default_rng(number)
        self.X = self.normal(self.N, self.T, self.D)
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

    def wide(self) -> Case:
        """The same numbers in float64."""
        wide = copy.copy(self)
        wide.dtype, wide.X = "float64", self.X.astype("float64")
        wide.states, wide.weights = ([a.astype("float64") for a in arrays] for arrays in (self.states, self.weights))
        return wide

    def layer(self) -> Any:
        o = dict(self.options)
        kind, merge, _, state = o.pop("kind"), o.pop("merge", None), o.pop("mask"), o.pop("state")
        own = {
            "activation": self.activation,
            "dropout": self.dropout,
            "recurrent_dropout": self.dropout,
            "dtype": self.dtype,
        }
        sizes = [self.M]
        if kind == "cell":
            layer: Any = RNN(SimpleRNNCell(self.M, **own), dtype=self.dtype, **o)
        elif kind == "cells":
            layer = RNN([SimpleRNNCell(self.M, **own), SimpleRNNCell(7, **own)], dtype=self.dtype, **o)
            sizes = [self.M, 7]
        elif kind == "Bidirectional":
            layer = Bidirectional(SimpleRNN(self.M, **own, **o), merge_mode=merge, dtype=self.dtype)
            sizes = [self.M, self.M]
        else:
            layer = SimpleRNN(self.M, **own, **o)
        layer.build(self.X.shape)
        layer.set_weights([0.3 * self.normal(*w.shape) for w in layer.get_weights()])
        self.states = [self.normal(self.N, size) for size in sizes] if state else []
        return layer


def ours(
    case: Case, layer: Any, masks: dict[str, Any] | None = None
) -> tuple[list[np.ndarray], list[np.ndarray], dict[str, Any]]:
    """Outputs; gradients of the weights, of x and of the initial states; the dropout masks."""
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

    from minirnn.keras_io.live import recurrences

    twin = keras.saving.deserialize_keras_object(described(layer))
    twin.build(case.X.shape)
    twin.set_weights(layer.get_weights())
    for _, _, cells, tags in recurrences(layer, twin, layer.scope()):
        for cell, tag in zip(cells, tags):
            if case.dropout:
                cell._dropout_mask = tf.constant(masks[f"d_x{tag}"], case.dtype)
                cell._recurrent_dropout_mask = tf.constant(masks[f"d_h{tag}"], case.dtype)
    x, states = tf.constant(case.X), [tf.constant(h) for h in case.states]
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        keywords: dict[str, Any] = {"mask": case.mask, "training": bool(case.dropout)}
        if states:
            keywords["initial_state"] = states
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


def differs(number: int, options: dict[str, Any]) -> str | None:
    """What differs in one combination, or None."""
    case = Case(number, options)
    layer = case.layer()
    outputs, gradients, masks = ours(case, layer)
    their_outputs, their_gradients = theirs(case, layer, masks)
    names = [f"output {i}" for i, _ in enumerate(outputs)]
    names += [f"dL/d{n}" for n in (*layer.weight_names, "x", *[f"h_0 ({i})" for i, _ in enumerate(case.states)])]
    pairs = list(zip(names, [*outputs, *gradients], [*their_outputs, *their_gradients], strict=True))
    worst = max(pairs, key=lambda p: error(p[1], p[2], case.dtype))
    off = error(worst[1], worst[2], case.dtype)
    if (
        TOLERANCE < off <= 4 * TOLERANCE and case.dtype == "float32"
    ):  # a loss of digits, not a difference, if Keras has it too
        exact = [array for arrays in ours(case.wide(), layer, masks)[:2] for array in arrays]
        lost = [[error(a.astype("float64"), e, "float32") for a in p[1:]] for p, e in zip(pairs, exact, strict=True)]
        off = max((mine for mine, keras in lost if mine > 2 * keras), default=0.0)
    said = f"{number} {options} {case.activation} {case.dtype} dropout={case.dropout}: {worst[0]} is {off:.3g} eps off"
    return said if off > TOLERANCE else None


def run(every: int = 1, start: int = 0) -> tuple[int, list[str]]:
    """How many combinations were compared, and what differs."""
    chosen = [(i, options) for i, options in enumerate(combinations()) if i % every == start % every]
    return len(chosen), [said for i, options in chosen if (said := differs(i, options)) is not None]


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    began = time.time()
    count, wrong = run(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(*wrong, sep="\n")
    print(f"{count} combinations compared with Keras in {time.time() - began:.0f} s, {len(wrong)} differ")
    sys.exit(bool(wrong))
