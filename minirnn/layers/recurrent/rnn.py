"""RNN: cells run through time. Masks, states, direction and outputs are here; what one step computes is the cell's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.graph import Node, at, named
from ...engine.names import Role
from ...engine.ops import full, leaf, spreadcols, stack, where, zeros
from ...engine.sizes import Size
from ..arguments import boolean
from ..calls import Call, Masks, Scope
from ..layer import Layer
from ..nodes import given_on, steps
from ..symbolic import Shape
from .cell import Cell
from .cells import StackedRNNCells, demand_cell


class RNN(Layer):
    """``RNN(cell)``, or ``RNN([cell, cell])`` for cells on top of each other, run through a sequence (N, T, D).

    It gives the last output (N, units), or all of them (N, T, units) with ``return_sequences``; with ``return_state`` a list
    of the output and the last state of every cell. ``go_backwards`` runs from step T to step 1 and gives its outputs in that
    order; every quantity keeps the step it belongs to. ``stateful`` starts from the state of the call before;
    ``initial_state`` is an array or node (N, units), or a list of them, zeros if not given.

    At a step that the mask leaves out the state is carried, h_t = m_t ⊙ h̃_t + (1 - m_t) ⊙ h_{t-1}, and the output is that of
    the step before, or 0 with ``zero_output_for_mask``.
    """

    takes_state = True
    refused = {"time_major": False}
    forgotten = ("input_length", "input_dim")
    cell: Any

    def __init__(
        self,
        cell: Layer | Sequence[Layer],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        kind = self.kind
        self.cell = demand_cell(
            StackedRNNCells(cell, dtype=others.get("dtype")) if isinstance(cell, (list, tuple)) else cell
        )
        self.children["cell"] = self.cell
        self.return_sequences = boolean(kind, "return_sequences", return_sequences)
        self.return_state = boolean(kind, "return_state", return_state)
        self.go_backwards = boolean(kind, "go_backwards", go_backwards)
        self.stateful = boolean(kind, "stateful", stateful)
        self.unroll = boolean(kind, "unroll", unroll)
        self.zero_output_for_mask = boolean(kind, "zero_output_for_mask", zero_output_for_mask)
        self.states: list[np.ndarray] | None = None  # of a stateful layer, after the last call

    def __call__(self, x: Any, **others: Any) -> Any:  # type: ignore[override]
        """As any layer; of cells on top of each other the states of each are a list, as in Keras."""
        found = super().__call__(x, **others)
        if not self.return_state or not isinstance(self.cell, StackedRNNCells):
            return found
        out, *states = found
        sizes = [cell.state_size for cell in self.cells]
        return [out, *[[states.pop(0) for _ in size] if isinstance(size, list) else states.pop(0) for size in sizes]]

    @property
    def cells(self) -> list[Cell]:
        return self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]

    @property
    def sizes(self) -> list[int]:
        """The size of every state."""
        return [size for cell in self.cells for size in cell.sizes]

    @property
    def recurrences(self) -> int:  # type: ignore[override]
        return len(self.cells)

    def child_shape(self, key: str, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ValueError(f"{self.label} takes sequences (samples, timesteps, features), not shape {input_shape}")
        return (input_shape[0], input_shape[2])

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        if self.stateful and input_shape[0] is None:
            raise ValueError(f"{self.label} is stateful: it needs the number of samples, Input(..., batch_size=N)")

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[: 2 if self.return_sequences else 1], self.cells[-1].output_size)

    def output_shapes(self, input_shape: Shape) -> list[Shape]:
        states = [(input_shape[0], size) for size in self.sizes] if self.return_state else []
        return [self.output_shape(input_shape), *states]

    def scopes(self, scope: Scope) -> list[Scope]:
        """One for each cell; the features of each are the units of the one below."""
        found: list[Scope] = []
        features = scope.features
        for cell, tag in zip(self.cells, scope.tags):
            found.append(scope._replace(tag=tag, features=features))
            features = cell.features(found[-1])
        return found

    def features(self, scope: Scope) -> str:
        return self.cells[-1].features(self.scopes(scope)[-1])

    def letters(self, scope: Scope) -> list[str]:
        return [self.features(scope), *(self.state_letters(scope) if self.return_state else [])]

    def state_letters(self, scope: Scope) -> list[str]:
        return [letter for cell, s in zip(self.cells, self.scopes(scope)) for letter in cell.state_letters(s)]

    def symbols(self, scope: Scope) -> dict[str, tuple[str, tuple[str, ...]]]:
        scopes = self.scopes(scope)
        each = [cell.symbols(s) for cell, s in zip(self.cells, scopes)]
        if not isinstance(self.cell, StackedRNNCells):
            return {f"cell/{key}": value for key, value in each[0].items()}
        return {f"cell/{name}/{key}": value for name, own in zip(self.cell.children, each) for key, value in own.items()}

    def _calls(self, call: Call) -> list[Call]:
        inner = call.inner("cell", call.scope)
        if not isinstance(self.cell, StackedRNNCells):
            return [call.inner("cell", self.scopes(call.scope)[0])]
        return [inner.inner(name, s) for name, s in zip(self.cell.children, self.scopes(call.scope))]

    # ------------------------------------------------------------------------------------------------------ running

    def call(self, x: Node, call: Call) -> Node | list[Node]:
        each, masks = steps(x), call.mask
        forward = len(each) < 2 or each[0].step < each[1].step  # type: ignore[operator]
        if self.go_backwards:
            each, masks, forward = each[::-1], masks and masks[::-1], not forward
        calls = self._calls(call)
        before = (each[0].step or 1) + (-1 if forward else 1)
        with at(before):
            states = self._initial(each[0], call, calls)
        outputs = _Outputs(self, call, states, masks, before, calls[-1].scope.tag)
        with at(None):  # blocks of weights and masks of dropout are those of the whole call
            belows = [each[0], *[own[0] for own in states]]
            prepared = [cell.prepared(below, inner) for cell, below, inner in zip(self.cells, belows, calls)]
        call.history = [[] for _ in self.sizes]
        for t, x_t in enumerate(each):
            with at(x_t.step):
                out = x_t
                for k, (cell, inner) in enumerate(zip(self.cells, calls)):
                    out, states[k] = self._stepped(cell, out, states[k], inner, prepared[k], masks[t] if masks else None)
                outputs.take(out, states[-1][0])
            for history, h in zip(call.history, [h for own in states for h in own]):
                history.append(h)
        call.final = [h for own in states for h in own]
        result = outputs.all(x.dims[1]) if self.return_sequences else outputs.last()
        return [result, *call.final] if self.return_state else result

    @staticmethod
    def _stepped(
        cell: Cell, x: Node, before: list[Node], call: Call, prepared: Any, mask: Node | None
    ) -> tuple[Node, list[Node]]:
        """The output and the states after a step, under their names; where there is a mask, the states are carried by it."""
        out, raw = cell.stepped(x, before, call, prepared)
        names = [f"{name}{call.scope.tag}" for name in cell.state_names]
        if mask is None:
            states = [named(name, node, Role.STATE) for name, node in zip(names, raw)]
            return states[raw.index(out)] if out in raw else out, states
        new = [named(f"{name}{call.scope.tag}", node, Role.CANDIDATE) for name, node in zip(_new_names(cell), raw)]
        out = new[raw.index(out)] if out in raw else out
        return out, [named(name, where(spreadcols(mask, a), a, b), Role.STATE) for name, a, b in zip(names, new, before)]

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        out = call.mask if self.return_sequences and call.conditions.semantics != "keras-3.16" else None
        return [given_on(out, x, self.go_backwards, call.scope.tag)] + [None] * (len(self.sizes) if self.return_state else 0)

    def _initial(self, x_1: Node, call: Call, calls: list[Call]) -> list[list[Node]]:
        """The states before the first step, those of each cell."""
        given: list[Any] = list(call.states or [])
        if not given and self.stateful:
            kept = (call.conditions.states or {}).get(self, self.states)
            if kept is not None and kept[0].shape[0] != x_1.shape[0]:
                raise ValueError(
                    f"{self.label} is stateful and has the state of {kept[0].shape[0]} samples; it is called on "
                    f"{x_1.shape[0]}: call reset_state() first"
                )
            letters = self.state_letters(call.scope)
            given = [
                leaf(a.astype(x_1.dtype), None, Role.INITIAL_STATE, ("N", letter)) for a, letter in zip(kept or [], letters)
            ]
        self.check_states([node.shape for node in given], x_1.shape[0])
        found = []
        for cell, inner in zip(self.cells, calls):
            own = [given.pop(0) for _ in cell.state_names] if given else cell.first_states(x_1, inner)
            found.append(
                [named(f"{name}{inner.scope.tag}", node, Role.INITIAL_STATE) for name, node in zip(cell.state_names, own)]
            )
        return found

    def check_states(self, shapes: list[Shape], samples: int | None = None) -> None:
        if shapes and len(shapes) != len(self.sizes):
            raise ValueError(f"{self.label} takes {len(self.sizes)} initial states, not {len(shapes)}")
        for shape, size in zip(shapes, self.sizes):
            if samples is None and shape[1:] != (size,):
                raise ValueError(f"{self.label}: its initial state must have shape (units,), not {shape[1:]}")
            if samples is not None and shape != (samples, size):
                wants = (samples, size)
                raise ValueError(f"{self.label}: initial_state has shape {shape}, not (samples, units) = {wants}")

    # -------------------------------------------------------------------------------------------------------- state

    def keep(self, call: Call) -> None:
        if self.stateful:
            self.states = [np.array(node.value) for node in call.final]

    def forget(self) -> None:
        super().forget()
        self.states = None

    def reset_state(self) -> None:
        """Forget the state that a stateful layer has kept: the next call starts from zeros."""
        self.states = None

    reset_states = reset_state


def _new_names(cell: Cell) -> list[str]:
    """What the states that a step computes are called before a mask chooses: h̃, or ĥ of a cell with a candidate c̃ or h̃."""
    candidates = {gate.name for gate in cell.gates}
    mark = "hat" if candidates & {f"{name}tilde" for name in cell.state_names} else "tilde"
    return [f"{name}{mark}" for name in cell.state_names]


class _Outputs:
    """What an RNN gives at each step, in the semantics of the run (see `minirnn.verify.keras_differences`)."""

    def __init__(
        self, layer: RNN, call: Call, initial: list[list[Node]], masks: Masks | None, before: int, tag: str
    ) -> None:
        self.layer, self.call, self.masks, self.before = layer, call, masks, before
        self.name = f"{'out' if 'o' in {gate.name for gate in layer.cells[-1].gates} else 'o'}{tag}"
        self.found: list[Node] = []
        jax = call.conditions.semantics == "jax"
        zero = layer.zero_output_for_mask and not (jax and layer.unroll)
        self.by_position = zero and layer.unroll and layer.go_backwards  # TensorFlow does not reverse this mask
        self.zero = zero and not self.by_position
        plain = layer.cells[-1].output_is_state
        if jax and not plain and masks is not None:
            raise NotImplementedError(f"{layer.label}: a cell of your own with a mask is run as on TensorFlow only")
        as_state = plain and (initial[-1][0].op is full or (jax and not layer.unroll))
        self.carries = masks is not None and not self.zero and not as_state
        self.carried: Node | None = None

    def take(self, out: Node, h: Node) -> None:
        """The cell gave `out` at the next step; `h` is the state after it."""
        if self.masks is None:
            h = out
        elif self.zero or self.carries:
            if self.carries and self.carried is None:
                with at(self.before):
                    # before the first it is 0, whatever the state is
                    self.carried = named(self.name, zeros(out), Role.OUTPUT)
            m = spreadcols(self.masks[len(self.found)], out)
            kept = self.carried if self.carries and self.carried else zeros(out)
            h = self.carried = named(self.name, where(m, out, kept), Role.OUTPUT)
        self.found.append(h)

    def _zeroed(self, out: Node, m: Node) -> Node:
        with at(out.step):
            return where(spreadcols(m, out), out, zeros(out))

    def all(self, T: Size) -> Node:
        if self.by_position and self.call.mask is not None:
            return stack(*map(self._zeroed, self.found, self.call.mask), size=T)
        return stack(*self.found, size=T)

    def last(self) -> Node:
        return self._zeroed(self.found[-1], self.masks[-1]) if self.by_position and self.masks else self.found[-1]
