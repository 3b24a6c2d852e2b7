"""What a function found when it was traced, so that it can be run again from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Snapshot:
    """What lists, objects, variables and arrays held when a function was traced, so that it can be run again from there."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[Any, Any]] = {}

    def of(self, thing: Any, read: Callable[[Any], Any], part: str = "") -> Any:
        """What ``read(thing)`` was when it was read for the first time."""
        key = (id(thing), part)
        if key not in self._kept:
            self._kept[key] = (thing, read(thing))  # the thing too, so that its id stays its own
        return self._kept[key][1]


def in_its_order(value: Any) -> Any:
    """A copy of an array, laid out in memory as it is."""
    return np.array(value, order="K", subok=True)
