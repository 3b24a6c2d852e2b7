"""The program of a folded network: statements, each an entry of an array and the expression of its value, in loops.

A family is stored in an array, or written where it is used. `Program.runs` are the statements in an order in which they can
be run, in a loop over steps where there are several. `minirnn.readings.source.scalars.loops` and `c` print them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ....engine.entries import (
    SCALARS,
    Apply,
    Count,
    Expr,
    Index,
    Load,
    Number,
    Operand,
    Reduce,
    Var,
    all_parts,
    expr,
    index_over,
    parts,
    reduced,
    step_over,
)
from ....engine.fold import Definition, Domain, Family, Fixed, Folded, Ref, Span
from ....engine.ops import leaf_op
from ....engine.rules import EACH
from ....engine.sizes import Size, Sizes, product
from ..module import About, Results
from ..schedule import Schedule, number_of

T = Size.of("T", 0)
Read = Callable[[Ref, Expr | None, Index], Expr]


class Indices(tuple[Expr, ...]):
    """The indices of an entry, with the sizes of the axes that they run over."""

    dims: Sizes

    @property
    def size(self) -> Expr:
        """The number of entries."""
        return expr(product(self.dims))


class Reading(NamedTuple):
    """How a definition reads its operands: how often each (2: several times), whether it only moves entries, takes sums or
    stands several beside each other, and which it adds up."""

    times: dict[int, int]
    moves: bool
    sums: bool
    joins: bool
    added: set[int]


class Statement(NamedTuple):
    """``target = value`` for all indices of `over`, the outermost first."""

    target: Load
    value: Expr
    over: tuple[Var, ...]


class Run(NamedTuple):
    """Statements for the steps of `step`, in a loop if it is an index; `about` is what each of them computes."""

    step: Expr | None
    domain: Domain | None
    down: bool | None
    statements: list[Statement]
    about: list[About]


def fixed(where: Fixed) -> Expr:
    """A step as an expression."""
    return expr(where.size)


class Program:
    """The statements that compute `results`. With `hoist` what has no recurrence is computed before the loops.

    NotImplementedError where an operation has no form in scalars.
    """

    def __init__(self, folded: Folded, results: Results, hoist: bool = False) -> None:
        self.folded, self.results, self.families = folded, results, folded.families
        self.schedule = Schedule(folded, results.families)
        self.schedule.store(self._stored(hoist))
        self.stored = self.schedule.kept
        self.runs = [self._run(*run) for run in self.schedule.runs()]

    def dims(self, index: int) -> Sizes:
        return self.families[index].first.dims

    def stepped(self, index: int) -> bool:
        """Whether there is one at every step."""
        return self.families[index].definitions[0].domain is not None

    # ----------------------------------------------------------------------------------------------- what is stored

    def _stored(self, hoist: bool) -> set[int]:
        """The families that have an array: what has a name, is read more than once, or is a sum that is not added to one."""
        needed, users, recurrent = self.schedule.needed, self.schedule.users, self.schedule.recurrent
        readings = {i: [self._reading(f, d) for d in f.definitions] for i in needed for f in [self.families[i]]}
        moves = {i for i in needed if all(r.moves for r in readings[i])}
        stored = {i for i in needed if self.families[i].name is not None or any(r.joins for r in readings[i])}
        if hoist:  # a part of a weight is where the weight is
            stored -= {i for i in moves if not self.stepped(i)}
        stored |= self.schedule.wanted | self.schedule.various | {i for i in needed if self._is_leaf(i)}
        order = []
        for i, times in self.schedule.reads(stored, lambda user, i: max(r.times.get(i, 0) for r in readings[user])):
            order.append(i)
            if times > 1 and i not in moves:
                stored.add(i)
        heavy: set[int] = set()
        for i in reversed(order):
            below = {j for r in readings[i] for j in r.times if j in heavy and j not in stored}
            if not below and not any(r.sums for r in readings[i]):
                continue
            heavy.add(i)
            added = all(i in r.added or i not in r.times for u in users[i] for r in readings[u])
            feeds = hoist and self.stepped(i) and i not in recurrent and any(u in recurrent for u in users[i])
            if i in moves and not added:
                stored |= below
            elif i not in moves and (feeds or not added):
                stored.add(i)
        return stored

    def _is_leaf(self, index: int) -> bool:
        return all(d.op is leaf_op for d in self.families[index].definitions)

    def _reading(self, family: Family, definition: Definition) -> Reading:
        """How a definition reads its operands."""
        if definition.op is leaf_op:
            return Reading({}, False, False, False, set())
        if definition.op.entry in ("joined", "stacked"):
            return Reading({ref.family: 1 for ref in definition.refs}, False, False, True, set())
        index = self._indices(family.index)
        try:
            found = self._entry(definition, step_over(Number(1), Count(T)), index, self._bare)
        except NotImplementedError as error:
            raise NotImplementedError(
                f"{self.schedule.quantity(family)} is computed by {error}, which has no form in scalars: "
                "use form='numpy' or form='buffers', and engine='numpy'"
            ) from None
        times: dict[int, int] = {}
        for load, loops in _loads(found, {v for v in index if isinstance(v, Var)}):
            seen = {v for i in [load.step, *load.index] if i is not None for v in all_parts(i)}
            times[load.array] = times.get(load.array, 0) + (1 if loops <= seen else 2)
        sums = any(isinstance(part, Reduce) for part in all_parts(found))
        added = {part.array for part in _summands(found) if isinstance(part, Load)}
        return Reading(times, isinstance(found, Load | Number), sums, False, added)

    def _indices(self, family: int) -> Indices:
        index = Indices(map(index_over, self.dims(family)))
        index.dims = self.dims(family)
        return index

    def _bare(self, ref: Ref, step: Expr | None, index: Index) -> Expr:
        return Load(ref.family, step, index)

    # -------------------------------------------------------------------------------------------------- expressions

    def _at(self, ref: Ref, step: Expr | None) -> Expr | None:
        """The step of an operand, seen from a step."""
        if ref.where is None:
            return None
        if isinstance(ref.where, Fixed):
            return fixed(ref.where)
        assert step is not None and isinstance(ref.where, int)
        return step + ref.where

    def value(self, family: int, step: Expr | None, index: Index) -> Expr:
        """An entry of a family: of its array, or the expression it is written as."""
        if family in self.stored:
            return Load(family, step, index)
        found = Indices(index)
        found.dims = self.dims(family)
        return self._entry(self.families[family].definitions[0], step, found, self._inlined)

    def _inlined(self, ref: Ref, step: Expr | None, index: Index) -> Expr:
        return self.value(ref.family, step, index)

    def _entry(self, definition: Definition, step: Expr | None, index: Indices, read: Read) -> Expr:
        op = definition.op
        if op.entry == "added":  # a sum of operands, or of one at all steps of a span
            return self._added(definition, step, index, read)
        operands = [
            Operand(self.dims(ref.family), functools.partial(self._read_at, read, ref, step)) for ref in definition.refs
        ]
        attrs = {k: self._attribute(k, v, step) for k, v in definition.attrs.items()}
        if op.entry == EACH:
            return expr(op.in_arithmetic(SCALARS, attrs)(*[x[index] for x in operands], **attrs))
        if op.entry is None:
            raise NotImplementedError(op.name)
        assert callable(op.entry)
        found: Expr = op.entry(index, *operands, **attrs)
        return found

    def _read_at(self, read: Read, ref: Ref, step: Expr | None, index: Index) -> Expr:
        return read(ref, self._at(ref, step), index)

    def _attribute(self, name: str, value: Any, step: Expr | None) -> Any:
        if isinstance(value, Fixed):
            return fixed(value)
        return step + value if name == "t" and step is not None else value

    def _added(self, definition: Definition, step: Expr | None, index: Indices, read: Read) -> Expr:
        found: Expr = Number(0)
        for ref in definition.refs:
            if isinstance(ref.where, Span):
                t = step_over(fixed(ref.where.lo), fixed(ref.where.hi) + 1, ref.where.down)
                found = found + reduced("+", t, read(ref, t, index))
            else:
                found = found + read(ref, self._at(ref, step), index)
        return found / expr(number_of(definition.refs)) if definition.op.name == "average" else found

    # --------------------------------------------------------------------------------------------------- statements

    def _run(self, items: list[tuple[Family, Definition]], domain: Domain | None, down: bool | None) -> Run:
        step: Expr | None = None
        if domain is not None:
            lo, hi = domain
            step = fixed(lo) if lo == hi else step_over(fixed(lo), fixed(hi) + 1, bool(down))
        statements, about = [], []
        for family, definition in items:
            for statement in self._statements(family, definition, step):
                statements.append(statement)
                about.append(About(family, definition, None if domain is None or isinstance(step, Var) else domain.lo))
        return Run(step, domain, down, statements, about)

    def _statements(self, family: Family, definition: Definition, step: Expr | None) -> Iterator[Statement]:
        index, dims = self._indices(family.index), self.dims(family.index)
        over = tuple(v for v in index if isinstance(v, Var))
        if definition.op is leaf_op:
            yield Statement(Load(family.index, step, tuple(index)), Load(-1 - definition.serial, None, tuple(index)), over)
        elif definition.op.entry in ("joined", "stacked"):
            yield from self._together(family.index, definition, step, dims)
        else:
            value = self._entry(definition, step, index, self._inlined)
            yield Statement(Load(family.index, step, tuple(index)), value, over)

    def _together(self, target: int, definition: Definition, step: Expr | None, dims: Sizes) -> Iterator[Statement]:
        """One statement for each of the arrays that stand side by side or along a new axis, or for all steps of a span."""
        axis, new = definition.attrs["axis"] % len(dims), definition.op.entry == "stacked"
        start: Expr = Number(0)
        for ref in definition.refs:
            inner = self.dims(ref.family)
            index = list(map(index_over, inner))
            over = tuple(v for v in index if isinstance(v, Var))
            rest = index[axis:] if new else index[axis + 1 :]
            place, width = (Number(0), Number(1)) if new else (index[axis], expr(inner[axis]))
            if isinstance(ref.where, Span):
                if not new and (start != Number(0) or len(definition.refs) > 1 or ref.where.down):
                    raise NotImplementedError(
                        "steps beside columns have no form in scalars: use form='numpy', engine='numpy'"
                    )
                lo, hi = fixed(ref.where.lo), fixed(ref.where.hi)
                where: Expr | None = (t := step_over(lo, hi + 1))
                place, over = (hi - t if ref.where.down else t - lo) * width + place, (t, *over)
                width = width * expr(ref.where.size)
            else:
                where = self._at(ref, step)
            there = (*index[:axis], start + place if new else place + start, *rest)
            yield Statement(Load(target, step, there), self.value(ref.family, where, tuple(index)), over)
            start = start + width


def _loads(x: Expr, loops: set[Var]) -> Iterator[tuple[Load, set[Var]]]:
    """All entries that are read, each with the indices over which that is done."""
    if isinstance(x, Load):
        yield x, loops
    inside = loops | {v for v in x.over if v.size is not None} if isinstance(x, Reduce) else loops
    for part in parts(x):
        yield from _loads(part, inside)


def _summands(x: Expr) -> Iterator[Expr]:
    """The terms of a sum, over indices too."""
    if isinstance(x, Apply) and x.op == "+":
        for arg in x.args:
            yield from _summands(arg)
    elif isinstance(x, Reduce) and x.kind == "+":
        yield from _summands(x.body)
    else:
        yield x
