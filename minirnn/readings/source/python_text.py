"""Lines of Python: names, assignments and calls, laid out as formatters do."""

from __future__ import annotations

import builtins
import functools
import itertools
import keyword
import re
from collections.abc import Mapping

import numpy as np

from ...engine.fold import Family, Fixed
from ...engine.names import Name
from ...engine.ops import multiply
from .schedule import Schedule

WIDTH = 88
NOUNS = {  # by the first word of what an operation is called
    "row": "product", "matrix": "product", "inner": "product", "number": "product", "array": "product", "join": "joined",
    "stack": "stacked", "sum_all": "total", "sum_over": "total", "mean_over": "average", "max_over": "largest",
    "add": "addend", "subtract": "difference", "multiply": "product", "matmul": "product", "divide": "quotient",
    "square": "squares", "negative": "negated", "exp": "exponential", "log": "logarithm",
}  # fmt: skip
RESERVED = {
    "np", "params", "memory", "dtype", "steps", "one", "arrays", "array", "forward", "loss_and_gradients", "scratch", "T",
    "run", "by_step", "softmax", "log_softmax", "softplus", "erf", "shares", "largest_at", "placed", "scattered", "cleared",
    "update", "entry_at", "put_at", "update_at", "cleared_at",
    *(name for name, value in vars(np).items() if isinstance(value, np.ufunc)),
}  # fmt: skip


def function(name: str, arguments: list[str], says: str, body: list[str]) -> list[str]:
    """The lines of a function."""
    head = fitted(f"def {name}({', '.join(arguments)}):", 0)
    return [*head, f'    """{says}"""', *[f"    {line}" if line else "" for line in body]]


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


def unpacked(pattern: str, names: list[str]) -> list[str]:
    """`pattern` with the names in its braces, on one line or one name on a line."""
    if not names:
        return []
    line = pattern.format(", ".join(names) + ("," if len(names) == 1 else ""))
    if len(line) <= WIDTH - 4:
        return [line]
    before, after = pattern.split("{}")
    return [f"{before}(", *(f"    {name}," for name in names), f"){after}"]


def fitted(text: str, indent: int = 4, enclosed: bool = False) -> list[str]:
    """The line; if it is too long, as formatters break it: at the last brackets, or at the operators of a long sum.

    Inside of brackets (`enclosed`) operators come first.
    """
    if indent + len(text) <= WIDTH:
        return [text]
    if names := re.match(r"(for )?((?:\w+, )+\w+)( in | = )", text):
        told = f"{names[1] or ''}{names[2]}{names[3]}"
        if indent + len(re.match(r"[^([]*[([]?", text)[0]) > WIDTH:  # type: ignore[index]
            listed = [f"    {name}," for name in names[2].split(", ")]
            return [f"{names[1] or ''}(", *listed, *fitted(f"){names[3]}{text[len(told) :]}", indent)]
    head, value = ("", text) if enclosed else _value(text)
    operands = _operands(value)
    if len(operands) > 1 and enclosed:
        return [line for operand in operands for line in fitted(operand, indent, True)]
    tail = re.search(r"[)}\]][:,]?$", text)
    start = 0 if tail is None else _opening(text, tail.start())
    calls = re.search(r"[\w\])]$", text[:start])
    fixed = tail is None or (text[start] == "[" and calls)  # the end is a name, or a part of an array
    end = len(operands[0]) - 1
    before = value[: _opening(value, end)] if operands[0].endswith(")") else "f"
    if len(operands) == 2 and not re.search(r"[\w\])]$", before) and (fixed or indent + start >= WIDTH):
        inside = fitted(value[len(before) + 1 : end], indent + 4, True)
        return [f"{head}{before}(", *(f"    {line}" for line in inside), value[end:]]
    if len(operands) > 2 or (len(operands) == 2 and fixed):
        whole = indent + 4 + len(value) <= WIDTH
        inside = [value] if whole else [line for operand in operands for line in fitted(operand, indent + 4, True)]
        return [f"{head}(", *(f"    {line}" for line in inside), ")"]
    if tail is None:
        return [text]
    if text[start] == "[" and calls:
        return [text[: start + 1], f"    {text[start + 1 : tail.start()]}", tail[0]]
    parts = _between_commas(text[start + 1 : tail.start()])
    comma = len(parts) > 1 or text[start:].rstrip(":").endswith(",)")
    lone = not comma and not calls and text[start] == "("  # parentheses around a term
    inside = [line for part in parts for line in fitted(part + "," * (not lone), indent + 4, True)]
    return [text[: start + 1], *(f"    {line}" for line in inside), tail[0]]


