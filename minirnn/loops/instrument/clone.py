"""Copies of the user's functions that see recording arrays: the functions, their globals and NumPy stay as they are.

A copy is compiled from the function's own source with notes put in (see `minirnn.loops.instrument.rewrite_source`).
"""

from __future__ import annotations

import copy
import dis
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ..recording.array import Array
from ..recording.functions import FUNCTIONS, not_recorded
from .recorder import Recorder
from .rewrite_source import NOTES, with_notes

_LIBRARIES = {"numpy", "minirnn", "scipy", "keras", "tensorflow", "torch", "jax", "pandas", "sympy", "matplotlib", "tqdm"}


class RecordingModule:
    """NumPy, or a part of it, with recording functions; what it has no record of it refuses."""

    def __init__(self, module: Any, name: str = "") -> None:
        self.__dict__.update(_module=module, _prefix=name)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        value = _of_numpy(found, self._prefix + name)
        self.__dict__[name] = value
        return value


def _of_numpy(found: Any, name: str) -> Any:
    if isinstance(found, types.ModuleType):
        return RecordingModule(found, name + ".")
    if isinstance(found, type) or not callable(found):
        return found
    return FUNCTIONS.get(found) or not_recorded(found, name)


class Copies:
    """Everything that one trace sees in place of what it is: made once, when it is first met."""

    def __init__(self, recorder: Recorder, given: Callable[[Any, str], Any], named: dict[str, Any]) -> None:
        self.recorder, self.given, self.named = recorder, given, named
        self._made: dict[int, tuple[Any, Any]] = {}  # by identity, with the original, so that it stays
        self._numpy = RecordingModule(np)

    def of(self, value: Any, name: str) -> Any:
        """What stands for `value`, which the code calls `name`."""
        if id(value) in self._made:
            return self._made[id(value)][1]
        if isinstance(value, (np.ndarray, list, tuple, dict)) and type(value) is not Array:
            found = self.given(value, name)
            return self._keep(value, found) if found is not value else value
        if isinstance(value, types.ModuleType):
            return self._keep(value, self._module(value))
        if isinstance(value, np.ufunc) or _root(value) == "numpy":
            return value if isinstance(value, (type, np.generic)) else _of_numpy(value, getattr(value, "__name__", name))
        if _root(value) in _LIBRARIES or _root(value) in sys.stdlib_module_names:
            return value
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, types.MethodType):
            return types.MethodType(self.function(value.__func__), self.of(value.__self__, ""))
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, functools.partial):
            made = functools.partial(self.of(value.func, name), *value.args, **value.keywords)
            return self._keep(value, made)
        if hasattr(value, "__dict__") and type(value).__module__ != "builtins":
            return self._object(value)
        return value

    def _keep(self, value: Any, made: Any) -> Any:
        self._made[id(value)] = (value, made)
        return made

    def _module(self, module: types.ModuleType) -> Any:
        root = module.__name__.partition(".")[0]
        if root == "numpy":
            return self._numpy if module is np else RecordingModule(module, module.__name__.partition(".")[2] + ".")
        if root == "tensorflow":
            from ..tensorflow import recording_tensorflow

            return recording_tensorflow()
        if root in _LIBRARIES or root in sys.stdlib_module_names:
            return module
        return _UserModule(self, module)

    def function(self, function: Any) -> Any:
        """A copy that sees recording arrays."""
        if id(function) in self._made:
            return self._made[id(function)][1]
        code = with_notes(function)
        names = names_in(code)
        space: dict[str, Any] = dict(function.__globals__)
        made = types.FunctionType(
            code,
            space,
            function.__name__,
            function.__defaults__,
            None if not code.co_freevars else tuple(types.CellType() for _ in code.co_freevars),
        )
        self._keep(function, made)  # before its globals: it may call itself
        made.__kwdefaults__ = function.__kwdefaults__
        made.__dict__.update(function.__dict__)
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        for name in names:
            if name in self.named:
                space[name] = self.named[name]
            elif name in space:
                space[name] = self.of(space[name], name)
        space[NOTES] = self.recorder
        space["__minirnn_copies__"] = self
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
        for name, cell in zip(code.co_freevars, made.__closure__ or ()):
            if name in self.named:
                cell.cell_contents = self.named[name]
                continue
            try:
                cell.cell_contents = self.of(cells[name].cell_contents, name)
            except ValueError:  # an empty cell stays empty
                continue
        return made

    def _class(self, cls: type) -> type:
        """A subclass whose methods, inherited ones too, are copies."""
        own: dict[str, Any] = {}
        made = self._keep(cls, types.new_class(cls.__name__, (cls,), {}, lambda space: None))
        for base in reversed(cls.__mro__):
            if base.__module__ == "builtins":
                continue
            for name, value in vars(base).items():
                if isinstance(value, types.FunctionType):
                    own[name] = self.function(value)
                elif isinstance(value, (staticmethod, classmethod)) and isinstance(value.__func__, types.FunctionType):
                    own[name] = type(value)(self.function(value.__func__))
                elif isinstance(value, property) and isinstance(value.fget, types.FunctionType):
                    own[name] = property(self.function(value.fget), value.fset, value.fdel)
                elif isinstance(value, (np.ndarray, list, dict)):
                    own[name] = self.of(value, name)
        for name, value in own.items():
            setattr(made, name, value)
        return made

    def _object(self, value: Any) -> Any:
        """A copy of an object, its arrays recording ones, its methods copies; the object itself is left as it is."""
        try:
            made = copy.copy(value)
        except Exception:  # what cannot be copied is used as it is: its methods cannot be followed, and will say so
            return value
        self._keep(value, made)
        if isinstance(type(value), type) and type(value).__module__.partition(".")[0] not in sys.stdlib_module_names:
            try:
                made.__class__ = self._class(type(value))
            except TypeError:
                return value
        for name, part in vars(value).items():
            vars(made)[name] = self.of(part, name)
        return made


class _UserModule:
    """A module of the user's, its functions copied when they are asked for."""

    def __init__(self, copies: Copies, module: types.ModuleType) -> None:
        self.__dict__.update(_copies=copies, _module=module)

    def __getattr__(self, name: str) -> Any:
        return self._copies.of(getattr(self._module, name), name)


def _root(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


@functools.lru_cache(maxsize=512)
def names_in(code: types.CodeType) -> frozenset[str]:
    """The global names that a code object and those inside it may read; names of attributes are none."""
    found = {str(i.argval) for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"}
    return frozenset(found.union(*(names_in(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))))
