"""Arguments of NumPy's functions that are given by their place."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

import numpy as np


@functools.cache
def from_out_on(function: Any) -> tuple[int, list[str]]:
    """The place at which a function of NumPy takes out= without its name, and the names from there on."""
    if isinstance(function, np.ufunc) and function.nout == 1:
        return function.nin, ["out"]
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return sys.maxsize, []
    by_place = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    if several or "out" not in by_place:
        return sys.maxsize, []
    return by_place.index("out"), by_place[by_place.index("out") :]