def _value(text: str) -> tuple[str, str]:
    """What an assignment or a return begins with, and its value."""
    match = re.match(r"(return |[^=(]*? = )", text)
    return (match[0], text[match.end() :]) if match else ("", text)


def _operands(text: str) -> list[str]:
    """The operands of the operators that hold together the least, each but the first with its operator in front."""
    for operators in (r" [+-] ", r" [*/@] "):
        places, depth = [], 0
        for i, c in enumerate(text):
            depth += (c in "([{") - (c in ")]}")
            if depth == 0 and re.match(operators, text[i:]):
                places.append(i + 1)
        if places:
            return [text[a:b].rstrip() for a, b in itertools.pairwise([0, *places, len(text)])]
    return [text]


def _opening(text: str, end: int) -> int:
    """Where the brackets open that close at `end`."""
    depth = 1
    while depth:
        end -= 1
        depth += (text[end] in ")]}") - (text[end] in "([{")
    return end


def _between_commas(text: str) -> list[str]:
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def python_names(schedule: Schedule, outputs: list[Family], called: Mapping[int, str | None]) -> dict[int, str]:
    """A name for every family: h, W_x_1, dz for dL/dz; what has no name is called after its operation.

    `called`: what the data are called.
    """
    found: dict[int, str] = {}
    families = [f for f in schedule.folded.families if f.index in schedule.kept]
    letters = {letter.replace("^", "_") for f in families for size in f.first.dims for letter in size.letters}
    helpers = {d.op.name for f in families for d in f.definitions if d.op.helper}
    taken = RESERVED | helpers | letters | set(dir(builtins)) | set(keyword.kwlist)
    for family in sorted(families, key=lambda f: (not called.get(f.index), f.name is None)):
        operation = family.definitions[0].op.name.partition(" ")[0]
        base = called.get(family.index) or (None if family.name is None else python_name(family.name))
        base = base or ("output" if family in outputs else _noun(family, schedule)) or NOUNS.get(operation, operation)
        base = re.sub(r"\W", "_", base, flags=re.ASCII)
        base = base if base[:1].isalpha() else f"v_{base}"
        tries = [base, *(f"{base}_{k}" for k in range(2, len(families) + 2))]
        found[family.index] = next(name for name in tries if name not in taken)
        taken.add(found[family.index])
    return found


def python_name(name: Name) -> str:
    """The name of a quantity, and dh for that of dL/dh, as a wish."""
    return str(name) if name.of is None else f"d{name.quantity}"


def _noun(family: Family, schedule: Schedule) -> str | None:
    """What the cotangent of an activation is multiplied with, to give that of its argument, is its slope."""
    users = [schedule.folded.families[index] for index in schedule.users[family.index]]
    definitions = [d for user in users for d in user.definitions]
    of = users[0].name if len(users) == 1 else None
    if of is not None and of.of is not None and all(d.op is multiply for d in definitions):
        layer = of.layer
        return "slope" + (f"_{layer}" if layer else "")
    return None


def step_name(where: Fixed) -> str:
    """How a step is called in a name: h_0, h_T, and h_after for what comes before a layer that runs backwards."""
    return "after" if where == Fixed(True, 1) else str(where).replace("-", "_minus_").replace("+", "_plus_")


def letter(dim: str) -> str:
    """The name of a length in Python: "M^1" is M_1."""
    return dim.replace("^", "_").replace("*", " * ")
