"""A module that computes a folded network with whole-sequence matrix products: forward pass, loss and gradients.

What the two ways to write it, `allocating` and `preallocated`, have in common.
"""

from __future__ import annotations

from ...engine import escapes
from ...engine.fold import Folded
from .buffers import Fresh
from .domains import FIRST, LAST, Place
from .module import Comments, Functions, Line, Results, Wanted
from .rows import Rows


class Whole(Functions):
    """The functions, as text. Raises Unwritable where the rows of different steps would be mixed."""

    def __init__(self, folded: Folded, results: Results, rooms: Fresh) -> None:
        super().__init__(folded, results)
        self.forward = self.schedule.behind([results.output.family.index])
        self.rows = Rows(self.schedule, self.names, rooms, self._fixed())

    def _fixed(self) -> set[int]:
        """The families that get rooms though they have no steps."""
        return set()

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring."""
        body = "\n\n\n".join("\n".join(lines) for lines in self.functions(comments))
        imports, body = self.imported(body)
        return f"{self.docstring(title)}\n\n{imports}\n\n\n{self.helpers(body)}{body}\n"

    def functions(self, comments: Comments) -> list[list[str]]:
        """The lines of each function."""
        raise NotImplementedError

    def imported(self, body: str) -> tuple[str, str]:
        """The imports, and the functions as they are with them."""
        return "import numpy as np", body

    def parts(self) -> tuple[list[Line], list[Line]]:
        """The lines of the forward pass, and the rest up to the loss and the gradients."""
        first: list[Line] = []
        rest: list[Line] = []
        for block in self.rows.blocks:
            (first if block.families[0].index in self.forward else rest).extend(block.lines)
        if self.results.loss is not None:
            returned = [
                f"{escapes.python(name)}: {self.returned(wanted)}" for name, wanted in self.results.gradients.items()
            ]
            rest.append(Line(f"return {self.returned(self.results.loss)}, " + "{" + ", ".join(returned) + "}"))
        return first, rest

    def ended(self, first: list[Line]) -> list[Line]:
        """The forward pass, with the output as what it returns."""
        result = self.returned(self.results.output)
        last = first[-1]
        if not last.text.startswith(f"{result} = "):
            return [*first, Line(f"return {result}")]
        return [*first[:-1], last._replace(text=f"return {self.owned(last.text.removeprefix(f'{result} = '))}")]

    def prepared(self, body: list[str], further: list[str]) -> list[str]:
        """`body` after what it needs: the weights, the data in their dtype, the sizes, and `further` lines."""
        sizes = self.sizes(body)
        converted = self.converted([*body, *sizes])
        return [*self.weights([*converted, *sizes, *body]), *converted, *self.given_numbers(body), *sizes, *further, *body]

    def returned(self, wanted: Wanted) -> str:
        """A result as it is handed over: never a room that is used again."""
        index = wanted.family.index
        if self.rows.span(index) is None:
            return self.names[index]
        lo, hi = (FIRST, LAST) if wanted.step is None else (wanted.step, wanted.step)
        rows = self.rows.whole(index, Place(lo, hi))
        if wanted.step is None:
            rows = f"{rows}.reshape(T, {', '.join(self.rows.dims(index))}).swapaxes(0, 1)"
        return self.owned(rows, True)

    def owned(self, result: str, room: bool = False) -> str:
        """A result that stays as it is when the function is called again; `room` says that it is a room or a part of one."""
        return result
