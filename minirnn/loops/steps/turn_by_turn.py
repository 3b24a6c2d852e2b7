"""What the turns of a loop cut out of an array, each at another place, and what they put together row by row.

The nodes are changed in place, before they are named and stamped with steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node
from ..instrument.recorder import Recorder

ALL = slice(None)


def places_first(nodes: list[Node], recorder: Recorder) -> bool:
    """x[t:t+1] is x[t] in the shape of a row, x[t, :2] is x[t][:2]; whether there was any."""
    groups: dict[Any, list[tuple[Node, list[int | None]]]] = defaultdict(list)
    for node in nodes:
        if node.op is ops.part and node.step and (node.args[0] in recorder.given or not node.args[0].step):
            key, (source,) = node.attrs["key"], node.args
            if len(key) != source.ndim or all(type(k) is int or (type(k) is slice and k == ALL) for k in key):
                continue  # the usual case, which is a place already
            places = [_place(k, n) for k, n in zip(key, source.shape)]
            kinds = [type(k) for k in key]
            listed = kinds.count(np.ndarray)
            if any(place is not None for place in places) and listed < (1 if int in kinds else 2):
                groups[recorder.turns[node.step].loop, source, node.shape, tuple(kinds)].append((node, places))
    found = False
    for members in groups.values():
        moving = [len(set(along)) > 1 and None not in along for along in zip(*(places for _, places in members))]
        if any(moving):
            found = True
            for node, places in members:
                _take_apart(node, places, moving)
    return found


def _place(k: Any, n: int) -> int | None:
    """The one place that a number, a slice or a list of one number chooses of several."""
    if type(k) is int:
        return k % n
    if isinstance(k, np.ndarray):
        return int(k[0]) % n if k.shape == (1,) and k.dtype.kind in "iu" else None
    reach = range(n)[k] if type(k) is slice else range(0)
    return reach[0] if len(reach) == 1 < n else None


def _take_apart(node: Node, places: list[int | None], moving: list[bool]) -> None:
    key, (source,) = node.attrs["key"], node.args
    at = [p if moves or type(k) is int else None for k, p, moves in zip(key, places, moving)]
    made = set_before(node, ops.part(source, key=ops.Key(ALL if p is None else p for p in at)))
    rest = [k for k, p in zip(key, at) if p is None]
    if any(k != ALL for k in rest):
        made = set_before(node, ops.part(made, key=ops.Key(rest)))
    if made.shape != node.shape:
        made = ops.reshape(made, dims=node.shape)
    become(node, made)


class Uses:
    """How often, and where, each node is used; counted when first asked for, which most programs never do."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes

    @cached_property
    def count(self) -> Counter[Node]:
        return Counter(arg for node in self._nodes for arg in node.args)

    @cached_property
    def written(self) -> Counter[Node]:
        """As what something is written into."""
        return Counter(node.args[0] for node in self._nodes if node.op is ops.update)

    @cached_property
    def inside(self) -> set[Node]:
        """What is used in a turn of a loop."""
        return {arg for node in self._nodes if node.step for arg in node.args}


def grown(node: Node, recorder: Recorder, uses: Uses) -> Node | None:
    """What grows by a row in each turn, H = np.vstack([H, h]), is all its rows together; what it was before, if so."""
    before, *rows = node.args
    names = [recorder.names[x][0] for x in (before, node) if x in recorder.names]
    if len(names) < 2 or names[0] != names[1] or uses.count[before] > 1:
        return None
    if before.op is not ops.same and (before.op is not ops.join or before.attrs["axis"] != node.attrs["axis"]):
        return None
    node.args = (*before.args, *rows)
    node.attrs = {**node.attrs, "size": len(node.args)}
    if node not in uses.inside:
        node.step = 0  # used as a whole when the loop is over
    return before


def rows_of_turns(node: Node) -> bool:
    """Rows or columns that the turns of a loop have made, joined, are the steps of a stack: np.vstack(hs)."""
    axis = node.attrs["axis"] % node.ndim
    rows = [x.args[0] if x.op is ops.reshape else x for x in node.args]
    if len({row.step for row in rows}) < max(len(rows), 3) or any(x.shape[axis] != 1 for x in node.args):
        return False
    dims = (*node.dims[:axis], *node.dims[axis + 1 :])
    flat = [row if row.dims == dims else _in_its_turn(node, ops.reshape(row, dims=dims), row) for row in rows]
    made = ops.stack(*flat, axis=axis, size=len(flat))
    become(node, made)
    return True


def _in_its_turn(node: Node, made: Node, row: Node) -> Node:
    """What is `made` of a row, put before `node` and into the turn that the row was made in."""
    set_before(node, made).step = row.step
    return made


def become(node: Node, made: Node) -> None:
    """Let `node`, which has users and may have a name, be computed as `made` is."""
    node.op, node.args, node.attrs = made.op, made.args, made.attrs


def set_before(node: Node, made: Node) -> Node:
    """A new node that `node` is computed from, put before it in the order of creation, after those put there earlier."""
    made.serial, made.step = node.serial - 1 + (made.serial - node.serial) * 2.0**-22, node.step  # type: ignore[assignment]
    return made
