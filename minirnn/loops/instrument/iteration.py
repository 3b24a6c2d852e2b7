"""functools.reduce and itertools.accumulate as loops: each call of their function is a turn."""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from .recorder import Recorder

NOTHING: Any = object()


def _parameters(function: Any) -> tuple[str, str]:
    """What the function calls what is carried and what comes next."""
    try:
        names = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        names = []
    return (names[0], names[1]) if len(names) == 2 else ("", "")


def _carried(recorder: Recorder, function: Callable[[Any, Any], Any], items: Iterable[Any], initial: Any) -> Iterator[Any]:
    """What is carried, at first and after each turn."""
    state, item = _parameters(function)
    call, rest = recorder.call(), iter(items)

    def called(name: str, value: Any) -> Any:
        return recorder.named(name, value, call) if name else value

    if initial is NOTHING:
        try:
            initial = next(rest)
        except StopIteration:
            return
    value = called(state, initial)
    yield value
    for x in recorder.loop(rest, ("carried", getattr(function, "__code__", function))):
        value = called(state, function(value, called(item, x)))
        yield value


def as_loops(recorder: Recorder) -> dict[Any, Any]:
    """What stands for functions, and modules, of Python's own that run through items."""

    def reduce(function: Callable[[Any, Any], Any], items: Iterable[Any], initial: Any = NOTHING) -> Any:
        value = NOTHING
        for value in _carried(recorder, function, items, initial):  # noqa: B007
            pass
        return functools.reduce(function, []) if value is NOTHING else value

    def accumulate(items: Iterable[Any], func: Any = operator.add, *, initial: Any = None) -> Iterator[Any]:
        return _carried(recorder, func, items, NOTHING if initial is None else initial)

    return {
        functools.reduce: reduce,
        itertools.accumulate: accumulate,
        functools: SimpleNamespace(**{**vars(functools), "reduce": reduce}),
        itertools: SimpleNamespace(**{**vars(itertools), "accumulate": accumulate}),
    }
