"""What LaTeX and plain text say in their own way: brackets, fractions, powers, sums."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import sympy as sp

from ...engine import names
from ...engine.ops import FUNCTIONS
from .matrix import linear

_sup = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Latex:
    """LaTeX that amsmath alone can set."""

    hadamard, oslash, transposed, times, ones = r" \odot ", r" \oslash ", r"^{\top}", r"\, ", r"\mathbf{1}"
    dots, dots_down, at_most, at_least, plus, unequal, infinity = (
        r"\cdots",
        r"\vdots",
        r" \le ",
        r"\ge",
        r"^{+}",
        r"\neq",
        r"\infty",
    )

    name = staticmethod(names.latex)
    bracket = r"\left({}\right)".format
    iverson = r"\left[{}\right]".format
    ceiling = r"\lceil {} \rceil".format
    index = r"\left[{}\right]_{{{}}}".format
    fraction = r"\frac{{{}}}{{{}}}".format
    power = "{}^{{{}}}".format
    over = r"\sum_{{{}={}}}^{{{}}} {}".format
    product_over = r"\prod_{{{0}={2}}}^{{{1}}} {3}".format
    derivative = r"\frac{{\partial{} {}}}{{\partial {}}}".format

    def indexed(self, name: names.Name, places: str) -> str:
        return names.latex(name, places)

    def function(self, name: str) -> str:
        base, _, sub = name.partition("_")
        if name in FUNCTIONS:
            return FUNCTIONS[name].latex
        return r"\max" if name == "max" else rf"\operatorname{{{base}}}" + (f"_{{{sub}}}" if sub else "")

    def above(self, xs: list[str]) -> str:
        return r"\begin{bmatrix}" + r" \\ ".join(xs) + r"\end{bmatrix}"

    def entries(self, xs: list[str]) -> str:
        return r"\left[" + r" \; ".join(xs) + r"\right]"

    def size(self, name: str) -> str:
        return re.sub(r"_(\w+)", r"_{\1}", name)


class Text:
    """Plain Unicode for a terminal."""

    hadamard, oslash, transposed, times, ones = " ⊙ ", " ⊘ ", "ᵀ", " ", "1"
    dots, dots_down, at_most, at_least, plus, unequal, infinity = "…", "…", " ≤ ", "≥", "⁺", "≠", "∞"

    name = staticmethod(names.text)
    bracket = "({})".format
    iverson = "[{}]".format
    ceiling = "⌈{}⌉".format
    index = "{}[{}]".format
    over = "Σ({}={}..{}) {}".format
    product_over = "Π({0}={2}..{1}) {3}".format
    derivative = "∂{}{}/∂{}".format

    def indexed(self, name: names.Name, places: str) -> str:
        return f"{names.text(name)}[{places}]"

    def function(self, name: str) -> str:
        return FUNCTIONS[name].text if name in FUNCTIONS else {"diag_n": "diagₙ"}.get(name, name)

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/{below}" if " " not in below else f"{above}/({below})"

    def power(self, x: str, n: str) -> str:
        return x + n.translate(_sup)

    def above(self, xs: list[str]) -> str:
        return f"[{'; '.join(xs)}]"

    def entries(self, xs: list[str]) -> str:
        return f"[{' '.join(xs)}]"

    def size(self, name: str) -> str:
        return name.replace("_", "")


def time_text(time: Any, step: int | None = None) -> str:
    """t-1, T, 3: with the symbol first and no spaces; as a number where t is `step`."""
    if step is not None:
        slope, offset = linear(time)
        return str(slope * step + offset)
    offset, base = time.as_coeff_Add()
    return str(base).replace(" ", "") + (f"{int(offset):+d}" if offset else "") if base != 0 else str(offset)


def decimal(number: float) -> str:
    """A number as it was meant: 0.01 also where it went through single precision."""
    return f"{number:.10g}" if float(np.float32(number)) != number else str(np.float32(number)).removesuffix(".0")


def number_text(x: Any, infinity: str) -> str:
    """A number of SymPy's."""
    if x.is_infinite:
        return str(x).replace("oo", infinity)
    return decimal(float(x)) if x.is_Float else str(x)


def number_last(x: Any) -> Any:
    """t - 1, not -1 + t."""
    return x.replace(lambda e: e.is_Add and e.args[0].is_Number, lambda e: sp.Add(*e.args[1:], e.args[0], evaluate=False))
