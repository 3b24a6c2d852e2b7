"""Keras' own recurrent cells, run step by step: what a whole layer does not show, every gate, and the derivatives by them.

A cell of Keras applies its activations to its pre-activations, in the order of its gates: functions that note what they are
given stand in their places. To every pre-activation and state a tensor of zeros is added; the derivative of the loss by it
is that by the quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ... import losses
from ...keras_io.live import as_array, import_keras, twin_of
from ...layers import Dense, Flatten, InputLayer
from ...layers.recurrent.cell import Cell
from ...layers.recurrent.simple_rnn import CellLayer
from ...runs.run import Run
from ..report import Judge, Row, derivative, witness
from .backends import ADAPTERS, cannot_compute, gradients
from .keras import absent, twin_of_loss

NAME = "Keras cell"
MOST = 200  # steps
OPTIONS = ("go_backwards", "stateful", "return_state", "dropout", "recurrent_dropout", "activity_regularizer")


@witness(lambda trace: [])
def rows(trace: Run) -> Iterator[Row]:
    """Rows for pre-activations, gates and what flows back to them and to the states; only of plain recurrent layers."""
    if absent(trace) is not None or not _plain(trace):
        return
    keras, dtype, judge = import_keras(), str(trace.dtype), Judge(trace)
    backend = keras.backend.backend()
    if cannot_compute(backend, dtype) is not None:
        return
    run = _Run(trace, dtype)
    steps = range(1, trace.steps + 1)
    seen, _ = run(run.nothing())
    for name, found in seen.items():
        truth = np.stack([as_array(each) for each in found])
        yield judge.row(f"{name}_t", NAME, [trace.variables[name, t] for t in steps], truth)
    if trace.loss_node is None or trace.truncate or backend not in ADAPTERS:
        return
    ((own, weight),) = losses.one_by_one(trace.loss_function, 1) if trace.loss_function else [(losses.as_loss("mse"), 1.0)]

    def loss(moves: list[Any]) -> Any:
        return weight * twin_of_loss(own, dtype)(trace.targets[0].astype(dtype), run(moves)[1])

    derivatives = gradients(backend, loss, run.nothing())
    for i, name in enumerate(run.moved):
        truth = np.stack(derivatives[i * trace.steps : (i + 1) * trace.steps])
        nodes = [trace.cotangents[trace.variables[name, t]] for t in steps]
        yield judge.row(f"{derivative(trace, name)}_t", ADAPTERS[backend][0], nodes, truth)


def _plain(trace: Run) -> bool:
    layers = [call.layer for call in trace.model.order]
    masked = any(x.dtype.kind == "b" for x in trace.inputs)
    known = not masked and all(type(layer) in (InputLayer, Dense, Flatten) or _is_keras(layer) for layer in layers)
    special = any(getattr(layer, option, None) for layer in layers for option in OPTIONS)
    return known and not special and bool(trace.state_names) and len(trace.targets) <= 1 and trace.steps <= MOST


class _Run:
    """The forward pass of Keras' twin, cell by cell, with zeros added to what is named in `moved`."""

    def __init__(self, trace: Run, dtype: str) -> None:
        self.trace, self.dtype = trace, dtype
        _, self.layers, _ = twin_of(trace.model, dtype, trace.weights)
        self.tags = {call: scope.tags[0] for call, scope in trace.model.scopes() if isinstance(call.layer, CellLayer)}
        self.moved = [f"{name}{tag}" for call, tag in self.tags.items() for name in _moved(call.layer.cell)]

    def nothing(self) -> list[np.ndarray]:
        """Zeros like each of what is moved, at every step."""
        steps = range(1, self.trace.steps + 1)
        return [np.zeros(self.trace.value(name, t).shape, self.dtype) for name in self.moved for t in steps]

    def __call__(self, moves: list[Any]) -> tuple[dict[str, list[Any]], Any]:
        """Of every pre-activation and gate its values at all steps; and the output."""
        import keras

        model, T = self.trace.model, self.trace.steps
        values: dict[Any, Any] = {
            placeholder: keras.ops.convert_to_tensor(x.astype(self.dtype))
            for placeholder, x in zip(model.inputs, self.trace.inputs)
        }
        by_name = {name: moves[i * T : (i + 1) * T] for i, name in enumerate(self.moved)}
        seen: dict[str, list[Any]] = {}
        for call in model.order:
            if not call.inputs:
                continue
            layer: Any = call.layer
            x, *states = [values[s] for s in (*call.inputs, *call.states)]
            if call not in self.tags:
                values[call] = self.layers[layer](x)
                continue
            own, twin, tag = layer.cell, self.layers[layer].cell, self.tags[call]
            states = states or [keras.ops.zeros((x.shape[0], layer.units), self.dtype) for _ in own.state_names]
            outputs = []
            for t in range(T):
                here = {name: by_name[f"{name}{tag}"][t] for name in _moved(own)}
                states, found = _step(own, twin, x[:, t], states, here)
                outputs.append(states[0])
                for name, value in found.items():
                    seen.setdefault(f"{name}{tag}", []).append(value)
            values[call] = keras.ops.stack(outputs, axis=1) if layer.return_sequences else outputs[-1]
        return seen, values[model.output]


def _moved(own: Cell) -> list[str]:
    """What zeros are added to: the states, and the pre-activations of gates."""
    return [*own.state_names, *(gate.pre for gate in own.gates if gate.letter)]


def _step(own: Cell, twin: Any, x: Any, states: list[Any], moves: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """One step of a cell of Keras: the new states, and what its activations were given and gave, in the order of gates."""
    found: dict[str, Any] = {}
    gates = iter(own.gates)
    functions = {name: getattr(twin, name) for name in dict.fromkeys(gate.activation for gate in own.gates)}

    def noting(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def noted(a: Any) -> Any:
            gate = next(gates, None)
            if gate is None:  # tanh(c): the cell, moved where h sees it
                return function(a + moves[own.state_names[-1]])
            found[gate.pre] = a
            value = function(a + moves[gate.pre] if gate.pre in moves else a)
            if gate.letter:
                found[gate.name] = value
            return value

        return noted

    for name, function in functions.items():
        setattr(twin, name, noting(function))
    try:
        _, new = twin(x, states)
    finally:
        for name, function in functions.items():
            setattr(twin, name, function)
    new = list(new) if isinstance(new, (list, tuple)) else [new]
    return [state + moves[name] for name, state in zip(own.state_names, new)], found


def _is_keras(layer: Any) -> bool:
    """Whether it is an RNN of one of Keras' cells, and no subclass of one."""
    return CellLayer in type(layer).__bases__
