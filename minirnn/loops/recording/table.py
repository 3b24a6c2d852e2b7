"""What stands for NumPy's functions while a function is recorded, found by NumPy's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

SEQUENCES = (list, tuple, deque)  # what NumPy makes an array of

FUNCTIONS: dict[Any, Callable[..., Any]] = {}  # NumPy's function -> the one that records
UNRECORDED: dict[Any, Callable[..., Any]] = {}  # those that have been asked for and have no rule


def call(original: Any, *args: Any, **options: Any) -> Any:
    """The recording function for NumPy's `original`, called."""
    return FUNCTIONS[original](*args, **options)
