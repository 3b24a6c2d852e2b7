"""A module that computes a folded network one step after the other: for what cannot be computed for all steps at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ...engine import escapes
from ...engine.fold import Definition, Family, Fixed, Folded, Ref, Span
from ...engine.names import Role
from ...engine.ops import CUTS, Key, full, leaf_op, total
from ...engine.sizes import Size
from ..equations.broadcasting import broadcasting, lengthened, seen_from, unnamed
from .fuse_loops import Run, together
from .module import Comments, Functions, Line, Results, commented
from .numpy_expr import filled, grouped
from .python_text import WIDTH, assigned, fitted, function, unpacked, used_in
from .schedule import Loop


class Stepwise(Functions):
    """The functions, as text: a quantity with steps is a dictionary of them, h[t]."""

    def __init__(self, folded: Folded, results: Results) -> None:
        folded = lengthened(broadcasting(unnamed(folded, set(results.inputs.values()))))
        super().__init__(folded, results, shapes=True)
        while long := self._too_long():  # a name for a part of what does not fit on a line
            self.schedule.keep(long)
            self.name_families()

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring."""
        forward = self.schedule.behind([self.results.output.family.index])
        first = together(run for run in self._runs() if run.makes <= forward)
        output = self._returned(self.results.output)
        if self.results.loss is None:
            functions = [self._function("forward", "The output.", self.given, first, [f"return {output}"], comments)]
        else:
            rest = together(run for run in self._runs() if not run.makes <= forward)
            functions = self._with_gradients(first, rest, output, comments)
        body = "\n\n\n".join("\n".join(lines) for lines in functions)
        return f"{self.docstring(title)}\n\nimport numpy as np\n\n\n{self.helpers(body)}{body}\n"

    def _with_gradients(self, first: list[Run], rest: list[Run], output: str, comments: Comments) -> list[list[str]]:
        """`run` computes what the way back needs, `forward` the output alone."""
        assert self.results.loss is not None
        pairs = [f"{escapes.python(name)}: {self._returned(wanted)}" for name, wanted in self.results.gradients.items()]
        results = f"return {self._returned(self.results.loss)}, " + "{" + ", ".join(pairs) + "}"
        later = [line.text for run in rest for line in run.lines] + [results]
        made = [self.names[index] for index in sorted({index for run in first for index in run.makes})]
        kept = [name for name in made if name != output and used_in(name, later)]
        last = output if output.isidentifier() and used_in(output, later) else "_"
        back = unpacked("{} = " + self.call("run"), [*kept, last]) if kept else [f"{last} = {self.call('run')}"]
        handed = unpacked("return {}", [*kept, output]) if kept else [f"return {output}"]
        says = "The forward pass: what the way back needs, and the output."
        whole = self._function("run", says, self.given, first, handed, comments)
        arguments = [*self.given, *self.targets]
        gradients = "The loss, and its gradients by name."
        return [
            whole,
            function("forward", self.given, "The output.", [f"return {self.call('run')}{'[-1]' * bool(kept)}"]),
            self._function("loss_and_gradients", gradients, arguments, rest, [results], comments, back),
        ]

    def _function(
        self,
        name: str,
        says: str,
        arguments: list[str],
        runs: list[Run],
        end: list[str],
        comments: Comments,
        begin: Sequence[str] = (),
    ) -> list[str]:
        body = commented([line for run in runs for line in _loop_of(run)], comments)
        body += [line for text in end for line in fitted(text)]
        constants = self.given_numbers(body)
        steps = self.shapes(self.sizes(body, {"T"})) + ([self._steps()] if used_in("T", body) else [])
        converted = self.converted([*body, *steps])
        dictionaries = [(self.names[i], "{}") for i in sorted({i for run in runs if run.domain for i in run.makes})]
        before = [*self.weights([*converted, *steps, *body]), *converted, *constants, *steps, *assigned(dictionaries)]
        return function(name, arguments, says, [*begin, *before, *body])

    @property
    def _precisions(self) -> set[str]:
        """Those of the parameters."""
        return {f.first.dtype.name for f, _ in self.leaves if f.first.role is Role.PARAMETER}

    def _steps(self) -> str:
        for family, definition in self.leaves:
            dims = definition.attrs["dims"]
            if "T" in dims and family.role in (Role.INPUT, Role.INDEX, Role.MASK, Role.TARGET):
                return f"T = {self.leaf_name(family, definition)}.shape[{dims.index('T')}]"
        return f"T = {self.folded.T}"

    def _returned(self, wanted: Any) -> str:
        name = self.names[wanted.family.index]
        if wanted.family.definitions[0].domain is None:
            return name
        if wanted.step is not None:
            return f"{name}[{_at(wanted.step)}]"
        return f"np.stack([{name}[t] for t in range(1, T + 1)], axis=1)"

    # ------------------------------------------------------------------------------------------------------ statements

    def _runs(self) -> Iterator[Run]:
        """The statements of all parts, in an order in which they can be run."""
        for part in self.schedule.parts:
            if isinstance(part, Loop):
                for stretch in part.stretches:
                    yield self._run(stretch.items, stretch.domain, part.backwards)
            else:
                for definition in part.definitions:
                    yield self._run([(part, definition)], definition.domain, None)

    def _run(self, items: list[tuple[Family, Definition]], domain: Any, down: bool | None) -> Run:
        single = domain is None or domain.lo == domain.hi
        t = None if domain is None else _at(domain.lo) if single else "t"
        reads = {read for _, definition in items for read in self._reads(definition)}
        lines = [
            Line(f"{self._value(family, t)} = {self._written(definition, t)}", 1 if single else 2, ((family, definition),))
            for family, definition in items
        ]
        return Run(domain, lines, {family.index for family, _ in items}, reads, down)

    def _reads(self, definition: Definition) -> set[tuple[int, object]]:
        """The kept families that a definition reads, through plumbing too, and where."""
        found: set[tuple[int, object]] = set()
        waiting = list(definition.refs)
        while waiting:
            ref = waiting.pop()
            if ref.family in self.schedule.kept:
                found.add((ref.family, ref.where))
            else:
                for inner in self.folded.families[ref.family].definitions[0].refs:
                    waiting.append(seen_from(inner, ref) or Ref(inner.family, None))
        return found

    def _too_long(self) -> set[int]:
        """Of each statement that does not fit on a line, what makes it shorter if it has a line too: all terms of a sum."""
        found = set()
        for run in self._runs():
            for line in run.lines:
                if len(line.text) + 4 * line.indent > WIDTH:
                    ((_, definition),) = line.about
                    inside = [f for f in self._plumbing(definition) if f.definitions[0].refs]
                    if definition.op is total:
                        found |= {f.index for f in inside if f.index in {ref.family for ref in definition.refs}}
                    elif inside:
                        found.add(min(inside, key=lambda f: abs(len(self._written(f.definitions[0], "t")) - 40)).index)
        return found

    def _plumbing(self, definition: Definition) -> list[Family]:
        """What is written where it is used."""
        found: dict[int, Family] = {}
        waiting = list(definition.refs)
        while waiting:
            family = self.folded.families[waiting.pop().family]
            if family.index not in self.schedule.kept:
                found[family.index] = family
                waiting.extend(family.definitions[0].refs)
        return list(found.values())

    # ----------------------------------------------------------------------------------------------------- expressions

    def _written(self, definition: Definition, t: str | None) -> str:
        """The right side of a definition, at step t."""
        if definition.op is leaf_op:
            family = next(f for f, d in self.leaves if d is definition)
            return self.leaf_name(family, definition)
        operands = [self._operand(ref, t) for ref in definition.refs]
        attrs = {key: self._attribute(value, t if key == "t" else None) for key, value in definition.attrs.items()}
        if definition.op is full and self._precisions == {definition.attrs["dtype"]}:
            attrs["dtype"] = f"{self.parameters[0]}.dtype"
        template = definition.op.text(definition.attrs)
        if definition.op is total and not any(text.startswith("*") for text in operands):
            return " + ".join(operands[:1] + [grouped(text) for text in operands[1:]])
        if len(operands) == 1 and operands[0].startswith("*["):
            template = template.replace("[{*}]", operands[0][1:])
        text = filled(template.replace("{*}", ", ".join(operands)), operands, attrs, " + " in template)
        return re.sub(r"\b(\d+) - 1\]", lambda n: f"{int(n[1]) - 1}]", text) if definition.op in CUTS else text

    def _attribute(self, value: Any, t: str | None) -> str:
        if isinstance(value, Fixed):
            return grouped(_at(value))
        if isinstance(value, Size):
            return grouped(str(value).replace("*", " * "))
        if isinstance(value, str):
            return escapes.python(value)
        if isinstance(value, Key):
            return re.sub("(, :)+$", "", repr(value))
        return repr(value) if t is None else grouped(_later(t, value))

    def _operand(self, ref: Ref, t: str | None) -> str:
        family = self.folded.families[ref.family]
        if isinstance(ref.where, Span):
            each = self._value(family, "t")
            return f"*[{each} for t in {_range(ref.where.lo, ref.where.hi, ref.where.down)}]"
        if ref.where is None:
            return self._value(family, None)
        return self._value(family, _at(ref.where) if isinstance(ref.where, Fixed) else _later(str(t), ref.where))

    def _value(self, family: Family, t: str | None) -> str:
        if family.index in self.schedule.kept:
            name = self.names[family.index]
            return name if t is None else f"{name}[{t}]"
        return self._written(family.definitions[0], t)  # nameless: all its definitions say the same


def _loop_of(run: Run) -> list[Line]:
    """The lines of a run, below the line that begins its loop."""
    if run.single:
        return run.lines
    assert run.domain is not None
    return [Line(f"for t in {_range(*run.domain, bool(run.down))}:"), *run.lines]


def _at(where: Fixed) -> str:
    """A fixed step: T - 1, 0."""
    return _later("T", where.offset) if where.from_end else str(where.offset)


def _later(t: str, delay: int) -> str:
    """t + delay, added up where it can be."""
    if t.lstrip("-").isdigit():
        return str(int(t) + delay)
    base, *rest = t.split(" ")
    if rest:
        delay += int(rest[1]) if rest[0] == "+" else -int(rest[1])
    return base if delay == 0 else f"{base} {'+' if delay > 0 else '-'} {abs(delay)}"


def _range(lo: Fixed, hi: Fixed, down: bool = False) -> str:
    if down:
        return f"range({_at(hi)}, {_later(_at(lo), -1)}, -1)"
    return f"range({_at(lo)}, {_later(_at(hi), 1)})"
