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
    "where": "give it what to choose from", "nonzero": AFTER,
    "append": "append to a list and np.stack it",
    "random.choice": "draw before the trace and give the numbers to the function",
}  # fmt: skip


def instead_of(name: str) -> str:
    """What to write instead of a function or method of NumPy that is not recorded."""
    return CURES.get(name, "write it with the functions and operations that are recorded")


CHOICES = {"a branch on", "int() of", "an index made of", "a hash of"}  # piecewise constant: nothing flows back


class _Run(threading.local):
    refused: CannotFollow | None = None
    labels: dict[Any, bool] | None = None  # of nodes, whether they depend on labels, tokens and masks alone
    fixed: str | None = None  # where labels have become plain numbers, for which alone the graph holds
    untracked: int = 0  # how many results are of functions that are not recorded
    decisions: list[Any] | None = None  # where a traced value steers the function: node, place, what and cure
    texts: str | None = None  # where a traced value was first written into a text


run = _Run()


def refuse(what: str, cure: str, place: str | None = None) -> NoReturn:
    """Raise CannotFollow with the line of the user's code that is running. It is raised again should the code catch it."""
    outside = _outside(sys._getframe(1))
    if outside is not None and _of_tensors(outside):
        what, cure = "TensorFlow's own functions take no traced value", "take those of minirnn.ops, of keras.ops or of NumPy"
    error = CannotFollow(f"{place or here()}: {what}; {cure}")
    run.refused = run.refused or error
    raise error


def is_label(node: Any) -> bool:
    """Whether a node depends on labels, tokens, lengths or masks alone: what nothing is differentiated by."""
    known = run.labels = {} if run.labels is None else run.labels
    waiting = [node]
    while waiting:
        top = waiting[-1]
        if top in known:
            waiting.pop()
        elif top.value.dtype.kind not in "iub":
            known[top] = False
        elif not top.args:
            known[top] = True
        elif missing := [a for a in top.args if a not in known]:
            waiting.extend(missing)
        else:
            known[top] = all(known[a] for a in top.args)
    return known[node]


def reach(what: str, value: Any, source: Any, cure: str = "") -> Any:
    """A plain `value` made of a traced one, `source`: a text is given and noted, numbers of floating point are
    refused. What steers the function is refused in the end if the result depends on what it was computed from."""
    if what == "text":
        if source.traced:
            run.texts = run.texts or here()
        return value
    if not source.traced:
        return value
    if is_label(source.node):
        run.fixed = run.fixed or here()
        return value
    if run.decisions is None or what not in CHOICES:
        return refuse(f"{what} a traced value", cure)
    run.decisions.append((source.node, here(), f"{what} a traced value", cure))
    return value


def here() -> str:
    """The innermost place outside minirnn and the libraries, as ``file:line: in f: `code` ``."""
    return where(sys._getframe(1))


def where(frame: FrameType | None) -> str:
    """The innermost place outside minirnn and the libraries, as ``file:line: in f: `code` ``."""
    while (frame := _outside(frame)) is not None and _of_tensors(frame):
        frame = frame.f_back
    if frame is None:
        return "in a function without source"
    file, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(file, line).strip()
    return f"{file}:{line}: in {frame.f_code.co_name}" + (f": `{code}`" if code else "")


def _outside(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside minirnn and NumPy."""
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, _NUMPY, "<")) and not _cell(frame):
        frame = frame.f_back
    return frame


def _of_tensors(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in ("tensorflow", "keras")


def _cell(frame: FrameType) -> bool:
    """A notebook cell or an interactive line has a name in angle brackets and yet is the user's."""
    return bool(frame.f_code.co_filename.startswith("<") and frame.f_globals.get("__minirnn__") is not None)
