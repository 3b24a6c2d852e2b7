"""A fold as NumPy statements that compute all steps at once wherever there is no recurrence.

The rows of all steps stand below each other in one matrix, N rows for each step. A product with a weight is then one
matrix product for all steps, and so is a sum over t of products of two steps. A loop over time is left for a recurrence.
Where the results go is a matter of `minirnn.readings.source.buffers`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from ...engine.fold import Definition, Domain, Family, Fixed, Ref, Span
from ...engine.ops import (
    add,
    average,
    full,
    join,
    leaf_op,
    matmul,
    mean,
    piece,
    reverse,
    stack,
    sums,
    taken,
    total,
    transpose,
)  # fmt: skip
from .buffers import Fresh, Room
from .domains import FIRST, LAST, Place, count, sliced, suffix, times
from .module import Line
from .numpy_expr import (
    Atom,
    Broadcast,
    Call,
    Dims,
    Scaled,
    Term,
    Uniform,
    Unwritable,
    applied,
    dims_after,
    grouped,
    letters,
    product,
    rows_of,
    sizes,
    total_text,
    written,
)
from .python_text import step_name
from .schedule import Loop, Schedule, Stretch


@dataclass
class Block:
    """The lines that compute some families."""

    families: tuple[Family, ...]
    lines: list[Line] = field(default_factory=list)


class Rows:
    """The statements of a schedule, in blocks, and the rooms and lists of steps they use.

    Raises Unwritable where an operation would mix the rows of different steps.
    """

    def __init__(self, schedule: Schedule, names: dict[int, str], rooms: Fresh, fixed: set[int]) -> None:
        """`names` of the families in Python; those in `fixed` get rooms though they have no steps."""
        self.schedule, self.folded, self.names, self.rooms, self.fixed = schedule, schedule.folded, names, rooms, fixed
        self.families = self.folded.families
        self.vectors = True  # of a single sample, the steps may be plain vectors
        self._dims: dict[int, Dims] = {}
        self._numbers: dict[int, Uniform] = {}
        self._local: dict[tuple[int, Fixed], Atom] = {}
        self._seen: dict[tuple[int, int], str] = {}  # what a loop reads, at which delay -> its name there
        self._hoisted: dict[str, str] = {}
        self._rooted = self._shared_rooms()
        self._loop_of = {f.index: part for part in schedule.parts if isinstance(part, Loop) for f in part.families}
        self.blocks = [self._block(part) for part in schedule.parts]
        for block in self.blocks:
            block.lines = [line._replace(text=rooms.settled(line.text)) for line in block.lines]

    # ------------------------------------------------------------------------------------------------- where things are

    def dims(self, index: int) -> Dims:
        """The lengths of the axes of one step of the family."""
        if index not in self._dims:
            sizes = self.families[index].first.dims
            if any(size.is_number and size != 1 for size in sizes):
                raise Unwritable(f"the shape of {self.families[index].first.op.name} is not known in letters")
            self._dims[index] = letters(sizes)
        return self._dims[index]

    def span(self, index: int) -> Domain | None:
        """The steps for which a family is stored; None if it has none."""
        domains = [d.domain for d in self.families[self._rooted.get(index, index)].definitions]
        if domains[0] is None:
            return None
        T = self.folded.T
        los, his = zip(*[(d.lo, d.hi) for d in domains if d is not None])
        return Domain(min(los, key=lambda f: f.step(T)), max(his, key=lambda f: f.step(T)))

    def _shared_rooms(self) -> dict[int, int]:
        """What is computed for all steps before a loop, only to be added to there, is computed in the room of the sum."""
        found = {}
        for index in self.schedule.recurrent & self.schedule.kept:
            for definition in self.families[index].definitions:
                if definition.op in (add, total):
                    ref = definition.refs[0]
                    family = self.families[ref.family]
                    before = ref.family in self.schedule.kept - self.schedule.recurrent
                    if ref.where == 0 and before and family.name is None and self.schedule.users[ref.family] == [index]:
                        found[ref.family] = index
        return found

    def _stored(self, index: int) -> bool:
        """Whether a family of a loop is needed at other steps, or outside of it; else it is forgotten at once."""
        if index in self._rooted.values() or index in self.schedule.wanted:
            return True
        inside = {f.index for f in self._loop_of[index].families}
        for user in self.schedule.users[index]:
            delays = {ref.where for d in self.families[user].definitions for ref in d.refs if ref.family == index}
            if delays != {0} or user not in inside or user not in self.schedule.kept:
                return True
        return False

    def _room(self, index: int) -> str:
        """The name of the array that holds all steps of a family: h, or h_all if h_0 is among them."""
        owner = self._rooted.get(index, index)
        dims, span = self.dims(owner), self.span(owner)
        name = self.names[owner] + ("" if span is None or self._all(span) else "_all")
        if name not in self.rooms.rooms:
            if len(dims) != 2:
                raise Unwritable(f"{name} is no matrix")
            self.rooms.rooms[name] = Room(times(count(span) if span else "1", dims[0]), dims[1])
        return name

    def whole(self, index: int, place: Place) -> str:
        """The rows of the steps of `place` of a family, by a name if there is one for them."""
        index = self._rooted.get(index, index)
        span, name, T = self.span(index), self.names[index], self.folded.T
        assert span is not None
        room = self._room(index)
        part = sliced(span, place.lo, place.hi, self.dims(index)[0])
        if not part:
            return room
        if place.lo == place.hi:
            view = f"{name}_{place.lo}"
        elif self._all(place) and room != name:
            view = name
        elif (place.lo.step(T), place.hi.step(T)) == (0, T - 1):
            view = f"{name}_before"
        else:
            return room + part
        return self._view(view, room + part)

    def _view(self, name: str, text: str) -> str:
        """A part of a room, by a name of its own if that is free."""
        others = {n for index, n in self.names.items() if n != name or self.span(index) is None}
        return text if not name.isidentifier() or name in others else self.rooms.view(name, text)

    def _all(self, steps: Place | Domain) -> bool:
        """Whether these are the steps 1..T."""
        return (steps.lo.step(self.folded.T), steps.hi.step(self.folded.T)) == (1, self.folded.T)

    # ------------------------------------------------------------------------------------------------- building terms

    def _operand(self, ref: Ref, place: Place | None) -> Term:
        family = self.families[ref.family]
        if isinstance(ref.where, Span):
            raise Unwritable("several steps side by side")
        if isinstance(ref.where, Fixed):
            return self._value(family, Place(ref.where, ref.where))
        if ref.where is None:
            return self._value(family, None)
        assert place is not None
        return self._value(family, place.moved(ref.where))

    def _value(self, family: Family, place: Place | None) -> Term:
        index = family.index
        dims = self.dims(index)
        if index in self._numbers:
            return self._numbers[index]
        if index not in self.schedule.kept:
            return dataclasses.replace(self._term(self._definition(family, place), place), dims=dims)
        if place is None:
            return Atom(self.names[index], dims)
        if place.delay is not None:
            owner = self._rooted.get(index, index)
            return Atom(self._seen.setdefault((owner, place.delay), self.names[owner] + suffix(place.delay)), dims)
        if (index, place.lo) in self._local and place.lo == place.hi:
            return self._local[index, place.lo]
        return Atom(self.whole(index, place), dims, place.lo != place.hi)

    def _definition(self, family: Family, place: Place | None) -> Definition:
        """The definition in force at the steps of `place`."""
        T = self.folded.T
        for definition in family.definitions:
            lo_hi = definition.domain
            if place is None or lo_hi is None:
                return definition
            if lo_hi.lo.step(T) <= place.lo.step(T) and place.hi.step(T) <= lo_hi.hi.step(T):
                return definition
        raise Unwritable(f"{family.name or family.definitions[0].op.name} changes its definition on the way")

    def _term(self, definition: Definition, place: Place | None) -> Term:
        op = definition.op
        if op is total:
            return self._total(definition, place)
        if op is average:
            return self._average(definition)
        if op in (stack, join):
            return self._side_by_side(definition)
        args = [self._operand(ref, place) for ref in definition.refs]
        if op in (taken, piece):
            return self._steps_of(definition, args[0], place)
        if op is reverse:
            return Atom(f"{grouped(written(args[0]))}[:, ::-1]", args[0].dims)
        if place is not None and place.delay is not None:
            args = [self._ready(definition, position, arg) for position, arg in enumerate(args)]
        return applied(op, args, definition.attrs)

    def _ready(self, definition: Definition, position: int, arg: Term) -> Term:
        """An operand inside a loop: what does not change there is computed before."""
        op, attrs = definition.op, definition.attrs
        summed = op is sums and attrs["axis"] == 0
        by_row = position in rows_of(op, attrs) and self._constant(arg)
        if op is transpose or summed or "[:," in op.text(attrs) or by_row:
            self.vectors = False  # it tells rows from columns
        text = written(arg)
        if isinstance(arg, Call) and self._constant(arg) and self.rooms.is_hoisted(text):
            name = (
                f"{text.removesuffix('.T')}T"
                if text.endswith(".T") and text[:-2].isidentifier()
                else f"constant_{len(self._hoisted)}"
            )
            return Atom(self._hoisted.setdefault(text, name), arg.dims)
        return arg

    def _constant(self, term: Term) -> bool:
        if isinstance(term, Atom):
            return len(term.dims) == 2 and term.text not in self._seen.values()
        if isinstance(term, Call):
            return all(self._constant(a) for a in term.args)
        return isinstance(term, Scaled | Broadcast) and self._constant(term.inner)

    def _total(self, definition: Definition, place: Place | None) -> Term:
        parts = [
            self._over_time(self.families[ref.family], ref.where)
            if isinstance(ref.where, Span)
            else self._operand(ref, place)
            for ref in definition.refs
        ]
        result = parts[0]
        for part in parts[1:]:
            result = applied(add, [result, part], {})
        return result

    def _over_time(self, family: Family, span: Span) -> Term:
        """The sum of a family over steps: of products of two steps, one product of all their rows."""
        place = Place(span.lo, span.hi)
        dims = self.dims(family.index)
        if family.index not in self.schedule.kept:
            definition = self._definition(family, place)
            if definition.op is matmul:
                left = self.families[definition.refs[0].family]
                if left.index not in self.schedule.kept and left.definitions[0].op is transpose:
                    rows = self._operand(self._definition(left, place).refs[0], place.moved(_delay(definition.refs[0])))
                    a, b = self._rows(rows), self._rows(self._operand(definition.refs[1], place))
                    return Call(matmul, (Call(transpose, (a,), (), dims), b), (), dims)
            if definition.op is sums and definition.attrs["axis"] == 0:
                inner = self._rows(self._operand(definition.refs[0], place))
                return self.rooms.column_sums(inner, times(count(place), inner.dims[0]), dims)
        inner = self._rows(self._value(family, place))
        if len(dims) != 2:
            raise Unwritable("a sum over time of what is no matrix")
        return Atom(f"{grouped(written(inner))}.reshape({count(place)}, {', '.join(dims)}).sum(0)", dims)

    def _rows(self, term: Term) -> Term:
        if not term.timed and not isinstance(term, Call | Scaled | Atom):
            raise Unwritable("a sum over time of a repeated row")
        return Atom(grouped(written(term)), term.dims)

    def _average(self, definition: Definition) -> Term:
        ref = definition.refs[0]
        if len(definition.refs) > 1 or not isinstance(ref.where, Span | Fixed):
            raise Unwritable("an average that is not over consecutive steps")
        place = Place(ref.where.lo, ref.where.hi) if isinstance(ref.where, Span) else Place(ref.where, ref.where)
        inner = self._definition(self.families[ref.family], place)
        if inner.op is not mean or inner.attrs["axis"] is not None:
            raise Unwritable("an average over time of what is no mean")
        term = self._operand(inner.refs[0], place)
        return Atom(f"{total_text(term)} / {grouped(product((count(place), *sizes(term.dims))))}", ())

    def _side_by_side(self, definition: Definition) -> Term:
        """stack and concat: the steps, which stand below each other, beside each other."""
        ref = definition.refs[0]
        if len(definition.refs) == 1 and isinstance(ref.where, Fixed):
            term = self._operand(ref, None)
            return (
                term
                if definition.op is join
                else Atom(f"{grouped(written(term))}[:, None]", (term.dims[0], "1", term.dims[1]))
            )
        if len(definition.refs) > 1 or not isinstance(ref.where, Span) or ref.where.down:
            raise Unwritable(f"{definition.op.name} of other than the steps in their order")
        place = Place(ref.where.lo, ref.where.hi)
        term = self._value(self.families[ref.family], place)
        if not isinstance(term, Atom) or len(term.dims) != 2:
            raise Unwritable(f"{definition.op.name} of what is not stored")
        rows, cols = term.dims
        text = f"{term.text}.reshape({count(place)}, {rows}, {cols}).swapaxes(0, 1)"
        if definition.op is join:
            text += f".reshape({rows}, {times(count(place), cols)})"
        return Atom(text, dims_after(definition.op, [term.dims], definition.attrs))

    def _steps_of(self, definition: Definition, whole: Term, place: Place | None) -> Term:
        """take and piece: the steps of a sequence, or of a long row, below each other."""
        if place is None or place.delay is not None or definition.attrs["t"] != 0:
            raise Unwritable(f"{definition.op.name} of one step after the other")
        rows, cols = dims_after(definition.op, [self.dims(ref.family) for ref in definition.refs], definition.attrs)
        text = grouped(written(whole))
        if definition.op is piece:
            text += f".reshape({rows}, -1, {cols})"
        if place.lo == place.hi:
            return Atom(f"{text}[:, {place.lo.offset - 1}]", (rows, cols))
        if not self._all(place):
            text += "[:, " + sliced(Domain(FIRST, LAST), place.lo, place.hi, "1")[1:]
        return Atom(f"{text}.swapaxes(0, 1).reshape({times(count(place), rows)}, {cols})", (rows, cols), True)

    # ------------------------------------------------------------------------------------------------------ statements

    def _block(self, part: Family | Loop) -> Block:
        block = self._loop(part) if isinstance(part, Loop) else self._at_once(part)
        block.lines = [*self.rooms.made(), *block.lines]
        return block

    def _at_once(self, family: Family) -> Block:
        block = Block((family,))
        for definition in self._merged(family):
            place = None if definition.domain is None else Place(*definition.domain)
            if place is None or definition.op is not mean:  # the loss of one step is part of the loss
                block.lines.append(Line(self._statement(family, definition, place), 1, ((family, definition),)))
        return block

    def _statement(self, family: Family, definition: Definition, place: Place | None) -> str:
        """The statement that computes a definition, at all steps of `place` at once."""
        name, term = self.names[family.index], self._term(definition, place)
        if isinstance(term, Uniform):
            if family.index in self.schedule.wanted and term.dims:
                return f"{name} = np.full(({', '.join(term.dims)},), {term.text}, dtype)"
            self._numbers[family.index] = Uniform((name,), (), term.dims)
            return f"{name} = {term.text}"
        if place is not None and place.lo != place.hi and definition.op is taken and self._all(place):
            whole = grouped(written(self._operand(definition.refs[0], place)))
            steps = ", ".join([count(place), *term.dims])
            return self.rooms.taken(name, self._room(family.index), steps, term, whole)
        if place is not None:
            return self.rooms.put(term, self.whole(family.index, place))
        if family.index in self.fixed and len(term.dims) == 2:
            return self.rooms.put(term, self._room(family.index))
        return f"{name} = {written(self._summed(term))}"

    def _summed(self, term: Term) -> Term:
        """1ᵀ x of one matrix, as the product with a row of ones that it is."""
        if isinstance(term, Call) and term.op is sums and dict(term.attrs)["axis"] == 0:
            return self.rooms.column_sums(term.args[0], term.args[0].dims[0], term.dims)
        return term

    def _merged(self, family: Family) -> list[Definition]:
        """Its definitions; of what is computed in the room of a sum, those steps too at which the sum is nothing more."""
        if family.index not in self._rooted:
            return family.definitions
        (own,) = family.definitions
        domain, T = own.domain, self.folded.T
        assert domain is not None
        for other in self.families[self._rooted[family.index]].definitions:
            if other.signature == own.signature and other.domain is not None:
                lo, hi = other.domain
                before, after = hi.step(T) == domain.lo.step(T) - 1, lo.step(T) == domain.hi.step(T) + 1
                domain = Domain(lo if before else domain.lo, hi if after else domain.hi)
        return [Definition(own.signature, domain, own.serial)]

    def _loop(self, loop: Loop) -> Block:
        block = Block(tuple(loop.families))
        merged = {(s, self._rooted[i]) for i in self._rooted for s in [self.families[i].definitions[0].signature]}
        for stretch in loop.stretches:
            lo, hi = stretch.domain
            if lo == hi:
                for family, definition in stretch.items:
                    if (definition.signature, family.index) not in merged:
                        block.lines += self._single(family, definition, Place(lo, lo))
            else:
                block.lines += self._running(loop, stretch)
        return block

    def _single(self, family: Family, definition: Definition, place: Place) -> list[Line]:
        """A step at the end of a loop that has equations of its own."""
        index = family.index
        if definition.op is full:
            self.rooms.begin_with_zeros(self._room(index), (family, definition))
            return []
        about = ((family, definition),)
        if definition.op is leaf_op:
            span = self.span(index)
            assert span is not None
            room = self._room(index) + sliced(span, place.lo, place.hi, self.dims(index)[0])
            return [
                Line(f"{room if room.endswith(']') else f'{room}[:]'} = {self.names[index]}_{step_name(place.lo)}", 1, about)
            ]
        term = self._term(definition, place)
        if self._stored(index):
            return [Line(self.rooms.put(term, self.whole(index, place)), 1, about)]
        name = f"{self.names[index]}_{step_name(place.lo)}"
        self._local[index, place.lo] = Atom(name, term.dims)
        return [Line(f"{name} = {written(term)}", 1, about)]

    def _running(self, loop: Loop, stretch: Stretch) -> list[Line]:
        self._seen, self._hoisted = {}, {}
        place = Place(*stretch.domain, 0)
        body = []
        for family, definition in stretch.items:
            term = self._term(definition, place)
            if self._stored(family.index):
                out = self._seen.setdefault((family.index, 0), self.names[family.index] + suffix(0))
                line = self.rooms.put(term, out, True)
            else:
                name = self._seen[family.index, 0] = self.names[family.index]
                line = self.rooms.passing(name, term)
            body.append(Line(line, 2, ((family, definition),)))
        stored = {key: name for key, name in self._seen.items() if key[1] or self._kept_over_time(key[0])}
        first = next((f for f, _ in stretch.items if self._stored(f.index)), stretch.items[0][0])
        parts = [self.whole(index, Place(*place.moved(delay)[:2])) for index, delay in stored]
        steps = self.rooms.steps(f"{self.names[first.index]}_steps", parts)
        before = [Line(f"{short} = {text}") for text, short in self._hoisted.items()]
        order = f"reversed({steps})" if loop.backwards else steps
        return [*before, Line(f"for {self.rooms.targets([*stored.values()])} in {order}:"), *body]

    def _kept_over_time(self, index: int) -> bool:
        return index not in self._loop_of or self._stored(index)


def _delay(ref: Ref) -> int:
    if not isinstance(ref.where, int):
        raise Unwritable("a step that does not move")
    return ref.where
