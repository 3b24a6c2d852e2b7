"""Cells on top of each other, and what a cell of your own must have."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ... import system
from ...engine.graph import Node, users_names
from ...engine.names import Role, users
from ...engine.ops import full
from ...engine.sizes import Size
from ...registry import snake
from ...system import plain
from ..arguments import listed
from ..calls import Call, Scope
from ..layer import Layer
from ..symbolic import Shape
from ..written import bare
from .cell import Cell, Gate


class StackedRNNCells(Layer):
    """Cells on top of each other that act as one: the output of each is the input of the next."""

    def __init__(self, cells: Sequence[Layer], **others: Any) -> None:
        super().__init__(**others)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError("StackedRNNCells takes a list of cells")
        self.cells = [demand_cell(cell) for cell in cells]
        names: dict[str, int] = {}
        for cell in self.cells:
            kind = snake(type(cell).__name__)
            self.children[kind + (f"_{names[kind]}" if names.get(kind) else "")] = cell
            names[kind] = names.get(kind, 0) + 1

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return self.cells[-1].output_size

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        place = list(self.children).index(key)
        return input_shape if place == 0 else (input_shape[0], self.cells[place - 1].output_size)

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Zeros for every state of every cell."""
        return [zeros for cell in self.cells for zeros in cell.get_initial_state(batch_size)]


