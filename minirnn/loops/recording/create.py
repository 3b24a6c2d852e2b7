"""New arrays, and arrays put together of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.graph import Node
from ...engine.ops import arrays as A
from ..errors import refuse
from .array import Array, node_of, traced
from .numpy_table import FUNCTIONS, plain, recorded, sharing, stands_for


@stands_for(np.array)
def array(x: Any, dtype: Any = None, copy: Any = None, **options: Any) -> Any:
    """np.array of a traced array, or of a list of traced and other arrays."""
    if type(x) is Array:
        node = x.node
    else:
        parts = [array(part) if type(part) in (list, tuple) else part for part in x]
        nodes = alike([node_of(part) for part in parts])
        node = A.STACKS[0](*nodes) if nodes[0].ndim else A.numbers(*nodes)
    return astype(Array(node), dtype) if dtype is not None else Array(node)


@stands_for(np.asarray, np.asanyarray)
def asarray(x: Any, dtype: Any = None, **options: Any) -> Any:
    """np.asarray, which leaves an array the array it is."""
    return x if type(x) is Array and (dtype is None or x.dtype == dtype) else array(x, dtype)


@stands_for(np.ascontiguousarray)
def ascontiguousarray(x: Any, dtype: Any = None) -> Any:
    """np.ascontiguousarray, which copies an array only where its rows do not follow each other in memory."""
    return asarray(x, dtype) if type(x) is Array and x.value.flags.c_contiguous else array(x, dtype)


def alike(nodes: Sequence[Node]) -> list[Node]:
    """The nodes in one dtype, as NumPy brings them there."""
    dtype = np.result_type(*(n.dtype for n in nodes))
    return [n if n.dtype == dtype else A.cast(n, dtype=dtype.name) for n in nodes]


def astype(x: Any, dtype: Any, **options: Any) -> Any:
    """x.astype(dtype) between types of floating point; a condition becomes 0 and 1."""
    if x.is_constant:
        return sharing(recorded(x.value.astype(dtype, **options)), astype, (x, dtype), options)
    if np.dtype(dtype).kind != "f":
        refuse(f"a traced value as {np.dtype(dtype)}", "keep it in floating point")
    return Array(A.cast(x.node, dtype=np.dtype(dtype).name) if x.dtype != dtype else x.node)


@stands_for(np.stack)
def stack(arrays: Any, axis: int = 0, **options: Any) -> Any:
    """np.stack along one of the first three axes."""
    nodes = alike([node_of(arrayed(x)) for x in arrays])
    place = axis % (nodes[0].ndim + 1)
    if options or place not in A.STACKS:
        refuse(f"np.stack along axis {axis}", "stack along axis 0, 1 or 2")
    return Array(A.STACKS[place](*nodes) if nodes[0].ndim else A.numbers(*nodes))


@stands_for(np.concatenate)
def concatenate(arrays: Any, axis: Any = 0, **options: Any) -> Any:
    """np.concatenate."""
    nodes = alike([node_of(arrayed(x)) for x in arrays])
    if options or axis is None or nodes[0].ndim > 3:
        refuse("np.concatenate of flattened or of many axes, or with further arguments", "give arrays and axis alone")
    return Array(A.JOINS[axis % nodes[0].ndim - nodes[0].ndim](*nodes))


def arrayed(x: Any) -> Any:
    """An operand; a list as an array."""
    return array(x) if type(x) in (list, tuple) else x


def _shaped_like(original: Any) -> None:
    def call(x: Any, *args: Any, **options: Any) -> Any:
        template = plain(x)  # only its shape, dtype and order in memory are looked at
        if any(map(traced, args)):
            refuse(f"np.{original.__name__} of a traced value", "multiply np.ones_like by it")
        return recorded(original(template, *map(plain, args), **plain(options)))

    FUNCTIONS[original] = call


for _like in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    _shaped_like(_like)


def shape(x: Any) -> tuple[int, ...]:
    """np.shape: a tuple of plain numbers, which may steer the loop."""
    return x.shape if type(x) is Array else np.shape(array(x) if traced(x) else plain(x))


FUNCTIONS[np.shape] = shape
FUNCTIONS[np.ndim] = lambda x: len(shape(x))
FUNCTIONS[np.size] = lambda x, axis=None: math.prod(shape(x)) if axis is None else shape(x)[axis]
