"""Memory that arrays share: which node its content is, and how a view's content follows from it.

NumPy itself computes and assigns, in real memory, so that views, strides, copies and casts are NumPy's own. Beside it stands
the graph. Invariants:

- `Array.data` is what the program would see in plain NumPy, at every moment.
- `Array.node.value` equals `data` and never changes. Nodes whose values lie in a memory are listed in `Memory.shared`;
  before anything is written into it they are given copies (`Memory.detach`).
- `Memory.version` counts assignments. The node of an array is right if the array has seen the present version; otherwise it
  is derived again from that of the array that it is a view of (`View.read`). An assignment to a view makes a new node of
  what it is a view of (`View.write`), down to the array that owns the memory.
- An array without a node is constant: nothing traced went into it. Its memory alone counts, whoever writes into it.
- An array that is filled place by place, ``hs[t] = h``, keeps the nodes of the places in `Memory.parts` over a `background`,
  until it is used as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, next_serial
from .indexing import Indices, full, places_of


class Memory:
    """What all arrays that lie in one piece of memory have in common."""

    __slots__ = ("axes", "background", "parts", "refusal", "root", "shared", "version")

    def __init__(self, root: Any) -> None:
        self.root = root
        self.version = 0
        self.shared: list[Node] = []
        self.parts: dict[tuple[int, ...], Node] | None = None
        self.axes: tuple[int, ...] = ()  # along which the parts lie
        self.refusal: str | None = None  # why nothing may be written here
        self.background: Any = None  # what the parts were written over: a Node, or an ndarray if it was constant

    def detach(self) -> None:
        """Before anything is written: values of nodes that lie here are copied."""
        for node in self.shared:
            node.value = node.value.copy()
        self.shared.clear()

    def share(self, node: Node, since: int) -> None:
        """Note that the value of `node` may lie here, and those of the nodes that were made on the way, `since` then."""
        waiting = [node]
        while waiting:
            made = waiting.pop()
            if made.serial > since:
                waiting.extend(made.args)
                if isinstance(made.value, np.ndarray):
                    self.shared.append(made)

    def shaped(self, node: Node, shape: tuple[int, ...]) -> Node:
        """`in_shape`, and noted where it lies here."""
        since = next_serial()
        found = in_shape(node, shape)
        self.share(found, since)
        return found

    def background_node(self) -> Node:
        """What the parts were written over, as a node."""
        if not isinstance(self.background, Node):
            self.background = self.root.leaf_of(self.background)
        return self.background


class View:
    """How the content of a view follows from that of the array that it is a view of, and the other way round."""

    __slots__ = ()

    def read(self, whole: Node, shape: tuple[int, ...]) -> Node:
        raise NotImplementedError

    def write(self, whole: Node, part: Node, value: np.ndarray) -> Node:
        """The node of the whole, whose value is now `value`, when `part` is written into the view."""
        raise NotImplementedError


class Same(View):
    """The same array under another name, in another object, or with an axis of length 1 more or less."""

    __slots__ = ()

    def read(self, whole: Node, shape: tuple[int, ...]) -> Node:
        return in_shape(whole, shape)

    def write(self, whole: Node, part: Node, value: np.ndarray) -> Node:
        return part if part.shape == whole.shape else Node(ops.reshape, (part,), {"dims": whole.shape}, value)


SAME = Same()


class Part(View):
    """What basic indices choose: numbers and slices, no new axes."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key

    def read(self, whole: Node, shape: tuple[int, ...]) -> Node:
        return ops.part(whole, key=full(self.key, whole.ndim))

    def write(self, whole: Node, part: Node, value: np.ndarray) -> Node:
        if part.shape == whole.shape and all(type(k) is slice and k.step in (None, 1) for k in self.key):
            return part
        return Node(ops.update, (whole, part), {"key": full(self.key, whole.ndim)}, value)


