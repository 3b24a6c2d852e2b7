"""What is noted while the user's function runs: which variable a value was given to, and in which turn of which loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...engine import ops
from ...engine.graph import Node, now
from .. import primitives as P
from ..errors import here, run
from ..present import present
from ..recording.array import Array
from ..recording.memory import SAME
from ..recording.table import FUNCTIONS
from .builtin import BUILTINS, printed
from .written import Written


class Turn(NamedTuple):
    """One turn of a loop: in which turn of the loop around it, of which run of the loop, its number, and its item."""

    outer: int
    loop: int
    number: int
    item: Any


_BEGUN = Turn(0, -1, 0, None)  # a turn whose item is not there yet
_turn: Any = tuple.__new__  # quicker than Turn(...)


class Loop(NamedTuple):
    """One run of a loop: the place in the code, and the turn of the loop around it."""

    site: Any
    outer: int


class Recorder(Written):
    """The names and turns of one run. A node's step is the number of its turn, until `minirnn.loops.steps` knows better."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[Turn] = [Turn(-1, -1, 0, None)]  # turn 0 is outside of all loops
        self.loops: list[Loop] = []
        self.given: dict[Node, str] = {}  # the arrays that the function was given
        self.originals: dict[Node, Any] = {}  # what each of them was before it was copied
        self.calls = 0
        self.foreign = False  # whether the function computes with TensorFlow, of which another run would round otherwise
        self._waiting: dict[int, int] = {}  # turns that wait for their item, and the turn of the loop around them
        self._places: dict[Node, str] = {}  # where tests on traced values stand
        self.listed: set[Node] = set()  # rows that the function itself made a list of
        self.lists: dict[Node, tuple[str, list[Node]]] = {}  # lists of arrays, put together: their names and their parts

    def call(self, generator: bool = False) -> int:
        """The number of a call that begins; that of a `generator` begins where a loop asks for its first item."""
        self.calls += 1
        if generator:
            now.step = self._outside(now.step or 0)
        return self.calls

    def _outside(self, turn: int) -> int:
        """The turn in which the loops run that wait for an item in `turn`."""
        while turn in self._waiting:
            turn = self._waiting[turn]
        return turn

    def loop(self, items: Iterable[Any], site: Any) -> Iterator[Any]:
        """The items, each in a turn of its own."""
        outer, turn = self._outside(now.step or 0), None
        loop, count = len(self.loops), 0
        self.loops.append(Loop(site, outer))
        rest = iter(items)
        try:
            while True:
                if turn is not None and now.step != turn and present() is self:
                    outer = self._outside(now.step or 0)  # a generator goes on where another loop asks for its next item
                turn = now.step = len(self.turns)
                self.turns.append(_BEGUN)
                self._waiting[turn] = outer
                try:
                    item = next(rest)
                except StopIteration:
                    if turn == len(self.turns) - 1:
                        self.turns.pop()
                    return
                finally:
                    del self._waiting[turn]
                now.step = turn
                if self.in_parts:
                    self.read_as_wholes()
                self.turns[turn] = _turn(Turn, (outer, loop, count, item if type(item) is int else None))
                yield item
                count += 1
        finally:
            if present() is self:  # not if this is closed when the run is long over
                now.step = outer

    def rows(self, function: Any, items: Any) -> Any:
        """The items of a list to be. Rows of an array are read where they are used first, as those of a given list are."""
        if type(items) is not Array or not items.ndim or (function is not None and function not in (list, tuple)):
            return items
        rows = [*items]
        self.listed.update(row.node for row in rows if type(row) is Array and row.traced)
        return rows

    def kept(self, name: str, value: Any, call: int) -> Any:
        """`value`, under a key of a dictionary: called so if it has no name; of numbers only zeros are, a state's start."""
        if type(value) is Array and not _is_filled(value):
            if value.traced:
                self.names.setdefault(value.node, (name, call))
            elif getattr(value, "_called", None) is None and not np.any(value.data):
                self._named(name, value, call)
        return value

    def forever(self) -> Iterator[None]:
        """The turns of a while loop."""
        while True:
            yield None

    def named(self, name: str, value: Any, call: int) -> Any:
        """`value`, now in the variable `name` of a call; where that takes over another's value, told apart from it."""
        if type(value) is Array:
            node = value._node
            if value._memory is None and node and node not in self.names:  # nearly always
                self.names[node] = (name, call)
                return value
            return self._named(name, value, call)
        if type(value) is np.ndarray and value.dtype.kind == "f":  # drawn, or made by a function that is not recorded
            return self._named(name, Array(value).constant(), call)
        if type(value) is list:
            several = _made_together(value)
            if any(type(item) is Array and item._node in self.listed for item in value):
                return value  # list(X): they are called as what they are in the end
            for k, item in enumerate(value):
                self.stored(name, item, call, value if several else None, k)
        fields: Any = getattr(type(value), "_fields", None) or getattr(type(value), "__dataclass_fields__", ())
        for field in fields:
            self.stored(field, getattr(value, field, None), call)  # State(h, c) holds an h and a c
        return value

    def stored(self, name: str, value: Any, call: int, holder: Any = None, place: int = 0) -> Any:
        """`value`, put into the list, dictionary, array or object `name`: called so if it has no name of its own.

        Of a `holder` that is a list of several arrays it is that at `place`: h^2 is the second of the list h.
        """
        if type(value) is Array:
            if type(holder) is list and place < len(holder) and _are_several(holder):
                name = f"{name}^{place % len(holder) + 1}"
            node = value._node
            if value._memory is None and node and (known := self.names.get(node)) and call >= known[1]:
                return value
            if not value.traced or _is_filled(value) or value.node not in self.names:
                return self._named(name, value, call)
            node = value.node
            if call < self.names[node][1]:
                self.call_anew(node, name, call)
        return value

    def _named(self, name: str, value: Array, call: int) -> Array:
        if _is_filled(value):
            return value
        if not value.traced:
            called = getattr(value, "_called", None)
            if called is None:
                if value._memory is None or value._parent is None:
                    value._called, value._leaf = (name, call, now.step), None
            elif called[0] != name and called[1] == call:
                twin = value.sharing(value.data, SAME)  # the same memory under another name
                twin._called = (name, call, now.step)
                return twin
            return value
        node = value.node
        known = self.names.get(node)
        if known is None or call < known[1]:
            self.call_anew(node, name, call)
        elif known[0] != name and known[1] == call:
            whole = isinstance(value.data, np.ndarray)
            again = Node(ops.same, (node,), {}, value.data if whole else node.value)  # that of the node may lie elsewhere
            self.names[again] = (name, call)
            twin = Array(value.data, again)
            if whole:
                twin._memory = memory = value.memory()
                twin._parent, twin._view, twin._seen = value, SAME, memory.version
                memory.shared.append(again)
            return twin
        return value

    # -------------------------------------------------------------------------- what Python itself does with the values

    def same(self, a: Any, b: Any) -> bool:
        """``a is b``, where one array may have several names."""
        return (a.data if type(a) is Array else a) is (b.data if type(b) is Array else b)

    def builtin(self, function: Any) -> Any:
        """What stands for a function that is built in, if the name means that one."""
        return BUILTINS.get(function, function) if callable(function) and getattr(function, "__hash__", None) else function

    def decide(self, test: Any) -> bool:
        """The truth of a test on which nothing depends but what `chosen` is told of."""
        if type(test) is not Array:
            return bool(test)
        if test.traced:
            self._places[test.node] = here()
        return bool(test.data)

    def opposite(self, test: Any) -> Any:
        """``not test``."""
        if type(test) is not Array or not test.traced:
            return not test
        return FUNCTIONS[np.logical_not](test) if np.ndim(test.data) == 0 and test.dtype == bool else not self.decide(test)

    def all_of(self, *tests: Callable[[], Any]) -> Any:
        """``a and b and ...``: the first that does not hold, or the last."""
        return self._first(tests, False)

    def any_of(self, *tests: Callable[[], Any]) -> Any:
        """``a or b or ...``: the first that holds, or the last."""
        return self._first(tests, True)

    def _first(self, tests: tuple[Callable[[], Any], ...], holds: bool) -> Any:
        """What decides: what was asked before it has been decided otherwise, and is a part of it."""
        join = FUNCTIONS[np.logical_or if holds else np.logical_and]
        before: Any = None
        for test in tests:
            found = test()
            here_open = type(found) is Array and found.traced and np.ndim(found.data) == 0 and found.dtype == bool
            truth = bool(found.data) if type(found) is Array else bool(found)
            if type(found) is Array and found.traced and not here_open:
                truth = self.decide(found)
            if here_open or before is not None:
                joined = found if here_open else np.bool_(truth)
                before = joined if before is None else join(before, joined)
            if truth is holds:
                break
        return found if before is None else before

    def open(self, test: Any) -> bool:
        """Whether a test depends on traced values."""
        return type(test) is Array and test.traced

    def chosen(self, test: Array, value: Any, in_place: bool) -> Any:
        """What was set, or left, by a test on traced values depends on that choice; of a container all that it holds."""
        if isinstance(value, (list, tuple, dict)):
            for key, part in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
                made = self.chosen(test, part, in_place)
                if not isinstance(value, tuple):
                    value[key] = made
            return value
        if type(value) is not Array and not isinstance(value, (int, float, np.generic)):
            return value
        array = value if type(value) is Array else Array(np.asarray(value)).constant()
        data = value.data if type(value) is Array else value
        copied = data.copy() if isinstance(data, np.ndarray) else np.asarray(data)
        node = Node(P.decided, (array.node, test.node), {"where": self._places[test.node]}, copied)
        run.untracked += 1
        if not isinstance(data, np.ndarray):
            return Array(data, node)
        found = Array(copied, node)
        return array.assign(found) if in_place else found

    def mod(self, a: Any, b: Any) -> Any:
        """``a % b``: the remainder, or numbers written into a text."""
        if not isinstance(a, (str, bytes)):
            return a % b
        return a % printed(b)


def _are_several(arrays: list[Any]) -> bool:
    """Whether a list holds several arrays and nothing else."""
    return len(arrays) > 1 and all(type(x) is Array for x in arrays) and len({id(x) for x in arrays}) == len(arrays)


def _made_together(arrays: list[Any]) -> bool:
    """Whether they were not made in one turn after the other: the states of layers are, a history is not."""
    return _are_several(arrays) and len({x._node.step if x._node else getattr(x, "_made", 0) for x in arrays}) == 1


def _is_filled(value: Array) -> bool:
    memory = value._memory
    return memory is not None and memory.parts is not None and memory.root is value
