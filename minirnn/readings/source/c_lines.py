"""Expressions and loops as lines of C."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.entries import Apply, Count, Expr, Load, Var
from ...engine.sizes import Size
from .loops import Printer
from .lower import For, Local, Set

FUNCTIONS = {
    "exp", "tanh", "log", "log1p", "sqrt", "sin", "cos", "erf", "power", "maximum", "minimum", "sign", "square",
}  # fmt: skip
RESERVED = frozenset(
    """auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof linux unix
    main real vec loose pack put tile panel product outer outer_tile outer_panel outer_narrow sum_rows aligned sizes given
    room memory compute backward scale_by_power exponential_less_one nearest_ N T LANES PANEL ROWS BYTES UNROLL
    INDEPENDENT INLINE DOUBLE LIBM LOWEST HIGHEST LN2_HIGH LN2_LOW PER_LN2 TANH_IS_ONE NULL NAN INFINITY""".split()  # noqa: SIM905
) | {f"{name}_" for name in FUNCTIONS}


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
                return f"(real)({self.size(x.size)})"
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
        if name == "number":
            return f"(real)({self.text(args[0])})"
        if name not in FUNCTIONS:
            raise NotImplementedError(f"the function {name} has no form in C")
        return f"{name}_({', '.join(self.text(a) for a in args)})"

    def lines(self, code: list[Any]) -> list[str]:
        found: list[str] = []
        for node in code:
            if isinstance(node, Set):
                new = isinstance(node.target, Local) and node.target not in self.locals
                target, value = self.target(node.target), self.text(node.value)
                if node.kind == "max":
                    found.append(f"{target} = maximum_({target}, {value});")
                else:
                    found.append(f"{'real ' if new else ''}{target} {node.kind}= {value};")
            elif isinstance(node, For):
                var = node.var
                if var.size is not None and not _has_loops(node.body):  # of one step: no entry needs another
                    found.append("INDEPENDENT")
                name = self.indices[var] = self.index(var)
                if var.down:
                    start, stop = self.integer(var.stop - 1), self.integer(var.start)
                    found.append(f"for (long {name} = {start}; {name} >= {stop}; {name}--) {{")
                else:
                    start, stop = self.integer(var.start), self.integer(var.stop)
                    found.append(f"for (long {name} = {start}; {name} < {stop}; {name}++) {{")
                before = dict(self.locals)
                found += [f"    {line}" for line in self.lines(node.body)]
                self.locals = before
                found.append("}")
                del self.indices[var]
            elif isinstance(node, list):  # with numbers of its own
                before = dict(self.locals)
                inside = self.lines(node)
                own = any(isinstance(n, Set) and isinstance(n.target, Local) for n in node)
                found += ["{", *[f"    {line}" for line in inside], "}"] if own else inside
                self.locals = before
            elif callable(node):
                found += node()
            else:
                found.append(node)
        return found


def _has_loops(code: list[Any]) -> bool:
    return any(isinstance(node, For) or (isinstance(node, list) and _has_loops(node)) for node in code)
