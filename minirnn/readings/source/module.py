"""What the functions of a module have in common: the arguments they take, the weights and sizes they begin with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ...engine import escapes
from ...engine.fold import Definition, Family, Fixed, Folded
from ...engine.names import Role
from ...engine.ops import leaf_op
from .python_text import WIDTH, assigned, fitted, letter, python_names, step_name, used_in
from .schedule import Schedule

OF_ONE_SIZE = "For arrays of these shapes, as the function was traced."
LONGEST_COMMENT = 140
LONGEST = 64  # entries of a constant that are written out
Comments = dict[tuple[int, int], str]  # what a definition says, by family and serial number


class Wanted(NamedTuple):
    """A gradient: a family, at one of its steps or at all."""

    family: Family
    step: Fixed | None = None


class Results(NamedTuple):
    """What a program computes: families of a fold, the gradients by the name under which they are returned."""

    outputs: list[Wanted]
    inputs: dict[int, str | None]  # the data: serial numbers of leaves, and what they are called
    loss: Wanted | None = None
    gradients: dict[str, Wanted] = {}

    @property
    def output(self) -> Wanted:
        """The only output. NotImplementedError if there are several."""
        if len(self.outputs) > 1:
            raise NotImplementedError(f"a model with {len(self.outputs)} outputs has no source in this form")
        return self.outputs[0]

    @property
    def families(self) -> list[Family]:
        """All that is wanted."""
        outputs = [wanted.family for wanted in self.outputs]
        gradients = [wanted.family for wanted in self.gradients.values()]
        return outputs if self.loss is None else [*outputs, self.loss.family, *gradients]


class Line(NamedTuple):
    """A line of code and the definitions it computes."""

    text: str
    indent: int = 1
    about: tuple[tuple[Family, Definition], ...] = ()


class Functions:
    """The arguments of the functions that compute `results`: parameters, data, targets, by their names in Python."""

    def __init__(self, folded: Folded, results: Results, shapes: bool = False) -> None:
        self.folded, self.results = folded, results
        self.schedule = Schedule(folded, results.families, shapes)
        self.leaves = [
            (family, definition)
            for family in folded.families
            for definition in family.definitions
            if family.index in self.schedule.needed and definition.op is leaf_op
        ]
        self.name_families()

    def name_families(self) -> None:
        """Choose the names in Python of all that is computed and stored."""
        called = {f.index: self.results.inputs.get(d.serial) for f, d in self.leaves}
        self.names = python_names(self.schedule, [wanted.family for wanted in self.results.outputs], called)
        by_serial = {definition.serial: self.leaf_name(family, definition) for family, definition in self.leaves}
        self.data = [by_serial.get(serial, f"unused_{i}") for i, serial in enumerate(self.results.inputs)]
        self.targets = self._arguments(Role.TARGET)
        self.parameters = self._arguments(Role.PARAMETER)
        self.keys = {self.leaf_name(f, d): str(f.name) for f, d in self.leaves}
        arguments = {*self.data, *self.targets, *self.parameters}
        self.constants = {self.leaf_name(f, d): f for f, d in self.leaves if self.leaf_name(f, d) not in arguments}

    def _arguments(self, *roles: Role) -> list[str]:
        return [self.leaf_name(f, d) for f, d in self.leaves if f.role in roles]

    def leaf_name(self, family: Family, definition: Definition) -> str:
        """What a leaf is called: of a variable that begins with one h_0; of constants, one for each step, c."""
        name = self.names[family.index]
        if definition.domain is None or all(d.op is leaf_op for d in family.definitions):
            return name
        return f"{name}_{step_name(definition.domain.lo)}"

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring, `comments` stand above the lines that compute them."""
        raise NotImplementedError

    def helpers(self, body: str) -> str:
        """The functions of operations that `body` calls."""
        used = dict.fromkeys(d.op for i in sorted(self.schedule.needed) for d in self.folded.families[i].definitions)
        return "".join(f"{op.helper}\n\n\n" for op in used if op.helper and f"{op.name}(" in body)

    def docstring(self, title: str) -> str:
        """The title and what the arguments are, with their shapes, in quotes."""
        shapes = {self.leaf_name(f, d): d.attrs["dims"] or tuple(map(str, f.first.shape)) for f, d in self.leaves}
        shapes |= {name: shapes[name][:2] for name in self._columns}
        data = [f"{name} {_shape(shapes.get(name, ()))}" for name in self.data + self.targets]
        weights = [f"{escapes.comment(self.keys[name])} {_shape(shapes[name])}" for name in self.parameters]
        lines = [*_wrapped("Data: " + "; ".join(data)), *_wrapped("params: " + "; ".join(weights))]
        letters = any(d.attrs["dims"] for _, d in self.leaves)
        sizes = "N samples, T steps, D features; the other letters are sizes of layers." if letters else OF_ONE_SIZE
        return '"""' + "\n".join([escapes.comment(title), "", *lines, sizes, ""]) + '"""'

    @property
    def given(self) -> list[str]:
        return ["params", *self.data]

    def call(self, name: str, *further: str) -> str:
        return f"{name}({', '.join([*self.given, *further])})"

    def sizes(self, body: list[str], given: Iterable[str] = ()) -> list[str]:
        """The letters that stand in `body`, from the shapes of the arguments."""
        letters_of_all = {letter(d) for _, definition in self.leaves for d in definition.attrs["dims"]}
        wanted = {name for name in letters_of_all if used_in(name, body)}
        lines: list[str] = []
        known: set[str] = set(given)
        for roles in ({Role.INPUT, Role.INDEX, Role.MASK}, {Role.PARAMETER}, {Role.INITIAL_STATE}):
            for family, definition in self.leaves:
                letters = [letter(d) for d in definition.attrs["dims"]]
                new = [n for n in dict.fromkeys(letters) if n in wanted - known]
                if family.role in roles and new:
                    shape = f"{self.leaf_name(family, definition)}.shape"
                    first = {n: letters.index(n) for n in new}
                    if len(new) == 1 or family.role in (Role.INDEX, Role.MASK):  # which may lack their last axis
                        lines += [f"{name} = {shape}[{axis}]" for name, axis in first.items()]
                    else:
                        lines.append(
                            f"{', '.join(n if first.get(n) == i else '_' for i, n in enumerate(letters))} = {shape}"
                        )
                    known |= set(new)
        return lines

    def shapes(self, sizes: list[str]) -> list[str]:
        """The lines that take sizes, from data that may be lists still."""
        given = "|".join(map(re.escape, self.data))
        return [re.sub(rf"\b({given})\.shape", r"np.shape(\1)", line) for line in sizes]

    def weights(self, lines: list[str]) -> list[str]:
        """The parameters that `lines` use, from the dictionary."""
        return assigned(
            [(name, f"params[{escapes.python(self.keys[name])}]") for name in self.parameters if used_in(name, lines)]
        )

    def given_numbers(self, lines: list[str]) -> list[str]:
        """The constants that `lines` use, written out. NotImplementedError if one is too large for that."""
        return [
            line
            for name, family in self.constants.items()
            if used_in(name, lines)
            for line in fitted(f"{name} = {self._spelled(family)}")
        ]

    def _spelled(self, family: Family) -> str:
        """A constant as it is written in code; of one for each step a dictionary."""
        places = self.folded.places.items()
        steps = {step: node.value for node, (index, step) in places if index == family.index and node.op is leaf_op}
        value = family.first.value if len(steps) < 2 else np.stack(list(steps.values()))
        if value.size > LONGEST:
            raise NotImplementedError(f"a constant of shape {value.shape} is too large for source code; make it an input")
        text = f"np.array({value.tolist()!r}, dtype=np.{value.dtype})"
        if family.definitions[0].domain is None or any(d.op is not leaf_op for d in family.definitions):
            return text
        return f"dict(zip({sorted(s for s in steps if s is not None)}, {text if len(steps) > 1 else f'[{text}]'}))"

    def converted(self, lines: list[str]) -> list[str]:
        """The data of which `lines` use methods, as arrays of the dtype of the parameters."""
        kept = [line for line in lines if "_by_step[:] = " not in line]  # this converts by itself
        dtype = f"{self.parameters[0]}.dtype"
        columns = {name: role for name, role in self._columns.items() if used_in(name, lines)}
        used = [name for name in [*self.data, *self.targets] if any(re.search(rf"\b{name}\.", line) for line in kept)]
        found = [f"{name} = np.asarray({name}, {dtype})" for name in used if name not in {*columns, *self._thin}]
        found += [
            f"{name} = np.asarray({name}, {dtype}).reshape(*np.shape({name})[:{axes}], 1)"
            for name, axes in self._thin.items()
            if used_in(name, lines)
        ]
        return found + [
            f"{name} = np.asarray({name}, {dtype})[..., None]"
            if role is Role.INDEX
            else f"{name} = (np.asarray({name})[..., None] != 0).astype({dtype})"
            for name, role in columns.items()
        ]

    @property
    def _thin(self) -> dict[str, int]:
        """The targets whose last axis is one, which may be missing, with the number of their other axes."""
        leaves = {self.leaf_name(family, d): family.first.shape for family, d in self.leaves}
        return {name: len(leaves[name]) - 1 for name in self.targets if len(leaves[name]) > 1 and leaves[name][-1] == 1}

    @property
    def _columns(self) -> dict[str, Role | None]:
        """The data that are given (N, T) and read as a column for each step, numbers and masks, with their role."""
        leaves = {self.leaf_name(f, d): f.role for f, d in self.leaves if f.role in (Role.INDEX, Role.MASK)}
        return {name: role for name, role in leaves.items() if name in self.data}


def _shape(dims: tuple[str, ...]) -> str:
    return f"({', '.join(dims)}{',' * (len(dims) == 1)})"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ")


def commented(lines: list[Line], comments: Comments) -> list[str]:
    """The lines, each below the equations it computes."""
    found = []
    for line in lines:
        indent = "    " * (line.indent - 1)
        keys = [(family.index, definition.serial) for family, definition in line.about]
        said = [escapes.comment(comments[key]) for key in keys if key in comments]
        found += [f"{indent}# {text}" for text in said if len(text) <= LONGEST_COMMENT]
        found += [indent + text for text in fitted(line.text, len(indent) + 4)]
    return found
