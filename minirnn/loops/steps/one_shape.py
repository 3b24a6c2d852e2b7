"""What has one name and steps has one shape at all of them, as an array of its steps has."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from ...engine.graph import Node


def tell_shapes_apart(nodes: Iterable[Node], stamps: dict[Node, int | None]) -> None:
    """Give what has not the commonest shape of its name another name; `stamps` are the steps of those that have one.

    Weights of layers that are read one after the other, and buffers of which now a row is assigned and now the whole, are W,
    W^2, ...; what is repeated for all samples before the first step, h = np.zeros(M), is h_start and has no step.
    """
    by_name: dict[Any, dict[Any, list[Node]]] = defaultdict(lambda: defaultdict(list))
    taken: set[Any] = set()
    for node in nodes:
        if node.name is not None:
            taken.add(node.name)
            if stamps.get(node) is not None:
                by_name[node.name][node.value.shape].append(node)
    for name, shapes in by_name.items():
        for members in sorted(shapes.values(), key=len, reverse=True)[1:]:
            start = members[0] if len(members) == 1 and stamps[members[0]] == 0 else None
            if start is not None:
                stamps[start] = None
            new = next(wish for wish in _wishes(name, start is not None) if wish not in taken)
            taken.add(new)
            for node in members:
                node.name = new  # type: ignore[assignment]


def start_of(name: str) -> str:
    """What the start of a quantity is called that has another shape than its steps."""
    return f"{name}_start"


def _wishes(name: str, is_start: bool) -> Iterator[str]:
    if is_start:
        yield start_of(name)
    for k in itertools.count(2):
        yield f"{start_of(name)}_{k}" if is_start else f"{name}{',' if '^' in name else '^'}{k}"
