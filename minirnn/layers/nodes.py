"""From arrays to the nodes that layers are given: inputs as the stack of their steps, initial states, masks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..engine.graph import Node, at, named
from ..engine.names import Role
from ..engine.ops import leaf, reverse, same, stack, take
from .calls import Masks


def common_dtype(*arrays: np.ndarray) -> np.dtype:
    """What the arrays compute in together: float64 if any is, else float32; integers follow."""
    floats = [a.dtype for a in arrays if a.dtype.kind in "fc"]
    return np.result_type(np.float32, *floats)


def input_node(value: np.ndarray, dtype: Any, tag: str = "", features: str = "D", length: str = "T") -> Node:
    """An input as a node: a sequence (N, T, D) as the stack of its steps x_t, a table (N, D) as x."""
    value = np.array(value, dtype)  # a copy: what was traced stays as it was
    if value.ndim < 3:
        return leaf(value, f"x{tag}", Role.INPUT, ("N", features))
    whole = leaf(value, f"X{tag}", Role.INPUT, ("N", length, features))
    each = numbered(lambda t: named(f"x{tag}", take(whole, t), Role.INPUT), value.shape[1])
    return Node(stack, tuple(each), {"axis": 1, "size": whole.dims[1]}, value)  # the stack of all is the input: no copy


def state_node(value: Any, dtype: Any, features: str) -> Node:
    """An initial state as a node; its layer names it."""
    if isinstance(value, Node):
        return value
    return leaf(np.array(value, dtype), None, Role.INITIAL_STATE, ("N", features))


def steps(x: Node) -> list[Node]:
    """The steps of a sequence (N, T, features), one node each, in the order in which they stand in it.

    Each node knows its time step: a sequence that a layer went through backwards holds step T first.
    """
    if x.op is stack:
        there = [node.step for node in x.args]
        if None not in there and sorted(there) == list(range(1, len(there) + 1)):  # type: ignore[type-var]
            return list(x.args)

    def step(t: int) -> Node:
        node = take(x, t)
        return node if node.step == t else same(node)

    return numbered(step, x.shape[1])


def at_each(function: Callable[..., Node], first: Sequence[Node], *others: Iterable[Any]) -> list[Node]:
    """`function` of each of these nodes, and of what goes with it, at its own step."""
    found = []
    for node, *more in zip(first, *others):
        with at(node.step):
            found.append(function(node, *more))
    return found


def numbered(function: Callable[[int], Node], count: int) -> list[Node]:
    """``function(t)`` at each step t from 1 to `count`."""
    found = []
    for t in range(1, count + 1):
        with at(t):
            found.append(function(t))
    return found


def each_step(x: Node, function: Callable[[Node], Node]) -> Node:
    """`function` of x, or of every step of it."""
    return function(x) if x.ndim == 2 else stack(*at_each(function, steps(x)), size=x.dims[1])


def mask_node(mask: Any, dtype: Any, tag: str, length: str = "T") -> Node:
    """A mask (N, T), or (N, T, 1), as a node of 1 and 0."""
    value = np.asarray(mask)
    value = value[..., None] if value.ndim == 2 else value
    return leaf((value != 0).astype(dtype), f"mask{tag}", Role.MASK, ("N", length, "1"))


def mask_steps(whole: Node, each: list[Node], tag: str) -> Masks:
    """The steps of a mask, a column for each step of a sequence."""
    wants = (each[0].shape[0], len(each), 1)
    if whole.shape != wants:
        raise ValueError(f"mask has shape {whole.shape[:2]}, not (samples, timesteps) = {wants[:2]}")
    return at_each(lambda _, position: named(f"m{tag}", take(whole, position), Role.MASK), each, itertools.count(1))


def given_on(masks: Masks | None, x: Node, backwards: bool, tag: str) -> Masks | None:
    """The mask of the outputs of a layer that runs through x, `backwards` if its outputs are turned round.

    Keras gives the mask on as it is: the first step of the mask belongs to the first output, whichever step that is.
    """
    each = steps(x)[::-1] if backwards else steps(x)
    if masks is None or masks[0].step == each[0].step:
        return masks
    whole = reverse(stack(*sorted(masks, key=lambda m: m.step or 0), size=x.dims[1]))
    return at_each(lambda node: named(f"m_y{tag}", take(whole, node.step), Role.MASK), each)
