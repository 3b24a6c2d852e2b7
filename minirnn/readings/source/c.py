"""The program in C: one function for all sizes of data, the sizes of the layers known to the compiler.

A product of matrices is a call of a kernel (kernels.h); where its rows or its sums run over samples and steps that stand one
after the other in memory, it is one product for all of them.
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any

import numpy as np

from ...engine import escapes
from ...engine.entries import Load, Var, all_parts
from ...engine.fold import Family, Folded
from ...engine.names import Role
from ...engine.ops import leaf_op
from ...engine.sizes import Size, product
from .c_lines import RESERVED, C
from .loops import letter
from .lower import For
from .module import Comments, Functions, Results, Wanted
from .native import Native
from .products import Products
from .program import Program, Run, fixed

STEPS = Size.of("T", 0)
ENDS = """
/* The bytes of memory that `compute` needs beside the arrays that it is given; sizes are N and T. */
long memory(const long *sizes)
{{
    const long N = sizes[0], T = sizes[1];
    long room = 0 * N * T;{rooms}
    return room * (long)sizeof(real);
}}

/* The forward pass; with `backward` the loss and its gradients too. */
void compute(const long *sizes, void *const *given, void *memory, int backward)
{{
    const long N = sizes[0], T = sizes[1];
    real *room = memory;{code}
}}
"""


class Library(Functions):
    """The C of a network for numbers of one dtype."""

    def __init__(self, folded: Folded, results: Results, dtype: Any, fixed_steps: bool = False) -> None:
        """With `fixed_steps` it is for as many steps as the fold has."""
        self.dtype, self.fixed_steps = np.dtype(dtype), fixed_steps or folded.T < 3
        self.program = Program(folded, results, hoist=True)
        self.folded, self.results, self.schedule = folded, results, self.program.schedule
        self.leaves = [
            (f, d) for f in folded.families for d in f.definitions if f.index in self.schedule.needed and d.op is leaf_op
        ]
        self.name_families()
        names = self.names | {-1 - d.serial: self.leaf_name(f, d) for f, d in self.leaves}
        self.c = {key: name if name not in RESERVED else f"{name}_" for key, name in names.items()}
        self._find_timed()
        self.printer = C(self.c, self.timed, self.dtype)
        self.products = Products(self.printer, self.dims)

    # ------------------------------------------------------------------------------------------------------ memory

    def _find_timed(self) -> None:
        """The families of which all steps are kept: those that are needed at other steps or outside of their loop."""
        self.timed = {i for i in self.program.stored if self.program.stepped(i)}
        made: dict[int, int] = {}
        elsewhere = set()
        for k, run in enumerate(self.program.runs):
            for statement in run.statements:
                target = statement.target.array
                if made.setdefault(target, k) != k or not isinstance(run.step, Var) or run.down is None:
                    elsewhere.add(target)
        for k, run in enumerate(self.program.runs):
            for statement in run.statements:
                for part in all_parts(statement.value):
                    if isinstance(part, Load) and (made.get(part.array) != k or part.step != run.step):
                        elsewhere.add(part.array)
        leaves = {f.index for f, _ in self.leaves}
        wanted = self.schedule.wanted
        self.timed = {i for i in self.timed if i in elsewhere or i in wanted or i in leaves or i not in made}

    def dims(self, key: int) -> tuple[Size, ...]:
        """The lengths of an array, that of its steps first."""
        if key < 0:
            return next(f.first.dims for f, d in self.leaves if -1 - d.serial == key)
        dims = self.program.dims(key)
        if key not in self.timed:
            return dims
        ends = [d.domain.hi for d in self.program.families[key].definitions if d.domain is not None]
        last = max(ends, key=lambda hi: hi.step(self.folded.T))
        steps = (STEPS + last.offset + 1) if last.from_end else Size.of(last.offset + 1)
        return (steps, *dims)

    # --------------------------------------------------------------------------------------------------------- text

    def text(self, comments: Comments, title: str = "") -> str:
        return self.native(comments).text

    def native(self, comments: Comments | None = None) -> Native:
        """The text, and what has to be known to call it."""
        forward = self.schedule.behind([wanted.family.index for wanted in self.results.outputs])
        runs = self.program.runs
        first, rest = [
            self._lines([run for run in runs if all(f.index in forward for f, _ in run.about) is early], comments or {})
            for early in (True, False)
        ]
        keys = {self.leaf_name(f, d): -1 - d.serial for f, d in self.leaves}
        keys |= {self.leaf_name(f, d): f.index for f, d in self.leaves if f.index not in self._made}
        inputs = [*self.data, *self.targets, *self.parameters, *self.constants]
        pointers = [
            f"{self._pointer('const real', self.c[keys[name]], self.dims(keys[name]))} = given[{k}];"
            for k, name in enumerate(inputs)
            if name in keys
        ]
        pointers += [line for array in sorted(set(self.products.once) - self._made) for line in self.products.once[array]]
        outputs = len(self.results.outputs)
        results = [*self.results.outputs, *([] if self.results.loss is None else [self.results.loss])]
        results += self.results.gradients.values()
        given: dict[int, int] = {}  # the arrays that are results, by where they are given
        for k, wanted in enumerate(results, len(inputs)):
            if not self.program.stepped(wanted.family.index):
                given.setdefault(wanted.family.index, k)
        copies = [
            "" if given.get(wanted.family.index) == k else self._copied(wanted, f"given[{k}]")
            for k, wanted in enumerate(results, len(inputs))
        ]
        rooms, arrays = [], []
        for index in sorted(self._made):
            dims, there = self.dims(index), f"given[{given[index]}]" if index in given else ""
            room = f"aligned({self._entries(dims)})"
            if there and given[index] >= len(inputs) + outputs:
                arrays.append(f"{self._pointer('real', self.c[index], dims)} = {there};")
                continue
            rooms.append(room)
            place = f"{there} ? {there} : (void *)room" if there else "(void *)room"
            arrays.append(f"{self._pointer('real', self.c[index], dims)} = {place}; room += {room};")
        for name, size in self.products.packed.values():
            rooms.append(f"aligned({self._entries((size,))})")
            arrays.append(f"real *restrict {name} = room; room += {rooms[-1]};")
        inside = [
            *pointers[: len([n for n in inputs if n in keys])],
            *arrays,
            *pointers[len([n for n in inputs if n in keys]) :],
        ]
        inside += self._with_packing(first)
        inside += [f"if (given[{k}]) {text}" for k, text in enumerate(copies[:outputs], len(inputs)) if text]
        inside += ["if (!backward) return;", *self._with_packing(rest), *[text for text in copies[outputs:] if text]]
        known = sorted((letter(name), n) for name, n in self._letters.items() if name not in ("N", "T"))
        head = f"typedef {'double' if self.dtype == np.float64 else 'float'} real;\n"
        head += "#define DOUBLE\n" * (self.dtype == np.float64) + kernels()
        head += f"\nenum {{{', '.join(f'{name} = {n}' for name, n in known)}}};\n" if known else ""
        body = ENDS.format(
            rooms="".join(f"\n    room += {room};" for room in rooms), code="".join(f"\n    {line}" for line in inside)
        )
        return Native(
            head + body,
            self.dtype.name,
            self.data,
            self.targets,
            [self.keys[name] for name in self.parameters],
            [self._constant(family) for family in self.constants.values()],
            [name for name, role in self._columns.items() if role is Role.MASK],
            [self._slot(name, keys.get(name)) for name in inputs],
            [tuple(map(self._known, self._result_dims(wanted))) for wanted in results],
            outputs,
            list(self.results.gradients),
            self.results.loss is not None,
            self.folded.T,
            self.fixed_steps,
        )

    @functools.cached_property
    def _made(self) -> set[int]:
        """The arrays that statements write."""
        return {statement.target.array for run in self.program.runs for statement in run.statements}

    def _with_packing(self, runs: list[tuple[list[str], set[int]]]) -> list[str]:
        """The lines of runs; a matrix that stays is packed where it has been made."""
        found: list[str] = []
        for lines, made in runs:
            found += [*lines, *[line for array in sorted(made) for line in self.products.once.get(array, ())]]
        return found

    def _lines(self, runs: list[Run], comments: Comments) -> list[tuple[list[str], set[int]]]:
        """The lines of each run, and the arrays that it makes."""
        found: list[tuple[list[str], set[int]]] = []
        for run in runs:
            notes = [escapes.comment(comments.get((f.index, d.serial), "")) for f, d in run.about]
            code = self.products.code(run, [f"// {note}" if note else "" for note in notes])
            if isinstance(run.step, Var) and run.down is not None:
                code = [For(run.step, code)]
            found.append((self.printer.lines(code), {statement.target.array for statement in run.statements}))
        return found

    def _pointer(self, real: str, name: str, dims: tuple[Size, ...]) -> str:
        if len(dims) < 2:
            return f"{real} *restrict {name}"
        return f"{real} (*restrict {name}){''.join(f'[{self.printer.size(d)}]' for d in dims[1:])}"

    def _entries(self, dims: tuple[Size, ...]) -> str:
        return self.printer.size(product(dims))

    def _result_dims(self, wanted: Wanted) -> tuple[Size, ...]:
        dims = wanted.family.first.dims
        if not self.program.stepped(wanted.family.index) or wanted.step is not None:
            return dims
        return (dims[0], STEPS, *dims[1:])

    def _copied(self, wanted: Wanted, there: str) -> str:
        """The statement that copies a result to where it is handed over."""
        index = wanted.family.index
        size = f"{self._entries(wanted.family.first.dims)} * sizeof(real)"
        if not self.program.stepped(index):
            return f"memcpy({there}, {self.c[index]}, {size});"
        if wanted.step is None:
            raise NotImplementedError("all steps of a quantity as a result have no form in C")
        return f"memcpy({there}, {self.c[index]}[{self.printer.integer(fixed(wanted.step))}], {size});"

    @functools.cached_property
    def _letters(self) -> dict[str, int]:
        """The numbers of the letters of the sizes of layers."""
        dims = [d for f in self.folded.families if f.index in self.schedule.needed for d in f.first.dims]
        dims += [d for f in self.folded.families for d in f.first.dims]
        known = {d.letters[0]: d.n for d in dims if d.terms == {tuple(d.letters): 1} and len(d.letters) == 1}
        unknown = {x for d in dims for x in d.letters} - set(known)
        if unknown:
            raise NotImplementedError(f"the number of {', '.join(sorted(unknown))} is not known")
        return known

    def _known(self, size: Size) -> tuple[int, int, int]:
        """The size as a number of N (1), of T (2) or of ones (0): which, how many of them, and how many more."""
        letters = self._letters
        which, factor, more = 0, 0, 0
        for product_, number in size.terms.items():
            free = [x for x in product_ if x in ("N", "T")]
            count = number
            for x in product_:
                count *= 1 if x in ("N", "T") else letters[x]
            if not free:
                more += int(count)
            elif len(free) > 1 or which:
                raise NotImplementedError(f"data of the size {size} have no form in C")
            else:
                which, factor = 1 + (free[0] == "T"), int(count)
        return which, factor, more

    def _slot(self, name: str, key: int | None) -> tuple[str, tuple[tuple[int, int, int], ...] | None]:
        """What is given, and its sizes; None where nothing is read of it."""
        if key is None:
            return name, None
        dims = self.dims(key)
        dims = dims[:2] if name in self._columns else dims
        return self.keys.get(name, name), tuple(map(self._known, dims))

    def _constant(self, family: Family) -> np.ndarray:
        """The value of a constant; of one for each step those of all steps from 0 to the last."""
        if family.index not in self.timed or family.index in self._made:
            return np.ascontiguousarray(family.first.value, self.dtype)
        steps = {
            step: node.value
            for node, (index, step) in self.folded.places.items()
            if index == family.index and node.op is leaf_op and step is not None
        }
        whole = np.zeros((max(steps) + 1, *family.first.shape), self.dtype)
        for step, value in steps.items():
            whole[step] = value
        return whole


@functools.cache
def kernels() -> str:
    """The kernels that the emitted C calls."""
    return importlib.resources.files(__package__).joinpath("kernels.h").read_text()
