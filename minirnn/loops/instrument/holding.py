"""What objects hold: attributes, slots, and whether there are arrays among them."""

from __future__ import annotations

import collections
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

CONTAINERS = (list, tuple, dict, set, collections.deque)


def own_slots(cls: type) -> list[str]:
    slots = vars(cls).get("__slots__", ())
    return [slots] if isinstance(slots, str) else list(slots)


def slots(cls: type) -> list[str]:
    return [name for base in cls.__mro__ for name in own_slots(base) if name not in ("__dict__", "__weakref__")]


def attributes(value: Any) -> dict[str, Any]:
    held: Mapping[str, Any] = getattr(value, "__dict__", {})
    return {name: getattr(value, name) for name in slots(type(value)) if hasattr(value, name)} | dict(held)


def holds_arrays(value: Any, deep: int = 3) -> bool:
    """Whether there are arrays in an object of Python's own library, such as a namespace or a chain of dictionaries."""
    if isinstance(value, (np.ndarray, np.floating)):
        return True
    if deep == 0 or isinstance(value, (type, types.ModuleType, types.FunctionType, types.MethodType)):
        return False
    held = value if isinstance(value, CONTAINERS) else attributes(value)
    return any(holds_arrays(part, deep - 1) for part in [*(held.values() if isinstance(held, dict) else held)])
