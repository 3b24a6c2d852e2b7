"""Small checks with one sentence each, text fit for a terminal, libraries kept quiet."""

from __future__ import annotations

import contextlib
import dis
import importlib.util
import operator
import os
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any


class CannotFollow(TypeError):
    """A function does something with a traced array that minirnn cannot follow; says where, and what to do."""


def plain(text: Any, limit: int = 60) -> str:
    """`text` as one short line that can be shown anywhere: what cannot be printed is replaced, what is too long is cut.

    >>> plain("a\\nb"), plain("x" * 99, 9)
    ('a\ufffdb', 'xxxxxxxx…')
    """
    said = str(text)[: limit + 1]
    if not said.isprintable():
        said = "".join(c if c.isprintable() else "\ufffd" for c in said)
    return said if len(said) <= limit else said[: limit - 1] + "…"


def nearest(word: Any, known: Iterable[Any]) -> str | None:
    """The one of the `known` that is most like the word, or the longest that is part of it, CuDNNLSTM; None if none is."""
    import difflib

    names, word = {str(name).lower(): str(name) for name in known}, str(word).lower()
    like = difflib.get_close_matches(word, names, 1, 0.74)
    inside = sorted((name for name in names if len(name) > 2 and name in word), key=len)
    return names[like[0]] if like else names[inside[-1]] if inside else None


def choices(word: Any, known: Iterable[Any]) -> str:
    """What there is, for the end of a sentence that says that there is no such word.

    >>> choices("W_hh", ["W_x", "W_h"]), choices("q", ["W_x"])
    ('; did you mean W_h? There are W_x, W_h', '; there are W_x')
    """
    names = list(map(str, known))
    near = nearest(word, names)
    there = f"There are {', '.join(names)}"
    return f"; did you mean {near}? {there}" if near else f"; {there[0].lower()}{there[1:]}"


follow: Any = None  # `minirnn.loops.of_nodes.followed`, which lies above all that needs it: minirnn.api puts it here


class Followed(dict[Any, Any]):
    """What was recorded of a function, by the shapes of its arguments; a copy of its owner records it anew."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Followed, ()


class NoAttribute(AttributeError):
    """That `what` has nothing of that name; the nearest of the `known` is looked for when somebody reads it.

    `otherwise` is what to do where none is near.
    """

    def __init__(self, what: str, asked: str, known: Callable[[], Iterable[str]], otherwise: str = "") -> None:
        self.what, self.asked, self.known, self.otherwise = what, asked, known, otherwise

    def __str__(self) -> str:
        near = nearest(self.asked, [each for each in self.known() if not each.startswith("_")])
        hint = f"; did you mean {near}?" if near else f": {self.otherwise}" if self.otherwise else ""
        return f"{self.what} has no {self.asked}{hint}"


class Suggests:
    """What answers an attribute that it has not with the nearest one that it has."""

    if not TYPE_CHECKING:  # which would take any attribute to be there

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            if name in dir(type(self)):  # a property in which an attribute is missing
                return object.__getattribute__(self, name)
            raise NoAttribute(type(self).__name__, name, lambda: dir(self))


def imports_from(frame: types.FrameType) -> bool:
    """Whether a frame is at ``from module import name``, which says less than the error of the module itself."""
    here = frame.f_code.co_code[frame.f_lasti]
    return frame.f_code.co_name == "_handle_fromlist" or dis.opname[here] == "IMPORT_FROM"


def may_be_meant(name: str, asked: str) -> bool:
    """Whether a name may be written by mistake as the one asked for; with other capitals or digits it is another thing.

    >>> may_be_meant("LSTM", "LSTMM"), may_be_meant("ReLU", "PReLU"), may_be_meant("Conv1D", "Conv2D")
    (True, False, False)
    """
    marks, asked_for = ({c for c in word if not c.islower()} for word in (name, asked))
    return asked.islower() or marks == asked_for


def suggest_names(
    module: dict[str, Any],
    when_used: Collection[str] = (),
    called: Callable[[str], Any] = lambda name: None,
    otherwise: str = "",
) -> None:
    """Let a module answer a name that it has not with the nearest one that it has.

    - `when_used`: modules in it that are imported when they are asked for
    - `called`: what else a name stands for, which is what Keras has under it; None if nothing
    - `otherwise`: what to do without such a thing, for names that are no slips
    """

    def missing(name: str) -> Any:
        inner = f"{module['__name__']}.{name}"
        if name in when_used:
            return importlib.import_module(inner)
        if name.startswith("_"):
            raise AttributeError(name)
        if (found := called(name)) is not None:
            return found
        known = lambda: [each for each in [*module, *when_used] if may_be_meant(each, name)]
        error = NoAttribute(module["__name__"], name, known, otherwise)
        if imports_from(sys._getframe(1)) and importlib.util.find_spec(inner) is None:
            raise ImportError(str(error))
        raise error

    module["__getattr__"] = missing


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
