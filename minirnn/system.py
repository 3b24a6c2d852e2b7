"""Small checks with one sentence each, text fit for a terminal, libraries kept quiet."""

from __future__ import annotations

import contextlib
import operator
import os
import sys
from collections.abc import Iterator
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
