"""A module that computes a folded network one step after the other: for what cannot be computed for all steps at once."""

from __future__ import annotations

from typing import Any

from ..fold import Definition, Family, Fixed, Folded, Ref, Span
from ..ops import leaf_op
from .functions import Comments, Functions, Line, Results, commented
from .lines import fitted, function, used_in
from .schedule import Loop
from .terms import filled, grouped


class Stepwise(Functions):
    """The functions, as text: a quantity with steps is a dictionary of them, h[t]."""

    def __init__(self, folded: Folded, results: Results) -> None:
        super().__init__(folded, results, shapes=True)

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring."""
        output = self._returned(self.results.output)
        functions = [
            self._function("forward", "The output.", self.given, [self.results.output.family.index], output, comments)
        ]
        if self.results.loss is not None:
            pairs = [f'"{name}": {self._returned(wanted)}' for name, wanted in self.results.gradients.items()]
            result = f"{self.names[self.results.loss.index]}, " + "{" + ", ".join(pairs) + "}"
            arguments = [*self.given, *self.targets]
            indices = [family.index for family in self.results.families[1:]]
            says = "The loss, and its gradients by name."
            functions.append(self._function("loss_and_gradients", says, arguments, indices, result, comments))
        body = "\n\n\n".join("\n".join(lines) for lines in functions)
        return f"{self.docstring(title)}\n\nimport numpy as np\n\n\n{self.helpers(body)}{body}\n"

    def _function(
        self, name: str, says: str, arguments: list[str], wanted: list[int], result: str, comments: Comments
    ) -> list[str]:
        needed = self.schedule.behind(wanted)
        lines = []
        for part in self.schedule.parts:
            families = part.families if isinstance(part, Loop) else [part]
            if families[0].index in needed:
                lines += self._loop(part) if isinstance(part, Loop) else self._at_each_step(part)
        body = [*commented(lines, comments), *fitted(f"return {result}")]
        constants = self.given_numbers(body)
        steps = [self._steps()] if used_in("T", body) else []
        converted = self.converted([*body, *steps])
        return function(name, arguments, says, [*self.weights([*converted, *body]), *converted, *constants, *steps, *body])

    def _steps(self) -> str:
        for family, definition in self.leaves:
            dims = definition.attrs["dims"]
            if "T" in dims and definition.attrs["role"] in ("input", "target"):
                return f"T = {self.leaf_name(family, definition)}.shape[{dims.index('T')}]"
        return f"T = {self.folded.T}"

    def _returned(self, wanted: Any) -> str:
        name = self.names[wanted.family.index]
        if wanted.family.definitions[0].domain is None:
            return name
        if wanted.step is not None:
            return f"{name}[{wanted.step}]"
        return f"np.stack([{name}[t] for t in range(1, T + 1)], axis=1)"

    # ------------------------------------------------------------------------------------------------------ statements

    def _at_each_step(self, family: Family) -> list[Line]:
        name, lines = self.names[family.index], []
        for definition in family.definitions:
            about, domain = ((family, definition),), definition.domain
            if domain is None:
                return [Line(f"{name} = {self._written(definition, None)}", 1, about)]
            if domain.lo == domain.hi:
                lines.append(Line(f"{name}[{_at(domain.lo)}] = {self._written(definition, _at(domain.lo))}", 1, about))
            else:
                lines.append(Line(f"for t in {_range(*domain)}:"))
                lines.append(Line(f"{name}[t] = {self._written(definition, 't')}", 2, about))
        return [Line(f"{name} = {{}}"), *lines]

    def _loop(self, loop: Loop) -> list[Line]:
        names = [self.names[family.index] for family in loop.families]
        lines = [Line(f"{', '.join(names)} = {', '.join(['{}'] * len(names))}")]
        for stretch in loop.stretches:
            lo, hi = stretch.domain
            single = lo == hi
            if not single:
                lines.append(Line(f"for t in {_range(lo, hi, loop.backwards)}:"))
            for family, definition in stretch.items:
                t = _at(lo) if single else "t"
                text = f"{self.names[family.index]}[{t}] = {self._written(definition, t)}"
                lines.append(Line(text, 1 if single else 2, ((family, definition),)))
        return lines

    # ----------------------------------------------------------------------------------------------------- expressions

    def _written(self, definition: Definition, t: str | None) -> str:
        """The right side of a definition, at step t."""
        if definition.op is leaf_op:
            family = next(f for f, d in self.leaves if d is definition)
            return self.leaf_name(family, definition)
        operands = [self._operand(ref, t) for ref in definition.refs]
        attrs = {key: self._attribute(value, t if key == "t" else None) for key, value in definition.attrs.items()}
        template = definition.op.numpy.replace("{*}", ", ".join(operands))
        return filled(template, operands, attrs)

    def _attribute(self, value: Any, t: str | None) -> str:
        if isinstance(value, Fixed):
            return grouped(_at(value))
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
