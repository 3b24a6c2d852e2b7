"""One printer for matrix expressions, in two dialects: LaTeX and plain Unicode text. Operands stay in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.matrices.expressions import HadamardProduct, OneMatrix

from ...engine.names import parse
from . import matrix as S
from .computed import ComputedNumber, operands_of, said_of
from .dialects import Latex, Text, decimal, number_last, number_text, time_text

INFIX = {"@": " ", ".": " ", "⊙": " ⊙ "}
ADD, PRODUCT, POWER, ATOM = range(4)  # how tightly an expression holds together

CALLS = {
    S.Mean: "mean", S.SumAll: "sum", S.OneHot: "onehot", S.Diagonal: "diag_n", S.Largest: "max", S.LargestOfAll: "max",
}  # fmt: skip
NAMED = (
    S.ScalarQuantity, S.Mean, S.SumAll, S.ScalarTimeSum,
    sp.Indexed, sp.Sum, sp.Product, sp.Max, sp.Min, S.Iverson,
    S.Entry, S.LargestOfAll, S.NumberFunction, ComputedNumber,
)  # fmt: skip


def _named(x: Any) -> bool:
    """Whether it is more than numbers and sizes: quantities and functions of them are in it."""
    return x.has(*NAMED) or bool(x.atoms(sp.Function))


def latex(expr: Any) -> str:
    return Speller(Latex()).spell(expr)[0]


def text(expr: Any, step: int | None = None) -> str:
    return Speller(Text(), step).spell(expr)[0]


S.Printed._latex = lambda x, printer, *_, **__: latex(x)
S.Printed._sympystr = lambda x, printer, *_, **__: text(x)


class Speller:
    """Spells an expression in one dialect: a method for each kind of expression."""

    def __init__(self, dialect: Any, step: int | None = None) -> None:
        self.d, self.step = dialect, step

    def spell(self, x: Any) -> tuple[str, int]:
        """The text of x, and how tightly it holds together."""
        x = x.args[0] if isinstance(x, (S.Written, S.WrittenEntry)) else x
        for kind in type(x).__mro__:
            if method := getattr(self, f"_{kind.__name__}", None):
                return method(x)
        raise NotImplementedError(f"no spelling for {type(x).__name__}")

    def inside(self, x: Any, tight: int) -> str:
        """x as an operand of something that holds together as `tight` does: in brackets if it is looser."""
        said, own = self.spell(x)
        return said if own > tight or own == ATOM else self.d.bracket(said)

    # ------------------------------------------------------------------------------------------------- quantities

    def _Quantity(self, x: Any) -> tuple[str, int]:
        return self.d.name(x.name, "" if x.time is None else time_text(x.time, self.step)), ATOM

    _ScalarQuantity = _Quantity

    def _Symbol(self, x: Any) -> tuple[str, int]:
        return self.d.size(x.name), ATOM

    # ---------------------------------------------------------------------------------------------------- numbers

    def _Number(self, x: Any) -> tuple[str, int]:
        return number_text(x, self.d.infinity), ADD if x < 0 else ATOM

    def _Rational(self, x: Any) -> tuple[str, int]:
        return (str(x), ATOM) if x.q == 1 else (self.d.fraction(str(x.p), str(x.q)), PRODUCT)

    def _Pow(self, x: Any) -> tuple[str, int]:
        if x.exp == sp.S.Half:
            return self.d.function("sqrt") + self.d.bracket(self.spell(x.base)[0]), ATOM
        if x.exp.is_negative:
            return self._Mul(x) if not _named(x) else (self.d.fraction("1", self.spell(1 / x)[0]), PRODUCT)
        return self._HadamardPower(x)

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
        return str(int(isinstance(x, OneMatrix))), ATOM

    _ZeroMatrix = _OneMatrix

    def _Entrywise(self, x: Any) -> tuple[str, int]:
        function, argument = x.args[0].name, self.spell(x.args[1])[0]
        numbers = [decimal(float(n)) for n in x.args[2:]]
        if function == "positive":
            return self.d.iverson(f"{argument} > 0"), ATOM
        if function == "inside":
            return self.d.iverson(self.d.at_most.join([numbers[0], argument, numbers[1]])), ATOM
        shown = [] if function in ("softmax", "shares") else numbers  # its number is the axis
        return self.d.function(function) + self.d.bracket(", ".join([argument, *shown])), ATOM

    _NumberFunction = _Entrywise

    def _Present(self, x: Any) -> tuple[str, int]:
        return self.d.iverson(f"{self.spell(x.args[0])[0]} {self.d.unequal} {self.spell(x.args[1])[0]}"), ATOM

    def _call(self, x: Any) -> tuple[str, int]:
        """A function of one operand, by its name; the largest along one axis says which."""
        axis = f", {self.d.function('axis')}={int(x.args[1]) + 2}" if isinstance(x, S.Largest) and len(x.args) == 2 else ""
        return self.d.function(CALLS[type(x)]) + self.d.bracket(self.spell(x.args[0])[0] + axis), ATOM

    _Mean = _SumAll = _OneHot = _Diagonal = _Largest = _LargestOfAll = _call

    def _TimeSum(self, x: Any) -> tuple[str, int]:
        term, lo, hi = x.args
        return self.d.over("t", time_text(lo), time_text(hi), self.inside(term, ADD)), PRODUCT

    _ScalarTimeSum = _TimeSum

    def _SampleSum(self, x: Any) -> tuple[str, int]:
        return self.d.over("i", "1", str(x.args[1]), self.inside(x.args[0], ADD)), PRODUCT

    _ScalarSampleSum = _SampleSum

    def _Beside(self, x: Any) -> tuple[str, int]:
        return self.d.entries(self.listed(x.args, self.d.dots)), ATOM

    def _Computed(self, x: Any) -> tuple[str, int]:
        call, operands, time = operands_of(x)
        words = self.listed(operands, self.d.dots)
        if call.op.label in INFIX and len(words) == 2:
            return INFIX[call.op.label].join(self.d.bracket(w) if " " in w else w for w in words), PRODUCT
        if call.op.name in ("step", "part", "take"):
            place = time_text(time) if time is not None else str(call.attrs.get("key", ""))
            return self.d.index(self.d.bracket(words[0]) if " " in words[0] else words[0], place), ATOM
        words += said_of(call)
        return self.d.function(call.op.name.replace(" ", "_")) + self.d.bracket(", ".join(words)), ATOM

    _ComputedNumber = _Computed

    def _Above(self, x: Any) -> tuple[str, int]:
        return self.d.above(self.listed(x.args, self.d.dots_down)), ATOM

    def listed(self, args: Sequence[Any], dots: str) -> list[str]:
        words: list[str] = []
        for part in args:
            if isinstance(part, sp.Tuple):
                step, lo, hi = part
                first, last = (self.spell(S.at_step(step, end))[0] for end in (lo, hi))
                words += [first, dots, last]
            else:
                words.append(self.spell(part)[0])
        names = [getattr(part, "name", None) for part in args]
        of_samples = [names[0] and names[0]._replace(layer=str(k)) for k in range(1, len(names) + 1)]
        return [words[0], dots, words[-1]] if len(names) > 4 and names == of_samples else words

    def _Part(self, x: Any) -> tuple[str, int]:
        return self.d.iverson(self.spell(x.args[0])[0]) + self.d.name(parse(""), time_text(x.args[2])), ATOM

    def _Backwards(self, x: Any) -> tuple[str, int]:
        return self.d.index(self.inside(x.args[0], POWER), "::-1, :" if x.args[1] == -2 else ":, ::-1"), ATOM

    def _Selection(self, x: Any) -> tuple[str, int]:
        base, rows, cols = x.args[0], x.args[1:3], x.args[3:5]
        said = [
            ":" if whole else f"{lo + 1}" if hi == lo + 1 else f"{lo + 1}:{hi}" for lo, hi, whole in x.places(rows, cols)
        ]
        return self.d.index(self.inside(base, POWER), ", ".join(said)), ATOM

    _Entry = _Selection

    def _LargestAt(self, x: Any) -> tuple[str, int]:
        said = self.spell(x.args[0])[0]
        return self.d.iverson(f"{said} = {self.d.function('max')}{self.d.bracket(said)}"), ATOM

    # -------------------------------------------------------------------------------------------- sums over paths

    def _Identity(self, x: Any) -> tuple[str, int]:
        return "I", ATOM

    def _StateJacobian(self, x: Any) -> tuple[str, int]:
        of, time, by, start, *_, kind = x.args
        above, below = (self.d.name(part.name, time_text(step)) for part, step in ((of, time), (by, start)))
        return self.d.derivative(self.d.plus if kind.name == "immediate" else "", above, below), ATOM

    def _StateProduct(self, x: Any) -> tuple[str, int]:
        term, index, lo, hi = x.args
        return self.d.product_over(str(index), time_text(lo), time_text(hi), self.spell(term)[0]), PRODUCT

    # ------------------------------------------------------------------------------------------------- components

    def _Indexed(self, x: Any) -> tuple[str, int]:
        return self.d.indexed(S.name_of(x.base.label), ",".join(map(self.place, x.indices))), ATOM

    def place(self, x: Any) -> str:
        """An index; one that is computed from others without blanks."""
        if x.is_Symbol or x.is_number or x.as_coeff_Add()[1].is_Symbol:
            return time_text(x)
        return self.spell(number_last(x))[0].replace(" ", "")

    def _ceiling(self, x: Any) -> tuple[str, int]:
        return self.d.ceiling(self.spell(x.args[0])[0]), ATOM

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
        signs = {">=": self.d.at_least, "<=": self.d.at_most.strip(), "==": "=", "!=": self.d.unequal}
        said = [f"{self.spell(p.lhs)[0]} {signs.get(p.rel_op, p.rel_op)} {self.spell(p.rhs)[0]}" for p in parts]
        return self.d.iverson(", ".join(said)), ATOM
