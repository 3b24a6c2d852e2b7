"""Small checks with one sentence each, text fit for a terminal, libraries kept quiet."""

from __future__ import annotations

import contextlib
import operator
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any


class CannotFollow(TypeError):
    """A function does something with a traced array that minirnn cannot follow; says where, and what to do."""


def plain(text: Any, limit: int = 60) -> str:
    """`text` as one short line that can be shown anywhere: what cannot be printed is replaced, what is too long is cut.

    >>> plain("a\\nb"), plain("x" * 99, 9)
    ('a\ufffdb', 'xxxxxxxx…')
    """
    said = str(text)[: limit + 1]
    said = "".join(c if c.isprintable() else "\ufffd" for c in said)
    return said if len(said) <= limit else said[: limit - 1] + "…"


def nearest(word: Any, known: Iterable[Any]) -> str | None:
    """The one of the `known` that is most like the word, if one is like it."""
    import difflib

    return next(iter(difflib.get_close_matches(str(word), list(map(str, known)), 1, 0.5)), None)


def choices(word: Any, known: Iterable[Any]) -> str:
    """What there is, for the end of a sentence that says that there is no such word.

    >>> choices("W_hh", ["W_x", "W_h"]), choices("q", ["W_x"])
    ('; did you mean W_h? There are W_x, W_h', '; there are W_x')
    """
    names = list(map(str, known))
    near = nearest(word, names)
    there = f"There are {', '.join(names)}"
    return f"; did you mean {near}? {there}" if near else f"; {there[0].lower()}{there[1:]}"


def whole_number(what: str, value: Any, least: int = 1) -> int:
    """`value` if it is a whole number, `least` or more. Raises ValueError, which calls it `what`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        wanted = "a positive whole number" if least == 1 else f"a whole number, {least} or more"
        raise ValueError(f"{what} is {plain(repr(value))}; it must be {wanted}")
    return number


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Standard error of the process to nowhere, for libraries that write to it past Python."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError):  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
