"""A folded network as code to be run again and again: every array, view and list of steps is made beforehand and kept."""

from __future__ import annotations

import re

import numpy as np

from ...engine.fold import Folded
from ...engine.ops import leaf_op, stack
from .buffers import Kept
from .domains import times
from .module import Comments, Line, Results, commented
from .python_text import assigned, fitted, function, unpacked, used_in
from .vectorized import Whole


class Fast(Whole):
    """`arrays` makes room for data of one size, in which `forward` and `loss_and_gradients` compute."""

    def __init__(self, folded: Folded, results: Results) -> None:
        self.rooms, self._ufuncs = Kept(), set[str]()
        super().__init__(folded, results, self.rooms)

    def _fixed(self) -> set[int]:
        """What the forward pass computes once, apart from the output, and the rest needs."""
        later = self.schedule.needed - self.forward
        found = set()
        for index in self.forward & self.schedule.kept - {self.results.output.family.index}:
            definition = self.folded.families[index].definitions[0]
            if definition.domain is None and definition.op is not leaf_op:
                found |= {index for user in self.schedule.users[index] if user in later}
        return found

    def functions(self, comments: Comments) -> list[list[str]]:
        first, rest = ([line._replace(text=self._bare(line.text)) for line in lines] for lines in self.parts())
        first = self.ended(first)
        functions = [self._arrays(first, rest, comments), self._forward(first, comments)]
        return functions if self.results.loss is None else [*functions, self._loss_and_gradients(rest, comments)]

    def imported(self, body: str) -> tuple[str, str]:
        return "import numpy as np" + bool(self._ufuncs) * f"\nfrom numpy import {', '.join(sorted(self._ufuncs))}", body

    def _bare(self, text: str) -> str:
        """Ufuncs are called without np: they are imported by name."""
        found = [name for name in re.findall(r"\bnp\.(\w+)\(", text) if isinstance(getattr(np, name), np.ufunc)]
        self._ufuncs.update(found)
        return re.sub(rf"\bnp\.({'|'.join(found)})\(", r"\1(", text) if found else text

    def owned(self, result: str, room: bool = False) -> str:
        stacked = self.results.output.family.definitions[0].op is stack
        return f"{result}.copy()" if room or stacked else result

    def _arrays(self, first: list[Line], rest: list[Line], comments: Comments) -> list[str]:
        rooms, made = self.rooms, []
        for names, room in rooms.by_size():
            zeros = [(f.index, d.serial) for name in names for f, d in rooms.zeros.get(name, ())]
            made += [f"# {comments[key]}" for key in zeros if key in comments]
            if room.step:
                height = times(str(len(names)), room.rows)
                targets = ", ".join(names) if len(names) > 1 else f"({names[0]},)"
                made += fitted(f"{targets} = steps({room.made}(({height}, {room.cols}), dtype))")
            elif len(names) > 1:
                made += fitted(f"{', '.join(names)} = {room.made}(({len(names)}, {room.shape[1:]}, dtype)")
            else:
                made.append(f"{names[0]} = {room.made}({room.shape}, dtype)")
        groups = [self._memory(lines) for lines in (first, rest) if lines]
        lists = [f"{name} = {text}" for name, text in rooms.lists.items()]
        made += assigned([(n, t) for n, t in rooms.views.items() if any(n in g for g in groups) or used_in(n, lists)])
        made += [line for text in lists for line in fitted(text)]
        if "steps(" in "".join(made):
            vectors = ["    # of a single sample, vectors: they multiply faster"] if self.rows.vectors else []
            each = "array.reshape(-1, N, array.shape[1])"
            each = f"array if N == 1 else {each}" if self.rows.vectors else each
            made = ["", "def steps(array):", *vectors, f"    return list({each})", "", *made]
        returned = [f"({', '.join(names)}{',' * (len(names) == 1)})" for names in groups]
        made += fitted(f"return ({', '.join(returned)}{',' * (len(groups) == 1)})")
        sizes = self.shapes(self.sizes(made))
        dtype = f"dtype = {self.parameters[0]}.dtype"
        body = [*self.weights([*sizes, dtype]), *sizes, dtype, *made]
        says = "Room for samples of this size, for the forward pass and for the rest."
        return function("arrays", ["params", *self.data], says, body)

    def _memory(self, lines: list[Line]) -> list[str]:
        """The names of what is made beforehand and used in these lines."""
        known = [*self.rooms.rooms, *self.rooms.views, *self.rooms.lists]
        return [name for name in known if used_in(name, [line.text for line in lines])]

    def _forward(self, lines: list[Line], comments: Comments) -> list[str]:
        memory = unpacked("{} = (memory or " + self.call("arrays") + ")[0]", self._memory(lines))
        body = self.prepared(commented(lines, comments), memory)
        return function("forward", [*self.given, "memory=None"], "The output.", body)

    def _loss_and_gradients(self, lines: list[Line], comments: Comments) -> list[str]:
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
        return function("loss_and_gradients", arguments, says, self.prepared(body, memory))
