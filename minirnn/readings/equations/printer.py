"""One printer for matrix expressions, in two dialects: LaTeX and plain Unicode text. Operands stay in their order."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import sympy as sp
from sympy.matrices.expressions import HadamardProduct, OneMatrix

from ...engine import names
from ...engine.names import parse
from ...engine.ops import FUNCTIONS
from . import array_forms
from . import matrix as S
from .computed import ComputedNumber, operands_of

INFIX = {"@": " ", "⊙": " ⊙ "}
ADD, PRODUCT, POWER, ATOM = range(4)  # how tightly an expression holds together

_sup = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Latex:
    """LaTeX that amsmath alone can set."""

    hadamard, transposed, times = r" \odot ", r"^{\top}", r"\, "
    ones = r"\mathbf{1}"

    name = staticmethod(names.latex)

    def derivative_of(self, above: str, below: str, immediate: bool) -> str:
        return rf"\frac{{\partial{self.plus if immediate else ''} {above}}}{{\partial {below}}}"

    def bracket(self, x: str) -> str:
        return rf"\left({x}\right)"

    def iverson(self, x: str) -> str:
        return rf"\left[{x}\right]"

    def index(self, x: str, place: str) -> str:
        return rf"\left[{x}\right]_{{{place}}}"

    def function(self, name: str) -> str:
        base, _, sub = name.partition("_")
        if name in FUNCTIONS:
            return FUNCTIONS[name].latex
        return r"\max" if name == "max" else rf"\operatorname{{{base}}}" + (f"_{{{sub}}}" if sub else "")

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, x: str, n: str) -> str:
        return f"{x}^{{{n}}}"

    def over(self, index: str, lo: str, hi: str, x: str) -> str:
        return rf"\sum_{{{index}={lo}}}^{{{hi}}} {x}"

    def product_over(self, index: str, lo: str, hi: str, x: str) -> str:
        return rf"\prod_{{{index}={hi}}}^{{{lo}}} {x}"

    def above(self, xs: list[str]) -> str:
        return r"\begin{bmatrix}" + r" \\ ".join(xs) + r"\end{bmatrix}"

    dots_down, oslash, at_most, plus, unequal = r"\vdots", r" \oslash ", r" \le ", r"^{+}", r"\neq"

    def entries(self, xs: list[str]) -> str:
        return r"\left[" + r" \; ".join(xs) + r"\right]"

    dots = r"\cdots"
    size = staticmethod(lambda name: re.sub(r"_(\w+)", r"_{\1}", name))


class Text:
    """Plain Unicode for a terminal."""

    hadamard, transposed, times = " ⊙ ", "ᵀ", " "
    ones = "1"

    name = staticmethod(names.text)

    def derivative_of(self, above: str, below: str, immediate: bool) -> str:
        return f"∂{self.plus if immediate else ''}{above}/∂{below}"

    def bracket(self, x: str) -> str:
        return f"({x})"

    def iverson(self, x: str) -> str:
        return f"[{x}]"

    def index(self, x: str, place: str) -> str:
        return f"{x}[{place}]"

    def function(self, name: str) -> str:
        return FUNCTIONS[name].text if name in FUNCTIONS else {"diag_n": "diagₙ"}.get(name, name)

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/{below}" if " " not in below else f"{above}/({below})"

    def power(self, x: str, n: str) -> str:
        return x + n.translate(_sup)

    def over(self, index: str, lo: str, hi: str, x: str) -> str:
        return f"Σ({index}={lo}..{hi}) {x}"

    def product_over(self, index: str, lo: str, hi: str, x: str) -> str:
        return f"Π({index}={hi}..{lo}) {x}"

    def above(self, xs: list[str]) -> str:
        return f"[{'; '.join(xs)}]"

    dots_down, oslash, at_most, plus, unequal = "…", " ⊘ ", " ≤ ", "⁺", "≠"

    def entries(self, xs: list[str]) -> str:
        return f"[{' '.join(xs)}]"

    dots = "…"
    size = staticmethod(lambda name: name.replace("_", ""))


NAMED = (
    S.ScalarQuantity, S.Mean, S.SumAll, S.ScalarTimeSum,
    sp.Indexed, sp.Sum, sp.Product, sp.Max, sp.Min, S.Iverson,
    array_forms.Entry, array_forms.LargestOfAll, array_forms.NumberFunction, ComputedNumber,
)  # fmt: skip


def _named(x: Any) -> bool:
    """Whether it is more than numbers and sizes: quantities and functions of them are in it."""
    return x.has(*NAMED) or bool(x.atoms(sp.Function))


def latex(expr: Any) -> str:
    return Speller(Latex()).spell(expr)[0]


def text(expr: Any) -> str:
    return Speller(Text()).spell(expr)[0]


def time_text(time: Any) -> str:
    """t-1, T, 3: with the symbol first and no spaces."""
    offset, base = time.as_coeff_Add()
    return str(base) + (f"{int(offset):+d}" if offset else "") if base != 0 else str(offset)


class Speller:
    """Spells an expression in one dialect: a method for each kind of expression."""

    def __init__(self, dialect: Any) -> None:
        self.d = dialect

    def spell(self, x: Any) -> tuple[str, int]:
        """The text of x, and how tightly it holds together."""
        for kind in type(x).__mro__:
            if method := getattr(self, f"_{kind.__name__}", None):
                return method(x)
        raise NotImplementedError(f"no spelling for {type(x).__name__}")

    def inside(self, x: Any, tight: int) -> str:
        """x as an operand of something that holds together as `tight` does: in brackets if it is looser."""
        said, own = self.spell(x)
        return said if own > tight or own == ATOM else self.d.bracket(said)

    def sum_over(self, index: str, lo: str, hi: str, term: Any) -> tuple[str, int]:
        return self.d.over(index, lo, hi, self.inside(term, ADD)), PRODUCT

    # ------------------------------------------------------------------------------------------------- quantities

    def _Quantity(self, x: Any) -> tuple[str, int]:
        return self.d.name(x.name, "" if x.time is None else time_text(x.time)), ATOM

    _ScalarQuantity = _Quantity

    def _Symbol(self, x: Any) -> tuple[str, int]:
        return self.d.size(x.name), ATOM

    # ---------------------------------------------------------------------------------------------------- numbers

    def _Number(self, x: Any) -> tuple[str, int]:
        return (decimal(float(x)) if x.is_Float else str(x)), (ADD if x < 0 else ATOM)

    def _Rational(self, x: Any) -> tuple[str, int]:
        return (str(x), ATOM) if x.q == 1 else (self.d.fraction(str(x.p), str(x.q)), PRODUCT)

    def _Pow(self, x: Any) -> tuple[str, int]:
        if x.exp == sp.S.Half:
            return self.d.function("sqrt") + self.d.bracket(self.spell(x.base)[0]), ATOM
        if x.exp.is_negative:
            return self._Mul(x) if not _named(x) else (self.d.fraction("1", self.spell(1 / x)[0]), PRODUCT)
        base = self.inside(x.base, POWER)
        return self.d.power(self.d.bracket(base) if "^" in base or "⁾" in base else base, str(x.exp)), POWER

    def _Mul(self, x: Any) -> tuple[str, int]:
        """A scalar factor: numbers and sizes as one fraction, then named numbers and sums in their order."""
        sizes = [a for a in sp.Mul.make_args(x) if not _named(a)]
        rest = [a for a in sp.Mul.make_args(x) if _named(a)]
        below_rest = [1 / a for a in rest if a.is_Pow and a.exp == -1]
        rest = [a for a in rest if not (a.is_Pow and a.exp == -1)]
        factor = sp.Mul(*sizes)
        sign, factor = ("-", -factor) if factor.could_extract_minus_sign() else ("", factor)
        above, below = sp.fraction(factor)
        words = []
        if below != 1:
            words.append(self.d.fraction(self._sizes(above), self._sizes(below)))
        elif above != 1 or not rest:
            words.append(self._sizes(above))
        words += [self.inside(a, PRODUCT if a is not rest[-1] else ADD) for a in rest]
        if below_rest:
            below = self.d.times.join(self.inside(a, PRODUCT if len(below_rest) > 1 else -1) for a in below_rest)
            words = [self.d.fraction(self.d.times.join(words) or "1", below)]
        return sign + self.d.times.join(words), (ADD if sign else PRODUCT)

    def _sizes(self, x: Any) -> str:
        parts = sorted(sp.Mul.make_args(x), key=lambda a: (not a.is_number, str(a)))
        return " ".join(self.inside(a, PRODUCT) for a in parts)

    def _Add(self, x: Any) -> tuple[str, int]:
        said = ""
        for term in x.args:
            word = self.spell(term)[0]
            minus = word.startswith("-")
            said += (" - " if minus else " + ") * bool(said) + (word[1:] if minus and said else word)
        return said, ADD

    _MatAdd = _Add

    # --------------------------------------------------------------------------------------------------- matrices

    def _MatMul(self, x: Any) -> tuple[str, int]:
        factor, matrices = S.split(x)
        words = [self._factor(m, len(matrices) > 1) for m in matrices]
        product = self.d.times.join(words)
        if len(matrices) == 1 and isinstance(matrices[0], OneMatrix):
            return self.spell(factor)
        if factor == 1:
            return product, PRODUCT
        if factor == -1:
            return "-" + product, ADD
        scalar, _ = self._Mul(factor)
        return scalar + self.d.times + product, (ADD if scalar.startswith("-") else PRODUCT)

    def _factor(self, m: Any, several: bool) -> str:
        if isinstance(m, OneMatrix) and several:
            return self.d.ones + (self.d.transposed if m.rows == 1 else "")
        if isinstance(m, (S.TimeSum, HadamardProduct, S.Quotient)):
            return self.d.bracket(self.spell(m)[0])
        return self.inside(m, ADD)

    def _HadamardProduct(self, x: Any) -> tuple[str, int]:
        return self.d.hadamard.join(self.inside(a, PRODUCT) for a in x.args), PRODUCT

    def _Quotient(self, x: Any) -> tuple[str, int]:
        return self.d.oslash.join(self.inside(a, PRODUCT) for a in x.args), PRODUCT

    def _HadamardPower(self, x: Any) -> tuple[str, int]:
        base = self.inside(x.base, POWER)
        return self.d.power(self.d.bracket(base) if "^" in base or "⁾" in base else base, str(x.exp)), POWER

    def _Transpose(self, x: Any) -> tuple[str, int]:
        base = self.inside(x.arg, POWER)
        return (base if "^" not in base else self.d.bracket(base)) + self.d.transposed, POWER

    def _OneMatrix(self, x: Any) -> tuple[str, int]:
        return "1", ATOM

    def _ZeroMatrix(self, x: Any) -> tuple[str, int]:
        return "0", ATOM

    def _Entrywise(self, x: Any) -> tuple[str, int]:
        function, argument = x.args[0].name, self.spell(x.args[1])[0]
        numbers = [decimal(float(n)) for n in x.args[2:]]
        if function == "positive":
            return self.d.iverson(f"{argument} > 0"), ATOM
        if function == "inside":
            return self.d.iverson(self.d.at_most.join([numbers[0], argument, numbers[1]])), ATOM
        shown = [] if function in ("softmax", "shares") else numbers  # its number is the axis
        return self.d.function(function) + self.d.bracket(", ".join([argument, *shown])), ATOM

    def _Part(self, x: Any) -> tuple[str, int]:
        return self.d.iverson(self.spell(x.args[0])[0]) + self.d.name(parse(""), str(x.args[2])), ATOM

    def _Present(self, x: Any) -> tuple[str, int]:
        return self.d.iverson(f"{self.spell(x.args[0])[0]} {self.d.unequal} {self.spell(x.args[1])[0]}"), ATOM

    def _OneHot(self, x: Any) -> tuple[str, int]:
        return self.d.function("onehot") + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    def _Mean(self, x: Any) -> tuple[str, int]:
        return self.d.function("mean") + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    def _SumAll(self, x: Any) -> tuple[str, int]:
        return self.d.function("sum") + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    def _TimeSum(self, x: Any) -> tuple[str, int]:
        term, lo, hi = x.args
        return self.sum_over("t", time_text(lo), time_text(hi), term)

    _ScalarTimeSum = _TimeSum

    def _SampleSum(self, x: Any) -> tuple[str, int]:
        return self.sum_over("i", "1", str(x.args[1]), x.args[0])

    _ScalarSampleSum = _SampleSum

    def _Beside(self, x: Any) -> tuple[str, int]:
        return self.d.entries(self.listed(x, self.d.dots)), ATOM

    def _Computed(self, x: Any) -> tuple[str, int]:
        call, operands, time = operands_of(x)
        words = self.listed(operands, self.d.dots)
        if call.op.label in INFIX and len(words) == 2:
            return INFIX[call.op.label].join(self.d.bracket(w) if " " in w else w for w in words), PRODUCT
        if call.op.name in ("step", "part"):
            place = time_text(time) if time is not None else str(call.attrs.get("key", ""))
            return self.d.index(words[0], place), ATOM
        return self.d.function(call.op.name.replace(" ", "_")) + self.d.bracket(", ".join(words)), ATOM

    _ComputedNumber = _Computed

    def _Above(self, x: Any) -> tuple[str, int]:
        return self.d.above(self.listed(x, self.d.dots_down)), ATOM

    def listed(self, x: Any, dots: str) -> list[str]:
        words: list[str] = []
        args = x if isinstance(x, list) else x.args
        for part in args:
            if isinstance(part, sp.Tuple):
                step, lo, hi = part
                first, last = (self.spell(step.xreplace({S.bound: end}))[0] for end in (lo, hi))
                words += [first, dots, last]
            else:
                words.append(self.spell(part)[0])
        names = [getattr(part, "name", None) for part in args]
        of_samples = [names[0] and names[0]._replace(layer=str(k)) for k in range(1, len(names) + 1)]
        return [words[0], dots, words[-1]] if len(names) > 4 and names == of_samples else words

    def _Piece(self, x: Any) -> tuple[str, int]:
        base, _ = self.spell(x.args[0])
        return self.d.iverson(base) + self.d.name(parse(""), time_text(x.args[2])), ATOM

    def _Selection(self, x: Any) -> tuple[str, int]:
        base, rows, cols = x.args[0], x.args[1:3], x.args[3:5]
        said = [
            ":" if whole else f"{lo + 1}" if hi == lo + 1 else f"{lo + 1}:{hi}" for lo, hi, whole in x.places(rows, cols)
        ]
        return self.d.index(self.inside(base, POWER), ", ".join(said)), ATOM

    _Entry = _Selection

    def _NumberFunction(self, x: Any) -> tuple[str, int]:
        return self._Entrywise(x)

    def _Largest(self, x: Any) -> tuple[str, int]:
        return self.d.function("max") + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    _LargestOfAll = _Largest

    def _LargestAt(self, x: Any) -> tuple[str, int]:
        said = self.spell(x.args[0])[0]
        return self.d.iverson(f"{said} = {self.d.function('max')}{self.d.bracket(said)}"), ATOM

    # -------------------------------------------------------------------------------------------- sums over paths

    def _Diagonal(self, x: Any) -> tuple[str, int]:
        return self.d.function("diag_n") + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    def _Identity(self, x: Any) -> tuple[str, int]:
        return "I", ATOM

    def _StateJacobian(self, x: Any) -> tuple[str, int]:
        name, time, start, _, kind = x.args
        above, below = (self.d.name(name.name, time_text(step)) for step in (time, start))
        return self.d.derivative_of(above, below, kind.name == "immediate"), ATOM

    def _StateProduct(self, x: Any) -> tuple[str, int]:
        term, index, lo, hi = x.args
        return self.d.product_over(str(index), time_text(lo), time_text(hi), self.spell(term)[0]), PRODUCT

    # ------------------------------------------------------------------------------------------------- components

    def _Indexed(self, x: Any) -> tuple[str, int]:
        return self.d.name(S.name_of(x.base.label), ",".join(map(self.place, x.indices))), ATOM

    def place(self, x: Any) -> str:
        """An index; one that is computed from others without blanks."""
        simple = x.is_Symbol or x.is_number or x.as_coeff_Add()[1].is_Symbol
        if simple:
            return time_text(x)
        x = x.replace(  # t - 1, not -1 + t
            lambda e: e.is_Add and e.args[0].is_Number, lambda e: sp.Add(*e.args[1:], e.args[0], evaluate=False)
        )
        return self.spell(x)[0].replace(" ", "")

    def _ceiling(self, x: Any) -> tuple[str, int]:
        said = self.spell(x.args[0])[0]
        return (rf"\lceil {said} \rceil" if isinstance(self.d, Latex) else f"⌈{said}⌉"), ATOM

    def _Product(self, x: Any) -> tuple[str, int]:
        term, (index, lo, hi) = x.args
        return self.d.product_over(str(index), self.spell(hi)[0], time_text(lo), self.inside(term, ADD)), PRODUCT

    def _Sum(self, x: Any) -> tuple[str, int]:
        said = self.inside(x.args[0], ADD)
        for index, lo, hi in x.args[1:]:  # the innermost first
            said = self.d.over(str(index), time_text(lo), self.spell(hi)[0], said)
        return said, PRODUCT

    def _Function(self, x: Any) -> tuple[str, int]:
        return self.d.function(type(x).__name__) + self.d.bracket(self.spell(x.args[0])[0]), ATOM

    def _Max(self, x: Any) -> tuple[str, int]:
        return self.d.function(type(x).__name__.lower()) + self.d.bracket(", ".join(self.spell(a)[0] for a in x.args)), ATOM

    _Min = _Max

    def _Iverson(self, x: Any) -> tuple[str, int]:
        condition = x.args[0]
        parts = condition.args if isinstance(condition, sp.And) else [condition]
        signs = {">": ">", ">=": r"\ge" if isinstance(self.d, Latex) else "≥", "<=": self.d.at_most.strip(), "<": "<"}
        signs |= {"==": "=", "!=": self.d.unequal}
        said = [f"{self.spell(p.lhs)[0]} {signs[p.rel_op]} {self.spell(p.rhs)[0]}" for p in parts]
        return self.d.iverson(", ".join(said)), ATOM


def decimal(number: float) -> str:
    """A number as it was meant: 0.01 also where it went through single precision."""
    return f"{number:.10g}" if float(np.float32(number)) != number else str(np.float32(number)).removesuffix(".0")
