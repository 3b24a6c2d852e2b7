"""One step of a recurrence: SimpleRNNCell, several of them on top of each other, and what a cell of your own must have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import activations
from ..engine.graph import Node, named
from ..engine.ops.basic import blank, state
from ..initializers import Draws
from ..system import plain
from .arguments import boolean, positive_int, share, snake
from .calls import Call, Conditions, Scope
from .layer import Layer, Weight
from .nodes import common_dtype, state_node
from .symbolic import Shape


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
        if self._activate is activations.glu:
            raise NotImplementedError(f"{kind}(activation='glu'): it halves the number of units, and a state keeps it")

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

    @property
    def sizes(self) -> list[int]:
        """The size of every state."""
        return [self.units]

    def state_letters(self, scope: Scope) -> list[str]:
        return [self.features(scope)]

    def state_names(self, name: str, scope: Scope) -> list[str]:
        """What its states are called."""
        return [f"{name}{scope.tag}"]

    def first_states(self, x: Node, call: Call) -> list[Node]:
        """Zeros, for a sequence whose first step is x."""
        return [state(x, call.parameters["recurrent_kernel"])]

    def step(
        self, x: Node, states: list[Node], call: Call, dropped: tuple[Node | None, Node | None], name: str
    ) -> tuple[Node, list[Node]]:
        """The output of one step and the next states, called `name`: both are h_t here."""
        (h,), p, tag = states, call.parameters, call.scope.tag
        d_x, d_h = dropped
        out = (x if d_x is None else x * d_x) @ p["kernel"]
        if self.use_bias:
            out = out + p["bias"]
        z = named(f"z{tag}", out + (h if d_h is None else h * d_h) @ p["recurrent_kernel"])
        out = named(f"{name}{tag}", activations.applied(self._activate, z, self.label))
        return out, [out]

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
        return self.step(x, [h], call, self.dropped(x, call), "h")


class StackedRNNCells(Layer):
    """Cells on top of each other that act as one: the output of each is the input of the next."""

    def __init__(self, cells: Sequence[Layer], **others: Any) -> None:
        super().__init__(**others)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError("StackedRNNCells takes a list of cells")
        self.cells = [demand_cell(cell) for cell in cells]
        names: dict[str, int] = {}
        for cell in self.cells:
            kind = "simple_rnn_cell" if isinstance(cell, SimpleRNNCell) else snake(type(cell).__name__)
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


class OwnCell(Layer):
    """A cell of the user's own: a layer with a `state_size` and ``call(x, states)``, which gives the output and new states.

    Its ``build`` makes weights with `add_weight`; in ``call`` they are nodes, and so are x and the states.
    """

    def __init__(self, cell: Layer) -> None:
        super().__init__(name=cell.name)
        size = cell.state_size  # type: ignore[attr-defined]
        self.cell, self.sizes = cell, [size] if isinstance(size, int) else list(size)
        self.state_size, self.output_size = size, getattr(cell, "output_size", self.sizes[0])
        self.units, self.seed, self.dropout, self.recurrent_dropout = self.output_size, None, 0.0, 0.0

    def build(self, input_shape: Shape) -> None:
        if self._weights is None:
            self.cell.build(input_shape)
            self._weights, self._features = [], input_shape[-1]
            self.children = {"own": self.cell}
            self.cell._weights = self.cell._weights or []

    def forget(self) -> None:
        super().forget()
        self.children, self.cell.own_weights = {}, ()

    def features(self, scope: Scope) -> str:
        return scope.letter("M")

    def state_letters(self, scope: Scope) -> list[str]:
        M = self.features(scope)
        return [M if size == self.output_size else f"{M}{i}" for i, size in enumerate(self.sizes, start=1)]

    def state_names(self, name: str, scope: Scope) -> list[str]:
        """What its states are called: h, or h_1, h_2 of several."""
        count = len(self.sizes)
        return [f"{name}{scope.tag}" if count == 1 else f"{name}_{i}{scope.tag}" for i in range(1, count + 1)]

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        letters = {self._features: scope.features, self.output_size: self.features(scope)}
        letters = dict(zip(self.sizes, self.state_letters(scope))) | letters
        arrays = zip(self.cell.own_weights, self.cell._weights or [])
        axes = {key: tuple(letters.get(n, str(n)) for n in array.shape) for key, array in arrays}
        return {f"own/{key}": (f"{key}{scope.tag}", own) for key, own in axes.items()}

    def dropped(self, x: Node, call: Call) -> tuple[None, None]:
        """Dropout is for the cell to do."""
        return None, None

    def first_states(self, x: Node, call: Call) -> list[Node]:
        """Zeros, for a sequence whose first step is x."""
        letters = self.state_letters(call.scope)
        return [blank(x, size=size, units=letter) for size, letter in zip(self.sizes, letters)]

    def step(self, x: Node, states: list[Node], call: Call, dropped: Any, name: str) -> tuple[Node, list[Node]]:
        """The output of one step and the next states, called `name`."""
        kept = dict(vars(self.cell))
        for attribute, weight in kept.items():
            if isinstance(weight, Weight):
                setattr(self.cell, attribute, call.parameters[f"own/{weight.name}"])
        try:
            out, new = self.cell.call(x, list(states))  # type: ignore[misc,arg-type]
        finally:
            vars(self.cell).update(kept)
        listed = list(new) if isinstance(new, (list, tuple)) else [new]
        if not all(isinstance(node, Node) for node in [out, *listed]) or len(listed) != len(self.sizes):
            raise TypeError(f"{self.cell.label}: call(x, states) must give a node and {len(self.sizes)} states, all nodes")
        return out, [named(own, node) for own, node in zip(self.state_names(name, call.scope), listed)]


def demand_cell(cell: Any) -> Any:
    """`cell`, if it is one that minirnn can run; one of the user's own in an `OwnCell`."""
    if isinstance(cell, (SimpleRNNCell, StackedRNNCells, OwnCell)):
        return cell
    if isinstance(cell, Layer) and hasattr(cell, "state_size"):
        return OwnCell(cell)
    raise NotImplementedError(
        f"a cell of type {plain(type(cell).__name__)} is not one that minirnn can run: give a SimpleRNNCell, a list of "
        "cells, or a layer of minirnn with a state_size and call(x, states)"
    )
