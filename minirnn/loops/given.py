"""The arrays that a function is given, and those that it finds: copies, each a leaf of the graph under its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..checks import demand_finite
from ..engine import ops
from ..engine.graph import Node
from ..engine.names import Role
from ..system import CannotFollow
from .instrument.recorder import Recorder
from .recording.array import Array
from .recording.views import alike, owner


class Plain:
    """Copies of arrays, one for each original; `others` take the place of some, by the identity of the original.

    `before` gives what an array held when the function was traced: an ordinary call may have written into it since.
    """

    def __init__(self, others: dict[int, Any] | None = None, before: Callable[[Any], Any] = np.asanyarray) -> None:
        self.seen: list[tuple[np.ndarray, Any]] = []
        self.others, self.before = others or {}, before

    def __call__(self, value: Any, name: str) -> Any:
        if id(value) in self.others:
            return self.others[id(value)]
        if not isinstance(value, np.ndarray):
            return value
        for other, made in self.seen:
            if alike(other, value):
                return made
        made = np.array(self.before(value), order="K", subok=True)
        self.seen.append((value, made))
        return made


class Given(Plain):
    """The arrays that the function is given, each a leaf of the graph under its own name."""

    def __init__(self, recorder: Recorder, dtype: np.dtype | None) -> None:
        super().__init__()
        self.recorder, self.dtype = recorder, dtype

    def __call__(self, value: Any, name: str) -> Any:
        """`value` as a recording array, if it is of floating point; else a copy of it."""
        if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
            raise CannotFollow(f"{name} is a {_class_name(value)}: give a plain array, np.asarray({name})")
        if value.dtype.kind == "c":
            raise CannotFollow(f"{name} holds complex numbers; minirnn computes with real ones")
        if value.dtype.names:
            raise CannotFollow(f"{name} is an array of records: give its fields as arrays, {name}[{value.dtype.names[0]!r}]")
        if value.dtype.kind == "O" and any(isinstance(part, np.ndarray) for part in value.flat):
            raise CannotFollow(f"{name} is an array of arrays, as objects: give a list of them, list({name})")
        if value.dtype.kind in "iub" and isinstance(value, np.ndarray) and value.ndim and value.size:
            return self._whole_numbers(value, name)
        if value.dtype.kind != "f":
            return super().__call__(value, name)
        if not isinstance(value, np.ndarray):
            number = self.converted(value, name)[()]
            return Array(number, self.leaf(number, name, value))
        alike, shared = self._before(value)
        if alike is not None:
            return alike
        data = self.converted(value, name)
        made = Array(data, self.leaf(data, name, value))
        self.seen.append((value, made))
        if shared is not None:
            for array in (made, shared):
                array.memory().refusal = f"{name} shares its memory with another array that the function is given"
        return made

    def _whole_numbers(self, value: np.ndarray, name: str) -> Array:
        """Labels, tokens, lengths and masks: data that nothing is differentiated by."""
        alike, _ = self._before(value)
        if alike is None:
            data = np.array(value, order="K")
            alike = Array(data, self.leaf(data, name, value, Role.INPUT))
            self.seen.append((value, alike))
        return alike

    def _before(self, value: np.ndarray) -> tuple[Any, Any]:
        """The recording array of this memory; or one that shares a part of it."""
        shared = None
        for other, made in self.seen:
            if isinstance(made, Array) and owner(other) is owner(value) and np.shares_memory(other, value):
                if other.shape == value.shape and other.strides == value.strides:
                    return made, None
                shared = made
        return None, shared

    def converted(self, value: Any, name: str) -> np.ndarray:
        """A copy, checked, in the precision that was asked for."""
        if value.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} is {value.dtype}; minirnn computes in float32 or float64")
        return np.array(demand_finite(np.asarray(value), name), self.dtype, order="K")

    def leaf(self, value: Any, name: str, original: Any, role: Role = Role.PARAMETER) -> Node:
        leaf = ops.leaf(value, None, role)
        leaf.value, leaf.step = value, 0
        self.recorder.given[leaf] = name or "array"
        self.recorder.originals[leaf] = original
        self.recorder.names[leaf] = (name or "array", 1)
        return leaf

    def sequence(self, parts: list[Any], name: str) -> list[Any] | None:
        """A list of arrays of one shape: parts of one array, until it is known whether it is read step by step."""
        if parts and len(parts) < LONG and all(type(p) is int for p in parts):
            return self._tokens(parts, name)
        if len(parts) < 2 or not all(type(p) is np.ndarray and p.dtype.kind == "f" and p.ndim for p in parts):
            return None
        if len({(p.shape, p.dtype) for p in parts}) > 1 or len({id(p) for p in parts}) < len(parts):
            return None
        if any(self._before(p) != (None, None) for p in parts):
            return None
        whole = ops.leaf(
            np.stack([self.converted(p, f"{name}_{i}") for i, p in enumerate(parts, start=1)]), None, Role.PARAMETER
        )
        whole.step, made = 0, []
        self.recorder.lists[whole] = (name, [])
        self.recorder.given[whole] = name
        for i, part in enumerate(parts):
            data = self.converted(part, name)
            node = Node(ops.part, (whole,), {"key": ops.full_key(whole.ndim, 0, i)}, data)
            node.step = 0
            self.recorder.lists[whole][1].append(node)
            self.recorder.originals[node] = part
            made.append(Array(data, node))
            self.seen.append((part, made[-1]))
        return made

    def _tokens(self, parts: list[Any], name: str) -> list[Any]:
        """A list of whole numbers: each knows which of the list it is."""
        whole = self.leaf(np.array(parts), name, parts, Role.INPUT)
        nodes = [Node(ops.part, (whole,), {"key": ops.Key((i,))}, value) for i, value in enumerate(whole.value)]
        for node in nodes:
            node.step = 0
        self.recorder.lists[whole] = (name, nodes)
        return [Array(part, node) for part, node in zip(parts, nodes)]


LONG = 10_000  # numbers in a list, past which they are taken as they are


def _class_name(value: Any) -> str:
    return "masked array" if isinstance(value, np.ma.MaskedArray) else f"np.{type(value).__name__}"
