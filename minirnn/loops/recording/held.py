"""The node and the memory of a recording array: what is read through views, and what is written through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ...engine.graph import Node, next_serial, now
from ..errors import refuse
from ..present import present
from .constants import constant_node
from .indexing import places_of
from .memory import SAME, Memory, Part, View, background_at, key_at, place_in, put_together


class Held:
    """What NumPy has computed, `data`, with its node, and what shares its memory."""

    __slots__ = ("_called", "_leaf", "_made", "_memory", "_node", "_parent", "_seen", "_view", "data")

    _leaf: Node | None
    _node: Node | None
    _parent: Held | None  # what this is a view of, and how; there is one where there is a memory
    _view: View

    def __init__(self, data: Any, node: Node | None = None) -> None:
        self.data = data
        self._node = node  # None: constant, or not put together yet
        self._memory: Memory | None = None  # None: nothing shares this memory

    # --------------------------------------------------------------------------------------------------- node and value

    @property
    def node(self) -> Node:
        """The node of the present value."""
        memory = self._memory
        if memory is not None and self._seen != memory.version:
            self._refresh(memory)
        node = self._node
        if node is None:
            if memory is None or memory.parts is None or memory.root is not self:
                return self._constant()
            self._node = node = put_together(memory)
            memory.shared.append(node)
        return node

    @property
    def traced(self) -> bool:
        """Whether it depends on what the function was given."""
        memory = self._memory
        if memory is not None:
            if self._seen != memory.version:
                self._refresh(memory)
            if memory.parts is not None and memory.root is self:
                return True
        return self._node is not None

    def _refresh(self, memory: Memory) -> None:
        self._seen = memory.version
        parent, view = self._parent, self._view
        if parent is None:
            return
        place = place_in(memory, view) if parent is memory.root else None
        if place is not None:
            assert memory.parts is not None
            part = memory.parts.get(place)
            constant = part is None and not isinstance(memory.background, Node)
            self._node = None if constant else memory.shaped(part or background_at(memory, place), self.data.shape)
        elif parent.traced:
            whole, since = parent.node, next_serial()
            self._node = view.read(whole, self.data.shape)
            memory.share(self._node, since)
        else:
            self._node = None

    def constant(self, called: Any = None) -> Self:
        """This array, made in the present turn of the present loop and depending on nothing."""
        self._called, self._made, self._leaf = called, now.step, None
        return self

    def _constant(self) -> Node:
        """A node for a constant, made anew if it has been written into since."""
        leaf: Node | None = getattr(self, "_leaf", None)
        if leaf is None or leaf.value.dtype != self.data.dtype or not np.array_equal(leaf.value, self.data):
            leaf = self._leaf = self.leaf_of(self.data)
        return leaf

    def leaf_of(self, value: Any) -> Node:
        """A node for a constant, named as this array is."""
        called = getattr(self, "_called", None)
        node = constant_node(np.array(value), called is not None and bool(called[2]))
        node.step = getattr(self, "_made", node.step)
        if called is not None:
            name, number, node.step = called
            present().names[node] = (name, number)
        return node

    # ------------------------------------------------------------------------------------------------- views and writing

    def memory(self) -> Memory:
        """What this array shares with its views, made when the first of them is."""
        if self._memory is None:
            self._memory, self._parent, self._view, self._seen = Memory(self), None, SAME, 0
            if self._node is not None:
                self._memory.shared.append(self._node)
        return self._memory

    def sharing(self, data: Any, view: View) -> Self:
        """The array with this `data`, which lies in the memory of this one."""
        memory = self._memory or self.memory()
        found = type(self)(data)
        found._memory, found._parent, found._view, found._seen = memory, self, view, -1
        return found.constant(self._called_in(data)) if not self.traced else found

    def _called_in(self, data: np.ndarray) -> Any:
        """What a part of a constant is called: zeros are what a variable begins with, all else is data of this turn."""
        called = getattr(self, "_called", None)
        return called and (*called[:2], now.step if data.any() else called[2])

    def written(self, view: View, assign: Callable[[], Node | None]) -> None:
        """Write through a view of this array: ``assign()`` writes into the data and gives the node of the view's content."""
        memory = self.memory()
        if memory.refusal is not None:
            refuse(f"this writes into an array, and {memory.refusal}", "copy it first")
        levels: list[tuple[Held, View]] = [(self, view)]
        while (array := levels[-1][0])._parent is not None:
            levels.append((array._parent, array._view))
        constant = memory.root._node is None and memory.parts is None
        place = self._place(memory, levels[-1][1])
        past = [array.node for array, _ in (levels if place is None else levels[:-1])]
        memory.detach()
        node = assign()
        assert node is not None
        for (array, through), whole in zip(levels, past):
            if isinstance(node.value, np.ndarray) and np.may_share_memory(node.value, memory.root.data):
                memory.shared.append(node)
            array._node = node = through.write(whole, node, array.data)
        root, memory.version = memory.root, memory.version + 1
        if place is None:
            if constant and (called := getattr(self, "_called", None) or getattr(root, "_called", None)) is not None:
                _renamed(past[-1], node, called)
            elif len(levels) == 1 and type(view) is not Part and past[-1] in (names := present().names):
                names.setdefault(node, names[past[-1]])  # h[h < 0] = 0: what the variable holds now
            memory.parts = None
            memory.shared.append(node)
        else:
            assert memory.parts is not None
            memory.parts[place] = memory.shaped(node, root.data[key_at(memory.axes, place)].shape)
            root._node = None
        for array, _ in levels:
            array._seen = memory.version

    def _place(self, memory: Memory, view: View) -> tuple[int, ...] | None:
        """The place that is written, where the array that owns the memory is, or can be, filled place by place."""
        places = places_of(view.key, memory.root.data.shape) if type(view) is Part else None
        if places is None or (memory.parts is not None and memory.axes != places[0]):
            return None
        if memory.parts is None:
            root = memory.root
            memory.background = root._node if root._node is not None else root.data.copy()
            memory.parts, memory.axes = {}, places[0]
        return places[1]

    @property
    def _untouched(self) -> bool:
        """Whether nothing traced has gone into the memory."""
        memory = self._memory
        return self._node is None if memory is None else memory.root._node is None and memory.parts is None


def _renamed(before: Node, after: Node, called: tuple[str, int, Any]) -> None:
    """What an array of zeros holds once something is written into it has the name; the zeros have none."""
    names = present().names
    if before in names and not np.any(before.value) and after not in names:
        if called[2] == now.step:  # else they are what it begins with
            names.pop(before)
        names[after] = called[:2]
