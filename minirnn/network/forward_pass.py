"""What one forward pass of a network leaves behind."""

from __future__ import annotations

from typing import NamedTuple

from ..engine.graph import Node
from ..layers.calls import Call, Masks
from ..layers.symbolic import Symbolic


class ForwardPass(NamedTuple):
    """One forward pass: its outputs, the parameters by name, and what else it left."""

    outputs: list[Node]
    parameters: dict[str, Node]
    inputs: list[Node]
    masks: list[Masks | None]  # of each output
    losses: list[Node]  # what regularizers add to the loss
    calls: list[tuple[Symbolic, Call]]
    letters: list[str]  # for the features of each output
    own: list[Node]  # what code of the user's own has named
    starts: list[tuple[int, str]]  # the serial number at which the call of each layer began, and its label
    states: list[Node]  # of all recurrent layers, after the last step

    @property
    def output(self) -> Node:
        """The only output, or the first of several."""
        return self.outputs[0]

    def ends(self, loss: Node | None) -> list[Node]:
        """What nothing is computed from: outputs, last states, and the loss if there is one."""
        return [*self.outputs, *self.states, *([] if loss is None else [loss])]

    def keep(self) -> None:
        """Let stateful layers keep their states for the next run."""
        for symbolic, call in self.calls:
            symbolic.layer.keep(call)
