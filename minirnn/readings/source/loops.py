"""The program in scalars, in Python: the component form of the equations as code that runs as it is."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from ...engine import escapes
from ...engine.entries import Apply, Count, Expr, Load, Number, Var
from ...engine.fold import Folded
from ...engine.names import Role
from ...engine.ops import leaf_op
from ...engine.sizes import Size
from .fuse import groups, nest
from .lower import For, Local, Set
from .module import Comments, Functions, Results, Wanted
from .program import Program, Run, fixed
from .python_text import WIDTH, function, used_in

LETTERS = {"N": "n", "D": "i", "M": "jmpq", "K": "kl", "A": "abc", "T": "s"}
ORDER = {"where": 0, "or": 1, "and": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "==": 3, "!=": 3, "+": 4, "-": 4, "*": 5,
         "/": 5, "//": 5, "%": 5, "neg": 6}  # fmt: skip


class Printer:
    """Expressions as text; `names` of arrays, `taken` what an index may not be called."""

    words = {"and": "and", "or": "or", "//": "//"}

    def __init__(self, names: dict[int, str], taken: set[str]) -> None:
        self.names, self.taken = names, taken
        self.indices: dict[Var, str] = {}
        self.locals: dict[Local, str] = {}

    def text(self, x: Expr, around: int = 0) -> str:
        """The text, in parentheses where it stands beside operators that bind closer."""
        match x:
            case Number():
                return self.number(x.value)
            case Count():
                return self.enclosed(self.size(x.size), around)
            case Var():
                return self.indices[x]
            case Local():
                return self.locals[x]
            case Load():
                return self.load(x)
            case Apply():
                return self.apply(x, around)
        raise TypeError(x)

    def enclosed(self, text: str, around: int) -> str:
        return f"({text})" if around > 4 and re.search(r"[ */]", text) else text

    def apply(self, x: Apply, around: int) -> str:
        op, args = x.op, x.args
        if op == "where":
            text = self.where(*args)
        elif op == "neg":
            text = f"-{self.text(args[0], 6)}"
        elif op in ORDER:
            own = ORDER[op]
            a, b = args
            if op == "+" and isinstance(b, Number) and b.value < 0:
                text = f"{self.text(a, own)} - {self.number(-b.value)}"
            elif op == "+" and isinstance(b, Apply) and b.op == "neg":
                text = f"{self.text(a, own)} - {self.text(b.args[0], own + 1)}"
            else:
                text = f"{self.text(a, own)} {self.words.get(op, op)} {self.text(b, own + (op != '+' and op != '*'))}"
        else:
            return self.call(op, args)
        return f"({text})" if ORDER[op] < around else text

    def size(self, size: Size) -> str:
        parts = []
        for letters, factor in size.terms.items():
            whole = [] if abs(factor) == 1 and letters else [str(abs(factor.numerator))]
            under = f" // {factor.denominator}" if factor.denominator != 1 else ""
            parts.append(("- " if factor < 0 else "+ ") + " * ".join([*whole, *map(letter, letters)]) + under)
        text = " ".join(parts) or "0"
        return text.removeprefix("+ ")

    def target(self, x: Load | Local) -> str:
        """What is assigned to; a number that is kept gets a name when it is first met."""
        if isinstance(x, Local) and x not in self.locals:
            known = {*self.taken, *self.indices.values(), *self.locals.values()}
            self.locals[x] = next(c for c in ["s", *(f"s{k}" for k in range(2, 999))] if c not in known)
        return self.text(x)

    def index(self, var: Var) -> str:
        """A name for an index: a letter of the component form that is free."""
        used = set(self.indices.values()) | self.taken
        base = "ts" if var.size is None else next(iter(var.size.letters), "")
        letters = base if var.size is None else LETTERS.get(re.split(r"[_^]", base)[0], "ab")
        tries = [*letters, *(c + str(k) for k in range(2, 99) for c in letters)]
        return next(c for c in tries if c not in used)

    def number(self, value: Any) -> str:
        raise NotImplementedError

    def load(self, x: Load) -> str:
        raise NotImplementedError

    def where(self, condition: Expr, a: Expr, b: Expr) -> str:
        raise NotImplementedError

    def call(self, name: str, args: tuple[Expr, ...]) -> str:
        raise NotImplementedError


def letter(name: str) -> str:
    return name.replace("^", "_")


class Python(Printer):
    """Lines of Python."""

    def __init__(self, names: dict[int, str], taken: set[str], by_step: set[int]) -> None:
        super().__init__(names, taken)
        self.by_step = by_step
        self.functions: set[str] = set()

    def number(self, value: Any) -> str:
        return repr(value)

    def load(self, x: Load) -> str:
        step = [] if x.step is None else [self.text(x.step)]
        index = [self.text(i) for i in x.index]
        if x.array in self.by_step:  # a dictionary of constants
            return f"{self.names[x.array]}[{step[0]}]" + f"[{', '.join(index)}]" * bool(index)
        inside = ", ".join([*step, *index])
        return f"{self.names[x.array]}[{inside}]" if inside else self.names[x.array]

    def where(self, condition: Expr, a: Expr, b: Expr) -> str:
        test = self.text(condition, 1)
        return f"{self.text(a, 1)} if {test} else {self.text(b)}"

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

    def lines(self, code: list[Any]) -> list[str]:
        """The lines of some code."""
        found: list[str] = []
        for node in code:
            if isinstance(node, list):  # a statement, with numbers of its own
                before = dict(self.locals)
                found += self.lines(node)
                self.locals = before
            elif isinstance(node, Set):
                target, value = self.target(node.target), self.text(node.value)
                if node.kind == "max":
                    found.append(f"{target} = max({target}, {value})")
                else:
                    found.append(f"{target} {node.kind}= {value}")
            elif isinstance(node, For):
                var = node.var
                self.indices[var] = self.index(var)
                start, stop = self.text(var.start), self.text(var.stop)
                if var.down:
                    head = f"range({self.text(var.stop - 1)}, {self.text(var.start - 1)}, -1)"
                else:
                    head = f"range({stop})" if start == "0" else f"range({start}, {stop})"
                found.append(f"for {self.indices[var]} in {head}:")
                found += [f"    {line}" for line in self.lines(node.body)]
                del self.indices[var]
            else:
                found.append(node)
        return found


class Scalar(Functions):
    """The module: `run` computes what the way back needs, `forward` the output, `loss_and_gradients` the rest."""

    def __init__(self, folded: Folded, results: Results) -> None:
        self.program = Program(folded, results)
        self.folded, self.results, self.schedule = folded, results, self.program.schedule
        self.leaves = [
            (f, d) for f in folded.families for d in f.definitions if f.index in self.schedule.needed and d.op is leaf_op
        ]
        self.name_families()
        names = self.names | {-1 - d.serial: self.leaf_name(f, d) for f, d in self.leaves}
        given = {*self.data, *self.targets, *self.parameters}
        steps = {f.index for f, d in self.leaves if d.domain is not None and self.leaf_name(f, d) not in given}
        self.printer = Python(names, set(names.values()), steps)

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring."""
        forward = self.schedule.behind([wanted.family.index for wanted in self.results.outputs])
        runs = fused(self.program.runs)
        first = [run for run in runs if all(f.index in forward for f, _ in run.about)]
        rest = [run for run in runs if run not in first]
        output = ", ".join(map(self._result, self.results.outputs))
        functions = []
        if self.results.loss is None:
            functions.append(
                self._function(
                    "forward",
                    "The output.",
                    self.given,
                    first,
                    [],
                    [f"return {f'[{output}]' if len(self.results.outputs) > 1 else output}"],
                    comments,
                )
            )
        else:
            pairs = [f"{escapes.python(name)}: {self._result(wanted)}" for name, wanted in self.results.gradients.items()]
            end = listed(f"return {self._result(self.results.loss)}, {{", pairs, "}")
            later = self._body(rest, comments) + end
            made = list(dict.fromkeys(self.names[f.index] for run in first for f, _ in run.about))
            kept = [name for name in made if used_in(name, later)]
            several = len(self.results.outputs) > 1
            both = [*kept, f"[{output}]" if several else output]
            handed = listed("return (", both, ")") if len(", ".join(both)) > WIDTH - 12 else [f"return {', '.join(both)}"]
            call = self.call("run")
            back = (
                listed("(", [*kept, "_"], f") = {call}")
                if len(", ".join(kept)) > WIDTH - 30
                else [f"{', '.join([*kept, '_'])} = {call}"]
            )
            if not kept:
                back = []
            says = "The forward pass: what the way back needs, and the output."
            functions.append(self._function("run", says, self.given, first, [], handed, comments))
            functions.append(function("forward", self.given, "The output.", [f"return {call}{'[-1]' * bool(kept)}"]))
            arguments, says = [*self.given, *self.targets], "The loss, and its gradients by name."
            functions.append(self._function("loss_and_gradients", says, arguments, rest, back, end, comments))
        body = "\n\n\n".join("\n".join(lines) for lines in functions)
        imports = ["import numpy as np"]
        ufuncs = sorted(n for n in self.printer.functions if hasattr(np, n))
        if ufuncs:
            imports.append(f"from numpy import {', '.join(ufuncs)}")
        if "erf" in self.printer.functions:
            imports.insert(0, "from math import erf\n")
        return f"{self.docstring(title)}\n\n" + "\n".join(imports) + f"\n\n\n{body}\n"

    def _body(self, runs: list[Run], comments: Comments) -> list[str]:
        lines: list[str] = []
        for run in runs:
            code: list[Any] = []
            notes = iter([escapes.comment(t) if (t := comments.get((f.index, d.serial))) else "" for f, d in run.about])
            for group in groups(run.statements):
                code += nest(group, [f"# {note}" if note else "" for note in itertools.islice(notes, len(group))])
            lines += self.printer.lines([For(run.step, code)] if isinstance(run.step, Var) else code)
        return lines

    def _function(
        self,
        name: str,
        says: str,
        arguments: list[str],
        runs: list[Run],
        begin: list[str],
        end: list[str],
        comments: Comments,
    ) -> list[str]:
        body = [*self._body(runs, comments), *end]
        made = list(dict.fromkeys(f.index for run in runs for f, _ in run.about))
        arrays = [f"{self.names[i]} = np.empty({self._shape(i)}, dtype)" for i in made if self._shape(i) != "()"]
        dtype = [f"dtype = {self.parameters[0]}.dtype"] if arrays else []
        constants = self.given_numbers(body)
        sizes = self.sizes([*body, *arrays])
        if used_in("T", [*body, *arrays]) and not any(re.match(r"(.*, )?T(,| =)", line) for line in sizes):
            sizes.append(f"T = {self.folded.T}")
        converted = self._converted([*body, *sizes])
        weights = self.weights([*converted, *dtype, *sizes, *body])
        return function(name, arguments, says, [*begin, *weights, *converted, *sizes, *dtype, *constants, *arrays, *body])

    def _converted(self, body: list[str]) -> list[str]:
        """The data and targets as arrays of the dtype of the parameters."""
        dtype = f"{self.parameters[0]}.dtype"
        found = []
        for name in [*self.data, *self.targets]:
            role = self._columns.get(name)
            if not used_in(name, body):
                continue
            if role is None:
                found.append(f"{name} = np.asarray({name}, {dtype})")
            elif role is Role.INDEX:
                found.append(f"{name} = np.asarray({name}, {dtype})[..., None]")
            else:
                found.append(f"{name} = (np.asarray({name})[..., None] != 0).astype({dtype})")
        return found

    def _shape(self, index: int) -> str:
        """The lengths of the array of a family."""
        dims = [self.printer.size(d) for d in self.program.dims(index)]
        if self.program.stepped(index):
            ends = [d.domain.hi for d in self.program.families[index].definitions if d.domain is not None]
            last = max(ends, key=lambda hi: hi.step(self.folded.T))
            dims.insert(0, self.printer.text(fixed(last) + 1))
        return f"({', '.join(dims)}{',' * (len(dims) == 1)})"

    def _result(self, wanted: Wanted) -> str:
        name = self.names[wanted.family.index]
        if not self.program.stepped(wanted.family.index):
            return name
        if wanted.step is not None:
            return f"{name}[{self.printer.text(fixed(wanted.step))}]"
        return f"{name}[1:].swapaxes(0, 1)"


def listed(before: str, items: list[str], after: str) -> list[str]:
    """Items between brackets, on one line or one on each."""
    line = f"{before}{', '.join(items)}{after}"
    return [line] if len(line) <= WIDTH - 4 else [before, *(f"    {item}," for item in items), after]


def fused(runs: list[Run]) -> list[Run]:
    """Statements over the same steps in one loop, where the order allows it."""
    return runs
