"""The program in scalars, in Python: the component form of the equations as code that runs as it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ....engine import escapes
from ....engine.entries import Expr, Load, Var
from ....engine.fold import Folded
from ..module import Comments, Functions, Results, Wanted, note
from .fuse import groups, nest
from .lower import For
from .printer import Printer
from .program import Program, fixed


class Python(Printer):
    """Lines of Python."""

    words = {}

    def __init__(self, names: dict[int, str], taken: set[str], by_step: set[int]) -> None:
        super().__init__(names, taken)
        self.by_step = by_step
        self.functions: set[str] = set()

    def number(self, value: Any) -> str:
        return escapes.number(value)

    def load(self, x: Load) -> str:
        step = [] if x.step is None else [self.text(x.step)]
        index = [self.text(i) for i in x.index]
        if x.array in self.by_step:  # a dictionary of constants
            return f"{self.names[x.array]}[{step[0]}]" + f"[{', '.join(index)}]" * bool(index)
        inside = ", ".join([*step, *index])
        return f"{self.names[x.array]}[{inside}]" if inside else self.names[x.array]

    def where(self, condition: Expr, a: Expr, b: Expr) -> str:
        return f"{self.text(a, 1)} if {self.text(condition, 1)} else {self.text(b)}"

    def call(self, name: str, args: tuple[Expr, ...]) -> str:
        if name == "number":
            return f"float({self.text(args[0])})"
        if name == "square":
            base = self.text(args[0], 7)
            return f"{base}**2" if base.isidentifier() else f"{base} ** 2"
        if name == "power":
            return f"{self.text(args[0], 7)} ** {self.text(args[1], 7)}"
        self.functions.add(name)
        return f"{name}({', '.join(self.text(a) for a in args)})"

    def assignment(self, target: str, value: str, kind: str, new: bool) -> str:
        return f"{target} = max({target}, {value})" if kind == "max" else f"{target} {kind}= {value}"

    def loop(self, node: For) -> tuple[list[str], list[str]]:
        var = node.var
        if var.down:
            ends = f"{self.text(var.stop - 1)}, {self.text(var.start - 1)}, -1"
        else:
            ends = f"{self.text(var.start)}, {self.text(var.stop)}".removeprefix("0, ")
        return [f"for {self.indices[var]} in range({ends}):"], []


class Scalar(Functions):
    """The module."""

    def __init__(self, folded: Folded, results: Results) -> None:
        self.program = Program(folded, results)
        super().__init__(folded, results, self.program.schedule)
        names = self.names | {-1 - d.serial: self.leaf_name(f, d) for f, d in self.leaves}
        self.printer = Python(names, set(names.values()), self.by_step)

    def imports(self) -> str:
        ufuncs = sorted(name for name in self.printer.functions if hasattr(np, name))
        erf = ["from math import erf\n"] * ("erf" in self.printer.functions)
        return "\n".join([*erf, "import numpy as np", *([f"from numpy import {', '.join(ufuncs)}"] if ufuncs else [])])

    def statements(self, families: set[int], comments: Comments) -> list[str]:
        runs = [run for run in self.program.runs if all(about.family.index in families for about in run.about)]
        made = {about.family.index: about.family for run in runs for about in run.about}
        lines = [
            f"{self.names[i]} = np.empty({self._shape(i)}, {self.dtype(f.first.dtype.name)})"
            for i, f in made.items()
            if self._shape(i) != "()"
        ]
        for run in runs:
            code: list[Any] = []
            above = (note(about, comments) for about in run.about)
            for group in groups(run.statements):
                code += nest(group, [*itertools.islice(above, len(group))])
            lines += self.printer.lines([For(run.step, code)] if isinstance(run.step, Var) else code)
        return lines

    def _shape(self, index: int) -> str:
        """The lengths of the array of a family."""
        dims = [self.printer.size(d) for d in self.dims(index)]
        if self.program.stepped(index):
            dims.insert(0, self.printer.text(fixed(self.last(index)) + 1))
        return f"({', '.join(dims)}{',' * (len(dims) == 1)})"

    def returned(self, wanted: Wanted) -> str:
        name = self.names[wanted.family.index]
        return name if wanted.step is None else f"{name}[{self.printer.text(fixed(wanted.step))}]"
