"""What stands for NumPy's functions while a loop is recorded: each is found by NumPy's own, what is not here is refused.

Where nothing traced goes in, NumPy itself is asked and the result is a constant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import instead_of, refuse
from .array import Array, memory, traced

FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # NumPy's function -> ours


def plain(x: Any) -> Any:
    """`x` with NumPy's arrays in place of recording ones; they hold constants."""
    if type(x) is Array:
        return x.value
    if type(x) in (list, tuple):
        return type(x)(map(plain, x))
    return {k: plain(v) for k, v in x.items()} if type(x) is dict else x


def recorded(x: Any) -> Any:
    """What NumPy has made, as a recording array if it is of floating point: it may be written into."""
    if isinstance(x, (np.ndarray, np.floating)) and type(x) is not Array and x.dtype.kind == "f":
        return memory(x)
    return tuple(map(recorded, x)) if type(x) is tuple else x


def stands_for(*originals: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Ours, in place of NumPy's functions `originals`: asked only where something traced goes in."""

    def take(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update({original: _where_traced(function, original) for original in originals})
        return FUNCTIONS[originals[0]]

    return take


def _where_traced(function: Callable[..., Any], original: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if any(map(traced, args)) or (options and any(map(traced, options.values()))):
            return function(*args, **options)
        return sharing(recorded(original(*map(plain, args), **plain(options))), call, args, options)

    return call


def not_recorded(function: Any, name: str) -> Callable[..., Any]:
    """A function of NumPy that is not recorded: NumPy's own for constants, refused for what is traced."""

    def call(*args: Any, **options: Any) -> Any:
        if any(map(traced, args)) or any(map(traced, options.values())):
            refuse(f"minirnn does not record np.{name}", instead_of(name))
        return sharing(recorded(function(*map(plain, args), **plain(options))), call, args, options)

    return call


def sharing(found: Any, function: Callable[..., Any], args: Sequence[Any], options: dict[str, Any]) -> Any:
    """What NumPy has made of constants; a view of the first of them goes on being one when something traced is written."""
    if type(found) is Array and args and type(args[0]) is Array and np.may_share_memory(found.value, args[0].value):
        found.view_of(args[0], lambda base: function(base, *args[1:], **options))
    return found