class Axes(View):
    """The axes in another order."""

    __slots__ = ("axes",)

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes

    def read(self, whole: Node, shape: tuple[int, ...]) -> Node:
        return permuted(whole, self.axes)

    def write(self, whole: Node, part: Node, value: np.ndarray) -> Node:
        node = permuted(part, tuple(int(i) for i in np.argsort(self.axes)))
        return Node(node.op, node.args, node.attrs, value) if node is not part else part


class Positions(View):
    """Any other view: the position in the whole, counted in the order of C, of each entry."""

    __slots__ = ("index",)

    def __init__(self, index: np.ndarray) -> None:
        self.index = index

    def read(self, whole: Node, shape: tuple[int, ...]) -> Node:
        return gathered(whole, self.index)

    def write(self, whole: Node, part: Node, value: np.ndarray) -> Node:
        places, values = self.index.ravel(), flattened(part)
        last = {place: k for k, place in enumerate(places.tolist())}  # of several assignments to one place the last counts
        if len(last) < places.size:
            places, values = np.array([*last]), gathered(values, np.array([*last.values()]))
        row = ops.update(flattened(whole), values, key=ops.Key((Indices(places),)))
        return row if whole.ndim == 1 else Node(ops.reshape, (row,), {"dims": whole.shape}, value)


def flattened(node: Node) -> Node:
    """The entries in the order of C, as a vector."""
    return node if node.ndim == 1 else ops.reshape(node, dims=(node.value.size,))


def gathered(node: Node, index: np.ndarray) -> Node:
    """The entries at these positions, counted in the order of C."""
    shape = node.value.shape
    if index.size == node.value.size and np.array_equal(index.ravel(), np.arange(index.size)):
        return node if index.shape == shape else ops.reshape(node, dims=index.shape)
    if (
        len(shape) == index.ndim == 2
        and index.shape == shape[::-1]
        and np.array_equal(index.T.ravel(), np.arange(index.size))
    ):
        return ops.transpose(node)
    return ops.part(flattened(node), key=ops.Key((Indices(index),)))


def permuted(node: Node, axes: tuple[int, ...]) -> Node:
    """The axes in this order."""
    if axes == tuple(range(node.ndim)):
        return node
    return ops.transpose(node) if node.ndim == 2 else ops.permute(node, axes=axes)


def in_shape(node: Node, shape: tuple[int, ...]) -> Node:
    """The same numbers in this shape: hs[t:t+1] beside hs[t]."""
    if node.shape == shape:
        return node
    return node.args[0] if node.op is ops.reshape and node.args[0].shape == shape else ops.reshape(node, dims=shape)


def put_together(memory: Memory) -> Node:
    """The parts, and what they were written over, as one node."""
    parts, axes, data = memory.parts, memory.axes, memory.root.data
    assert parts is not None
    if len(axes) == 1 and (axis := axes[0]) < 3 and 2 * len(parts) > data.shape[axis]:
        places = range(data.shape[axis])
        nodes = [parts[(k,)] if (k,) in parts else background_at(memory, (k,)) for k in places]
        return Node(ops.stack, tuple(nodes), {"axis": axis, "size": len(nodes)}, data)
    node = memory.background_node()
    for place, part in parts.items():
        node = ops.update(node, part, key=full(key_at(axes, place), data.ndim))
    node.value = data
    return node


def background_at(memory: Memory, place: tuple[int, ...]) -> Node:
    """What was at a place before anything was written there."""
    key = key_at(memory.axes, place)
    if isinstance(memory.background, Node):
        return ops.part(memory.background, key=full(key, memory.root.data.ndim))
    return memory.root.leaf_of(memory.background[key])


def place_in(memory: Memory, view: View) -> tuple[int, ...] | None:
    """The place that a view is of, if the memory is filled place by place along these axes."""
    if type(view) is Part and memory.parts is not None:
        places = places_of(view.key, memory.root.data.shape)
        if places is not None and places[0] == memory.axes:
            return places[1]
    return None


def key_at(axes: tuple[int, ...], place: tuple[int, ...]) -> tuple[Any, ...]:
    at = dict(zip(axes, place))
    return tuple(at.get(axis, slice(None)) for axis in range(max(axes) + 1))
