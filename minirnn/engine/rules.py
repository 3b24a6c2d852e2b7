"""What the rules of an operation may be beside functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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
