"""Truncated backpropagation through time: the edges between chunks of steps are cut."""

from __future__ import annotations

from collections.abc import Iterable

from .graph import Node, ancestors
from .ops import cut
from .replay import rebuild


def truncated(ends: Iterable[Node], length: int, T: int) -> dict[Node, Node]:
    """The graph behind `ends` with every edge cut that leads from one chunk of `length` steps, of T, into another.

    Chunks are counted from the last step. Gives what took the place of each node.
    """
    cuts: dict[Node, Node] = {}

    def chunk(step: int) -> int:
        return (T - min(max(step, 1), T)) // length  # h_0 belongs to the first, h_{T+1} to the last

    def severed(node: Node, args: tuple[Node, ...]) -> Node | None:
        def crosses(x: Node) -> bool:
            return node.step is not None and x.step is not None and chunk(node.step) != chunk(x.step)

        if not any(map(crosses, args)):
            return None
        return node.op(*[cuts.setdefault(x, cut(x)) if crosses(x) else x for x in args], **node.attrs)

    return rebuild(ancestors(ends), severed)
