"""The program in C: one function for all sizes of data, the sizes of the layers known to the compiler.

A product of matrices is a call of a kernel (kernels.h); where its rows or its sums run over samples and steps that stand one
after the other in memory, it is one product for all of them.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ....engine import escapes
from ....engine.entries import Load, Var, all_parts
from ....engine.fold import Family, Folded
from ....engine.names import Role
from ....engine.ops import leaf_op
from ....engine.sizes import Size, product
from ..module import Comments, Functions, Results, Wanted, silent
from ..names import letter
from ..scalars.lower import For
from ..scalars.program import Program, Run, fixed
from ..scalars.samples import N, Samples
from .lines import RESERVED, SAMPLES, C
from .native import Native
from .products import Products

BLOCK = """{known}
/* The bytes of memory that `compute_block` needs beside the arrays that it is given. */
static long block_memory(const long *sizes)
{{
    const long {lengths};
    long room = 0;{rooms}
    return room * (long)sizeof(real);
}}

/* Of each array: the entries for a sample, 0 where there are none; of the loss and the gradients all entries. */
static void lengths_of(const long *sizes, long *of)
{{
    const long {lengths};{of}
}}

/* The forward pass of a block of samples; with `backward` the loss and its gradients too. */
static void compute_block(const long *sizes, void *const *given, void *memory, int backward)
{{
    const long {lengths};
    real *room = memory;{code}
}}

