"""An equation with the steps for which it holds, and all of them together, in every format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import sympy as sp

from ...engine.domains import Domain
from ...engine.fold import Folded
from ...engine.names import parse, slug
from ...files import StrPath, demand_writable, write_whole
from ...system import Suggests, choices
from . import matrix as S
from .build import time_of
from .dialects import time_text
from .documents import aligned, document, environment, frames, sides, typeset, unique
from .printer import latex, text
from .text_blocks import columns, padded


@dataclass(frozen=True)
class Equation:
    """lhs = rhs for the steps of `domain` (None: no steps), with the largest relative error against the traced values.

    Of a run in float32 it is that of the same run in float64: how well the equation holds, and not how it is rounded.
    """

    lhs: Any
    rhs: Any
    domain: Domain | None
    residual: float
    name: str
    numbers_latex: tuple[str, ...] = ()  # rows of an align
    numbers_text: str = ""
    other_index: tuple[str, str, str] | None = None  # (k, 1, T) where it holds for an index other than t
    samples: int = 0  # the number of samples i for which it holds, each with quantities of its own

    @property
    def sympy(self) -> sp.Eq:
        """The equation as SymPy's Eq."""
        return sp.Eq(self.lhs, self.rhs, evaluate=False)

    @property
    def body(self) -> str:
        """The equation as LaTeX, without the steps it holds for and without numbers."""
        return f"{latex(self.lhs)} = {latex(self.rhs)}"

    @property
    def rows(self) -> list[str]:
        """The equation as rows of an ``align``, none wider than the text of an article."""
        return [*sides(self.lhs, self.rhs, self.where_latex), *self.numbers_latex]

    @property
    def latex(self) -> str:
        """The equation as LaTeX, with the steps it holds for, and with its numbers."""
        if self.numbers_latex:
            return environment("aligned", self.rows)
        return self.body + (rf" \qquad {self.where_latex}" if self.where_latex else "")

    @property
    def where_latex(self) -> str:
        """The steps for which it holds, as LaTeX; nothing where the left side says it."""
        return self._where(r",\ldots,")

    @property
    def is_derivative(self) -> bool:
        """Whether it is part of the way back: of a derivative."""
        return parse(self.name).of is not None

    @property
    def label(self) -> str:
        """A label for LaTeX: h, dL-dh, with the step where there is one (dL-dh-T)."""
        step = getattr(self.lhs, "time", None)
        if self.domain is not None and self.domain.lo == self.domain.hi:
            step = time_of(self.domain.lo)
        tail = "" if step is None or step.has(S.t) else "-" + time_text(step)
        return f"{slug(self.lhs.name) if hasattr(self.lhs, 'name') else 'path'}{tail}"

    def _where(self, between: str) -> str:
        found = []
        if self.other_index is not None:
            found.append(self.other_index)
        elif self.domain is not None and self.domain.lo != self.domain.hi:
            found.append(("t", time_text(time_of(self.domain.lo)), time_text(time_of(self.domain.hi))))
        if self.samples:
            found.append(("i", "1", str(self.samples)))
        return ", ".join(f"{index}={lo}{between}{hi}" for index, lo, hi in found)

    def __str__(self) -> str:
        where = self._where("..")
        line = f"{text(self.lhs)} = {text(self.rhs)}" + (f"    ({where})" if where else "")
        return line + (f"\n{self.numbers_text}" if self.numbers_text else "")

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


class Equations(Suggests):
    """The equations in the order of the code: forward, backward, then the gradients of the parameters."""

    def __init__(self, equations: list[Equation], folded: Folded) -> None:
        self._equations, self.folded = equations, folded

    def __iter__(self) -> Iterator[Equation]:
        return iter(self._equations)

    def __len__(self) -> int:
        return len(self._equations)

    @overload
    def __getitem__(self, place: int) -> Equation: ...
    @overload
    def __getitem__(self, place: slice | str) -> Equations: ...

    def __getitem__(self, place: int | slice | str) -> Equation | Equations:
        """The equation at a place; those of a slice; those of a quantity by its name, "h" or "dL/dh"."""
        if isinstance(place, str):
            found = [e for e in self if e.name == place]
            if not found:
                raise KeyError(f"no equation of {place!r}{choices(place, dict.fromkeys(e.name for e in self))}")
            return Equations(found, self.folded)
        one = self._equations[place]
        return Equations(one, self.folded) if isinstance(one, list) else one

    @property
    def residual(self) -> float:
        """The largest residual of all."""
        return max((e.residual for e in self), default=0.0)

    @property
    def sympy(self) -> list[sp.Eq]:
        """All of them as SymPy's Eq."""
        return [e.sympy for e in self]

    def labels(self, prefix: str = "eq") -> list[str]:
        """A label for each, for LaTeX: eq:h."""
        return unique([f"{prefix}:{e.label}" for e in self])

    def latex(self, labels: bool = False, prefix: str = "eq") -> str:
        """All of them as one ``align*`` environment for amsmath; with `labels`, ``align`` and a label on each."""
        return aligned([e.rows for e in self], self.labels(prefix) if labels else [])

    def slides(self, prefix: str = "eq") -> str:
        """All of them as frames of Beamer, forward and backward, as many on each as fit."""
        labelled = list(zip(self, self.labels(prefix)))
        found: list[str] = []
        for title, backward in (("Forward", False), ("Backward", True)):
            part = [(e.rows, label) for e, label in labelled if e.is_derivative == backward]
            found += frames(title, *zip(*part)) if part else []
        return "\n".join(found)

    def to_tex(self, path: StrPath, fragment: bool = False, slides: bool = False, prefix: str = "eq") -> Path:
        """Write a complete LaTeX document that needs amsmath alone.

        - `path`: where
        - `fragment`: without the document around it, for ``\\input`` in your own
        - `slides`: as frames of Beamer
        - `prefix`: of the labels, eq:h, for ``\\eqref`` or cleveref's ``\\cref``: another for each network of a paper
        """
        demand_writable(path)
        body = self.slides(prefix) if slides else self.latex(True, prefix)
        kind = ("beamer", "") if slides else ("article", "\n\\allowdisplaybreaks")
        write_whole(path, (f"{body}\n" if fragment else document(*kind, body)).encode())
        return Path(path)

    def markdown(self) -> str:
        """One ``$$`` block for each equation."""
        return "\n\n".join(f"$$\n{e.latex}\n$$" for e in self)

    def mathml(self) -> str:
        """One MathML element for each equation, on lines of their own."""
        import math_core

        converter = math_core.LatexToMathML()
        return "\n".join(converter.convert_with_local_state(e.latex, displaystyle=True) for e in self)

    def __str__(self) -> str:
        lines = [str(e).split("\n", 1) for e in self]
        width = max((columns(first) for first, *_ in lines), default=0)
        firsts = [f"{padded(first, width)}    residual {e.residual:.1e}" for (first, *_), e in zip(lines, self)]
        return "\n".join("\n".join([first, *rest]) for first, (_, *rest) in zip(firsts, lines))

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return typeset([e.rows for e in self])
