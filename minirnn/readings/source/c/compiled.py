"""A network as C, compiled by the system's compiler, with the face of `minirnn.readings.source.compiled.Compiled`."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..compiled import Compiled, demand_real, explained
from .compiler import library
from .native import Native, file, shared


class CompiledC(Compiled):
    """``compiled(params, X, Y)`` gives the loss and the gradients by name; ``compiled.forward(params, X)`` the output.

    As `Compiled`, in C: float32 or float64, as the parameters are. What is given is read where it is if it is an array of
    that dtype whose rows follow each other; else it is copied. The work is done without Python's lock where it is long.
    """

    engine = "C"

    def __init__(
        self,
        write: Callable[[str], Native] | Mapping[str, Native],
        shapes: Mapping[str, tuple[int, ...]],
        dtype: str,
        sizes: Sequence[tuple[int, ...]] | None = None,
    ) -> None:
        self._write, self._shapes, self._first = write, dict(shapes), next(iter(shapes), "")
        self._sizes = None if sizes is None else list(sizes)
        self._known: dict[str, tuple[Native, Callable[..., Any], Any]] = {}
        self.source = self._of(dtype)[0].text
        self._last = self._known[dtype]

    def __reduce__(self) -> tuple[Any, ...]:
        texts = {dtype: self._native(dtype) for dtype in ("float32", "float64")}
        return CompiledC, (texts, self._shapes, self._last[0].dtype, self._sizes)

    def native(self, dtype: str) -> Native:
        """The C for numbers of this dtype."""
        return self._of(dtype)[0]

    def _native(self, dtype: str) -> Native:
        return self._write(dtype) if callable(self._write) else self._write[dtype]

    def _of(self, dtype: str) -> tuple[Native, Callable[..., Any], Any]:
        """The C for this dtype, how to run it, and its plan."""
        if dtype not in self._known:
            with ThreadPoolExecutor(2) as beside:  # three compilers at once, the first time
                beside.submit(extension), beside.submit(shared, dtype)
                native = self._native(dtype)
                native.place  # noqa: B018
            self._known[dtype] = native, *runner(native)
        return self._known[dtype]

    def __call__(self, params: Mapping[str, np.ndarray], X: Any = (), Y: Any = None) -> tuple[Any, dict[str, np.ndarray]]:
        native, run, plan = self._last
        if type(X) is np.ndarray and native.has_loss:
            found = run(plan, True, params, X, Y) if native.targets else run(plan, True, params, X)
            if found is not None:
                return found
        targets = [] if not native.targets else list(Y) if len(native.targets) > 1 else [Y]
        return self._converted(True, params, X, targets)

    def forward(self, params: Mapping[str, np.ndarray], X: Any) -> Any:
        """The output alone."""
        return self._converted(False, params, X, [])

    def _converted(self, backward: bool, params: Mapping[str, np.ndarray], X: Any, targets: list[Any]) -> Any:
        """The result, of what is given as arrays of the dtype of the parameters."""
        data = list(X) if isinstance(X, (list, tuple)) else [X]
        self._demand(not backward or self._last[0].has_loss, data)
        error = ValueError("no array of another shape, and at least 3 steps where it was traced with 3 or more")
        dtypes = {np.asarray(params[name]).dtype.name for name in self._shapes if name in params}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"} or set(self._shapes) - set(params):
            raise explained(error, self._shapes, params, data)
        self._last = native, run, plan = self._of(dtypes.pop())
        demand_real(self._shapes, params, data, targets)
        try:
            arrays = [_fitting(x, native, name in native.masks) for name, x in zip(native.data, data)]
            arrays += [_fitting(y, native) for y in targets]
        except (ValueError, TypeError) as wrong:
            raise explained(wrong, self._shapes, params, data) from wrong
        weights = {name: np.ascontiguousarray(params[name], native.dtype) for name in self._shapes}
        if len(data) != len(native.data) or (found := run(plan, backward, weights, *arrays)) is None:
            raise explained(error, self._shapes, params, data)
        return found


def _fitting(x: Any, native: Native, is_mask: bool = False) -> np.ndarray:
    """An array of the dtype of the library whose rows follow each other; of a mask its ones and zeros."""
    if isinstance(x, (str, bytes)):
        raise TypeError("a text is no array")
    x = np.asarray(x)
    return np.ascontiguousarray(x != 0 if is_mask else x, native.dtype)


def runner(native: Native) -> tuple[Callable[..., Any], Any]:
    """What runs the C, and the plan that it is to be given: ``run(plan, backward, params, *arrays)``."""
    made = shared(native.dtype)
    ctypes.c_long.in_dll(made, "threads").value = _threads()
    shapes = tuple(sizes for _, sizes in native.given)
    entry = extension()
    if entry is None:
        return functools.partial(_by_ctypes, made), native
    where = [native.place.value, *[ctypes.cast(f, ctypes.c_void_p).value for f in (made.memory, made.compute)]]
    plan = entry.plan(
        *where,
        np.dtype(native.dtype).num,
        native.steps,
        native.fixed_steps,
        native.outputs,
        shapes,
        tuple(native.results),
        tuple(native.parameters),
        tuple(native.gradients),
        tuple(native.constants),
    )
    return entry.run, plan


def _threads() -> int:
    """How many threads may share the samples: OMP_NUM_THREADS, or as many as there are processors for this process."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal():
        return max(1, int(asked))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def extension() -> Any:
    """The module of entry.c, compiled once for this Python and NumPy; None where Python's headers are not there."""
    include = sysconfig.get_paths()["include"]
    if not (Path(include) / "Python.h").exists():
        return None
    try:
        path = library(file("entry.c"), (f"-I{include}", f"-I{np.get_include()}"))
        spec = importlib.util.spec_from_file_location("minirnn_entry", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (NotImplementedError, ImportError, OSError):
        return None


def _by_ctypes(made: ctypes.CDLL, native: Native, backward: bool, params: Mapping[str, Any], *arrays: Any) -> Any:
    """The same as entry.c, in Python, where the extension cannot be made."""
    given = [*arrays, *[None] * (len(native.data) + len(native.targets) - len(arrays))]
    weights = [params.get(name) for name in native.parameters]
    given += [*weights, *native.constants]
    needed = [*weights, *(given[: len(native.data) + len(native.targets)] if backward else given[: len(native.data)])]
    lengths = native.lengths(given)
    if lengths is None or any(x is None for x in needed):
        return None
    results: list[Any] = [
        np.empty([(0, *lengths)[which] * factor + more for which, factor, more in sizes], native.dtype)
        if (k >= native.outputs) == backward
        else None
        for k, sizes in enumerate(native.results)
    ]
    c_sizes = (ctypes.c_long * len(lengths))(*lengths)
    room = np.empty(made.memory(native.place, c_sizes) + 64, np.uint8)
    pointers = [None if x is None else x.ctypes.data for x in [*given, *results]]
    start = room.ctypes.data + -room.ctypes.data % 64
    made.compute(native.place, c_sizes, (ctypes.c_void_p * len(pointers))(*pointers), ctypes.c_void_p(start), int(backward))
    outputs, rest = results[: native.outputs], results[native.outputs :]
    if not backward:
        return outputs[0] if len(outputs) == 1 else outputs
    return rest[0][()], dict(zip(native.gradients, rest[1:]))
