"""The nodes of a run, and its numbers: what is asked for by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from functools import cached_property

import numpy as np

from ..engine.backprop import backprop
from ..engine.graph import Node
from ..engine.names import Name, Role, parse
from ..engine.precision import widened
from ..network import naming
from ..system import choices

NO_LOSS = "there is no loss to differentiate, so no {}: trace with a target, mr.trace(model, X, Y)"


class ByName(dict[str, np.ndarray]):
    """Arrays by name; a wrong name is told the right ones."""

    def __missing__(self, name: str) -> np.ndarray:
        if not self:
            raise ValueError(NO_LOSS.format(f"dL/d{name}"))
        raise KeyError(f"no parameter {name!r}{choices(name, self)}")


class Numbers:
    """The graph of a run: `forward` and all `nodes`, in order of creation; `cotangents` of what was differentiated by."""

    nodes: list[Node]
    forward: list[Node]
    data: list[Node]
    outputs: list[Node]
    output_node: Node
    loss_node: Node | None
    parameters: dict[str, Node]
    cotangents: dict[Node, Node]

    @cached_property
    def variables(self) -> dict[tuple[str, int | None], Node]:
        """Every named quantity, by name and step."""
        named = [node for node in self.nodes if node.name is not None]
        found = {(str(node.name), node.step): node for node in named}
        if len(found) < len(named):
            naming.demand_unique(named)
        return found

    @cached_property
    def wide(self) -> dict[Node, Node]:
        """The same run in float64, so that what is left is no rounding in float32: what stands for each node."""
        return widened(self.nodes)

    def _called(self, name: str) -> list[Node]:
        """The nodes of that name, or of that name and step."""
        known = dict.fromkeys(str(n.name) for n in self.forward if n.name is not None)
        key, step = quantity_and_step(name, known)
        nodes = [n for n in self.forward if n.name is not None and str(n.name) == key and step in (None, n.step)]
        if not nodes:
            raise ValueError(f"no quantity {name!r}{choices(name, known)}, and steps of them such as h_0")
        return nodes

    @property
    def output(self) -> np.ndarray:
        """The prediction: (N, K), or (N, T, K) where there is one at every step; the first of several."""
        return self.output_node.value

    @property
    def loss(self) -> np.floating | None:
        """The loss, a number; None if the trace has no target."""
        return None if self.loss_node is None else self.loss_node.value

    @cached_property
    def counts(self) -> Counter[str]:
        """The names of all quantities, and at how many steps each is there."""
        return Counter(name for name, _ in self.variables)

    @property
    def state_names(self) -> list[str]:
        """The states of the recurrent layers, in the order of their cells: "h" and "c" of an LSTM, "h^1", "h^2" of two."""
        states = {node.name for node in self.forward if node.role is Role.STATE}
        both = (node.name for node in self.forward if node.role in (Role.INITIAL_STATE, Role.STATE) and node.name in states)
        return list(dict.fromkeys(str(name) for name in both if name is not None))

    @property
    def data_names(self) -> list[str | None]:
        """What the data are called, each of `data`."""
        return [None if node.name is None else str(node.name) for node in self.data]

    @cached_property
    def names(self) -> dict[str, Name]:
        """The name of every quantity, by its key."""
        return {str(n.name): n.name for n in self.nodes if n.name is not None}

    @property
    def overflow(self) -> str | None:
        """The first quantity that is not finite, "h at step 2", where the outputs or the loss are not; else None."""
        if all(np.isfinite(node.value).all() for node in [*self.outputs, self.loss_node] if node is not None):
            return None
        first = next((n for n in self.forward if n.name is not None and not np.isfinite(n.value).all()), None)
        where = "" if first is None or first.step is None else f" at step {first.step}"
        return f"{'the output' if first is None else first.name}{where}"

    @property
    def dtype(self) -> np.dtype:
        return self.output.dtype

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dW of every parameter, by name, each of the parameter's shape; empty without a loss."""
        return ByName({name: self.cotangents[node].value for name, node in self.parameters.items() if self.cotangents})

    def value(self, name: str, t: int | None = None) -> np.ndarray:
        """The value of a quantity: ``value("h", 3)``, ``value("W_h")``. KeyError says what there is.

        "W_xi", "b_o" are the blocks of an LSTM's weights, of its input and its output gate; those of a Dense that is called
        so too are among the `parameters`.
        """
        return self._node(name, t).value

    def _node(self, name: str, t: int | None) -> Node:
        blocks = self._blocks.get(name, []) if t is None else []
        node = blocks[0] if len(blocks) == 1 else self.variables.get((name, t))
        if node is None:
            raise KeyError(naming.no_such(name, t, self.variables, self.names))
        return node

    @cached_property
    def _blocks(self) -> dict[str, list[Node]]:
        """The blocks of weights by their names without layers."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.role is Role.BLOCK and node.name is not None:
                found.setdefault(str(node.name._replace(layer="")), []).append(node)
        return found

    def adjoint(self, name: str, t: int | None = None) -> np.ndarray:
        """dL/d(quantity), the total derivative of the loss: ``adjoint("h", 3)`` is dL/dh_3, of the shape of h_3."""
        loss = self._needs_loss(f"dL/d{name}")
        node = self._node(name, t)
        if node.name is not None and node.name.of is not None:
            raise KeyError(f"{name} is a derivative already: ask for its value")
        if node not in self.cotangents:  # of a quantity on no path from a parameter: the inputs, the initial state
            asked = [n for (known, _), n in self.variables.items() if known == name]
            if not asked or any(user.op.beside and node in user.args for user in self.forward):
                asked = [node]  # one on a path from another would not be asked for itself
            self.cotangents |= {n: g for n, g in backprop(loss, asked).items() if n in asked}
        return self.cotangents[node].value

    def derivative(self, key: str) -> str:
        """The key of the derivative of the loss by a quantity: "dL/dh" of "h"."""
        loss = self.loss_node.name if self.loss_node is not None else None
        return str(self.names[key].derivative(parse("L") if loss is None else loss))

    def _needs_loss(self, what: str) -> Node:
        if self.loss_node is None:
            raise ValueError(NO_LOSS.format(what))
        return self.loss_node


def quantity_and_step(asked: str, known: Container[str]) -> tuple[str, int | None]:
    """What a user means by the name of a quantity, "h", or of one of its steps, "h_0"."""
    key, _, step = asked.rpartition("_")
    return (key, int(step)) if asked not in known and step.isdecimal() else (asked, None)
