"""The right sides of statements in arrays: of one step, of the running one, or of all steps at once."""

from __future__ import annotations

from typing import Any

from ....engine.fold import Definition, Domain, Fixed, Folded, Ref, Span
from ....engine.ops import average, mean, piece, stack, taken, total
from ....engine.sizes import Sizes
from ..module import Functions, Results
from ..schedule import Schedule, moved, number_of
from ..terms import (
    Call,
    Number,
    Term,
    Text,
    Unliftable,
    Where,
    grouped,
    range_text,
    scaled,
    size_text,
    step_text,
)
from .operations import Writer, rows, summed_over_time


class ArrayTerms(Functions):
    """Quantities as terms: as they are stored, or what they are written as."""

    def __init__(self, folded: Folded, results: Results, schedule: Schedule) -> None:
        super().__init__(folded, results, schedule)
        self.writer = Writer(self.dtype)
        self.base: dict[int, int] = {}  # the step that the array of a family begins with
        self.local: set[int] = set()  # what a loop needs at the same step alone
        self.single: set[int] = set()  # what there is at one step alone

    # ------------------------------------------------------------------------------------------------ where things are

    def is_local(self, index: int, inside: set[int]) -> bool:
        """Whether a family of a loop is needed there at the same step alone."""
        users, kept = self.schedule.users[index], self.schedule.kept
        refs = [r for u in users for d in self.families[u].definitions for r in d.refs if r.family == index]
        here = all(user in inside if user in kept else self.is_local(user, inside) for user in users)
        return here and all(ref.where == 0 for ref in refs) and index not in self.schedule.wanted

    def seen(self, where: int | Fixed | Span | None, here: Where) -> Where:
        """The step of an operand, seen from a step."""
        if isinstance(where, int):
            if isinstance(here, Fixed):
                return moved(here, where)
            if isinstance(here, Domain):
                return Domain(moved(here.lo, where), moved(here.hi, where))
            if here is None:
                raise Unliftable("steps of what has none")
            return here + where
        assert not isinstance(where, Span)
        return where

    def load(self, index: int, where: Where) -> Term:
        """A family that is stored, at a step or at many."""
        name, dims = self.names[index], self.dims(index)
        if where is None or index in self.local:
            return Text(name, dims, dims)
        if index in self.single and not isinstance(where, Domain):
            return Text(self.of_one_step(index, self.last(index)), dims, dims)
        if isinstance(where, Domain):
            if index in self.by_step:
                raise Unliftable(name)
            return Text(name + self._slice(index, where), dims, dims, True)
        return Text(f"{name}[{step_text(where, -self.base.get(index, 0))}]", dims, dims)

    def _slice(self, index: int, steps: Domain) -> str:
        """The part of an array that holds some steps; "" for the whole."""
        (lo, hi), last = steps, self.last(index)
        if (lo.from_end or hi.from_end) and not last.from_end:
            raise Unliftable("steps counted from the other end")
        start = lo.offset - last.offset - 1 if lo.from_end else lo.offset - self.base[index]
        stop = hi.offset - last.offset if hi.from_end else hi.offset + 1 - self.base[index]
        ends = [str(start) if start else "", "" if hi == last else str(stop)]
        return f"[{':'.join(ends)}]" if any(ends) else ""

    # ----------------------------------------------------------------------------------------------------- expressions

    def value(self, index: int, where: Where) -> Term:
        """A family, at a step or at many: as it is stored, or what it is written as."""
        if index in self.schedule.kept:
            return self.load(index, where)
        return self.term(self.families[index].definitions[0], where, self.dims(index))

    def operands(self, definition: Definition, where: Where) -> list[Term]:
        return [self.value(ref.family, self.seen(ref.where, where)) for ref in definition.refs]

    def term(self, definition: Definition, where: Where, dims: Sizes) -> Term:
        """The right side of a definition. Raises Unliftable."""
        op, attrs = definition.op, definition.attrs
        if op is average:
            return self._average(definition, dims)
        if op is total:
            terms = [self._over_time(r) if isinstance(r.where, Span) else self._one(r, where) for r in definition.refs]
            return self.writer.applied(total, terms, {}, dims)
        if any(isinstance(ref.where, Span) for ref in definition.refs):
            return self._side_by_side(definition, dims)
        args = self.operands(definition, where)
        if op is taken or op is piece:
            return self._steps_of(definition, args[0], where, dims)
        if "t" in attrs:
            if isinstance(where, Domain):
                raise Unliftable(op.name)
            attrs["t"] = Text(
                step_text(attrs["t"] if isinstance(attrs["t"], Fixed) else self.seen(attrs["t"], where)), (), ()
            )
        return self.writer.applied(op, args, {k: _fixed(v) for k, v in attrs.items()}, dims)

    def _one(self, ref: Ref, where: Where) -> Term:
        return self.value(ref.family, self.seen(ref.where, where))

    def _over_time(self, ref: Ref) -> Term:
        """The sum of a family over steps."""
        dims = self.dims(ref.family)
        try:
            return summed_over_time(self._at_all(ref), self.rows)
        except Unliftable:
            return Text(f"sum({self._each(ref)})", dims, dims)

    def _at_all(self, ref: Ref) -> Term:
        """A family at all steps of a span, with every entry there. Unliftable if it is the same at all."""
        assert isinstance(ref.where, Span)
        term = self.writer.whole(self.value(ref.family, Domain(ref.where.lo, ref.where.hi)))
        if not term.timed:
            raise Unliftable("the same at every step")
        return term

    def rows(self, term: Term) -> Term:
        """The matrices of all steps, one below the other."""
        return rows(term)

    def _each(self, ref: Ref) -> str:
        """A generator of the steps of a span."""
        assert isinstance(ref.where, Span)
        text = self.value(ref.family, 0).text
        return f"{text} for t in {range_text(Domain(ref.where.lo, ref.where.hi), ref.where.down)}"

    def _average(self, definition: Definition, dims: Sizes) -> Term:
        refs = definition.refs
        if len(refs) == 1 and isinstance(refs[0].where, Span):
            span, index = refs[0].where, refs[0].family
            inner = self.families[index].definitions[0]
            try:
                if index not in self.schedule.kept and inner.op is mean and inner.attrs["axis"] is None:
                    term = self._one(inner.refs[0], Domain(span.lo, span.hi))
                    return self.mean(term, dims)
                term = self.value(index, Domain(span.lo, span.hi))
                if term.timed:
                    return Call("{0}.mean(0)", (term,), dims, dims)
            except Unliftable:
                pass
        terms = [self._over_time(r) if isinstance(r.where, Span) else self._one(r, None) for r in refs]
        return scaled(Number(1, (number_of(refs),), dims), self.writer.applied(total, terms, {}, dims))

    def mean(self, term: Term, dims: Sizes) -> Term:
        """The mean of all entries at all steps."""
        if not term.timed or term.own != term.dims:
            raise Unliftable("the same at every step")
        return Call("{0}.mean()", (term,), dims, dims)

    def _side_by_side(self, definition: Definition, dims: Sizes) -> Term:
        """`stack` and `join`: steps, which stand one after the other along the first axis, along another one."""
        op, axis = definition.op, definition.attrs["axis"]
        texts = []
        for ref in definition.refs:
            if not isinstance(ref.where, Span):
                texts.append(self.writer.whole(self._one(ref, None)).text)
                continue
            try:
                text = grouped(self._at_all(ref).text) + "[::-1]" * ref.where.down
                if op is stack and len(definition.refs) == 1:
                    return Text(_moved(text, 0, axis), dims, dims)
                texts.append(f"*{text}")
            except Unliftable:
                texts.append(f"*[{self._each(ref)}]")
        return Text(f"np.{'stack' if op is stack else 'concatenate'}([{', '.join(texts)}], axis={axis})", dims, dims)

    def _steps_of(self, definition: Definition, x: Term, where: Where, dims: Sizes) -> Term:
        """Steps of a sequence along an axis, or of those that stand side by side."""
        x, at = self.writer.whole(x), definition.attrs["t"]
        text = grouped(x.text)
        if isinstance(where, Domain) and isinstance(at, int):
            if x.timed:
                raise Unliftable("steps of steps")
            axis = 1 if definition.op is piece else definition.attrs["axis"]
            if definition.op is piece:
                text += f".reshape({size_text(dims[0])}, -1, {size_text(dims[1])})"
            text = _moved(text, axis, 0)
            lo, hi = moved(where.lo, at - 1), moved(where.hi, at)
            size = self.dims(definition.refs[0].family)[axis]  # a sequence of one's own may have more steps than T
            further = size.n - self.folded.T if size.is_number and definition.op is not piece else 0
            last = Fixed(True, further)
            ends = ["" if end in (Fixed(False, 0), last) else step_text(end) for end in (lo, hi)]
            return Text(text + (f"[{':'.join(ends)}]" if any(ends) else ""), dims, dims, True)
        there = at if isinstance(at, Fixed) else self.seen(at, where)
        assert not isinstance(there, Domain)
        if definition.op is piece:
            width, before, after = grouped(size_text(dims[-1])), step_text(there, -1), step_text(there)
            return Text(f"{text}[:, {grouped(before)} * {width} : {grouped(after)} * {width}]", dims, dims, x.timed)
        lead = ":, " * (definition.attrs["axis"] + x.timed)
        return Text(f"{text}[{lead}{step_text(there, -1)}]", dims, dims, x.timed)


def _moved(text: str, axis: int, to: int) -> str:
    """An array with an axis moved to another place, or from the first."""
    return text if axis == to else f"{text}.swapaxes(0, 1)" if axis + to == 1 else f"np.moveaxis({text}, {axis}, {to})"


def _fixed(value: Any) -> Any:
    return Text(step_text(value), (), ()) if isinstance(value, Fixed) else value
