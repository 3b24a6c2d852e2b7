"""Keras' own recurrent cells, run step by step: what a whole layer does not show, z_t and dL/dh_t.

To every h_t a tensor of zeros is added; the derivative of the loss by it is dL/dh_t.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import losses
from ...keras_io.live import import_keras, twin_of
from ...layers import Dense, Flatten, InputLayer, SimpleRNN
from ...run import Run
from ..report import Judge, Row, derivative, witness
from .backends import ADAPTERS, cannot_compute, gradients
from .keras import absent, twin_of_loss

NAME = "Keras cell"
MOST = 200  # steps
OPTIONS = ("go_backwards", "stateful", "return_state", "dropout", "recurrent_dropout", "activity_regularizer")


@witness(lambda trace: [])
def rows(trace: Run) -> Iterator[Row]:
    """Rows for z_t and dL/dh_t of networks of plain SimpleRNN and Dense layers; none of others."""
    if absent(trace) is not None or not _plain(trace):
        return
    keras, dtype, judge = import_keras(), str(trace.dtype), Judge(trace)
    backend = keras.backend.backend()
    if cannot_compute(backend, dtype) is not None:
        return
    run = _Run(trace, dtype)
    h, z, _ = run(run.nothing())
    for name, found in z.items():
        quantity = f"z{name[1:]}"
        nodes = [trace.variables[quantity, t] for t in range(1, trace.steps + 1)]
        yield judge.row(f"{quantity}_t", NAME, nodes, np.swapaxes(_array(found), 0, 1))
    if trace.loss_node is None or trace.truncate or backend not in ADAPTERS:
        return
    ((own, weight),) = losses.one_by_one(trace.loss_function, 1) if trace.loss_function else [(losses.get("mse"), 1.0)]

    def loss(moves: list[Any]) -> Any:
        return weight * twin_of_loss(own, dtype)(trace.targets[0].astype(dtype), run(moves)[2])

    derivatives = gradients(backend, loss, run.nothing())
    for i, name in enumerate(h):
        truth = np.stack(derivatives[i * trace.steps : (i + 1) * trace.steps])
        nodes = [trace.cotangents[trace.variables[name, t]] for t in range(1, trace.steps + 1)]
        yield judge.row(f"{derivative(trace, name)}_t", ADAPTERS[backend][0], nodes, truth)


def _plain(trace: Run) -> bool:
    layers = [call.layer for call in trace.model.order]
    masked = any(x.dtype.kind == "b" for x in trace.inputs)
    known = not masked and all(type(layer) in (InputLayer, SimpleRNN, Dense, Flatten) for layer in layers)
    special = any(getattr(layer, option, None) for layer in layers for option in OPTIONS)
    return known and not special and bool(trace.state_names) and len(trace.targets) <= 1 and trace.steps <= MOST


class _Run:
    """The forward pass of Keras' twin with zeros added to every state: its states, pre-activations and output."""

    def __init__(self, trace: Run, dtype: str) -> None:
        self.trace, self.dtype = trace, dtype
        _, self.layers, _ = twin_of(trace.model, dtype, trace.weights)
        self.calls = [call for call in trace.model.order if isinstance(call.layer, SimpleRNN)]
        self.linear = {call: self._linear(self.layers[call.layer].cell) for call in self.calls}

    def _linear(self, cell: Any) -> Any:
        """The same cell without its activation: it gives z."""
        other = type(cell).from_config({**cell.get_config(), "activation": "linear"})
        other.build((None, cell.kernel.shape[0]))
        other.set_weights(cell.get_weights())
        return other

    def nothing(self) -> list[np.ndarray]:
        """Zeros like every h_t of every layer."""
        names, steps = self.trace.state_names, range(1, self.trace.steps + 1)
        return [np.zeros(self.trace.value(name, t).shape, self.dtype) for name in names for t in steps]

    def __call__(self, moves: list[Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
        import keras

        model, T = self.trace.model, self.trace.steps
        values: dict[Any, Any] = {
            placeholder: keras.ops.convert_to_tensor(x.astype(self.dtype))
            for placeholder, x in zip(model.inputs, self.trace.inputs)
        }
        states: dict[str, Any] = {}
        sums: dict[str, Any] = {}
        left = list(moves)
        for call in model.order:
            if not call.inputs:
                continue
            layer: Any = call.layer
            x, *initial = [values[s] for s in (*call.inputs, *call.states)]
            if call not in self.linear:
                values[call] = self.layers[layer](x)
                continue
            cell, linear, name = self.layers[layer].cell, self.linear[call], self.trace.state_names[len(states)]
            h = initial[0] if initial else keras.ops.zeros((x.shape[0], layer.units), self.dtype)
            hs, zs = [], []
            for t in range(T):
                zs.append(linear(x[:, t], [h])[0])
                h = cell(x[:, t], [h])[0] + left.pop(0)
                hs.append(h)
            states[name], sums[name] = keras.ops.stack(hs, axis=1), keras.ops.stack(zs, axis=1)
            values[call] = states[name] if layer.return_sequences else h
        return states, sums, values[model.output]


def _array(tensor: Any) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(tensor))
