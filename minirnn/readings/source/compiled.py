"""The source of a network as functions: executed once for each text, with rooms that are used again from call to call."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ENGINES = ("numpy", "c")
ROOMS = 8  # sizes of data for which the rooms are kept


@functools.lru_cache(maxsize=256)
def functions(text: str) -> dict[str, Any]:
    """The functions of a module that `minirnn.readings.source.source` wrote."""
    return executed(text, np)


def executed(text: str, numpy: Any) -> dict[str, Any]:
    """The functions of such a module, where `numpy` is what it knows as NumPy: another kind of numbers, say."""
    names = re.findall(r"^from numpy import (.*)$", text, re.MULTILINE)
    known = {name: getattr(numpy, name) for line in names for name in line.split(", ")}
    module: dict[str, Any] = {"np": numpy, **known}
    exec(re.sub(r"^(import numpy as np|from numpy import .*)$", "", text, flags=re.MULTILINE), module)  # our own text only
    return module


class Compiled:
    """``compiled(params, X, Y)`` gives the loss and the gradients by name; ``compiled.forward(params, X)`` the output.

    - `params`: the parameters by name, all of one dtype
    - `X`: (N, T, D), or a list of it and the initial states; any N, and any T that is long enough. `sizes`, if given, are
      the shapes that the data must have
    - `Y`: the target; none where the loss is a part of what was traced

    Results belong to the caller: later calls do not change them. Several threads may call at once. Raises ValueError if a
    shape does not fit.
    """

    def __init__(
        self, text: str, shapes: Mapping[str, tuple[int, ...]], sizes: Sequence[tuple[int, ...]] | None = None
    ) -> None:
        module = functions(text)
        self.source, self._shapes, self._first = text, dict(shapes), next(iter(shapes), "")
        self._sizes = None if sizes is None else list(sizes)
        self._forward, self._arrays = module["forward"], module.get("arrays")
        self._loss_and_gradients: Any = module.get("loss_and_gradients")
        self._rooms: list[tuple[tuple[int, ...], np.dtype, Any]] = []  # the size and dtype of each, the last used last

    def __reduce__(self) -> tuple[Any, ...]:
        return Compiled, (self.source, self._shapes, self._sizes)

    def __call__(self, params: Mapping[str, np.ndarray], X: Any, Y: Any = None) -> tuple[Any, dict[str, np.ndarray]]:
        rooms = self._rooms
        try:
            room = rooms.pop()  # taken out: another thread takes another
        except IndexError:
            room = None
        try:
            if room is not None and type(X) is np.ndarray and room[0] == X.shape and room[1] is params[self._first].dtype:
                result = self._loss_and_gradients(params, X, Y, room[2])
                rooms.append(room)
                return result
        except Exception as error:
            raise explained(error, self._shapes, params, [X]) from error
        return self._run(self._loss_and_gradients, room, params, X, *([] if Y is None else [Y]))

    def forward(self, params: Mapping[str, np.ndarray], X: Any) -> np.ndarray:
        """The output alone."""
        return self._run(self._forward, None, params, X)

    def _run(self, function: Any, room: Any, params: Mapping[str, np.ndarray], X: Any, *target: Any) -> Any:
        """Call one of the functions; `room` is of another size."""
        data = X if isinstance(X, (list, tuple)) else [X]
        if function is None:
            raise ValueError("there is no loss to differentiate: compile a trace with a target, mr.trace(model, X, Y)")
        if self._sizes is not None and [np.shape(x) for x in data] != self._sizes:
            raise ValueError(f"the data have shapes {[np.shape(x) for x in data]}; this was traced with {self._sizes}")
        try:
            if self._arrays is None:
                return function(params, *data, *target)
            shape, dtype = data[0].shape, params[self._first].dtype
            room = self._fitting(room, shape, dtype) or (shape, dtype, self._arrays(params, *data))
            result = function(params, *data, *target, room[2])
            self._rooms.append(room)
            return result
        except Exception as error:
            raise explained(error, self._shapes, params, data) from error

    def _fitting(self, room: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """A room of this size among those kept; `room`, which has another, is kept too."""
        others = [] if room is None else [room]
        while True:
            try:
                room = self._rooms.pop()
            except IndexError:
                room = None
                break
            if room[0] == shape and room[1] is dtype:
                break
            others.append(room)
        self._rooms.extend(others[-ROOMS:])
        return room


def explained(
    error: Exception, shapes: Mapping[str, tuple[int, ...]], params: Mapping[str, np.ndarray], data: Sequence[Any]
) -> Exception:
    """The error that says what does not fit, if it can be told; `shapes` are those of the parameters."""
    if not isinstance(error, (ValueError, TypeError, KeyError, AttributeError, IndexError)):
        return error
    for name, shape in shapes.items():
        if name not in params:
            return ValueError(f"params has no {name!r}; this network has {', '.join(shapes)}")
        if np.shape(params[name]) != shape:
            return ValueError(f"{name} has shape {np.shape(params[name])}, not {shape}")
    dtypes = {str(np.asarray(params[name]).dtype) for name in shapes}
    if len(dtypes) > 1:
        return ValueError(f"the parameters are of several dtypes, {', '.join(sorted(dtypes))}: convert them to one")
    if any(not isinstance(x, np.ndarray) for x in data):
        return ValueError(f"X must be an array, not {', '.join(type(x).__name__ for x in data)}")
    return ValueError(f"the data do not fit this network: {error}")
