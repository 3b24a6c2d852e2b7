"""What is reached in a graph, and what depends on each other: its strongly connected components."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def reached(first: Iterable[T], onward: Callable[[T], Iterable[T]]) -> list[T]:
    """All that one comes to from `first`, these included, each once, what is nearer before what is further away.

    >>> reached([6, 4], lambda n: [n // 2] if n > 1 else [])
    [6, 4, 3, 2, 1]
    """
    found = dict.fromkeys(first)
    waiting = list(found)
    for x in waiting:  # which grows
        for y in onward(x):
            if y not in found:
                found[y] = None
                waiting.append(y)
    return waiting


def components(edges: list[list[int]]) -> list[list[int]]:
    """Strongly connected components (Tarjan 1972), without recursion, each in order; `edges[v]` is where v leads to."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stacked: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(edges)):
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stacked.append(root)
        on_stack.add(root)
        while work:
            v, rest = work[-1]
            for w in rest:
                if w not in number:
                    number[w] = low[w] = len(number)
                    stacked.append(w)
                    on_stack.add(w)
                    work.append((w, iter(edges[w])))
                    break
                if w in on_stack:
                    low[v] = min(low[v], number[w])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[v])
                if low[v] == number[v]:
                    cut = stacked.index(v)
                    group, stacked = stacked[cut:], stacked[:cut]
                    on_stack.difference_update(group)
                    found.append(sorted(group))
    return found
