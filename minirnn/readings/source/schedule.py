"""When the families of a fold are computed: which are needed, in which order, and which together in a loop over time.

A group of families that need each other at other steps is one loop; the sign of its delays is the loop's direction. All
else can be computed for all steps at once (loop distribution; Kennedy and McKinley 1990).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...engine.fold import Definition, Domain, Family, Fixed, Folded, Ref, components
from ...engine.ops import CUTS, divided, expand, full, leaf_op, same, sums, transpose
from ...engine.sizes import Size

VANISHING = {transpose, same, full}  # part of what uses them


def _vanishes(d: Definition) -> bool:
    return d.op in VANISHING or (d.op is divided and isinstance(d.attrs["p"], Size))


def _repeats(d: Definition) -> bool:
    return d.op is expand or (d.op is sums and d.attrs["axis"] == 0)


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


class Schedule:
    """The parts of the program that computes the families `wanted`, each part after those it needs.

    The families `kept` are computed and stored; all others are written where they are used. With `shapes`, a family of
    which only the shape is used is needed as well.
    """

    def __init__(self, folded: Folded, wanted: Iterable[Family], shapes: bool = False) -> None:
        self.folded, self._shapes = folded, shapes
        self.wanted = {family.index for family in wanted}
        self.needed = self.behind(self.wanted)
        self.users: dict[int, list[int]] = {index: [] for index in self.needed}
        for index in self.needed:
            for definition in folded.families[index].definitions:
                for ref in self.refs(definition):
                    self.users[ref.family].append(index)
        self._groups = [group for group in components(folded.families) if group[0].index in self.needed]
        loops = [group for group in self._groups if len(group) > 1 or group[0].index in self.users[group[0].index]]
        self.recurrent = {family.index for group in loops for family in group}
        self.kept = {index for index in self.needed if self._is_kept(folded.families[index])}
        self.parts = self._parts()

    def _parts(self) -> list[Family | Loop]:
        found: list[Family | Loop] = []
        for group in self._groups:
            if group[0].index in self.recurrent:
                found.append(self._loop(group))
            elif group[0].index in self.kept and group[0].definitions[0].op is not leaf_op:
                found.append(group[0])
        return found

    def keep(self, further: set[int]) -> None:
        """Compute and store these families too."""
        self.store(self.kept | further)

    def store(self, families: set[int]) -> None:
        """Compute and store these families and no others."""
        self.kept = families
        self.parts = self._parts()

    def refs(self, definition: Definition) -> Sequence[Ref]:
        """The operands that are needed."""
        return definition.refs

    def behind(self, indices: Iterable[int]) -> set[int]:
        """The families that these are computed from, and they themselves."""
        found: set[int] = set()
        waiting = list(indices)
        while waiting:
            index = waiting.pop()
            if index not in found:
                found.add(index)
                waiting.extend(ref.family for d in self.folded.families[index].definitions for ref in self.refs(d))
        return found

    def _is_kept(self, family: Family) -> bool:
        if family.name is not None or family.index in self.wanted or family.definitions[0].op is leaf_op:
            return True
        if any(_vanishes(d) or (_repeats(d) and not self._shapes) for d in family.definitions):
            return False
        if self._shapes and self._cuts_a_leaf(family):
            return False
        if self._shapes:
            return self._times_written(family) > 1
        users = self.users[family.index]
        feeds_a_loop = family.index not in self.recurrent and any(user in self.recurrent for user in users)
        return len(users) > 1 or (feeds_a_loop and family.definitions[0].domain is not None)

    def _cuts_a_leaf(self, family: Family) -> bool:
        """A part of an array that is given costs nothing, and is written where it is used."""
        definition = family.definitions[0]
        while definition.op in CUTS:
            definition = self.folded.families[definition.refs[0].family].definitions[0]
        return definition.op is leaf_op

    def _times_written(self, family: Family) -> int:
        """How often an expression would stand in the text, each user written once, where its text has its operand."""
        return sum(
            max(
                sum(
                    d.op.text(d.attrs).count("{*}" if d.op.variadic else f"{{{position}}}")
                    for position, ref in enumerate(d.refs)
                    if ref.family == family.index
                )
                for d in self.folded.families[user].definitions
            )
            for user in set(self.users[family.index])
        )

    def _loop(self, group: list[Family]) -> Loop:
        inside = {family.index for family in group}
        delays = {
            ref.where
            for family in group
            for definition in family.definitions
            for ref in self.refs(definition)
            if ref.family in inside and isinstance(ref.where, int) and ref.where
        }
        names = ", ".join(str(family.name) for family in group if family.name is not None)
        if min(delays) < 0 < max(delays):
            raise NotImplementedError(
                f"{names} need both earlier and later steps of each other: no loop over time does that"
            )
        backwards = max(delays) > 0
        kept = [family for family in group if family.index in self.kept]
        order = self._order(kept, inside)
        stretches = [
            Stretch(domain, [(family, active[family.index]) for family in order if family.index in active])
            for domain, active in self._stretches(kept)
        ]
        return Loop(order, backwards, stretches[::-1] if backwards else stretches)

    def _order(self, kept: list[Family], inside: set[int]) -> list[Family]:
        """The kept families of a loop, each after those it needs at the same step."""
        needs = {family.index: self._at_once(family, inside) for family in kept}
        order: list[Family] = []
        while len(order) < len(kept):
            done = {family.index for family in order}
            order.append(next(f for f in kept if f.index not in done and needs[f.index] <= done))
        return order

    def _at_once(self, family: Family, inside: set[int]) -> set[int]:
        """The kept families that this one needs at its own step, through plumbing too."""
        found, waiting, seen = set(), [(family.index, 0)], set()
        while waiting:
            index, delay = waiting.pop()
            for definition in self.folded.families[index].definitions:
                for ref in self.refs(definition):
                    there = (ref.family, delay + ref.where) if isinstance(ref.where, int) else (ref.family, None)
                    if ref.family not in inside or there in seen or there[1] is None:
                        continue
                    seen.add(there)
                    if ref.family not in self.kept:
                        waiting.append(there)
                    elif there[1] == 0:
                        found.add(ref.family)
        return found

    def _stretches(self, kept: list[Family]) -> list[tuple[Domain, dict[int, Definition]]]:
        """The steps in stretches with the same definitions in force."""
        T = self.folded.T
        lasting = [(family.index, definition, timed(definition)) for family in kept for definition in family.definitions]
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


def timed(definition: Definition) -> Domain:
    """The steps of a definition inside a loop; a member of a recurrence has some."""
    if definition.domain is None:
        raise NotImplementedError("a recurrence through a quantity without time steps cannot be written as a loop")
    return definition.domain


def moved(where: Fixed, delay: int) -> Fixed:
    """The step `delay` later."""
    return Fixed(where.from_end, where.offset + delay)
