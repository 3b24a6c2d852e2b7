"""A module that computes a folded network with whole-sequence matrix products: rooms, forward pass, loss and gradients."""

from __future__ import annotations

import re

import numpy as np

from ..fold import Folded
from ..ops import leaf_op, stack
from .functions import Comments, Functions, Line, Results, Wanted, commented
from .lines import assigned, fitted, function, unpacked, used_in
from .rows import FIRST, LAST, Place, Rows, times


class Program(Functions):
    """The functions, as text. Raises Unwritable where the rows of different steps would be mixed."""

    def __init__(self, folded: Folded, results: Results) -> None:
        super().__init__(folded, results)
        self.forward = self.schedule.behind([results.output.family.index])
        self.rows = Rows(self.schedule, self.names, self._remembered())

    def _remembered(self) -> set[int]:
        """What the forward pass computes once, apart from the output, and the rest needs."""
        later = self.schedule.needed - self.forward
        found = set()
        for index in self.forward & self.schedule.kept - {self.results.output.family.index}:
            definition = self.folded.families[index].definitions[0]
            if definition.domain is None and definition.op is not leaf_op:
                found |= {index for user in self.schedule.users[index] if user in later}
        return found

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring."""
        functions = [self._arrays(comments), self._forward(comments)]
        if self.results.loss is not None:
            functions.append(self._loss_and_gradients(comments))
        body = "\n\n\n".join("\n".join(lines) for lines in functions)
        used = dict.fromkeys(d.op for i in sorted(self.schedule.needed) for d in self.folded.families[i].definitions)
        helpers = "".join(f"{op.helper}\n\n\n" for op in used if op.helper and f"{op.name}(" in body)
        ufuncs = sorted({name for name in re.findall(r"\bnp\.(\w+)\(", body) if isinstance(getattr(np, name), np.ufunc)})
        imports = f"import numpy as np\nfrom numpy import {', '.join(ufuncs)}" if ufuncs else "import numpy as np"
        body = re.sub(rf"\bnp\.({'|'.join(ufuncs)})\(", r"\1(", body) if ufuncs else body
        return f"{self.docstring(title)}\n\n{imports}\n\n\n{helpers}{body}\n"

    def _arrays(self, comments: Comments) -> list[str]:
        rows = self.rows
        made = []
        for names, room in rows.rooms_by_size():
            made += [f"# {comments[key]}" for name in names for key in rows.zeros.get(name, ()) if key in comments]
            shape = f"({room.rows}, {room.cols})" if room.cols else room.rows
            make = f"np.{'zeros' if room.zero else 'empty' if room.cols else 'ones'}"
            if room.step:
                height = times(str(len(names)), room.rows)
                targets = ", ".join(names) if len(names) > 1 else f"({names[0]},)"
                made.append(f"{targets} = steps({make}(({height}, {room.cols}), dtype))")
            elif len(names) > 1:
                made.append(f"{', '.join(names)} = {make}(({len(names)}, {shape[1:]}, dtype)")
            else:
                made.append(f"{names[0]} = {make}({shape}, dtype)")
        groups = [self._memory(lines) for lines in self._parts if lines]
        lists = [f"{name} = {text}" for name, text in rows.lists.items()]
        made += assigned([(n, t) for n, t in rows.views.items() if any(n in g for g in groups) or used_in(n, lists)])
        made += [line for text in lists for line in fitted(text)]
        if "steps(" in "".join(made):
            vectors = ["    # of a single sample, vectors: they multiply faster"] if rows.vectors else []
            each = "array.reshape(-1, N, array.shape[1])"
            each = f"array if N == 1 else {each}" if rows.vectors else each
            made = ["", "def steps(array):", *vectors, f"    return list({each})", "", *made]
        returned = [f"({', '.join(names)}{',' * (len(names) == 1)})" for names in groups]
        made += fitted(f"return ({', '.join(returned)}{',' * (len(groups) == 1)})")
        sizes = self.sizes(made)
        shapes = [
            line.replace(f"{name}.shape", f"np.shape({name})") for line in sizes for name in self.data if f"{name}.s" in line
        ]
        sizes = [*shapes, *(line for line in sizes if line.split(" = ")[1].partition(".")[0] not in self.data)]
        dtype = f"dtype = {self.parameters[0]}.dtype"
        body = [*self.weights([*sizes, dtype]), *sizes, dtype, *made]
        says = "Room for samples of this size, for the forward pass and for the rest."
        return function("arrays", ["params", *self.data], says, body)

    @property
    def _parts(self) -> tuple[list[Line], list[Line]]:
        """The lines of the forward pass, and the rest."""
        first: list[Line] = []
        rest: list[Line] = []
        for block in self.rows.blocks:
            (first if block.families[0].index in self.forward else rest).extend(block.lines)
        stacked = self.results.output.family.definitions[0].op is stack
        result = self._returned(self.results.output)
        if first[-1].text.startswith(f"{result} = "):
            first[-1] = first[-1]._replace(text=f"return {first[-1].text.removeprefix(f'{result} = ')}{'.copy()' * stacked}")
        else:
            first.append(Line(f"return {result}"))
        if self.results.loss is not None:
            returned = [f'"{name}": {self._returned(wanted)}' for name, wanted in self.results.gradients.items()]
            rest.append(Line(f"return {self.names[self.results.loss.index]}, " + "{" + ", ".join(returned) + "}"))
        return first, rest

    def _memory(self, lines: list[Line]) -> list[str]:
        """The names of what is made beforehand and used in these lines."""
        known = [*self.rows.rooms, *self.rows.views, *self.rows.lists]
        return [name for name in known if used_in(name, [line.text for line in lines])]

    def _forward(self, comments: Comments) -> list[str]:
        lines, _ = self._parts
        memory = unpacked("{} = (memory or " + self.call("arrays") + ")[0]", self._memory(lines))
        body = self._prepared(commented(lines, comments), memory)
        return function("forward", [*self.given, "memory=None"], "The output.", body)

    def _loss_and_gradients(self, comments: Comments) -> list[str]:
        _, lines = self._parts
        body = commented(lines, comments)
        output = self.names[self.results.output.family.index]
        needed = used_in(output, body) and output not in self._memory(lines)
        memory = [
            f"memory = memory or {self.call('arrays')}",
            (f"{output} = " if needed else "") + self.call("forward", "memory"),
            *unpacked("{} = memory[1]", self._memory(lines)),
        ]
        says = "The loss, and its gradients by name."
        arguments = [*self.given, *self.targets, "memory=None"]
        return function("loss_and_gradients", arguments, says, self._prepared(body, memory))

    def _prepared(self, body: list[str], memory: list[str]) -> list[str]:
        """`body` after what it needs: the weights, the data in their dtype, the sizes, the rooms."""
        sizes = self.sizes(body)
        converted = self.converted([*body, *sizes])
        return [*self.weights([*converted, *sizes, *body]), *converted, *self.given_numbers(body), *sizes, *memory, *body]

    def _returned(self, wanted: Wanted) -> str:
        """A result as it is handed over: never a room that is used again."""
        index = wanted.family.index
        if self.rows.span(index) is None:
            return self.names[index]
        lo, hi = (FIRST, LAST) if wanted.step is None else (wanted.step, wanted.step)
        rows = self.rows.whole(index, Place(lo, hi))
        if wanted.step is not None:
            return f"{rows}.copy()"
        return f"{rows}.reshape(T, {', '.join(self.rows.dims(index))}).swapaxes(0, 1).copy()"
