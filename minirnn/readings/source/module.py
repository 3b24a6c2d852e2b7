"""What modules in Python have in common: functions, the arguments these take, the sizes and weights they begin with."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ...engine import escapes
from ...engine.fold import Definition, Family, Fixed, Folded, Lengths
from ...engine.names import Role
from ...engine.ops import leaf_op
from ...engine.sizes import Sizes
from .names import WIDTH, Spelled, assigned, function, letter, listed, python_names, used_in
from .schedule import Schedule

OF_ONE_SIZE = "For arrays of these shapes, as the function was traced."
LONGEST_COMMENT = 140
LONGEST = 64  # entries of a constant that are written out


class About(NamedTuple):
    """A definition that a statement computes; `where`: at this one of its steps alone."""

    family: Family
    definition: Definition
    where: Fixed | None = None


Comments = Callable[[About], str]  # what a definition says, in one line; "" where that is nothing


def silent(about: About) -> str:
    """No comment."""
    return ""


class Wanted(NamedTuple):
    """A result: a family, at one of its steps if it has steps."""

    family: Family
    step: Fixed | None = None


class Results(NamedTuple):
    """What a program computes: families of a fold, the gradients by the name under which they are returned."""

    outputs: list[Wanted]
    inputs: dict[int, str | None]  # the data: serial numbers of leaves, and what they are called
    loss: Wanted | None = None
    gradients: dict[str, Wanted] = {}
    steps: Lengths | None = None  # the only numbers of steps that the program is right for, if there are some

    @property
    def families(self) -> list[Family]:
        """All that is wanted."""
        outputs = [wanted.family for wanted in self.outputs]
        gradients = [wanted.family for wanted in self.gradients.values()]
        return outputs if self.loss is None else [*outputs, self.loss.family, *gradients]


class Functions(Spelled):
    """A module: `forward` gives the output, `loss_and_gradients` computes everything from the data on."""

    def __init__(self, folded: Folded, results: Results, schedule: Schedule) -> None:
        self.folded, self.results, self.schedule, self.families = folded, results, schedule, folded.families
        self.leaves = [
            (family, definition)
            for family in folded.families
            for definition in family.definitions
            if family.index in schedule.needed and definition.op is leaf_op
        ]
        self.name_families()

    def name_families(self) -> None:
        """Choose the names in Python of all that is computed and stored."""
        called = {f.index: self.results.inputs.get(d.serial) for f, d in self.leaves}
        self.names = python_names(self.schedule, [wanted.family for wanted in self.results.outputs], called)
        self.alone, self.given = {}, set(self.names.values())
        by_serial = {definition.serial: self.leaf_name(family, definition) for family, definition in self.leaves}
        self.data = [by_serial.get(serial, f"unused_{i}") for i, serial in enumerate(self.results.inputs)]
        self.targets = self._arguments(Role.TARGET)
        self.parameters = self._arguments(Role.PARAMETER)
        self.keys = {self.leaf_name(f, d): str(f.name) for f, d in self.leaves}
        self.by_name = {self.leaf_name(f, d): (f, d) for f, d in self.leaves}
        arguments = {*self.data, *self.targets, *self.parameters}
        self.constants = {self.leaf_name(f, d): f for f, d in self.leaves if self.leaf_name(f, d) not in arguments}
        of_weights = {f.first.dtype.name for f, _ in self.leaves if f.role is Role.PARAMETER}
        self.precision = of_weights.pop() if len(of_weights) == 1 else None  # of all parameters

    def dims(self, index: int) -> Sizes:
        """The sizes of a family, at one step."""
        return self.families[index].first.dims

    def last(self, index: int) -> Fixed:
        """The last step of a family."""
        ends = [d.domain.hi for d in self.families[index].definitions if d.domain is not None]
        return max(ends, key=lambda end: end.step(self.folded.T))

    def _arguments(self, *roles: Role) -> list[str]:
        return [self.leaf_name(f, d) for f, d in self.leaves if f.role in roles]

    def leaf_name(self, family: Family, definition: Definition) -> str:
        """What a leaf is called: of a variable that begins with one h_0; of constants, one for each step, c."""
        name = self.names[family.index]
        if definition.domain is None or all(d.op is leaf_op for d in family.definitions):
            return name
        return self.of_one_step(family.index, definition.domain.lo)

    @property
    def parts(self) -> dict[int, str]:
        """The names of what has none in the trace, and a line of its own."""
        families = [self.folded.families[i] for i in sorted(self.schedule.kept)]
        return {f.index: self.names[f.index] for f in families if f.name is None and (f.definitions[0].refs or f.first.ndim)}

    @property
    def by_step(self) -> set[int]:
        """The constants of which there is one for each step, in a dictionary."""
        timed = {f.index for f, d in self.leaves if d.domain is not None and self.leaf_name(f, d) in self.constants}
        return {i for i in timed if all(d.op is leaf_op for d in self.folded.families[i].definitions)}

    def dtype(self, name: str) -> str:
        """The dtype of that name in Python: that of the parameters, if theirs is the same."""
        if self.precision and name in (self.precision, ""):
            return f"{self.parameters[0]}.dtype"
        return f"np.{name or self.folded.families[-1].first.dtype}"

    # -------------------------------------------------------------------------------------------------------- the text

    def text(self, comments: Comments, title: str = "") -> str:
        """The module; `title` is its docstring, `comments` stand above the lines that compute them."""
        body = "\n\n\n".join("\n".join(lines) for lines in self.functions(comments))
        return f"{self.docstring(title)}\n\n{self.imports()}\n\n\n{self._helpers(body)}{body}\n"

    def imports(self) -> str:
        return "import numpy as np"

    def functions(self, comments: Comments) -> Iterator[list[str]]:
        """The lines of each function."""
        outputs = [self.returned(wanted) for wanted in self.results.outputs]
        result = [f"return {outputs[0]}"] if len(outputs) == 1 else listed("return [", outputs, "]")
        early = self.schedule.behind([wanted.family.index for wanted in self.results.outputs])
        body = self.statements(early, comments)
        if len(outputs) == 1 and body and body[-1].startswith(f"{outputs[0]} = "):
            body, result = body[:-1], [f"return {body[-1].partition(' = ')[2]}"]
        yield self.function("forward", [], "The output.", body, result)
        if self.results.loss is not None:
            pairs = [f"{escapes.python(name)}: {self.returned(wanted)}" for name, wanted in self.results.gradients.items()]
            end = listed(f"return {self.returned(self.results.loss)}, {{", pairs, "}")
            body = self.statements(self.schedule.needed, comments)
            yield self.function("loss_and_gradients", self.targets, "The loss, and its gradients by name.", body, end)

    def statements(self, families: set[int], comments: Comments) -> list[str]:
        """The lines that compute these families, each below its equation."""
        raise NotImplementedError

    def returned(self, wanted: Wanted) -> str:
        """A result as it is handed over."""
        raise NotImplementedError

    def function(self, name: str, further: list[str], says: str, body: list[str], end: list[str]) -> list[str]:
        """A function of the parameters, the data and `further` arguments."""
        arguments = ["params", *self.data, *further]
        return function(name, arguments, says, [*self.prepared([*body, *end], [*self.data, *further]), *body, *end])

    def prepared(self, body: list[str], arguments: list[str]) -> list[str]:
        """What `body` needs before: the weights, the data in their dtype, the sizes, constants."""
        sizes = self.sizes(body, arguments)
        converted = self._converted([*body, *sizes], arguments)
        constants = self._given_numbers(body)
        weights = [name for name in self.parameters if used_in(name, [*converted, *sizes, *constants, *body])]
        return [*self.demands, *self._weights(weights), *converted, *sizes, *constants]

    def _weights(self, names: list[str]) -> list[str]:
        """The lines that take the parameters from the dictionary: one, if there is room."""
        keys = [escapes.python(self.keys[name]) for name in names]
        lines = assigned([(name, f"params[{key}]") for name, key in zip(names, keys)])
        short = f"{', '.join(names)} = map(params.get, ({', '.join(keys)}))"
        return [short] if len(lines) > 1 and len(short) <= WIDTH - 4 else lines

    def _helpers(self, body: str) -> str:
        """The functions of operations that `body` calls."""
        used = dict.fromkeys(d.op for i in sorted(self.schedule.needed) for d in self.folded.families[i].definitions)
        return "".join(f"{op.helper}\n\n\n" for op in used if op.helper and f"{op.name}(" in body)

    def docstring(self, title: str) -> str:
        """The title and what the arguments are, with their shapes, in quotes."""
        shapes = {name: d.attrs["dims"] or tuple(map(str, f.first.shape)) for name, (f, d) in self.by_name.items()}
        shapes |= {name: shapes[name][:2] for name in self.columns}
        data = [f"{name} {_shape(shapes.get(name, ()))}" for name in self.data + self.targets]
        weights = [f"{escapes.comment(self.keys[name])} {_shape(shapes[name])}" for name in self.parameters]
        lines = [*_wrapped("Data: " + "; ".join(data)), *_wrapped("params: " + ("; ".join(weights) or "none"))]
        letters = any(d.attrs["dims"] for _, d in self.leaves)
        sizes = "N samples, T steps, D features; the other letters are sizes of layers." if letters else OF_ONE_SIZE
        return '"""' + "\n".join([escapes.comment(title), "", *lines, sizes, ""]) + '"""'

    def sizes(self, body: list[str], arguments: list[str]) -> list[str]:
        """The letters that stand in `body`: from the shapes of the arguments, or numbers where none of these has them."""
        given = [name for name in [*arguments, *self.parameters] if name in self.by_name]
        dims = {name: [letter(str(d)) for d in self.by_name[name][1].attrs["dims"]] for name in given}
        known = {x for letters in dims.values() for x in letters if x.isidentifier()}
        first = (self.families[i].first for i in sorted(self.schedule.needed))
        lengths = {letter(str(d)): n for node in first for d, n in zip(node.dims, node.shape)}
        lengths |= {"T": int(self.folded.T), **self.folded.T.others}
        numbers = [f"{x} = {n}" for x, n in lengths.items() if x.isidentifier() and x not in known and used_in(x, body)]
        return [*numbers, *self._shapes(dims, {x for x in known if used_in(x, body)})]

    @property
    def demands(self) -> list[str]:
        """The lines that refuse data of another number of steps, if the program is right for one only, or of other sizes."""
        steps, found = self.results.steps, set[str]()
        lines: list[str] = []
        for name in self.data:
            dims = self.by_name[name][1].attrs["dims"] if name in self.by_name else ()
            sizes = self.by_name[name][0].first.dims if name in self.by_name else ()
            if sizes and all(size.is_number for size in sizes):  # of a loop of the user's own
                shape = tuple([size.n for size in sizes])
                said = f"this program is for {name} of shape {shape}"
                lines += [f"if np.shape({name}) != {shape}:", f'    raise ValueError("{said}")']
            for axis, size in enumerate(map(str, dims if steps else ())):
                if steps is not None and size in {"T", *steps.others} - found:
                    found.add(size)
                    said = f"this program is for {steps.of(size)} steps{f' of {name}' if steps.others else ''}"
                    lines += [f"if np.shape({name})[{axis}] != {steps.of(size)}:", f'    raise ValueError("{said}")']
        return lines

    def _shapes(self, dims: dict[str, list[str]], wanted: set[str]) -> list[str]:
        """The lines that take the letters `wanted` from shapes, as few as possible."""
        pairs: list[tuple[str, str]] = []
        while wanted:
            name, letters = max(dims.items(), key=lambda item: len(wanted.intersection(item[1])))
            new = [x for x in dict.fromkeys(letters) if x in wanted]
            if len(new) == 1 or name in self.columns:  # which may lack their last axis
                pairs += [(x, f"{name}.shape[{letters.index(x)}]") for x in new]
            else:
                places = [x if x in new and letters.index(x) == i else "_" for i, x in enumerate(letters)]
                pairs.append((f"({', '.join(places)})", f"{name}.shape"))
            wanted = wanted.difference(new)
        if len(pairs) == 1:
            return [f"{pairs[0][0].strip('()')} = {pairs[0][1]}"]
        return assigned(pairs)

    def _given_numbers(self, lines: list[str]) -> list[str]:
        """The constants that `lines` use, written out. NotImplementedError if one is too large for that."""
        return [f"{name} = {self._spelled(f)}" for name, f in self.constants.items() if used_in(name, lines)]

    def _spelled(self, family: Family) -> str:
        """A constant as it is written in code; of one for each step a dictionary."""
        places = self.folded.places.items()
        steps = {step: node.value for node, (index, step) in places if index == family.index and node.op is leaf_op}
        value = np.stack(list(steps.values())) if len(steps) > 1 else next(iter(steps.values()), family.first.value)
        if value.size > LONGEST:
            raise NotImplementedError(f"a constant of shape {value.shape} is too large for source code; make it an input")
        text = f"np.array({escapes.number(value.tolist())}, dtype=np.{value.dtype})"
        if family.definitions[0].domain is None or any(d.op is not leaf_op for d in family.definitions):
            return text
        return f"dict(zip({sorted(s for s in steps if s is not None)}, {text if len(steps) > 1 else f'[{text}]'}))"

    def _converted(self, lines: list[str], arguments: list[str]) -> list[str]:
        """The data that `lines` use as arrays, each of the dtype in which it was traced."""
        pairs = []
        for name in arguments:
            if name not in self.by_name or not used_in(name, lines):
                continue
            family, _ = self.by_name[name]
            shape, dtype, role = family.first.shape, self.dtype(family.first.dtype.name), self.columns.get(name)
            if role is Role.INDEX:
                text = f"np.asarray({name}, {dtype})[..., np.newaxis]"
            elif role is Role.MASK:
                text = f"(np.asarray({name})[..., np.newaxis] != 0).astype({dtype})"
            elif name in self.targets and len(shape) > 1 and shape[-1] == 1:  # the last axis may be missing
                text = f"np.asarray({name}, {dtype}).reshape(*np.shape({name})[:{len(shape) - 1}], 1)"
            else:
                text = f"np.asarray({name}, {dtype})"
            pairs.append((name, text))
        return assigned(pairs)

    @property
    def columns(self) -> dict[str, Role | None]:
        """The data that are given (N, T) and read as a column for each step, numbers and masks, with their role."""
        return {name: self.by_name[name][0].role for name in self.data if name in self.by_name and self._is_column(name)}

    def _is_column(self, name: str) -> bool:
        return self.by_name[name][0].role in (Role.INDEX, Role.MASK)


def _shape(dims: tuple[str, ...]) -> str:
    return f"({', '.join(map(str, dims))}{',' * (len(dims) == 1)})"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ")


def note(about: About, comments: Comments) -> str:
    """The equation of a definition as a comment; "" where there is none."""
    text = escapes.comment(comments(about))
    return f"# {text}" if 0 < len(text) <= LONGEST_COMMENT else ""
