"""A folded network as code to be read: arrays are made where they are needed, and a line reads like its equation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...engine.fold import Folded
from .buffers import Fresh
from .module import Comments, Line, Results, commented
from .python_text import fitted, function, used_in
from .vectorized import Whole

BY_STEP = '''def by_step(N, *arrays):
    """The rows of these arrays side by side, the N of one step after the other."""
    return list(zip(*(array.reshape(-1, N, array.shape[1]) for array in arrays)))'''


class Plain(Whole):
    """`run` computes what the way back needs, `forward` the output alone."""

    def __init__(self, folded: Folded, results: Results) -> None:
        super().__init__(folded, results, Fresh())

    def functions(self, comments: Comments) -> list[list[str]]:
        first, rest = self.parts()
        if self.results.loss is None:
            functions = [function("forward", self.given, "The output.", self._prepared(self.ended(first), comments))]
        else:
            functions = self._with_gradients(first, rest, comments)
        loops = "by_step(" in "".join(line for lines in functions for line in lines)
        return [BY_STEP.splitlines(), *functions] if loops else functions

    def _with_gradients(self, first: list[Line], rest: list[Line], comments: Comments) -> list[list[str]]:
        texts = [line.text for line in rest]
        made = [line.text.split(" = ")[0] for line in first if line.indent == 1]
        output = self.returned(self.results.output)
        kept = [name for name in dict.fromkeys(made) if name.isidentifier() and name != output and used_in(name, texts)]
        run = self._prepared([*first, Line(f"return {', '.join([*kept, output])}")], comments)
        name = output if output.isidentifier() and used_in(output, texts) else "_"
        results = ", ".join([*kept, name])
        body = self._prepared(rest, comments, fitted(f"{results} = {self.call('run')}"))
        return [
            function("run", self.given, "The forward pass: what the way back needs, and the output.", run),
            function("forward", self.given, "The output.", [f"return {self.call('run')}{'[-1]' if kept else ''}"]),
            function("loss_and_gradients", [*self.given, *self.targets], "The loss, and its gradients by name.", body),
        ]

    def _prepared(self, lines: list[Line], comments: Comments, further: list[str] | None = None) -> list[str]:
        names = [name for name in self.parameters if used_in(name, [line.text for line in lines])]
        dtype = f"{(names or self.parameters)[0]}.dtype"
        here = [line._replace(text=re.sub(r"(?<!\.)\bdtype\b", dtype, line.text)) for line in lines]
        return self.prepared(commented(here, comments), further or [])

    def sizes(self, body: list[str], given: Iterable[str] = ()) -> list[str]:
        return self.shapes(super().sizes(body, given))
