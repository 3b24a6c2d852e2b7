"""Arithmetic and functions entry by entry: one row each, with all that is to be known of it.

The rules are ordinary vector-Jacobian products (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3), written
with the operations themselves, so that a backward pass is more graph. g is the cotangent of the result y.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import entries
from ..graph import Primitive
from ..rules import EACH, Vjp
from .leaves import zeros

# ------------------------------------------------------------------------------------------------------- arithmetic


def _operation(
    name: str, numpy: str, vjp: tuple[Vjp | None, ...], sympy: Any, label: str, ufunc: str = "", entry: Any = EACH
) -> Primitive:
    """An operation of one or two operands of one shape; `ufunc` is NumPy's, with its arguments."""
    into = f"np.{ufunc[:-1]}, {{out}})" if ufunc else None
    return Primitive(name, numpy, vjp, sympy, label, rows=tuple(range(len(vjp))), into=into, entry=entry)


add: Primitive = _operation(
    "add", "{0} + {1}", (lambda g, y, a, b: g, lambda g, y, a, b: g), lambda S, a, b: S.add(a, b), "+", "add({0}, {1})"
)
subtract: Primitive = _operation(
    "subtract",
    "{0} - {1}",
    (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    lambda S, a, b: S.add(a, S.scale(-1, b)),
    "−",
    "subtract({0}, {1})",
)
multiply: Primitive = _operation(
    "multiply",
    "{0} * {1}",
    (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    lambda S, a, b: S.hadamard(a, b),
    "⊙",
    "multiply({0}, {1})",
)
divide: Primitive = _operation(
    "divide",
    "{0} / {1}",
    (lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y / b)),
    lambda S, a, b: S.quotient(a, b),
    "⊘",
    "divide({0}, {1})",
)
negative: Primitive = _operation(
    "negative", "-{0}", (lambda g, y, x: -g,), lambda S, x: S.scale(-1, x), "−", "negative({0})"
)
scale: Primitive = _operation(
    "scale", "{p} * {0}", (lambda g, y, x, p: scale(g, p=p),), lambda S, x, p: S.scale(p, x), "{p:g} ·", "multiply({0}, {p})"
)
divided: Primitive = _operation(  # by a number, or by a size such as N
    "divided", "{0} / {p}", (lambda g, y, x, p: divided(g, p=p),), lambda S, x, p: S.scale(S.reciprocal(p), x), "÷ {p}"
)
shift: Primitive = _operation(
    "shift", "{0} + {q}", (lambda g, y, x, q: g,), lambda S, x, q: S.add(x, S.full_like(q, x)), "+ {q:g}", "add({0}, {q})"
)
complement: Primitive = _operation(
    "complement",
    "{q} - {0}",
    (lambda g, y, x, q: -g,),
    lambda S, x, q: S.add(S.full_like(q, x), S.scale(-1, x)),
    "{q:g} −",
    "subtract({q}, {0})",
)
inverse: Primitive = _operation(
    "inverse", "{q} / {0}", (lambda g, y, x, q: -(g * y / x),), lambda S, x, q: S.quotient(S.full_like(q, x), x), "{q:g} ÷"
)
square: Primitive = _operation(
    "square", "{0} ** 2", (lambda g, y, x: g * scale(x, p=2),), lambda S, x: S.power(x, 2), "( )²", "square({0})"
)
power: Primitive = _operation(
    "power",
    "{0} ** {p}",
    (lambda g, y, x, p: g * scale(power(x, p=p - 1), p=p) if p != 2 else g * scale(x, p=2),),
    lambda S, x, p: S.power_of(x, p),
    "( )ᵖ",
)
cast: Primitive = _operation(
    "cast", "{0}.astype({dtype})", (lambda g, y, x, dtype: cast(g, dtype=x.dtype.name),), lambda S, x, dtype: x, "dtype"
)
cut: Primitive = _operation(
    "cut", "{0}.real", (None,), lambda S, x: x, "✂"
)  # the value alone: no cotangent passes, no complex step

# ------------------------------------------------------------------------------------------------------- functions


class Function(NamedTuple):
    """What readings know of a function of every entry, beside its operation."""

    op: Primitive
    entry: Callable[..., Any]  # ``entry(S, z, *numbers)``: of one entry z, in SymPy's own functions: a second definition
    latex: str
    text: str
    javascript: str | None  # the function of Math that it is; None: the page has its own
    ufunc: str | None  # the function of NumPy that it is


FUNCTIONS: dict[str, Function] = {}


def is_entrywise(op: Primitive) -> bool:
    """Whether it computes entry by entry, of arrays of any number of axes."""
    return op.entry == EACH or op.name in FUNCTIONS


def function(
    name: str,
    numpy: str,
    slope: Vjp | None,
    entry: Callable[..., Any],
    label: str = "",
    *,
    latex: str = "",
    text: str = "",
    javascript: str | None = None,
    into: str | None = None,
    helper: str = "",
    scalar: Callable[..., Any] | None = None,
) -> Primitive:
    """A function of every entry: ``slope(g, y, x, **numbers)`` is g times its derivative at x, where y is its value."""
    plain = re.fullmatch(r"np\.(\w+)\(\{0\}\)", numpy)
    ufunc = plain[1] if plain else None
    into = f"np.{ufunc}({{0}}, {{out}})" if ufunc else into

    def form(S: Any, x: Any, **numbers: Any) -> Any:
        return S.entrywise(name, x, *numbers.values())

    op = Primitive(name, numpy, (slope,), form, label or name, rows=(0,), into=into, helper=helper, entry=scalar or EACH)
    FUNCTIONS[name] = Function(op, entry, latex or rf"\operatorname{{{name}}}", text or name, javascript or ufunc, ufunc)
    return op


exp: Primitive = function("exp", "np.exp({0})", lambda g, y, x: g * y, lambda S, z: S.sp.exp(z), latex=r"\exp")
log: Primitive = function("log", "np.log({0})", lambda g, y, x: g / x, lambda S, z: S.sp.log(z), latex=r"\log")
tanh: Primitive = function(
    "tanh", "np.tanh({0})", lambda g, y, x: g * (1 - square(y)), lambda S, z: S.sp.tanh(z), latex=r"\tanh"
)
sin: Primitive = function("sin", "np.sin({0})", lambda g, y, x: g * cos(x), lambda S, z: S.sp.sin(z))
cos: Primitive = function("cos", "np.cos({0})", lambda g, y, x: -(g * sin(x)), lambda S, z: S.sp.cos(z))
sqrt: Primitive = function("sqrt", "np.sqrt({0})", lambda g, y, x: g / scale(y, p=2), lambda S, z: S.sp.sqrt(z), "√")
sigmoid: Primitive = function(
    "sigmoid",
    "1 / (1 + np.exp(-{0}))",
    lambda g, y, x: g * y * (1 - y),
    lambda S, z: 1 / (1 + S.sp.exp(-z)),
    "σ",
    latex=r"\sigma",
    text="σ",
)
softplus: Primitive = function(
    "softplus",
    "softplus({0})",
    lambda g, y, x: g * sigmoid(x),
    lambda S, z: S.sp.log(1 + S.sp.exp(z)),
    helper="""def softplus(x):
    # log(1 + exp(x)), so that exp cannot overflow
    return np.maximum(x, 0) + np.log1p(np.exp(-x * np.sign(x.real)))""",
)
erf: Primitive = function(
    "erf",
    "erf({0})",
    lambda g, y, x: g * scale(exp(-square(x)), p=2 / math.sqrt(math.pi)),
    lambda S, z: S.sp.erf(z),
    helper="""def erf(x):
    # by its sine series, exact to rounding (Strecok, 1968); from 6 on it is 1 to rounding
    n = np.arange(1, 38)
    near = np.where(np.abs(x) < 6, x, 6 * np.sign(x.real))
    series = np.sin(near[..., np.newaxis] * n / 2.5) @ (np.exp(-n * n / 25) / n)
    return (2 / np.pi * (near / 5 + series)).astype(x.dtype)""",
    scalar=lambda i, x: entries.Apply("erf", (x[i],)),
)
relu: Primitive = function(
    "relu",
    "np.maximum({0}, 0)",
    lambda g, y, x: g * positive(x),
    lambda S, z: S.sp.Max(0, z, evaluate=False),
    into="np.maximum({0}, 0, out={out})",
)
absolute: Primitive = function(
    "abs",
    "{0} * np.sign({0}.real)",  # as np.abs, and analytic, so that a complex step can witness it
    lambda g, y, x: g * sign(x),
    lambda S, z: S.sp.Max(z, -z, evaluate=False),
    "| |",
    javascript="abs",
)
clip: Primitive = function(
    "clip",
    "np.clip({0}, {low}, {high})",
    lambda g, y, x, low, high: g * inside(x, low=low, high=high),
    lambda S, z, low, high: S.sp.Min(S.sp.Max(z, low, evaluate=False), high, evaluate=False),
)

# What is constant almost everywhere: nothing flows back through it.
positive: Primitive = function("positive", "({0} > 0).astype({0}.dtype)", None, lambda S, z: S.Iverson(z > 0), "> 0")
sign: Primitive = function("sign", "np.sign({0}.real).astype({0}.dtype)", None, lambda S, z: S.sp.sign(z), javascript="sign")
inside: Primitive = function(
    "inside",
    "(({0} >= {low}) & ({0} <= {high})).astype({0}.dtype)",
    None,
    lambda S, z, low, high: S.Iverson(S.sp.And(z >= low, z <= high)),
)

# ------------------------------------------------------------------------------------- comparisons, and what they choose


def _larger(S: Any, a: Any, b: Any) -> Any:
    return S.entrywise("positive", S.add(a, S.scale(-1, b)))


def _not_larger(S: Any, a: Any, b: Any) -> Any:
    found = _larger(S, a, b)
    return S.add(S.ones_like(found), S.scale(-1, found))


def _choice(S: Any, c: Any, a: Any, b: Any) -> Any:
    return S.add(S.hadamard(c, a), S.hadamard(S.add(S.ones_like(c), S.scale(-1, c)), b))


# 1 where they hold, else 0; nothing flows back through them.
greater: Primitive = _operation("greater", "{0} > {1}", (None, None), lambda S, a, b: _larger(S, a, b), ">")
less: Primitive = _operation("less", "{0} < {1}", (None, None), lambda S, a, b: _larger(S, b, a), "<")
at_least: Primitive = _operation("at_least", "{0} >= {1}", (None, None), lambda S, a, b: _not_larger(S, b, a), "≥")
at_most: Primitive = _operation("at_most", "{0} <= {1}", (None, None), lambda S, a, b: _not_larger(S, a, b), "≤")
equal: Primitive = _operation(
    "equal",
    "{0} == {1}",
    (None, None),
    lambda S, a, b: S.hadamard(_not_larger(S, a, b), _not_larger(S, b, a)),
    "=",
    entry=lambda i, a, b: (a[i] >= b[i]) & (a[i] <= b[i]),  # == of expressions would ask whether they are the same
)


numbers: Primitive = Primitive(
    "numbers",  # of a condition, in the precision of {1}
    "{0}.astype({1}.dtype)",
    (None, None),
    lambda S, condition, like: condition,
    "1 or 0",
    rows=(0, 1),
    entry=lambda i, condition, like: entries.choice(condition[*i], 1, 0),
)

maximum: Primitive = _operation(  # of equal ones the first is taken
    "maximum",
    "np.maximum({0}, {1})",
    (lambda g, y, a, b: g * numbers(at_least(a, b), g), lambda g, y, a, b: g * numbers(less(a, b), g)),
    lambda S, a, b: S.no_matrix_form("max"),
    "max",
)
minimum: Primitive = _operation(
    "minimum",
    "np.minimum({0}, {1})",
    (lambda g, y, a, b: g * numbers(at_most(a, b), g), lambda g, y, a, b: g * numbers(greater(a, b), g)),
    lambda S, a, b: S.no_matrix_form("min"),
    "min",
)
where: Primitive = Primitive(
    "where",
    "np.where({0}, {1}, {2})",
    (None, lambda g, y, c, a, b: where(c, g, zeros(g)), lambda g, y, c, a, b: where(c, zeros(g), g)),
    _choice,
    "where",
    rows=(0, 1, 2),
    entry=EACH,
)
