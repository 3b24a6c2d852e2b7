"""The order in which the page runs: forward, then backward, and nothing before what it is computed from.

Equations that need each other from step to step run together, in the direction in which they need each other: a backward
layer from T to 1. What needs them joins their sweep where it can, and else has a sweep of its own after it. So the two
layers of a Bidirectional run one after the other, and the output of each step when both are there.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

from ...engine.components import components
from .equation_slots import Line

Place = tuple[int, int]  # level and direction: 1 from the first step to the last, -1 back, 0 of what has no steps


@dataclass
class Sweep:
    """Steps from `first` to `last`, both None where it is done once; `lines` are the numbers of its equations."""

    kind: str  # forward, loss or backward
    first: int | None = None
    last: int | None = None
    lines: list[int] = field(default_factory=list)
    layer: str = ""  # that all of its quantities belong to


def schedule(shown: list[Line]) -> list[Sweep]:
    """The sweeps of the run, in order. What is done once at the end of the way forward or at the start of the way back
    is one place, the loss; a gradient that is put together at the end belongs to the last step."""
    computed = {i: line for i, line in enumerate(shown) if not line.given}
    ways = [_sweeps({i: line for i, line in computed.items() if line.backward is back}, back) for back in (False, True)]
    forward, backward = ways
    loss = Sweep("loss")
    if forward and forward[-1].first is None:
        loss.lines += forward.pop().lines
    if backward and backward[0].first is None:
        loss.lines += backward.pop(0).lines
    found = [*forward, *([loss] if loss.lines else []), *backward]
    for before, after in itertools.pairwise(found):
        if after.first is None and after.kind == "backward":
            before.lines += after.lines
    found = [sweep for sweep in found if sweep.first is not None or sweep.kind != "backward"]
    for kind in ("forward", "backward"):
        several = sum(sweep.kind == kind and sweep.first is not None for sweep in found) > 1
        for sweep in found:
            layers = {shown[i].name.layer for i in sweep.lines}
            if several and sweep.kind == kind and len(layers) == 1:
                sweep.layer = layers.pop()
    return found


def _sweeps(lines: dict[int, Line], back: bool) -> list[Sweep]:
    """One way's sweeps: every family of equations at the first place where all that it needs is there."""
    families: dict[str, list[int]] = defaultdict(list)
    for i, line in lines.items():
        families[line.left[0]].append(i)
    needs = {name: _needs(name, [lines[i] for i in own], families) for name, own in families.items()}
    stepped = {name: any(lines[i].steps is not None for i in own) for name, own in families.items()}
    place: dict[str, Place] = {}
    for group in _groups(needs):
        offsets = {k for name in group for other, k in needs[name] if other in group and k}
        own = 0 if not offsets else 1 if min(k for k in offsets if k is not None) < 0 else -1
        outside = [(place[other], k) for name in group for other, k in needs[name] if other not in group]
        for name in group:
            place[name] = _place(outside, own, stepped[name], -1 if back else 1)
    found: dict[Place, list[int]] = defaultdict(list)
    for name in _within_a_step(needs):
        found[place[name]] += families[name]
    default = -1 if back else 1
    return [
        _sweep("backward" if back else "forward", way, [(i, lines[i]) for i in found[level, way]])
        for level, way in sorted(found, key=lambda p: (p[0], p[1] != 0, p[1] != default))
    ]


def _place(outside: list[tuple[Place, int | None]], own: int, stepped: bool, default: int) -> Place:
    """Where a group goes that needs quantities at these places, each so many steps away (None: it needs all of them)."""
    top = max((level for (level, _), _ in outside), default=0)
    last = {(way, k) for (level, way), k in outside if level == top and way}
    if not stepped:
        return top + bool(last), 0
    way = own or (next(iter(last))[0] if len({way for way, _ in last}) == 1 else default)
    joins = all(w == way and k is not None and k * way <= 0 for w, k in last)
    return (top, way) if joins else (top + 1, own or default)


def _needs(name: str, lines: list[Line], families: dict[str, list[int]]) -> set[tuple[str, int | None]]:
    """Which families these equations need, and how many steps away; None where it is a fixed step, or all of them."""
    found = set()
    for line in lines:
        _, at, start = line.left
        for other, base, offset in line.right:
            if other not in families:
                continue
            moving = base == ("t" if line.adds else at)  # with the left side, from step to step
            found.add((other, None if base is not None and not moving else offset - start * moving))
    return found


def _within_a_step(needs: dict[str, set[tuple[str, int | None]]]) -> list[str]:
    """Families in the order given, but each after those that it needs at the same step."""
    waiting, found = list(needs), list[str]()
    while waiting:
        ready = (n for n in waiting if not any(k == 0 and other in waiting and other != n for other, k in needs[n]))
        found.append(next(ready, waiting[0]))
        waiting.remove(found[-1])
    return found


def _groups(needs: dict[str, set[tuple[str, int | None]]]) -> list[list[str]]:
    """Families that need each other, together, after those that they need."""
    number = {name: i for i, name in enumerate(needs)}
    edges = [[number[other] for other, _ in needs[name]] for name in needs]
    names = list(needs)
    return [[names[i] for i in group] for group in components(edges)]


def _sweep(kind: str, way: int, lines: list[tuple[int, Line]]) -> Sweep:
    numbers = [i for i, _ in lines]
    if not way:
        return Sweep(kind, lines=numbers)
    steps = [line.steps for _, line in lines if line.steps is not None and line.right] or [
        line.steps for _, line in lines if line.steps is not None
    ]
    low, high = min(lo for lo, _ in steps), max(hi for _, hi in steps)
    return Sweep(kind, *((low, high) if way > 0 else (high, low)), numbers)
