"""When the families of a fold are computed: which are needed, in which order, and which together in a loop over time.

A group of families that need each other at other steps is one loop; the sign of its delays is the loop's direction. All
else can be computed for all steps at once (loop distribution; Kennedy and McKinley 1990).
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ...engine.components import reached
from ...engine.fold import Definition, Domain, Family, Fixed, Folded, Ref, Span, together
from ...engine.ops import leaf_op
from ...engine.sizes import Size


@dataclass(frozen=True)
class Stretch:
    """Consecutive steps at which the same definitions hold, each after those it needs at its own step."""

    domain: Domain
    items: list[tuple[Family, Definition]]


@dataclass(frozen=True)
class Loop:
    """A recurrence: its stretches in the order in which they run, forwards or backwards in time."""

    families: list[Family]
    backwards: bool
    stretches: list[Stretch]


class Run(NamedTuple):
    """Definitions for the steps of `domain`, one after the other in a loop if there are several; `down`: backwards in time.

    None for `domain`: without steps; for `down`: in any order, for there is no recurrence.
    """

    items: list[tuple[Family, Definition]]
    domain: Domain | None
    down: bool | None


class Schedule:
    """The parts of the program that computes the families `wanted`, each part after those it needs.

    The families `kept` are computed and stored; all others are written where they are used: see `store`.
    """

    def __init__(self, folded: Folded, wanted: Iterable[Family]) -> None:
        self.folded = folded
        self.wanted = {family.index for family in wanted}
        self.needed = self.behind(self.wanted)
        self.users: dict[int, list[int]] = {index: [] for index in self.needed}
        for index in self.needed:
            for definition in folded.families[index].definitions:
                for ref in definition.refs:
                    self.users[ref.family].append(index)
        self._groups = [group for group in together(folded.families) if group[0].index in self.needed]
        loops = [group for group in self._groups if len(group) > 1 or group[0].index in self.users[group[0].index]]
        self.recurrent = {family.index for group in loops for family in group}
        self.kept: set[int] = set()

    def _parts(self) -> list[Family | Loop]:
        found: list[Family | Loop] = []
        for group in self._groups:
            if group[0].index in self.recurrent:
                found.append(self._loop(group))
            elif group[0].index in self.kept and any(d.op is not leaf_op for d in group[0].definitions):
                found.append(group[0])
        return found

    @property
    def various(self) -> set[int]:
        """What is computed in several ways, so that it cannot be written where it is used."""
        families = self.folded.families
        return {i for i in self.needed if len({definition.signature for definition in families[i].definitions}) > 1}

    def store(self, families: set[int]) -> None:
        """Compute and store these families and no others."""
        self.kept = families
        self.parts = self._parts()

    def runs(self) -> Iterator[Run]:
        """What is computed, in an order in which it can be."""
        for part in self.parts:
            if isinstance(part, Loop):
                for stretch in part.stretches:
                    yield Run(stretch.items, stretch.domain, part.backwards)
            else:
                for definition in part.definitions:
                    yield Run([(part, definition)], definition.domain, None)

    def reads(self, stored: set[int], each: Callable[[int, int], int]) -> Iterator[tuple[int, int]]:
        """How often what is not stored is read, each after what reads it; what is stored meanwhile reads it once.

        `each`: how often a family stands in the definition of another, which comes first.
        """
        times: dict[int, int] = {}
        inner = {index: set(self.users[index]) - stored for index in self.needed - stored}
        for index in graphlib.TopologicalSorter(inner).static_order():
            reads = [each(user, index) * (1 if user in stored else times[user]) for user in set(self.users[index])]
            times[index] = sum(reads)
            yield index, times[index]

    def quantity(self, family: Family) -> str:
        """The name of a family, or of the first that is computed from it."""
        names = (self.folded.families[index].name for index in reached([family.index], self.users.__getitem__))
        return next((str(name) for name in names if name is not None), "a part of this")

    def behind(self, indices: Iterable[int]) -> set[int]:
        """The families that these are computed from, and they themselves."""
        families = self.folded.families
        return set(reached(indices, lambda i: (ref.family for d in families[i].definitions for ref in d.refs)))

    def _loop(self, group: list[Family]) -> Loop:
        inside = {family.index for family in group}
        backwards = max(delays(group)) > 0
        kept = [family for family in group if family.index in self.kept]
        stretches = [Stretch(domain, self._ordered(active, inside, domain)) for domain, active in self._stretches(kept)]
        return Loop(kept, backwards, stretches[::-1] if backwards else stretches)

    def _ordered(self, active: dict[int, Definition], inside: set[int], domain: Domain) -> list[tuple[Family, Definition]]:
        """The definitions of some steps of a loop, each after those it needs at the same step."""
        first = domain.lo.step(self.folded.T)
        needs = {index: self._at_once(definition, inside, first) & active.keys() for index, definition in active.items()}
        order: list[int] = []
        while len(order) < len(active):
            order.append(next(index for index in active if index not in order and needs[index] <= {*order}))
        return [(self.folded.families[index], active[index]) for index in order]

    def _at_once(self, definition: Definition, inside: set[int], own: int) -> set[int]:
        """The kept families that a definition needs at its `own` step, through plumbing too."""
        found, waiting, seen = set(), [(definition, own)], set()
        while waiting:
            by, step = waiting.pop()
            for ref in by.refs:
                if ref.family not in inside or not isinstance(ref.where, int | Fixed):
                    continue
                there = ref.family, step + ref.where if isinstance(ref.where, int) else ref.where.step(self.folded.T)
                if there in seen:
                    continue
                seen.add(there)
                if ref.family not in self.kept:
                    waiting += [(d, there[1]) for d in self.folded.families[ref.family].definitions]
                elif there[1] == own:
                    found.add(ref.family)
        return found

    def _stretches(self, kept: list[Family]) -> list[tuple[Domain, dict[int, Definition]]]:
        """The steps in stretches with the same definitions in force."""
        T = self.folded.T
        lasting = [(f.index, d, d.domain) for f in kept for d in f.definitions if d.domain is not None]
        starts: dict[int, Fixed] = {}
        for _, _, (_, hi) in lasting:
            starts |= {hi.step(T) + 1: moved(hi, 1)}
        starts |= {lo.step(T): lo for _, _, (lo, _) in lasting}
        found = []
        for a, b in pairwise(sorted(starts)):
            active = {index: d for index, d, (lo, hi) in lasting if lo.step(T) <= a <= hi.step(T)}
            if active:
                hi = next((hi for _, _, (_, hi) in lasting if hi.step(T) == b - 1), moved(starts[b], -1))
                found.append((Domain(starts[a], hi), active))
        return found


def number_of(refs: Iterable[Ref]) -> Size:
    """The number of operands, each step of a span counted."""
    return sum((ref.where.size if isinstance(ref.where, Span) else Size.of(1) for ref in refs), Size.of(0))


def delays(group: list[Family]) -> set[int]:
    """The delays at which the families of a group need each other, but for those at the same step."""
    inside = {family.index for family in group}
    refs = [r for family in group for d in family.definitions for r in d.refs if r.family in inside]
    return {ref.where for ref in refs if isinstance(ref.where, int) and ref.where}


def is_loop(group: list[Family]) -> bool:
    """Whether one loop over time computes a group of families that need each other."""
    timed = all(definition.domain is not None for family in group for definition in family.definitions)
    found = delays(group)
    return timed and bool(found) and not min(found) < 0 < max(found)


def moved(where: Fixed, delay: int) -> Fixed:
    """The step `delay` later."""
    return where._replace(offset=where.offset + delay)
