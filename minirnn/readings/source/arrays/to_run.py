"""The program in arrays, to be run again and again: every array, view and list of steps is made beforehand and kept.

Each operation writes into an array that is there. What a loop reads of a step it is handed: ``for z_t, h_prev in steps``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ....engine.fold import Definition, Domain, Family, Fixed, Folded
from ....engine.ops import MULTIPLY, matmul, mean, negative, square, sums, transpose
from ....engine.rules import EACH
from ....engine.sizes import Sizes
from ..module import About, Comments, Results, Wanted, note
from ..names import function, listed, packed, step_name, unpacked, used_in
from ..schedule import moved
from ..terms import Call, Number, Term, Text, Where, filled, range_text, shape_text, step_text
from .to_read import Arrays, Line

STEPS = """
def steps(array):
    return list({})
"""


class Preallocated(Arrays):
    """`arrays` makes room for data of one size, in which `forward` and `loss_and_gradients` compute."""

    twice = False

    def __init__(self, folded: Folded, results: Results) -> None:
        self.ufuncs: set[str] = set()
        self.uniform = len({family.first.dtype for family in folded.families}) == 1
        super().__init__(folded, results)

    def lay_out(self) -> None:
        self.arrays: dict[str, tuple[str, str]] = {}  # of each array that is kept its shape, and what makes it
        self.zeros: dict[str, tuple[About, ...]] = {}
        self.views: dict[str, str] = {}  # by what they are
        self.passing: dict[str, tuple[str, str]] = {}  # arrays of one step of a loop: their shapes and dtypes
        self.lists: dict[str, list[str]] = {}
        self.handed: dict[tuple[int, int], str] | None = None  # what a loop is handed: families, delays
        self.constant: dict[str, str] = {}  # what stays the same in a loop
        self.vectors = True  # of a single sample, steps may be vectors: they multiply faster
        super().lay_out()

    # ------------------------------------------------------------------------------------------------ where things are

    def has(self, name: str) -> bool:
        return super().has(name) or any(
            name in vars(self).get(kind, ()) for kind in ("by_name", "arrays", "passing", "lists")
        )

    def _view(self, text: str, name: str) -> str:
        """The name of a part of an array."""
        if text not in self.views:
            self.views[text] = self.free(name)
            self.given.add(self.views[text])
        return self.views[text]

    def load(self, index: int, where: Where) -> Term:
        found = super().load(index, where)
        name = self.names[index]
        assert isinstance(found, Text)
        if index in self.local and not isinstance(where, int):
            assert isinstance(where, Fixed)
            return replace(found, text=self.of_one_step(index, where))
        if where is None or index in self.local | self.single | self.by_step or found.text == name:
            return found
        if not found.dims and not isinstance(where, Domain):
            return found  # a number cannot be handed over to be changed
        if isinstance(where, Domain):
            lo, hi = where
            text = self._view(found.text, f"{name}_{step_name(lo)}_to_{step_name(hi)}")
        elif isinstance(where, int):
            if self.handed is None:  # in a generator
                return found
            suffix = (
                "_t" if where == 0 else ("_next" if where > 0 else "_prev") + (f"_{abs(where)}" if abs(where) > 1 else "")
            )
            text = self.handed.setdefault((index, where), self.free(name + suffix))
        else:
            text = self._view(found.text, f"{name}_{step_name(where)}")
        return replace(found, text=text)

    def rows(self, term: Term) -> Term:
        """The matrices of all steps, one below the other: of what is kept by a name."""
        found, name = super().rows(term), term.text
        kept = name in self.arrays or name in self.views.values()
        return Text(self._view(found.text, f"{name}_rows"), found.dims, found.own) if kept else found

    def allocated(self, index: int, zeros: tuple[About, ...]) -> list[Line]:
        self._keep(index, "zeros" if zeros else "empty")
        self.zeros[self.names[index]] = zeros
        return []

    def _keep(self, index: int, maker: str) -> None:
        first, count = self.families[index].first, step_text(self.last(index), 1 - self.base[index])
        self.arrays[self.names[index]] = f"{shape_text(first.dims, count)}, {self.dtype(first.dtype.name)}", f"np.{maker}"

    def begun(self, index: int, term: Term, about: tuple[About, ...]) -> list[Line]:
        self._keep(index, "empty")
        return self.assign(self.names[index], term, about, True)

    def returned(self, wanted: Wanted) -> str:
        text = super().returned(wanted)
        return text if wanted.family.definitions[0].domain is None else f"{text}.copy()"

    # ------------------------------------------------------------------------------------------------------ statements

    def assign(self, target: str, term: Term, about: tuple[About, ...], there: bool = False) -> list[Line]:
        lines: list[str] = []
        running = self.handed is not None
        if not there and running and self.uniform and isinstance(term, Call) and term.into and term.dims:
            self.passing[target] = shape_text(term.dims, "1"), about[0].family.first.dtype.name
            there = True
        if there and target.endswith("]"):
            lines.append(f"{target} = {term.text}")
        elif there:
            text = self._emit(lines, term, target, running)
            if text != target:
                lines.append(f"{target}[:] = {text}")
        else:
            text = self._total(term)
            wanted = about[0].family.index in self.schedule.wanted
            lines.append(f"{target} = {text}{'.copy()' if wanted and isinstance(term, Text) else ''}")
        return [Line(self._bare(text), 0, about if k == 0 else ()) for k, text in enumerate(lines)]

    def _emit(self, lines: list[str], term: Term, out: str | None, running: bool) -> str:
        """The lines that put a term into the array `out`; where it then is."""
        if not isinstance(term, Call):
            return term.text
        if running and term.op is transpose and isinstance(term.args[0], Text) and not self._changes(term.args[0]):
            return self.constant.setdefault(term.text, f"{term.args[0].text}T" if term.args[0].text.isidentifier() else "")
        if term.into is None or out is None or not self.uniform:
            return term.text
        operands, free = [], out
        for k, arg in enumerate(term.args):
            others = [other.text for j, other in enumerate(term.args) if j != k]
            if isinstance(arg, Call) and arg.own == term.own and arg.into and free and not used_in(free, others):
                operands.append(self._emit(lines, arg, free, running))
                free = ""
            elif isinstance(arg, Call) and arg.own == arg.dims and arg.into and running:
                operands.append(self._emit(lines, arg, self._scratch(arg.dims, [*others, *operands, out]), running))
            else:
                operands.append(self._emit(lines, arg, None, running))
        product = term.op in MULTIPLY and term.timed and [a.timed for a in term.args] == [True, False]
        if product and len(term.dims) == 2 and operands[0].isidentifier():
            dims = term.args[0].dims
            left, there = self.rows(Text(operands[0], dims, dims)).text, self.rows(Text(out, term.dims, term.dims)).text
            lines.append(f"{left}.dot({operands[1]}, {there})")
        else:
            lines.append(filled(term.into.replace("{out}", out), operands))
        return out

    def _scratch(self, dims: Sizes, busy: list[str]) -> str:
        """An array for a passing result of one step, which the statement does not use yet."""
        shape = shape_text(dims, "1")
        names = ["scratch", *(f"scratch_{k}" for k in range(2, 99))]
        kind = self.precision or "float64"
        name = next(n for n in names if not used_in(n, busy) and self.passing.get(n, (shape, kind)) == (shape, kind))
        self.passing[name] = shape, kind
        return name

    def _changes(self, term: Text) -> bool:
        """Whether it changes in a loop."""
        assert self.handed is not None
        local = {self.names[i] for i in self.local}
        return used_in("t", [term.text]) or any(used_in(n, [term.text]) for n in [*self.handed.values(), *local])

    def _total(self, term: Term) -> str:
        """The text of a term; sums of rows and of squares by products, which take less time."""
        if isinstance(term, Call) and isinstance(x := term.args[0], Call) and term.op is mean and x.op is square:
            inner = x.args[0].text
            if term.template == "{0}.mean()" and inner.isidentifier() and x.args[0].own == x.dims:
                return f"np.vdot({inner}, {inner}) / {inner}.size"
        if isinstance(term, Call) and term.op is sums and term.template == "{0}.sum(0)" and len(term.args[0].dims) == 2:
            x = term.args[0]
            if x.text.isidentifier() and not x.timed and self.precision:
                kept = x.text in self.views.values() or x.text in self.arrays
                made = f"len({x.text})" if kept else shape_text(x.dims[:1]), "np.ones"
                known = [name for name, other in self.arrays.items() if other == made]
                name = known[0] if known else self.free("one")
                self.arrays[name] = made
                return f"{name}.dot({x.text})"
        return term.text

    def running(self, items: list[tuple[Family, Definition]], domain: Domain, down: bool) -> list[Line]:
        self.handed, self.constant = {}, {}
        inside = [line for family, definition in items for line in self.put(family, definition, 0)]
        handed, self.handed = self.handed, None
        texts = [line.text for line in inside]
        self.vectors = self.vectors and self._fit_vectors(items, handed)
        parts, names = [], []
        for (index, delay), name in handed.items():
            lo, hi = moved(domain.lo, delay), moved(domain.hi, delay)
            part = self.load(index, Domain(lo, hi)).text if lo != hi else ""
            names.append(name)
            parts.append(f"steps({part})")
        if used_in("t", texts):
            names.insert(0, "t")
            parts.insert(0, range_text(domain))
        target = self.free(f"{self.names[items[0][0].index]}_steps")
        self.lists[target] = parts
        before = [Line(f"{name} = {text}") for text, name in self.constant.items()]
        comma = "," * (len(names) == 1)
        head = listed("for ", names, f"{comma} in {f'reversed({target})' if down else target}:")
        head = head if len(head) == 1 else listed("for (", names, f") in {f'reversed({target})' if down else target}:")
        return [*before, *map(Line, head), *[Line(x.text, x.indent + 1, x.about) for x in inside]]

    def _fit_vectors(self, items: list[tuple[Family, Definition]], handed: dict[tuple[int, int], str]) -> bool:
        """Whether the statements of a loop are right for rows instead of matrices of one row."""
        names = {*handed.values(), *(self.names[i] for i in self.local)}

        def fits(term: Term) -> bool:
            if isinstance(term, Number):
                return True
            if isinstance(term, Text):
                return term.text in names or (len(term.own) < 2 and not any(used_in(n, [term.text]) for n in names))
            if term.op is not None and (term.op.entry == EACH or term.op is negative):
                return all(map(fits, term.args))
            constant = term.op is matmul and not any(used_in(n, [term.args[1].text]) for n in [*names, "t"])
            return constant and fits(term.args[0])

        of_samples = all(len(f.first.dims) == 2 and str(f.first.dims[0]) == "N" for f, _ in items)
        self.handed = dict(handed)
        found = of_samples and all(fits(self.term(d, 0, f.first.dims)) for f, d in items)
        self.handed = None
        return found

    # ------------------------------------------------------------------------------------------------------- functions

    def imports(self) -> str:
        return "import numpy as np" + bool(self.ufuncs) * f"\nfrom numpy import {', '.join(sorted(self.ufuncs))}"

    def _bare(self, text: str) -> str:
        """Ufuncs are called without np: they are imported by name."""
        found = [name for name in re.findall(r"\bnp\.(\w+)\(", text) if isinstance(getattr(np, name), np.ufunc)]
        self.ufuncs.update(found)
        return re.sub(rf"\bnp\.({'|'.join(found)})\(", r"\1(", text) if found else text

    def functions(self, comments: Comments) -> Iterator[list[str]]:
        bodies = list(super().functions(comments))
        yield self._arrays(bodies, comments)
        yield from bodies

    def function(self, name: str, further: list[str], says: str, body: list[str], end: list[str]) -> list[str]:
        names = self._memory([*body, *end])
        call = f"arrays({', '.join(['params', *self.data])})"
        place = f"(memory or {call})[{int(name != 'forward')}]"
        unpack = unpacked(names, place) if names else []
        arguments = ["params", *self.data, *further, "memory=None"]
        body = [*self.prepared([*body, *end], [*self.data, *further]), *unpack, *body, *end]
        return function(name, arguments, says, body)

    def _memory(self, lines: list[str]) -> list[str]:
        """The names of what is made beforehand and used in these lines."""
        return [name for name in [*self.arrays, *self.passing, *self.views.values(), *self.lists] if used_in(name, lines)]

    def _arrays(self, bodies: list[list[str]], comments: Comments) -> list[str]:
        used = [self._memory(lines[1:]) for lines in bodies]
        made: list[str] = []
        dtype = self.dtype(self.precision or "float64")
        for name, (shape, maker) in self.arrays.items():
            made += filter(None, [note(about, comments) for about in self.zeros.get(name, ())])
            if maker != "np.ones":
                made.append(f"{name} = {maker}({shape})")
        last = [f"{name} = np.ones({shape}, {dtype})" for name, (shape, maker) in self.arrays.items() if maker == "np.ones"]
        alike: dict[tuple[str, str], list[str]] = {}
        for name, like in self.passing.items():
            alike.setdefault(like, []).append(name)
        for (shape, kind), names in alike.items():
            several = f"({len(names)}, {shape.removeprefix('(1, ')}" if shape != "(1,)" else f"({len(names)},)"
            last += unpacked(names, f"steps(np.empty({several}, {self.dtype(kind)}))")
        for name, parts in self.lists.items():
            last += listed(f"{name} = list(zip(", parts, "))")
        for text, name in reversed(self.views.items()):
            if any(name in names for names in used) or used_in(name, last):
                last.insert(0, f"{name} = {text}")
        made += last
        groups = ["first", "second"][: len(used)]
        for group, names in zip(groups, used):
            made += packed(group, names)
        made.append(f"return {', '.join(groups)}{',' * (len(groups) == 1)}")
        if used_in("steps", made):
            inside = STEPS.format("array[:, 0] if N == 1 else array" if self.vectors else "array").splitlines()
            made = [*inside, "", *made]
        says = "Room for data of this size, for the one function and the other."
        return function("arrays", ["params", *self.data], says, [*self.prepared(made, self.data), *made])
