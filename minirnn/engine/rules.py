"""What the rules of an operation may be beside functions, and the function that its text is."""

from __future__ import annotations

import functools
import inspect
import string
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Vjp = Callable[..., Any]  # of the cotangent, the result and the operands: a node, or None where nothing flows
EACH = "each"  # entry: the text says an entry as it says the whole


class Beside(NamedTuple):
    """The rule of an operand that is computed of another, the one at place `of`, and given for a better formula.

    The derivative takes its way through the other; where that is on no path, the operand was asked for itself, by `vjp`.
    """

    of: int
    vjp: Vjp


class Spelled(str):
    """A NumPy text that holds for all attributes; ``spelled(**attrs)`` is how it is written with some."""

    def __new__(cls, text: str, spelled: Callable[..., str]) -> Spelled:
        self = super().__new__(cls, text)
        self.spelled = spelled
        return self

    spelled: Callable[..., str]


def fields_of(template: str) -> list[str]:
    """The names of the attributes in a NumPy text."""
    return [field for _, field, _, _ in string.Formatter().parse(template) if field is not None and field.isidentifier()]


def attributes_of(template: str, operands: int, *rules: Callable[..., Any] | None) -> frozenset[str]:
    """The names of the attributes of an operation: those in its text, and in these rules after the operands."""
    found = [*fields_of(template)]
    for rule in rules:
        parameters = [] if rule is None else list(inspect.signature(rule).parameters.values())
        found += [p.name for p in parameters[operands:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return frozenset(found)


def demand_known(name: str, attrs: dict[str, Any], known: frozenset[str], values: list[Any]) -> dict[str, Any]:
    """`attrs` without an axis that is the last one, which says nothing; TypeError says what the operation has not."""
    for own in attrs.keys() - known:
        if own != "axis" or attrs["axis"] not in (-1, np.ndim(values[0]) - 1):
            raise TypeError(f"minirnn.ops.{name} of nodes has no {own}={attrs[own]!r}")
    return {own: value for own, value in attrs.items() if own in known}


@functools.lru_cache(512)
def compiled(template: str, helper: str, numpy: Any = np) -> Callable[..., Any]:
    """The function that a NumPy text computes: of its operands, and its attributes by name."""
    known: dict[str, Any] = {"np": numpy}
    exec(helper, known)  # our own text only
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    names = {field: f"x{field}" if field.isdigit() else "*xs" if field == "*" else field for field in fields}
    operands = sorted({n for f, n in names.items() if f.isdigit()})
    attributes = sorted(set(fields_of(template)))
    parameters = ["*xs"] if "*" in names else [*operands, "*_"]
    body = template
    for field, name in names.items():
        body = body.replace("{" + field + "}", name)
    return eval(f"lambda {', '.join([*parameters, *attributes, '**_unused'])}: {body}", known)