class OwnCell(Layer, listed=False):
    """A cell of the user's own: a layer with a `state_size` and ``call(x, states)``, which gives the output and new states.

    Its ``build`` makes weights with `add_weight`; in ``call`` they are nodes, and so are x and the states. Where it has an
    attribute `state_names`, its states are called so, else h, or h_1, h_2 of several; in an attribute `gates` it may say
    which of the quantities it names are `Gate`s.
    """

    output_is_state = False  # as far as can be known
    users_name_weights = True

    def __init__(self, cell: Layer) -> None:
        super().__init__(name=cell.name)
        for name, held in vars(cell).items():
            if any(each.own_weights for layer in listed(held) if isinstance(layer, Layer) for each in layer.inside()):
                raise NotImplementedError(
                    f"{cell.label}: the cell holds the layer {plain(name)!r}, whose weights nothing would train: "
                    "make weights with add_weight in its build, and compute with minirnn.ops in its call"
                )
        size = cell.state_size
        self._known, self._places = system.Followed(), list[int]()
        self.cell, self.sizes = cell, [size] if isinstance(size, int) else list(size)
        self.state_size, self.output_size = size, getattr(cell, "output_size", self.sizes[0])
        self.units, self.seed, self.dropout, self.recurrent_dropout = self.output_size, None, 0.0, 0.0

    def build(self, input_shape: Shape) -> None:
        if self.own_arrays is None:
            self.cell.build(input_shape)
            self.own_arrays, self._features = [], input_shape[-1]
            self.children = {"own": self.cell}
            self.cell.own_arrays = self.cell.own_arrays or []
            self._alone, self._with_weights = bare(self.cell)

    @property
    def as_made(self) -> Layer:
        return self.cell

    @property
    def label(self) -> str:
        return self.cell.label

    def forget(self) -> None:
        super().forget()
        self.children, self.cell.own_weights = {}, ()

    def features(self, scope: Scope) -> str:
        return scope.letter("M")

    def state_letters(self, scope: Scope) -> list[str]:
        M = self.features(scope)
        return [M if size == self.output_size else f"{M}{i}" for i, size in enumerate(self.sizes, start=1)]

    @property
    def state_names(self) -> tuple[str, ...]:
        """What its states are called."""
        own = getattr(self.cell, "state_names", None)
        if own is None:
            return ("h",) if len(self.sizes) == 1 else tuple(f"h_{i}" for i in range(1, len(self.sizes) + 1))
        if len(own) != len(self.sizes) or not all(isinstance(name, str) for name in own):
            raise ValueError(f"{self.cell.label}: state_names must name its {len(self.sizes)} states")
        return tuple(own)

    @property
    def gates(self) -> tuple[Gate, ...]:
        return tuple(gate for gate in getattr(self.cell, "gates", ()) if isinstance(gate, Gate))

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        letters = {self._features: scope.features, self.output_size: self.features(scope)}
        letters = dict(zip(self.sizes, self.state_letters(scope))) | letters
        arrays = zip(self.cell.own_weights, self.cell.own_arrays or [])
        axes = {key: tuple(letters.get(n, str(n)) for n in array.shape) for key, array in arrays}
        return {f"own/{key}": (f"{key}{scope.tag}", own) for key, own in axes.items()}

    def prepared(self, x: Node, call: Call) -> None:
        """Nothing: what is the same at all steps is for the cell to make."""

    def dropout_names(self, tag: str) -> tuple[list[str], list[str]]:
        """None: dropout is for the cell to do."""
        return [], []

    def first_states(self, x: Node, call: Call) -> list[Node]:
        """Zeros, for a sequence whose first step is x."""
        letters = self.state_letters(call.scope)
        sizes = map(Size.of, letters, self.sizes)
        return [full(dims=(x.dims[0], size), value=0, dtype=x.dtype.name) for size in sizes]

    def _followed(self, x: Node, states: list[Node], weights: list[Node], call: Call) -> list[Node]:
        """A step where the cell knows no nodes, as one that is written in functions of Keras: it is followed on arrays."""
        alone, with_weights, places, count = self._alone, self._with_weights, self._places, 1 + len(states)

        def function(*arrays: Any) -> Any:
            found = _results(*with_weights(alone, arrays[count:]).call(arrays[0], list(arrays[1:count])))
            each = {id(one): one for one in found}  # an output that is the state too is given once
            places[:] = [list(each).index(id(one)) for one in found]
            return tuple(each.values()) if len(each) > 1 else found[0]

        function.__module__ = type(self.cell).__module__  # it is followed as code of the user's own
        made = system.follow(function, (x, *states, *weights), self._known, call.scope.tag)
        return [made[place] for place in places]

    def stepped(self, x: Node, states: list[Node], call: Call, prepared: None) -> tuple[Node, list[Node]]:
        """The output of one step and the new states, which the caller names."""
        weights = [call.parameters[f"own/{name}"] for name in self.cell.own_weights]
        found: Sequence[Any] = ()
        with users_names() as own, contextlib.suppress(Exception):  # of functions that know no nodes
            found = _results(*self._with_weights(self._alone, weights).call(x, list(states)))
        if not found or not all(isinstance(node, Node) for node in found):
            with users_names() as own:
                found = self._followed(x, states, weights, call)
        roles = {gate.name: gate.role for gate in self.gates} | {gate.pre: Role.PRE_ACTIVATION for gate in self.gates}
        for node in own:
            if node.name is not None:
                role, layer = roles.get(str(node.name)), call.scope.tag.removeprefix("^")
                node.role = role or node.role
                node.name = users(node.name, layer) if role is None else node.name._replace(layer=layer)
        call.own += own
        if len(found) != 1 + len(self.sizes):
            raise TypeError(f"{self.cell.label}: call(x, states) must give an output and {len(self.sizes)} states")
        return found[0], list(found[1:])


def _results(out: Any, new: Any) -> tuple[Any, ...]:
    """The output of a cell and its new states, one after the other."""
    return out, *(new if isinstance(new, (list, tuple)) else [new])


def cells_in(layers: Iterable[Layer]) -> list[Cell | OwnCell]:
    """All cells of these layers, each of which says what its states and gates are."""
    return [inner for layer in layers for inner in layer.inside() if isinstance(inner, (Cell, OwnCell))]


def demand_cell(cell: Any) -> Any:
    """`cell`, if it is one that minirnn can run; one of the user's own in an `OwnCell`."""
    if isinstance(cell, (Cell, StackedRNNCells, OwnCell)):
        return cell
    if isinstance(cell, Layer) and hasattr(cell, "state_size"):
        return OwnCell(cell)
    raise NotImplementedError(
        f"a cell of type {plain(type(cell).__name__)} is not one that minirnn can run: give a SimpleRNNCell, "
        "LSTMCell or GRUCell, a list of cells, or a layer of minirnn with a state_size and call(x, states)"
    )
