"""Where the statements of `minirnn.readings.source.rows` put what they compute.

`Fresh`: arrays are made where they are first needed, and statements read like the equations. `Kept`: arrays, views and the
steps of a loop are made beforehand and kept from call to call; statements write into them, which is faster.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.fold import Definition, Family
from ...engine.graph import Primitive
from ...engine.ops import add
from .module import Line
from .numpy_expr import Atom, Broadcast, Call, Dims, Scaled, Term, Uniform, filled, grouped, written


@dataclass
class Room:
    """An array for all steps, or (`step`) for one step of a loop; `zero` if it begins with zeros."""

    rows: str
    cols: str
    zero: bool = False
    step: bool = False

    @property
    def shape(self) -> str:
        return f"({self.rows}, {self.cols})" if self.cols else self.rows

    @property
    def made(self) -> str:
        """The function that makes it."""
        return f"np.{'zeros' if self.zero else 'empty' if self.cols else 'ones'}"


class Fresh:
    """Arrays made where they are first needed."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.zeros: dict[str, list[tuple[Family, Definition]]] = {}  # the definitions that say that a room begins with zeros
        self._made: set[str] = set()

    def begin_with_zeros(self, name: str, about: tuple[Family, Definition]) -> None:
        """The room begins with zeros, as the definition says."""
        self.rooms[name].zero = True
        self.zeros.setdefault(name, []).append(about)

    def made(self) -> list[Line]:
        """The lines that make the rooms which no statement has made whole."""
        new = {name: room for name, room in self.rooms.items() if name not in self._made}
        self._made.update(new)
        return [
            Line(f"{name} = {room.made}({room.shape}, dtype)", 1, tuple(self.zeros.get(name, ())))
            for name, room in new.items()
        ]

    def view(self, name: str, text: str) -> str:
        """A part of a room: the text, or a name for it."""
        return text

    def column_sums(self, inner: Term, number: str, dims: Dims) -> Term:
        """The sum of the rows, of which there are `number`."""
        return Atom(f"{grouped(written(inner))}.sum(0)", dims)

    def taken(self, name: str, room: str, steps: str, term: Term, whole: str) -> str:
        """The statement that puts the steps of a sequence below each other."""
        return self.put(term, room)

    def put(self, term: Term, out: str, running: bool = False) -> str:
        """The statement that puts `term` into the array `out`."""
        text = written(term)
        if out in self.rooms and out not in self._made and not _repeats(term):
            self._made.add(out)
            return f"{out} = {text}"
        if isinstance(term, Call) and term.op is add and written(term.args[0]) == out:
            return f"{out} += {written(term.args[1])}"
        return f"{out if out.endswith(']') else f'{out}[:]'} = {text}"

    def passing(self, name: str, term: Term) -> str:
        """The statement for what a loop forgets at once."""
        return f"{name} = {written(term)}"

    def is_hoisted(self, text: str) -> bool:
        """Whether what stays the same in a loop is computed before it."""
        return not text.removesuffix(".T").isidentifier()

    def steps(self, name: str, parts: list[str]) -> str:
        """What a loop runs through: the steps of these arrays side by side."""
        return f"by_step(N, {', '.join(parts)})"

    def settled(self, text: str) -> str:
        """A line, when all lines and rooms are known."""
        return text

    def targets(self, names: list[str]) -> str:
        """The names of a loop."""
        return f"({names[0]},)" if len(names) == 1 else ", ".join(names)


class Kept(Fresh):
    """Arrays made beforehand, used again from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, str] = {}
        self.lists: dict[str, str] = {}
        self._busy: set[str] = set()

    def made(self) -> list[Line]:
        return []

    def view(self, name: str, text: str) -> str:
        if self.views.get(name, text) != text:
            return text
        self.views[name] = text
        return name

    def column_sums(self, inner: Term, number: str, dims: Dims) -> Term:
        return Atom(f"{self._ones(number)}.dot({written(inner)})", dims)

    def _ones(self, number: str) -> str:
        """As many ones as there are rows: what a sum over rows is a product with."""
        room = self.rooms.setdefault("one", Room(number, ""))
        if len(number) > len(room.rows):
            room.rows = number
        part = f"one[:{number}]" if number.isidentifier() else f"one[: {number}]"
        return self.view(f"one_{number}", part) if number.isidentifier() else part

    def taken(self, name: str, room: str, steps: str, term: Term, whole: str) -> str:
        return f"{self.view(f'{name}_by_step', f'{room}.reshape({steps})')}[:] = {whole}.swapaxes(0, 1)"

    def put(self, term: Term, out: str, running: bool = False) -> str:
        self._busy = set()
        text = self._into(term, out, running)
        return text if text != written(term) else f"{out}[:] = {text}"

    def passing(self, name: str, term: Term) -> str:
        if not isinstance(term, Call) or not term.op.into:
            return super().passing(name, term)
        self.rooms[name] = Room(term.dims[0], term.dims[-1], step=True)
        return self.put(term, name, True)

    def is_hoisted(self, text: str) -> bool:
        return True

    def targets(self, names: list[str]) -> str:
        return ", ".join(names)

    def steps(self, name: str, parts: list[str]) -> str:
        tries = [name, *(f"{name}_{k}" for k in range(2, len(self.lists) + 3))]
        name = next(n for n in tries if n not in self.lists and n not in self.rooms)
        each = [f"steps({part})" for part in parts]
        self.lists[name] = each[0] if len(each) == 1 else f"list(zip({', '.join(each)}))"
        return name

    def settled(self, text: str) -> str:
        return text.replace(f"one[: {self.rooms['one'].rows}]", "one") if "one" in self.rooms else text

    def by_size(self) -> list[tuple[list[str], Room]]:
        """The names of the rooms that are made alike, with what they are like."""
        alike: list[tuple[list[str], Room]] = []
        for name, room in self.rooms.items():
            known = next((names for names, other in alike if other == room), None)
            if known is None:
                alike.append(([name], room))
            else:
                known.append(name)
        return alike

    def _into(self, term: Term, out: str | None, running: bool) -> str:
        """The term as an expression; its value is put into `out` if there is a way to."""
        if isinstance(term, Scaled):
            term = Call(_times, (term.inner,), (("p", term.number.text),), term.dims, term.timed)
        if not isinstance(term, Call) or term.op.into is None:
            return written(term)
        if out is None and running:
            out = self._scratch(term.dims)
        if out is None:
            return written(term)
        free = all(out not in written(arg) for arg in term.args[1:])
        operands = []
        for position, arg in enumerate(term.args):
            here = out if position == 0 and free and arg.dims == term.dims else None
            operands.append(self._into(arg, here, running) if isinstance(arg, Call | Scaled) else written(arg))
        return filled(term.op.into, operands, {**dict(term.attrs), "out": out})

    def _scratch(self, dims: Dims) -> str:
        """Room for a passing result of one step, which this statement does not use yet."""
        room = Room(dims[0], dims[-1], step=True)
        names = ["scratch", *(f"scratch_{k}" for k in range(2, len(self.rooms) + 3))]
        name = next(n for n in names if n not in self._busy and self.rooms.get(n, room) == room)
        self._busy.add(name)
        self.rooms[name] = room
        return name


def _repeats(term: Term) -> bool:
    """Whether its text has fewer entries than it has."""
    return _repeats(term.inner) if isinstance(term, Scaled) else isinstance(term, Uniform | Broadcast)


_times = Primitive("times", "{p} * {0}", (), lambda S, x, p: x, "", rows=(0,), into="np.multiply({0}, {p}, {out})")
