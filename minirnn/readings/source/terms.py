"""Expressions, and steps, on their way to NumPy text.

NumPy repeats numbers, rows and columns by itself: what is repeated keeps the sizes of the array that is there (`own`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...engine import escapes
from ...engine.fold import Domain, Fixed
from ...engine.graph import Primitive
from ...engine.ops import negative, scale
from ...engine.sizes import Size, Sizes
from .names import letter


class Unliftable(Exception):
    """An operation that cannot be written for all steps at once."""


@dataclass(frozen=True)
class Number:
    """One number in every entry: `value`, divided by sizes."""

    value: float
    over: Sizes
    dims: Sizes
    own: Sizes = ()
    dtype: str = ""
    timed = False

    def times(self, value: float, over: Sizes = ()) -> Number:
        """So many times the number, divided by sizes; what is a whole number is divided at once."""
        value, rest = self.value * value, []
        for size in (*self.over, *over):
            if size.is_number and isinstance(value, int) and value % size.n == 0:
                value //= size.n
            else:
                rest.append(size)
        return replace(self, value=value, over=tuple(rest))

    @property
    def text(self) -> str:
        sizes = [size_text(size) for size in self.over]
        divisor = sizes[0] if len(sizes) == 1 else " * ".join(grouped(s) for s in sizes)
        number = escapes.number(self.value)
        return f"{number} / {grouped(divisor)}" if sizes else number


@dataclass(frozen=True)
class Text:
    """A name or a part of an array; `timed`: with a first axis of steps."""

    text: str
    dims: Sizes
    own: Sizes
    timed: bool = False


@dataclass(frozen=True)
class Call:
    """An operation: its text, with operands in braces; `into` is the text that puts the result into an array."""

    template: str
    args: tuple[Term, ...]
    dims: Sizes
    own: Sizes
    timed: bool = False
    into: str | None = None
    op: Primitive | None = None

    @property
    def text(self) -> str:
        return filled(self.template, [arg.text for arg in self.args])


Term = Number | Text | Call


def size_text(size: Size) -> str:
    """A size in Python: 2 * M, T - 1."""
    parts = []
    for letters, factor in size.terms.items():
        whole = [] if abs(factor) == 1 and letters else [str(abs(factor.numerator))]
        under = f" // {factor.denominator}" if factor.denominator != 1 else ""
        parts.append(("- " if factor < 0 else "+ ") + " * ".join([*whole, *map(letter, letters)]) + under)
    return (" ".join(parts) or "0").removeprefix("+ ")


def shape_text(sizes: Sequence[Size], *lead: str) -> str:
    """Sizes as a tuple."""
    texts = [*lead, *(size_text(Size.of(size)) for size in sizes)]
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


def scaled(number: Number, x: Term) -> Term:
    """A number times a term; numbers are multiplied at once."""
    if isinstance(x, Number):
        return x.times(number.value, number.over)
    if isinstance(x, Call) and x.op is scale and isinstance(x.args[-1], Number):
        factor = scaled(number, x.args[1])
        assert isinstance(factor, Number)
        return scaled(factor, x.args[0])
    if number.value == 1 and not number.over:
        return x
    if number.value == -1 and not number.over:
        return Call("-{0}", (x,), x.dims, x.own, x.timed, "np.negative({0}, {out})", negative)
    return Call("{1} * {0}", (x, number), x.dims, x.own, x.timed, "np.multiply({0}, {1}, {out})", scale)


def grouped(text: str) -> str:
    """In parentheses, unless it is a name, a number, a call or a part of an array."""
    depth = 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and c in " -+*/@<>&|":
            return f"({text})"
    return text


def filled(template: str, operands: Sequence[str]) -> str:
    """The template with its fields filled in; operands in parentheses where the text around them needs it."""

    def put(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        text = operands[int(match[1])]
        before, after = template[: match.start()], template[match.end() :]
        alone = (before[-1:] in ("(", "[", "") or before.endswith(", ")) and after[:1] in (")", ",", "]", "")
        weakest = _weakest(text)
        first = not before and after.startswith((" + ", " - ")) and weakest in "+*"
        last = not after and before.endswith((" + ", " - ")) and weakest in "*"
        times = not before and after.startswith(" * ") and weakest == "*" and "@" not in text
        return text if alone or first or last or times else grouped(text)

    text = re.sub(r"\{\{|\}\}|\{(\w+)\}", put, template)
    return re.sub(r"\b(\w+) \*\* 2", r"\1**2", text)


def _weakest(text: str) -> str:
    """What holds the text together the least: "+", "*" for products and powers, " " for all else, "" for nothing."""
    depth, found = 0, ""
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth or c not in "+-*/@<>&|":
            continue
        if c in "<>&|" or (c == "-" and i == 0):
            return " "
        found = "+" if c in "+-" else found or "*"
    return found or "*"


# ---------------------------------------------------------------------------------------------------- steps


Where = int | Fixed | Domain | None  # a delay from the running step t; a fixed step; many steps at once; without steps


def step_text(where: Where, more: int = 0) -> str:
    """A step, or the one so many steps later: T - 1, 0, t + 1."""
    assert where is not None and not isinstance(where, Domain)
    base, offset = (where.length if where.from_end else "", where.offset) if isinstance(where, Fixed) else ("t", where)
    offset += more
    if not base or offset == 0:
        return base or str(offset)
    return f"{base} {'+' if offset > 0 else '-'} {abs(offset)}"


def range_text(domain: Domain | Sequence[Fixed], down: bool = False) -> str:
    lo, hi = domain
    return f"range({step_text(hi)}, {step_text(lo, -1)}, -1)" if down else f"range({step_text(lo)}, {step_text(hi, 1)})"
