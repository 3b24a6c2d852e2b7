"""What is noted while the user's function runs: which variable a value was given to, and in which turn of which loop."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...engine.graph import Node, now
from ...engine.ops import basic as ops
from ..recording.array import Array, itself, memory


class Turn(NamedTuple):
    """One turn of a loop: in which turn of the loop around it, of which run of the loop, its number, and its item."""

    outer: int
    loop: int
    number: int
    item: Any


_BEGUN = Turn(0, -1, 0, None)  # a turn whose item is not there yet


class Loop(NamedTuple):
    """One run of a loop: the place in the code, and the turn of the loop around it."""

    site: Any
    outer: int


class Recorder:
    """The names and turns of one run. A node's step is the number of its turn, until `minirnn.loops.infer` knows better."""

    def __init__(self) -> None:
        self.turns: list[Turn] = [Turn(-1, -1, 0, None)]  # turn 0 is outside of all loops
        self.loops: list[Loop] = []
        self.names: dict[Node, tuple[str, int]] = {}  # in the order of naming: the variable, and the call it is local to
        self.given: dict[Node, str] = {}  # the arrays that the function was given
        self.calls = 0

    def call(self) -> int:
        """The number of a call that begins."""
        self.calls += 1
        return self.calls

    def loop(self, items: Iterable[Any], site: Any) -> Iterator[Any]:
        """The items, each in a turn of its own."""
        outer = now.step or 0
        loop, count = len(self.loops), 0
        self.loops.append(Loop(site, outer))
        rest = iter(items)
        try:
            while True:
                turn = now.step = len(self.turns)
                self.turns.append(_BEGUN)
                try:
                    item = next(rest)
                except StopIteration:
                    if turn == len(self.turns) - 1:
                        self.turns.pop()
                    return
                now.step = turn
                self.turns[turn] = Turn(outer, loop, count, item if type(item) is int else None)
                yield item
                count += 1
        finally:
            if getattr(_present, "recorder", None) is self:  # not if this is closed when the run is long over
                now.step = outer

    def forever(self) -> Iterator[None]:
        """The turns of a while loop."""
        while True:
            yield None

    def named(self, name: str, value: Any, call: int) -> Any:
        """`value`, now in the variable `name` of a call; where that takes over another's value, told apart from it."""
        if type(value) is Array:
            if value._more is None and (node := value._node) not in self.names:  # so it is nearly always
                self.names[node] = (name, call)
                return value
            return self._named(name, value, call)
        if type(value) is list:
            for item in value:
                self.stored(name, item, call)
        return value

    def stored(self, name: str, value: Any, call: int) -> Any:
        """`value`, put into the list, dictionary, array or object `name`: called so if it has no name of its own."""
        if type(value) is Array:
            if value._more is None and (node := value._node) in self.names:
                if call < self.names[node][1]:
                    self.names[node] = (name, call)
                return value
            if value.is_constant or _is_filled(value) or value.node not in self.names:
                return self._named(name, value, call)
            node = value.node
            if call < self.names[node][1]:
                self.names[node] = (name, call)
        return value

    def _named(self, name: str, value: Array, call: int) -> Array:
        more = value._more
        if more is not None:
            if value.is_constant:
                if more.called is None:
                    if value._base is None:
                        more.called, value._node = (name, call, now.step), None
                elif more.called[0] != name and more.called[1] == call:
                    twin = memory(more.constant).view_of(value, itself)  # the same memory under another name
                    twin._more.called = (name, call, now.step)  # type: ignore[union-attr]
                    return twin
                return value
            if more.parts is not None:
                return value
        node = value.node
        known = self.names.get(node)
        if known is None or call < known[1]:
            self.names[node] = (name, call)
        elif known[0] != name and known[1] == call:
            node = Node(ops.same, (node,), {}, node.value)
            self.names[node] = (name, call)
            return Array(node).view_of(value, itself)
        return value


def _is_filled(value: Array) -> bool:
    return value._more is not None and value._more.parts is not None


class _Present(threading.local):
    recorder: Recorder


_present = _Present()


def present() -> Recorder:
    """The recorder of the trace that this thread makes."""
    return _present.recorder


class recording:
    """``with recording(recorder):`` the calls in this thread are noted by it."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __enter__(self) -> None:
        self.outer = getattr(_present, "recorder", None), now.step
        _present.recorder, now.step = self.recorder, 0

    def __exit__(self, *_: object) -> None:
        _present.recorder, now.step = self.outer  # type: ignore[assignment]
