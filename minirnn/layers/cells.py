"""One step of a recurrence: SimpleRNNCell, several of them on top of each other, and what a cell of your own must have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import activations
from ..graph import Node, named
from ..initializers import Draws
from ..system import plain
from .base import Call, Conditions, Layer, Scope, Shape, boolean, common_dtype, positive_int, share, state_node


class SimpleRNNCell(Layer):
    """h_t = f(x_t W_x + b_h + h_{t-1} W_h), summed in Keras' order.

    Arguments are Keras': units, activation, use_bias, and for each of kernel, recurrent and bias ``..._initializer``,
    ``..._regularizer`` and ``..._constraint``; dropout, recurrent_dropout, seed. kernel (D, units), recurrent_kernel
    (units, units), bias (units,). Called as ``cell(x_t, states)`` it gives the output and the list of new states.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **others: Any,
    ) -> None:
        kind = self.kind
        defaults = {"kernel": "glorot_uniform", "recurrent_kernel": "orthogonal", "bias": "zeros"}
        self.take_weights(others, defaults)
        super().__init__(**others)
        self.units = self.state_size = self.output_size = positive_int(kind, units)
        self.activation, self.use_bias = activation, boolean(kind, "use_bias", use_bias)
        self.dropout, self.recurrent_dropout = (
            share(kind, "dropout", dropout),
            share(kind, "recurrent_dropout", recurrent_dropout),
        )
        self.seed, self._rng = seed, Draws(seed)
        self.own_weights = tuple(defaults)[: 3 if use_bias else 2]
        self._activate = activations.get(activation)

    def own_shapes(self, input_shape: Shape) -> list[tuple[int, ...]]:
        if input_shape[-1] is None:
            raise ValueError(f"{self.label}: the number of its input features is not known; give Input a complete shape")
        shapes: list[tuple[int, ...]] = [(input_shape[-1], self.units), (self.units, self.units), (self.units,)]
        return shapes[: len(self.own_weights)]

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    def features(self, scope: Scope) -> str:
        return scope.letter("M")

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        M = self.features(scope)
        return {
            "kernel": (f"W_x{scope.tag}", (scope.features, M)),
            "recurrent_kernel": (f"W_h{scope.tag}", (M, M)),
            "bias": (f"b_h{scope.tag}", (M,)),
        }

    def dropped(self, x: Node, call: Call) -> tuple[Node | None, Node | None]:
        """The dropout masks of one call, for the input and for the state: the same at all its steps. None: none is used."""
        tag, N, M = call.scope.tag, x.shape[0], self.features(call.scope)
        sizes = [
            (f"d_x{tag}", self.dropout, x.shape[-1], call.scope.features),
            (f"d_h{tag}", self.recurrent_dropout, self.units, M),
        ]
        d_x, d_h = (
            call.dropout(name, (N, size), ("N", letter), p, self._rng, x.dtype) if p and call.training else None
            for name, p, size, letter in sizes
        )
        return d_x, d_h

    def step(self, x: Node, h: Node, call: Call, dropped: tuple[Node | None, Node | None], name: str) -> Node:
        """The next state, named `name`; x and h are those of one step."""
        p, tag = call.parameters, call.scope.tag
        d_x, d_h = dropped
        out = (x if d_x is None else x * d_x) @ p["kernel"]
        if self.use_bias:
            out = out + p["bias"]
        z = named(f"z{tag}", out + (h if d_h is None else h * d_h) @ p["recurrent_kernel"])
        return named(f"{name}{tag}", activations.applied(self._activate, z, self.label))

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Zeros, as for a sequence that begins."""
        return [np.zeros((batch_size, self.units), self.dtype)]

    def __call__(self, x: Any, states: Any, training: bool = False) -> tuple[Node, list[Node]]:  # type: ignore[override]
        """One step: the output, and the list of new states."""
        listed = list(states) if isinstance(states, (list, tuple)) else [states]
        values = [np.asarray(x), *map(np.asarray, listed)]
        self.build(values[0].shape)
        dtype = common_dtype(*values, *self.weights)
        x, h = (v if isinstance(v, Node) else state_node(v, dtype, letter) for v, letter in ((x, "D"), (listed[0], "M")))
        call = Call(Scope(), self.leaves(Scope(), dtype), Conditions(training))
        out = self.step(x, h, call, self.dropped(x, call), "h")
        return out, [out]


class StackedRNNCells(Layer):
    """Cells on top of each other that act as one: the output of each is the input of the next."""

    def __init__(self, cells: Sequence[SimpleRNNCell], **others: Any) -> None:
        super().__init__(**others)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError("StackedRNNCells takes a list of cells")
        for cell in cells:
            demand_cell(cell)
        self.cells = list(cells)
        names: dict[str, int] = {}
        for cell in self.cells:
            kind = "simple_rnn_cell"
            self.children[kind + (f"_{names[kind]}" if names.get(kind) else "")] = cell
            names[kind] = names.get(kind, 0) + 1

    @property
    def state_size(self) -> list[int]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return self.cells[-1].output_size

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        place = list(self.children).index(key)
        return input_shape if place == 0 else (input_shape[0], self.cells[place - 1].output_size)

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Zeros for every cell."""
        return [cell.get_initial_state(batch_size)[0] for cell in self.cells]


def demand_cell(cell: Any) -> Any:
    """`cell`, if it is one that minirnn can run."""
    if not isinstance(cell, (SimpleRNNCell, StackedRNNCells)):
        raise NotImplementedError(
            f"a cell of type {plain(type(cell).__name__)} is not supported by minirnn yet: it has SimpleRNNCell and "
            "StackedRNNCells; trace a loop of your own as a function"
        )
    return cell
