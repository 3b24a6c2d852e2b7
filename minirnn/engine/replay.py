"""A graph computed again with other numbers, or made again with changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .graph import Node, at, leaf_op, named, now
from .sizes import at_sizes


def rebuild(
    nodes: Iterable[Node],
    change: Callable[[Node, tuple[Node, ...]], Node | None],
    known: dict[Node, Node] | None = None,
) -> dict[Node, Node]:
    """`nodes` (in creation order) made anew: ``change(node, operands)`` gives what takes a node's place, or None.

    Leaves stay as they are where nothing takes their place; names and steps are kept. `known` are those made before.
    """
    new = {} if known is None else known
    with at(None):
        for node in nodes:
            now.step = node.step
            args = tuple([new[a] for a in node.args])
            made = change(node, args)
            if made is None:
                made = node if node.op is leaf_op else node.op(*args, **node.attrs)
            new[node] = named(node.name, made, node.role) if node.name is not None and made is not node else made
    return new


def replay(
    nodes: Iterable[Node], values: dict[Node, Any], numpy: Any = None, sizes: Mapping[str, int] | None = None
) -> dict[Node, Any]:
    """The values of `nodes` (in creation order) computed anew, where `values` replaces those of some leaves.

    `numpy`, if given, is what the texts of the operations call np; `sizes` are the numbers that the letters stand for, if
    they are others than in the run.
    """
    found = dict(values)
    for node in nodes:
        if node not in found:
            if node.op is leaf_op:
                found[node] = node.value
                continue
            compute = node.op.compute if numpy is None else node.op.in_arithmetic(numpy, node.attrs)
            attrs = node.attrs if sizes is None else {key: at_sizes(value, sizes) for key, value in node.attrs.items()}
            found[node] = compute(*[found[a] for a in node.args], **attrs)
    return found
