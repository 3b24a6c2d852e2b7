"""Named quantities at a time step as operands of SymPy, and sizes in its terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions import MatrixExpr

from ....engine.names import Name, parse
from ....engine.sizes import Size

t = sp.Symbol("t", integer=True)
T = sp.Symbol("T", integer=True, positive=True)
bound = sp.Symbol("t", integer=True, positive=True)  # the t of a sum over time, which shifting leaves alone


def no_matrix_form(op: str) -> Any:
    raise NotImplementedError(f"there is no matrix form for {op!r} yet: name the quantities before and after it")


@lru_cache(4096)
def size_symbol(size: Any) -> Any:
    """A `Size` in SymPy's terms: letters, numbers, and products and sums of them."""
    return sp.Add(
        *[
            sp.Mul(sp.Rational(factor.numerator, factor.denominator), *[_letter(name) for name in letters])
            for letters, factor in Size.of(size).terms.items()
        ]
    )


def _letter(name: str) -> Any:
    return T if name == "T" else sp.Symbol(name, integer=True, positive=True)


def size_of(dims: Sequence[Any]) -> tuple[Any, Any] | None:
    """Rows and columns of a quantity of these sizes; None of a number, and of what has more than two axes."""
    return rows_cols(dims) if 0 < len(dims) < 3 else None


def rows_cols(dims: Sequence[Any]) -> tuple[Any, Any]:
    if len(dims) > 2 or not dims:
        no_matrix_form(f"an array of {len(dims)} axes")
    rows, cols = (1, dims[0]) if len(dims) == 1 else dims
    return size_symbol(rows), size_symbol(cols)


class Printed:
    """SymPy's printers show these as our own printer does, which says how: it knows all of them."""

    _latex: Callable[..., str]
    _sympystr: Callable[..., str]


class Scalar(Printed, sp.Expr):
    """A number that is no matrix."""

    is_commutative = True


class LikeItsFirst(Printed, MatrixExpr):
    """A matrix as large as its first operand."""

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[0].shape


class Named(sp.Atom):
    """A `Name` as an operand of an expression."""

    __slots__ = ("name",)

    def __new__(cls, name: Name) -> Named:
        self = sp.Atom.__new__(cls)
        self.name = name
        return self

    def __getnewargs__(self) -> tuple[Name]:
        return (self.name,)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (repr(self.name),)  # SymPy compares it with others of its kind

    def sort_key(self, order: Any = None) -> Any:
        return self.class_key(), (1, (str(self.name),)), sp.S.One.sort_key(), sp.S.One

    def _sympystr(self, printer: Any, *args: Any, **kwargs: Any) -> str:
        return str(self.name)


class Label(sp.Symbol):
    """The name of an indexed quantity that is printed in another way than its key says."""

    __slots__ = ("quantity",)

    def __new__(cls, name: Name) -> Label:
        self = sp.Symbol.__xnew__(cls, str(name))
        self.quantity = name
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[Name], dict[str, Any]]:
        return (self.quantity,), {}


def label(name: Name) -> sp.Symbol:
    """The label of an indexed quantity: a plain symbol, where the key says how it is printed."""
    return sp.Symbol(str(name)) if parse(str(name)) == name else Label(name)


def name_of(label: sp.Symbol) -> Name:
    """The name of an indexed quantity."""
    return label.quantity if isinstance(label, Label) else parse(label.name)


def named(name: Any) -> Named:
    return name if isinstance(name, Named) else Named(parse(name) if isinstance(name, str) else name)


class Called(Printed):
    """What has its name first and its step last."""

    args: tuple[Any, ...]

    @property
    def name(self) -> Name:
        return self.args[0].name

    @property
    def time(self) -> Any:
        return None if isinstance(self.args[-1], sp.Tuple) else self.args[-1]


class Quantity(Called, MatrixExpr):
    """A named matrix, perhaps at a time step: Quantity("h", N, M, t - 1)."""

    def __new__(cls, name: Any, rows: Any, cols: Any, time: Any = None) -> Quantity:
        return MatrixExpr.__new__(cls, named(name), sp.sympify(rows), sp.sympify(cols), _time(time))

    @property
    def shape(self) -> tuple[Any, Any]:
        return self.args[1], self.args[2]


class ScalarQuantity(Called, Scalar):
    """A named number, perhaps at a time step: the loss."""

    def __new__(cls, name: Any, time: Any = None) -> ScalarQuantity:
        return sp.Expr.__new__(cls, named(name), _time(time))


def _time(time: Any) -> Any:
    return sp.Tuple() if time is None or time == sp.Tuple() else sp.sympify(time)


def quantity(name: str | Name, shape: tuple[Any, Any] | None, time: Any = None) -> Any:
    """The quantity of that name: a matrix of that shape, or a number if the shape is None."""
    return ScalarQuantity(name, time) if shape is None else Quantity(name, *shape, time)


@lru_cache(1024)
def linear(time: Any) -> tuple[int, int]:
    """The step `time` is slope * t + offset; t may be that of a sum over time."""
    symbol = t if time.has(t) else bound
    return int(time.coeff(symbol)), int(time.xreplace({symbol: sp.S.Zero}))


@lru_cache(1024)
def moves(x: Any) -> bool:
    """Whether it is another quantity at another step."""
    return bool(x.has(t, bound))


def shape_of(x: Any) -> tuple[Any, Any] | None:
    return x.shape if getattr(x, "is_Matrix", False) else None


class Sequence3(NamedTuple):
    """A whole sequence (N, T, D): no matrix; its steps are."""

    name: Name
    rows: Any
    cols: Any
    steps: Any
    backwards: bool = False


class Over(NamedTuple):
    """An operand for each step from lo to hi; `step` is the expression at step t; `down`: the last step comes first."""

    step: Any
    lo: Any
    hi: Any
    down: bool = False