const Network network = {{
    {network}, .memory = block_memory, .entries = lengths_of, .compute = compute_block,
}};
"""


class Library(Functions):
    """The C of a network for numbers of one dtype."""

    def __init__(self, folded: Folded, results: Results, dtype: Any, fixed_steps: bool = False) -> None:
        """With `fixed_steps` it is for as many steps as the fold has."""
        self.kind = np.dtype(dtype)
        self.lengths = {"N": 1, "T": int(folded.T), **folded.T.others}  # what is known when it runs
        self.fixed_steps = fixed_steps or min(int(folded.T), *folded.T.others.values(), 3) < 3
        self.program = Program(folded, results, hoist=True)
        super().__init__(folded, results, self.program.schedule)
        names = self.names | {-1 - d.serial: self.leaf_name(f, d) for f, d in self.leaves}
        self.c = {key: name if name not in RESERVED else f"{name}_" for key, name in names.items()}
        self._find_timed()
        self.printer = C(self.c, self.timed, self.kind)
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
        dims, last = super().dims(key), self.last(key) if key in self.timed else None
        if last is None:
            return dims
        return (last.size + 1, *dims)

    # --------------------------------------------------------------------------------------------------------- text

    def text(self, comments: Comments, title: str = "") -> str:
        return self.native(comments).text

    def native(self, comments: Comments = silent) -> Native:
        """The text, and what has to be known to call it."""
        keys = {self.leaf_name(f, d): -1 - d.serial for f, d in self.leaves}
        keys |= {self.leaf_name(f, d): f.index for f, d in self.leaves if f.index not in self._made}
        inputs = {name: keys.get(name) for name in [*self.data, *self.targets, *self.parameters, *self.constants]}
        shapes = {name: self._slot_dims(name, key) for name, key in inputs.items() if key is not None}
        results = [*self.results.outputs, *([] if self.results.loss is None else [self.results.loss])]
        results += self.results.gradients.values()
        sizes = [tuple(map(self._known, shapes[name])) if name in shapes else None for name in inputs]
        return Native(
            self._block(inputs, shapes, results, comments),
            self.kind.name,
            self.data,
            self.targets,
            [self.keys[name] for name in self.parameters],
            [self._constant(family) for family in self.constants.values()],
            [name for name, role in self.columns.items() if role is Role.MASK],
            [(self.keys.get(name, name), of) for name, of in zip(inputs, sizes)],
            [tuple(map(self._known, wanted.family.first.dims)) for wanted in results],
            len(self.results.outputs),
            list(self.results.gradients),
            self.results.loss is not None,
            tuple(self.lengths.values())[1:],
            self.fixed_steps,
        )

    def _block(
        self,
        inputs: dict[str, int | None],
        shapes: dict[str, tuple[Size, ...]],
        results: list[Wanted],
        comments: Comments,
    ) -> str:
        """The functions that compute a block of samples: `inputs` and `results` are the arrays that they are given."""
        samples = Samples(self.program, {key: shapes[name] for name, key in inputs.items() if key is not None})
        forward = self.schedule.behind([wanted.family.index for wanted in self.results.outputs])
        runs: dict[bool, list[Run]] = {True: [], False: []}  # those that the outputs need, and the others
        for run in samples.runs:
            runs[all(about.family.index in forward for about in run.about)].append(run)
        first, rest = (self._lines(runs[early], comments) for early in (True, False))
        sums = len(inputs) + len(self.results.outputs)  # the place of the first of them among all arrays
        there: dict[int, int] = {}  # the arrays that are results, by their places
        for k, wanted in enumerate(results, len(inputs)):
            if wanted.step is None:
                there.setdefault(wanted.family.index, k)
        copies = {
            k: self._copied(wanted, f"given[{k}]")
            for k, wanted in enumerate(results, len(inputs))
            if there.get(wanted.family.index) != k
        }
        code = [
            f"{self._pointer('const real', self.c[key], self.dims(key))} = given[{k}];"
            for k, key in enumerate(inputs.values())
            if key is not None
        ]
        rooms = []
        for index in sorted(self._made):
            array, place = self._pointer("real", self.c[index], self.dims(index)), there.get(index, -1)
            if place >= sums:
                code.append(f"{array} = given[{place}];")
                continue
            rooms.append(f"aligned({self._entries(self.dims(index))})")
            given = f"given[{place}] ? given[{place}] : " if place >= 0 else ""
            code.append(f"{array} = {given}(void *)room; room += {rooms[-1]};")
        for name, size in self.products.packed.values():
            rooms.append(f"aligned({self._entries((size,))})")
            code.append(f"real *restrict {name} = room; room += {rooms[-1]};")
        code += [line for array in sorted(set(self.products.once) - self._made) for line in self.products.once[array]]
        code += self._with_packing(first)
        code += [f"if (given[{k}]) {text}" for k, text in copies.items() if k < sums]
        code += ["if (!backward) return;", *self._with_packing(rest), *[text for k, text in copies.items() if k >= sums]]
        all_dims = [*[shapes.get(name, ()) for name in inputs], *[wanted.family.first.dims for wanted in results]]
        lengths = [
            self._entries(dims[1:] if N in dims else dims) if N in dims or k >= sums else "0"
            for k, dims in enumerate(all_dims)
        ]
        known = {letter(name): n for name, n in sorted(self._letters.items()) if name not in self.lengths}
        about = {"lengths": len(self.lengths), "given": len(all_dims), "sums": sums, "apart": int(samples.apart)}
        return BLOCK.format(
            known=f"\nenum {{{', '.join(f'{name} = {n}' for name, n in known.items())}}};\n" if known else "",
            network=", ".join(f".{name} = {n}" for name, n in about.items()),
            lengths=", ".join(f"{letter(name)} = sizes[{k}]" for k, name in enumerate([*self.lengths, SAMPLES])),
            rooms="".join(f"\n    room += {room};" for room in rooms),
            of="".join(f"\n    of[{k}] = {text};" for k, text in enumerate(lengths)),
            code="".join(f"\n    {line}" for line in code),
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
            notes = [escapes.comment(comments(about)) for about in run.about]
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

    def _copied(self, wanted: Wanted, there: str) -> str:
        """The statement that copies a result to where it is handed over."""
        index = wanted.family.index
        size = f"{self._entries(wanted.family.first.dims)} * sizeof(real)"
        step = "" if wanted.step is None else f"[{self.printer.integer(fixed(wanted.step))}]"
        number = "" if wanted.step is None or self.program.dims(index) else "&"
        return f"memcpy({there}, {number}{self.c[index]}{step}, {size});"

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
        """The size as a number of N (1), of T (2 and further) or of ones (0): which, how many of them, and how many more."""
        letters, lengths = self._letters, [*self.lengths]
        which, factor, more = 0, 0, 0
        for product_, number in size.terms.items():
            free = [x for x in product_ if x in lengths]
            count = number
            for x in product_:
                count *= 1 if x in lengths else letters[x]
            if not free:
                more += int(count)
            elif len(free) > 1 or which:
                raise NotImplementedError(f"data of the size {size} have no form in C")
            else:
                which, factor = 1 + lengths.index(free[0]), int(count)
        return which, factor, more

    def _slot_dims(self, name: str, key: int) -> tuple[Size, ...]:
        """The lengths of what is given, of numbers and masks without the axis of one entry."""
        return self.dims(key)[:2] if name in self.columns else self.dims(key)

    def _constant(self, family: Family) -> np.ndarray:
        """The value of a constant; of one for each step those of all steps from 0 to the last."""
        if family.index not in self.timed or family.index in self._made:
            return np.ascontiguousarray(family.first.value, self.kind)
        steps = {
            step: node.value
            for node, (index, step) in self.folded.places.items()
            if index == family.index and node.op is leaf_op and step is not None
        }
        whole = np.zeros((max(steps) + 1, *family.first.shape), self.kind)
        for step, value in steps.items():
            whole[step] = value
        return whole
