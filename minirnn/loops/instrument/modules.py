"""NumPy and math with functions that record."""

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np

from ..recording.array import Array
from ..recording.methods import as_number
from ..recording.methods import function as recording


class RecordingModule:
    """NumPy, or a part of it, with functions that record."""

    def __init__(self, module: Any, name: str = "") -> None:
        self.__dict__.update(_module=module, _prefix=name)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        value = of_numpy(found, self._prefix + name)
        self.__dict__[name] = value
        return value


def of_numpy(found: Any, name: str) -> Any:
    if isinstance(found, types.ModuleType):
        return RecordingModule(found, name + ".")
    if found is np.r_ or found is np.c_:
        return recording(found)
    if isinstance(found, type) or not callable(found) or name.startswith("random"):
        return found
    return recording(found, f"np.{name}")


class RecordingMath:
    """The module `math`: of a traced number its functions are those of NumPy."""

    def __init__(self) -> None:
        self.__dict__.update({k: v for k, v in vars(math).items() if not callable(v)})

    def __getattr__(self, name: str) -> Any:
        plain = getattr(math, name)
        ours = getattr(np, {"pow": "power", "fabs": "abs"}.get(name, name), None)

        def call(*args: Any) -> Any:
            if ours is None or not any(type(a) is Array for a in args):
                return plain(*args)
            found = as_number(recording(ours)(*args))
            if type(found) is Array:  # the last bit may be another than NumPy's
                found.data = plain(*[a.data if type(a) is Array else a for a in args])
                found.node.value = np.float64(found.data)
            return found

        return call
