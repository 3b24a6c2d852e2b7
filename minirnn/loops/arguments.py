"""What a function takes, and what it reads from where it was defined."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .instrument.clone import names_in
from .plain_run import called


def taken(function: Callable[..., Any]) -> set[str]:
    """The names that the function takes, or reads from where it was defined."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    read = set() if code is None else {*names_in(code), *code.co_freevars}
    return {*_parameters(function), *read}


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise TypeError(f"trace takes a model or a function, not {type(function).__name__}") from error


def in_precision(value: Any, dtype: np.dtype) -> Any:
    """The arrays of floating point in `value` in another precision."""
    if isinstance(value, (list, tuple)):
        return type(value)(in_precision(part, dtype) for part in value)
    if isinstance(value, dict):
        return {key: in_precision(part, dtype) for key, part in value.items()}
    return value.astype(dtype) if isinstance(value, (np.ndarray, np.floating)) and value.dtype.kind == "f" else value


def split_arguments(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that the function takes, and those that it reads from where it was defined."""
    parameters = _parameters(function)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    own = {name: value for name, value in arguments.items() if anything or name in parameters}
    other = {name: value for name, value in arguments.items() if name not in own}
    unknown = set(other) - taken(function)
    if unknown:
        raise TypeError(
            f"{called(function)} neither takes nor reads {', '.join(sorted(unknown))}; it takes {', '.join(parameters)}"
        )
    missing = [
        n
        for n, p in parameters.items()
        if n not in own and p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    if missing:
        raise TypeError(f"{called(function)} also takes {', '.join(missing)}: give {missing[0]}=...")
    return own, other
