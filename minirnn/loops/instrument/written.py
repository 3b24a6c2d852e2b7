"""Arrays of which parts are written: the array, as it is then, has the name of its variable."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, now
from ..recording.array import Array
from ..recording.memory import Memory


class Written:
    """The names of what was assigned and what was written."""

    def __init__(self) -> None:
        self.names: dict[Node, tuple[str, int]] = {}  # in the order of naming: the variable, and the call it is local to
        self.inner: dict[Node, tuple[str, int]] = {}  # what a function calls it, whose caller has another name for it
        self.written: set[Node] = set()  # arrays as they are once a part of them was written
        self.in_parts: list[tuple[int, Memory]] = []  # of those that were written place by place, with the turn

    def stored(self, name: str, value: Any, call: int, holder: Any = None, place: int = 0) -> Any:
        """`value`, called so if it has no name of its own."""
        raise NotImplementedError

    def call_anew(self, node: Node, name: str, call: int) -> None:
        """Give a name, or that of the caller."""
        if node in self.names:
            self.inner.setdefault(node, self.names[node])
        self.names[node] = (name, call)

    def put(self, name: str, value: Any, call: int, holder: Any, place: int = 0) -> Any:
        """`value`, put into a place of `holder` that is no step of it: of an array it has no name, see `wrote`."""
        return value if type(holder) is Array else self.stored(name, value, call, holder, place)

    def wrote(self, name: str, holder: Any, call: int) -> None:
        """The array `name`, of which a part was written: what it holds now is called so."""
        if type(holder) is Array and holder.traced:
            node = holder.node
            for before in itertools.takewhile(lambda n: n.step == now.step, reversed(self.names)):
                if self.names[before][0] == name and before is not node:  # what it held in this turn until now
                    if before in self.written:
                        self.written.remove(before)
                        del self.names[before]
                    else:
                        self.names[before] = (f"{name}_before", call)
                    break
            self.written.add(node)
            if holder._memory is not None and holder._memory.parts is not None:
                self.in_parts.append((now.step or 0, holder._memory))
            if self.names.setdefault(node, (name, call))[0] != name:  # h[:] = z
                again = holder._node = Node(ops.same, (node,), {}, np.array(node.value))
                self.names[again] = (name, call)
                holder.memory().shared.append(again)

    def read_as_wholes(self) -> None:
        """What was written place by place in an earlier turn is read from the array that has the name."""
        for turn, memory in self.in_parts:
            if turn != now.step:
                memory.parts = None if memory.root._node is not None else memory.parts
        self.in_parts = [held for held in self.in_parts if held[0] == now.step]

    def steps_in(self, holder: Any) -> bool:
        """Whether what is written into a place is what an array holds at a step: one that is recorded, in a turn."""
        return type(holder) is Array and bool(now.step)
