"""What ``x[...]`` takes out of a table or a sequence, as nodes and as a layer."""

from __future__ import annotations

from typing import Any

from ...engine.graph import Node, at
from ...engine.ops import Key, join, part, repeated, stack
from ...system import plain
from ..calls import Call, Masks, Scope
from ..layer import Layer
from ..nodes import numbered, steps
from ..symbolic import Operand, Operation, Shape


class GetItem(Layer):
    """``x[:, -1]``, ``x[:, 1:4]``, ``x[..., 0:2]``, ``x[..., None]``: parts of a table (N, D) or of a sequence (N, T, D)."""

    arranges = True
    supports_masking = False

    def __init__(self, key: Any, **others: Any) -> None:
        super().__init__(**others)
        self.key = key if isinstance(key, tuple) else (key,)
        self.operation = Operation("get_item", (Operand, self.key), {})
        self.of_one_length = not all(place in (None, slice(None), slice(None, None, -1), -1, 0) for place in self.key[1:2])
        self.keeps_length = all(place in (None, slice(None), -1) for place in self.key[1:2])

    def places(self, shape: Shape) -> list[Any]:
        """What is taken along each axis: a slice or a number, and None for a new one."""
        key = list(self.key)
        if Ellipsis in key:
            k = key.index(Ellipsis)
            rest = sum(place is not None for place in key) - 1
            key[k : k + 1] = [slice(None)] * (len(shape) - rest)
        key += [slice(None)] * (len(shape) - sum(place is not None for place in key))
        if key[0] != slice(None) or sum(place is not None for place in key) != len(shape):
            raise NotImplementedError(f"{self.label}: x[{plain(Key(self.key))}] of shape {shape}: all samples must be taken")
        if any(not (place is None or isinstance(place, (int, slice))) for place in key):
            raise NotImplementedError(f"{self.label}: x[{plain(Key(self.key))}]: minirnn takes numbers, slices and None")
        return key

    def output_shape(self, input_shape: Shape) -> Shape:
        sizes = iter(input_shape)
        found: list[int | None] = []
        for place in self.places(input_shape):
            size = 1 if place is None else next(sizes)
            if place is None:
                found.append(1)
            elif isinstance(place, slice):
                whole = place == slice(None) or (place.start, place.stop, place.step) == (None, None, -1)
                found.append(size if whole else None if size is None else len(range(size)[place]))
            elif size is not None and not -size <= place < size:
                raise ValueError(f"{self.label}: there is no place {place} among {size}")
        if len(found) not in (2, 3):
            raise NotImplementedError(f"{self.label}: x[{plain(Key(self.key))}] has {len(found)} axes; minirnn has 2 or 3")
        return tuple(found)

    def build(self, input_shape: Shape) -> None:
        self.shapes = input_shape, self.output_shape(input_shape)
        super().build(input_shape)

    def features(self, scope: Scope) -> str:
        before, after = self.shapes
        letters = iter(("", scope.steps, scope.features) if len(before) == 3 else ("", scope.features))
        places = [("1" if place is None else next(letters), place) for place in self.places(before)]
        letter, place = next((letter, place) for letter, place in reversed(places) if not isinstance(place, int))
        return letter if place in (None, slice(None), slice(None, None, -1)) else str(after[-1])

    def call(self, x: Node, call: Call) -> Node:
        return indexed(x, self.places(x.shape))

    def masks(self, x: Node, call: Call) -> list[Masks | None]:
        return [None]

    def __repr__(self) -> str:
        return f"x[{Key(self.key)}]"


def indexed(x: Node, key: list[Any]) -> Node:
    """``x[key]`` of a table or a sequence, as a table or as the stack of its steps."""
    if x.ndim == 2:
        return _of_table(x, key)
    time, *rest = [place for place in key[1:] if place is not None]
    each = steps(x)
    chosen = each[time] if isinstance(time, slice) else [each[time]]
    if rest[0] != slice(None):
        narrow = rest[0] if isinstance(rest[0], slice) else slice(rest[0], rest[0] + 1 or None)
        chosen = [_columns(x_t, narrow) for x_t in chosen]
    if not isinstance(time, slice):
        return chosen[0] if None not in key else _steps(chosen)
    if not isinstance(rest[0], slice):  # one feature of every step: a table (N, T)
        with at(None):
            return join(*chosen, size=len(chosen)) if len(chosen) > 1 else chosen[0]
    return stack(*chosen, size=x.dims[1]) if time.step == -1 and len(chosen) == len(each) else _steps(chosen)


def _of_table(x: Node, key: list[Any]) -> Node:
    if None not in key:
        return x if key[1] == slice(None) else _columns(x, key[1])
    if key[1] is None:  # a sequence of one step
        return _steps([x if key[2] == slice(None) else _columns(x, key[2])])
    return _steps([_columns(x, slice(k, k + 1)) for k in range(x.shape[1])[key[1]]])


def _columns(x: Node, place: slice) -> Node:
    with at(x.step):
        return part(x, key=Key((slice(None), place)))


def _steps(each: list[Node]) -> Node:
    """These nodes as steps 1, 2, ... of a sequence."""
    return stack(*numbered(lambda t: repeated(each[t - 1], t=t), len(each)), size=len(each))
