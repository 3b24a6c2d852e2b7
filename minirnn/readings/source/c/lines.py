"""Expressions and loops as lines of C."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....engine.entries import Apply, Count, Expr, Load, Var
from ....engine.sizes import Size
from ..scalars.lower import For, Local, Set
from ..scalars.printer import Printer

FUNCTIONS = {
    "exp", "tanh", "log", "log1p", "sqrt", "sin", "cos", "erf", "power", "maximum", "minimum", "sign", "square", "rint",
    "floor", "ceil", "trunc",
}  # fmt: skip
RESERVED = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof linux unix
    main real vec loose pack put tile panel product outer outer_tile outer_panel outer_narrow sum_rows aligned sizes given
    room memory compute backward compute_block block_memory lengths_of of samples scale_by_power
    exponential_less_one nearest_ N T LANES PANEL ROWS BYTES UNROLL WIDTH SHARES ENOUGH THREADS network Network
    INDEPENDENT INLINE DOUBLE LIBM LOWEST HIGHEST LN2_HIGH LN2_LOW PER_LN2 TANH_IS_ONE NULL NAN INFINITY""".split()  # noqa: SIM905
) | {f"{name}_" for name in FUNCTIONS}


SAMPLES = "samples"  # how many there are in all; N are those of a block


def of_all(size: Size) -> Size:
    """The size for all samples, as a value."""
    return Size({tuple(SAMPLES if x == "N" else x for x in letters): n for letters, n in size.terms.items()}, size.n)


class C(Printer):
    """Lines of C."""

    words = {"and": "&&", "or": "||", "//": "/"}

    def __init__(self, names: dict[int, str], timed: set[int], dtype: np.dtype) -> None:
        """`timed` arrays have an axis of steps."""
        super().__init__(names, {*names.values(), *RESERVED})
        self.timed, self.dtype, self.whole = timed, dtype, False

    def number(self, value: Any) -> str:
        if self.whole:
            return str(int(value))
        if isinstance(value, float) and not np.isfinite(value):
            return "NAN" if value != value else "INFINITY" if value > 0 else "-INFINITY"
        return f"{float(value)!r}{'f' if self.dtype == np.float32 else ''}"

    def text(self, x: Expr, around: int = 0) -> str:
        if not self.whole:
            if isinstance(x, Count):
                return f"(real)({self.size(of_all(x.size))})"
            if isinstance(x, Var):
                return f"(real){self.indices[x]}"
            if isinstance(x, Apply) and x.op in ("//", "%"):
                return f"(real)({self.integer(x)})"
        return super().text(x, around)

    def integer(self, x: Expr, around: int = 0) -> str:
        """The text of an index or of a length."""
        before, self.whole = self.whole, True
        try:
            return self.text(x, around)
        finally:
            self.whole = before

    def size(self, size: Size) -> str:
        return super().size(size).replace("//", "/")

    def load(self, x: Load) -> str:
        index = [*([x.step] if x.step is not None and x.array in self.timed else []), *x.index]
        return self.names[x.array] + ("".join(f"[{self.integer(i)}]" for i in index) or "[0]")

    def where(self, condition: Expr, a: Expr, b: Expr) -> str:
        return f"{self.text(condition, 1)} ? {self.text(a, 1)} : {self.text(b)}"

    def call(self, name: str, args: tuple[Expr, ...]) -> str:
        if name == "share":
            return f"((real)N / {SAMPLES})"
        if name == "number":
            return f"(real)({self.text(args[0])})"
        if name not in FUNCTIONS:
            raise NotImplementedError(f"the function {name} has no form in C")
        return f"{name}_({', '.join(self.text(a) for a in args)})"

    def assignment(self, target: str, value: str, kind: str, new: bool) -> str:
        if kind == "max":
            return f"{target} = maximum_({target}, {value});"
        return f"{'real ' * new}{target} {kind}= {value};"

    def loop(self, node: For) -> tuple[list[str], list[str]]:
        var, name = node.var, self.indices[node.var]
        start, stop = (self.integer(end) for end in ((var.stop - 1, var.start) if var.down else (var.start, var.stop)))
        way = f"{name} >= {stop}; {name}--" if var.down else f"{name} < {stop}; {name}++"
        free = var.size is not None and not _has_loops(node.body)  # of one step: no entry needs another
        return [*["INDEPENDENT"] * free, f"for (long {name} = {start}; {way}) {{"], ["}"]

    def block(self, code: list[Any]) -> list[str]:
        inside = self.lines(code)
        own = any(isinstance(node, Set) and isinstance(node.target, Local) for node in code)
        return ["{", *[f"    {line}" for line in inside], "}"] if own else inside


def _has_loops(code: list[Any]) -> bool:
    return any(isinstance(node, For) or (isinstance(node, list) and _has_loops(node)) for node in code)
