"""Names in Python of all that is computed, and lines of several names."""

from __future__ import annotations

import builtins
import functools
import itertools
import keyword
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ...engine.fold import Family, Fixed
from ...engine.names import Name
from ...engine.ops import block, join, multiply
from .schedule import Schedule

WIDTH = 88
NOUNS = {  # by the first word of what an operation is called
    "row": "product", "matrix": "product", "inner": "product", "number": "product", "array": "product", "join": "joined",
    "stack": "stacked", "sum_all": "total", "sum_over": "total", "mean_over": "average", "max_over": "largest",
    "add": "addend", "subtract": "difference", "multiply": "product", "matmul": "product", "divide": "quotient",
    "square": "squares", "negative": "negated", "exp": "exponential", "log": "logarithm",
}  # fmt: skip
RESERVED = {
    "np", "params", "memory", "dtype", "arrays", "steps", "array", "one", "scratch", "forward", "loss_and_gradients",
    "T", "t", "first", "second",
    *(name for name, value in vars(np).items() if isinstance(value, np.ufunc)),
}  # fmt: skip


def function(name: str, arguments: list[str], says: str, body: list[str]) -> list[str]:
    """The lines of a function."""
    return [
        *listed(f"def {name}(", arguments, "):", WIDTH),
        f'    """{says}"""',
        *[f"    {line}" if line else "" for line in body],
    ]


def used_in(name: str, lines: list[str]) -> bool:
    """Whether the name stands in the code of one of the lines, as a whole word: not in quotes, not in a comment."""
    return any(name in _words(line) for line in lines)


@functools.lru_cache(maxsize=4096)
def _words(line: str) -> frozenset[str]:
    code = re.sub(r'"[^"]*"', '""', line).partition("#")[0]
    return frozenset(re.findall(r"(?<![.\w])[^\W\d]\w*", code))


def assigned(pairs: list[tuple[str, str]]) -> list[str]:
    """Assignments, as many on a line as there is room for."""
    rows: list[list[tuple[str, str]]] = []
    for pair in pairs:
        if rows and len(_joined([*rows[-1], pair])) <= WIDTH - 4:
            rows[-1].append(pair)
        else:
            rows.append([pair])
    return [_joined(row) for row in rows]


def _joined(pairs: list[tuple[str, str]]) -> str:
    return f"{', '.join(name for name, _ in pairs)} = {', '.join(value for _, value in pairs)}"


def listed(before: str, items: Sequence[str], after: str, width: int = WIDTH - 4) -> list[str]:
    """Items between brackets, on one line or one on each."""
    line = f"{before}{', '.join(items)}{after}"
    return [line] if len(line) <= width else [before, *(f"    {item}," for item in items), after]


def unpacked(names: Sequence[str], value: str) -> list[str]:
    """A tuple taken apart."""
    return [f"{names[0]}, = {value}"] if len(names) == 1 else listed("(", [*names], f") = {value}")


def packed(name: str, names: Sequence[str]) -> list[str]:
    """A tuple put together."""
    return listed(f"{name} = (", names, ",)" if len(names) == 1 else ")")


def python_names(schedule: Schedule, outputs: list[Family], called: Mapping[int, str | None]) -> dict[int, str]:
    """A name for every family: h, W_x_1, dz for dL/dz; what has no name is called after its operation.

    `called`: what the data are called.
    """
    found: dict[int, str] = {}
    families = [f for f in schedule.folded.families if f.index in schedule.kept]
    letters = {letter.replace("^", "_") for f in families for size in f.first.dims for letter in size.letters}
    helpers = {d.op.name for f in families for d in f.definitions if d.op.helper}
    taken = RESERVED | helpers | letters | set(dir(builtins)) | set(keyword.kwlist)
    tried: defaultdict[str, int] = defaultdict(lambda: 1)
    for family in sorted(families, key=lambda f: (not called.get(f.index), f.name is None)):
        operation = family.definitions[0].op.name.partition(" ")[0]
        base = called.get(family.index) or (None if family.name is None else python_name(family.name))
        base = base or ("output" if family in outputs else _noun(family, schedule)) or NOUNS.get(operation, operation)
        base = re.sub(r"\W", "_", base, flags=re.ASCII)
        base = base if base[:1].isalpha() else f"v_{base}"
        name = base
        while name in taken:
            tried[base] += 1
            name = f"{base}_{tried[base]}"
        found[family.index] = name
        taken.add(name)
    return found


class Spelled:
    """Names in a program: of families, and of those of their steps that stand alone."""

    names: dict[int, str]
    alone: dict[tuple[int, Fixed], str]
    given: set[str]  # the names of both

    def of_one_step(self, index: int, where: Fixed) -> str:
        """The name of a quantity at one step alone, h_0, which no other has."""
        if (index, where) not in self.alone:
            self.alone[index, where] = self.free(f"{self.names[index]}_{step_name(where)}")
            self.given.add(self.alone[index, where])
        return self.alone[index, where]

    def free(self, name: str) -> str:
        """That name if nothing has it, else with a number."""
        return next(n for n in itertools.chain([name], (f"{name}_{k}" for k in itertools.count(2))) if not self.has(n))

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        return name in self.given


def python_name(name: Name) -> str:
    """The name of a quantity, and dh for that of dL/dh, as a wish."""
    return str(name) if name.of is None else f"d{name.quantity}"


def _noun(family: Family, schedule: Schedule) -> str | None:
    """What the cotangent of an activation is multiplied with is its slope; what is added up before a loop is a part."""
    families = schedule.folded.families
    users = [families[index] for index in schedule.users[family.index]]
    name = users[0].name if len(users) == 1 else None
    if name is not None and name.of is not None and all(d.op is multiply for d in users[0].definitions):
        return f"slope_{name.layer}" if name.layer else "slope"
    split = users and all(d.op is block for user in users for d in user.definitions)
    beside = family.definitions[0].op is join
    parts = users if split else [families[ref.family] for ref in family.definitions[0].refs] if beside else []
    of = {(part.name.base, part.name.layer, part.name.of) for part in parts if part.name is not None}
    if len(of) == 1 and all(part.name is not None for part in parts):
        base, layer, derived = of.pop()
        return "d" * (derived is not None) + base + (f"_{layer}" if layer else "")
    if family.index in schedule.recurrent or family.definitions[0].domain is None:
        return None
    while len(users) == 1 and users[0].name is None and users[0].index not in schedule.kept:
        users = [families[index] for index in schedule.users[users[0].index]]
    if len(users) != 1 or users[0].index not in schedule.recurrent:
        return None
    whole = _noun(users[0], schedule) if users[0].name is None else python_name(users[0].name)
    return whole and f"{whole}_part"


def step_name(where: Fixed) -> str:
    """How a step is called in a name: h_0, h_T, and h_after for what comes before a layer that runs backwards."""
    return "after" if where == Fixed(True, 1) else str(where).replace("-", "_minus_").replace("+", "_plus_")


def letter(dim: str) -> str:
    """The name of a length in Python: "M^1" is M_1."""
    return dim.replace("^", "_").replace("*", " * ")
