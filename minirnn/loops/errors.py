"""What cannot be followed is refused where it happens: the file, the line, what is wrong and what to write instead."""

from __future__ import annotations

import linecache
import os
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from ..system import CannotFollow

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NUMPY = os.path.dirname(os.path.abspath(np.__file__))


AFTER = "look at it after the trace, in what the function returns"
CURES = {  # functions and methods of NumPy that are not recorded: what to write instead
    "all": AFTER, "any": AFTER, "isnan": AFTER, "isfinite": AFTER, "allclose": AFTER, "array_equal": AFTER,
    "argmax": "choose after the trace: the choice has no derivative",
    "argmin": "choose after the trace: the choice has no derivative",
    "append": "append to a list and np.stack it",
    "linalg.norm": "write np.sqrt(np.sum(x ** 2))",
    "random.choice": "draw before the trace and give the numbers to the function",
}  # fmt: skip


def instead_of(name: str) -> str:
    """What to write instead of a function or method of NumPy that is not recorded."""
    return CURES.get(name, "write it with the functions and operations that are recorded")


class _Run(threading.local):
    refused: CannotFollow | None = None


run = _Run()


def refuse(what: str, cure: str) -> NoReturn:
    """Raise CannotFollow with the line of the user's code that is running. It is raised again should the code catch it."""
    error = CannotFollow(f"{where(sys._getframe(1))}: {what}; {cure}")
    run.refused = run.refused or error
    raise error


def where(frame: FrameType | None) -> str:
    """The innermost place outside minirnn and NumPy, as ``file:line: in f: `code` ``."""
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, _NUMPY, "<")) and not _cell(frame):
        frame = frame.f_back
    if frame is None:
        return "in a function without source"
    file, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(file, line).strip()
    return f"{file}:{line}: in {frame.f_code.co_name}" + (f": `{code}`" if code else "")


def _cell(frame: FrameType) -> bool:
    """A notebook cell or an interactive line has a name in angle brackets and yet is the user's."""
    return bool(frame.f_code.co_filename.startswith("<") and frame.f_globals.get("__minirnn__") is not None)


def reason(value: Any) -> str:
    """How a value is called in a message."""
    return f"an array of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
