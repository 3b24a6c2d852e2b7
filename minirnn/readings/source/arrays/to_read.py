"""The program in arrays, in NumPy, to be read: one statement for each equation, for all steps at once or in a loop over t.

All steps of a quantity stand in one array, ``h[t]``; what a loop needs at one step alone is a plain variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ....engine.fold import Definition, Domain, Family, Fixed, Folded
from ....engine.ops import full, leaf_op
from ..module import About, Comments, Results, Wanted, note
from ..names import WIDTH
from ..prepare import NEVER_STORED, lengthened, stored, unnamed
from ..schedule import Loop, Schedule
from ..terms import Number, Term, Text, Unliftable, Where, range_text, shape_text, step_text
from .right_sides import ArrayTerms


@dataclass
class Line:
    """A statement, and the definitions it computes."""

    text: str
    indent: int = 0
    about: tuple[About, ...] = ()


@dataclass
class Block:
    """The lines that compute some families."""

    families: set[int]
    lines: list[Line] = field(default_factory=list)


class Arrays(ArrayTerms):
    """The module, to be read."""

    twice = True  # what takes little time may be computed twice

    def __init__(self, folded: Folded, results: Results) -> None:
        folded = lengthened(unnamed(folded, set(results.inputs.values())))
        schedule = Schedule(folded, results.families)
        schedule.store(stored(schedule, self.twice))
        super().__init__(folded, results, schedule)
        self.lay_out()
        while long := self._too_long():  # a name for a part of what does not fit on a line
            schedule.store(schedule.kept | long)
            self.name_families()
            self.lay_out()

    def lay_out(self) -> None:
        """Write all statements."""
        self.base, self.local, self.single = {}, set(), set()
        self.blocks = [self._loop(part) if isinstance(part, Loop) else self._alone(part) for part in self.schedule.parts]

    def statements(self, families: set[int], comments: Comments) -> list[str]:
        found = []
        for block in self.blocks:
            if block.families <= families:
                for line in block.lines:
                    indent = "    " * line.indent
                    above = filter(None, [note(about, comments) for about in line.about])
                    found += [indent + text for text in [*above, line.text]]
        return found

    def returned(self, wanted: Wanted) -> str:
        index = wanted.family.index
        if wanted.step is None:
            return self.names[index]
        return self.value(index, wanted.step).text

    # ------------------------------------------------------------------------------------------------------ statements

    def allocated(self, index: int, zeros: tuple[About, ...]) -> list[Line]:
        """The statement that makes the array of a family; `zeros` are definitions that say that it begins with zeros."""
        first, count = self.families[index].first, step_text(self.last(index), 1 - self.base[index])
        text = f"{shape_text(first.dims, count)}, {self.dtype(first.dtype.name)}"
        return [Line(f"{self.names[index]} = np.{'zeros' if zeros else 'empty'}({text})", 0, zeros)]

    def put(self, family: Family, definition: Definition, where: Where) -> list[Line]:
        """The statements that compute a definition there."""
        about = (About(family, definition, where if isinstance(where, Fixed) else None),)
        if definition.op is leaf_op:
            leaf = Text(self.leaf_name(family, definition), self.dims(family.index), self.dims(family.index))
            return self.assign(self.load(family.index, where).text, leaf, about, True)
        term = self.term(definition, where, self.dims(family.index))
        if where is None or family.index in self.local | self.single:
            return self.assign(self.load(family.index, where).text, self._complete(term, family), about)
        return self.assign(self.load(family.index, where).text, term, about, True)

    def assign(self, target: str, term: Term, about: tuple[About, ...], there: bool = False) -> list[Line]:
        """A statement; `there`: the target is an array, or a part of one."""
        return [Line(f"{target if not there or target.endswith(']') else f'{target}[:]'} = {term.text}", 0, about)]

    def _complete(self, term: Term, family: Family) -> Term:
        """The term as an array of all entries."""
        if isinstance(term, Number):
            return self.writer.array_of(term, family.first.dtype.name)
        return self.writer.whole(term)

    def _alone(self, family: Family) -> Block:
        """A family that is no part of a recurrence."""
        index, block = family.index, Block({family.index})
        definitions = [d for d in family.definitions if d.op is not leaf_op]
        if definitions[0].domain is None:
            block.lines = self.put(family, definitions[0], None)
            return block
        if len(family.definitions) == 1:
            (definition,) = definitions
            lo, hi = definition.domain  # type: ignore[misc]
            if lo == hi:
                self.single.add(index)
                block.lines = self.put(family, definition, lo)
                return block
            if not lo.from_end:
                self.base[index] = lo.offset
                try:
                    term = self.term(definition, Domain(lo, hi), self.dims(index))
                    if term.timed and term.own == term.dims:
                        block.lines = self.begun(index, term, (About(family, definition),))
                        return block
                except Unliftable:
                    pass
        self.base[index] = 0
        block.lines += self.allocated(index, ())
        for definition in family.definitions:
            assert definition.domain is not None
            lo, hi = definition.domain
            try:
                block.lines += self.put(family, definition, lo if lo == hi else self._lifted(family, definition))
            except Unliftable:
                block.lines += self.running([(family, definition)], definition.domain, False)
        return block

    def _lifted(self, family: Family, definition: Definition) -> Domain:
        """All steps of a definition at once, if it can be so computed."""
        assert definition.domain is not None
        term = self.term(definition, definition.domain, self.dims(family.index))
        if term.timed and len(term.own) < len(term.dims):
            raise Unliftable("repeated along other axes")
        return definition.domain

    def begun(self, index: int, term: Term, about: tuple[About, ...]) -> list[Line]:
        """The statement that computes all steps of a family at once."""
        return self.assign(self.names[index], term, about)

    def _loop(self, loop: Loop) -> Block:
        block = Block({family.index for family in loop.families})
        self.local |= {family.index for family in loop.families if self.is_local(family.index, block.families)}
        arrays = [family for family in loop.families if family.index not in self.local]
        zeros = {(f.index, d.serial) for f in arrays for d in f.definitions if _is_zero(d)}
        for family in arrays:
            self.base[family.index] = 0
            about = tuple(About(family, d) for d in family.definitions if (family.index, d.serial) in zeros)
            block.lines += self.allocated(family.index, about)
        for stretch in loop.stretches:
            items = [(f, d) for f, d in stretch.items if (f.index, d.serial) not in zeros]
            lo, hi = stretch.domain
            if lo != hi and items:
                block.lines += self.running(items, stretch.domain, loop.backwards)
            else:
                block.lines += [line for family, d in items for line in self.put(family, d, lo)]
        return block

    def running(self, items: list[tuple[Family, Definition]], domain: Domain, down: bool) -> list[Line]:
        """A loop over steps."""
        inside = [line for family, definition in items for line in self.put(family, definition, 0)]
        return [Line(f"for t in {range_text(domain, down)}:"), *[Line(x.text, x.indent + 1, x.about) for x in inside]]

    # ------------------------------------------------------------------------------------------------------ long lines

    def _too_long(self) -> set[int]:
        """Of each statement that does not fit on a line, parts that make it shorter if they have lines too."""
        found: set[int] = set()
        for line in [line for block in self.blocks for line in block.lines]:
            length = len(line.text) + 4 * line.indent
            if length > WIDTH - 4:
                inside = {f.index: f for about in line.about for f in self._plumbing(about.definition)}
                parts = sorted(inside.values(), key=self._distance)  # of a sum of hundreds, many at once
                found.update(family.index for family in parts[: max(length // (2 * WIDTH), 1)])
        return found

    def _distance(self, family: Family) -> float:
        """How far the text of a family is from what should have a line of its own."""
        definition = family.definitions[0]
        try:
            text = self.term(definition, None if definition.domain is None else 0, family.first.dims).text
        except Unliftable:
            return 1e9
        return abs(len(text) - 40)

    def _plumbing(self, definition: Definition) -> list[Family]:
        """What is written where it is used, and is worth a line of its own."""
        found: dict[int, Family] = {}
        waiting = list(definition.refs)
        while waiting:
            family = self.families[waiting.pop().family]
            if family.index not in self.schedule.kept:
                waiting.extend(family.definitions[0].refs)
                if family.definitions[0].op not in NEVER_STORED and family.definitions[0].refs:
                    found[family.index] = family
        return list(found.values())


def _is_zero(definition: Definition) -> bool:
    return definition.op is full and definition.attrs["value"] == 0
