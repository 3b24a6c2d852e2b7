"""Copies of what the user's function reaches, on which the run works: functions, objects, containers, arrays.

A copy of a function is compiled from its own source with notes put in (see `minirnn.loops.instrument.rewrite_source`).
Copies of one thing are one thing: cells and global variables that functions share are shared, and so is memory of arrays.
"""

from __future__ import annotations

import collections
import copy
import dis
import enum
import functools
import math
import operator
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ..recording.array import Array
from ..recording.library import Library, in_place_of
from .holding import CONTAINERS, attributes, holds_arrays, own_slots, slots
from .iteration import as_loops
from .modules import RecordingMath, RecordingModule, of_numpy
from .notes import NOTES
from .recorder import Recorder
from .rewrite_source import with_notes
from .snapshot import Snapshot, in_its_order

_LIBRARIES = {"numpy", "minirnn", "scipy", "keras", "tensorflow", "torch", "jax", "pandas", "sympy", "matplotlib", "tqdm"}
_PLAIN = (int, float, str, bytes, complex, bool, type(None), type(Ellipsis), slice, range, np.dtype)


class Copies:
    """Everything that one run sees in place of what it is: made once, when it is first met."""

    def __init__(
        self,
        recorder: Recorder,
        given: Callable[[Any, str], Any],
        named: dict[str, Any],
        snapshot: Snapshot,
        notes: bool = True,
    ) -> None:
        self.recorder, self.given, self.named, self.snapshot, self.notes = recorder, given, named, snapshot, notes
        self._made: dict[int, tuple[Any, Any]] = {}  # by identity, with the original, so that it stays
        self._seen: dict[int, set[str]] = {}  # the global variables that have been copied, by module
        self._filled: set[int] = set()  # the cells that have been
        self._numpy, self._math = RecordingModule(np), RecordingMath()
        self._loops = {id(original): ours for original, ours in as_loops(recorder).items()}

    def of(self, value: Any, name: str) -> Any:
        """What stands for `value`, which the code calls `name`."""
        if (isinstance(value, _PLAIN) and not isinstance(value, np.generic)) or isinstance(value, enum.Enum):
            return value
        if id(value) in self._made:
            return self._made[id(value)][1]
        if isinstance(value, (np.ndarray, np.generic)) and type(value) is not Array:
            self.snapshot.of(value, in_its_order)
            return self._keep(value, self.given(value, name))
        if isinstance(value, CONTAINERS):
            return self._container(value, name)
        if self.notes and id(value) in self._loops:
            return self._loops[id(value)]
        if isinstance(value, types.ModuleType):
            return self._keep(value, self._module(value))
        if isinstance(value, (np.random.Generator, np.random.RandomState, random.Random)):
            return self._keep(value, copy.deepcopy(self.snapshot.of(value, copy.deepcopy)))
        if isinstance(value, np.ufunc) or _root(value) == "numpy":
            if not self.notes or isinstance(value, (type, np.generic)):
                return value
            return of_numpy(value, getattr(value, "__name__", name))
        if isinstance(value, types.FunctionType) and _root(value) not in _LIBRARIES | sys.stdlib_module_names:
            return self.function(value)
        if isinstance(value, types.FunctionType) and _root(value) in ("keras", "tensorflow"):
            return in_place_of(value)
        if isinstance(value, types.MethodType):
            return types.MethodType(self.of(value.__func__, name), self.of(value.__self__, ""))
        if isinstance(value, functools.partial):
            return self._keep(value, self._partial(value, name))
        if isinstance(value, functools._lru_cache_wrapper):
            return self._keep(value, functools.lru_cache(**value.cache_parameters())(self.of(value.__wrapped__, name)))
        if hasattr(value, "numpy") and hasattr(value, "dtype"):
            return self._keep(value, self.given(np.asarray(value), name))  # a tensor of TensorFlow
        if isinstance(value, type):
            return self._class(value) if _root(value) not in _LIBRARIES | sys.stdlib_module_names else value
        if isinstance(value, types.MappingProxyType):
            return self._keep(value, types.MappingProxyType(self._container(dict(value), name)))
        if _root(type(value)) not in _LIBRARIES | sys.stdlib_module_names or holds_arrays(value):
            return self._object(value)
        return value

    def _keep(self, value: Any, made: Any) -> Any:
        self._made[id(value)] = (value, made)
        return made

    # --------------------------------------------------------------------------------------------- containers and objects

    def _container(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            held: dict[Any, Any] = self.snapshot.of(value, dict)
            made = self._keep(value, type(value)() if type(value) is not collections.defaultdict else copy.copy(value))
            made.clear()
            for key, part in held.items():
                made[key] = self.of(part, word(key, name))
            return made
        held_list = self.snapshot.of(value, list)
        if isinstance(value, tuple):
            fields = getattr(value, "_fields", None) or [f"{name}_{i}" for i in range(1, len(held_list) + 1)]
            parts = [self.of(part, str(field)) for part, field in zip(held_list, fields)]
            if all(a is b for a, b in zip(parts, held_list)):
                return value
            make: Any = getattr(type(value), "_make", type(value))
            return self._keep(value, make(parts))
        made = self._keep(value, copy.copy(value))
        made.clear()
        sequence: Any = getattr(self.given, "sequence", lambda parts, name: None)
        if type(value) is list and (found := sequence(held_list, name)):
            parts = found
        elif all(type(part) in _PLAIN for part in held_list):
            parts = held_list
        else:
            parts = [self.of(part, f"{name}_{i}") for i, part in enumerate(held_list, start=1)]
        for part in parts:
            made.add(part) if isinstance(value, set) else made.append(part)
        return made

    def _object(self, value: Any) -> Any:
        """A copy of an object, its arrays recording ones, its methods copies."""
        if not hasattr(value, "__dict__") and not slots(type(value)):
            return value
        cls: Any = self._class(type(value)) if _root(type(value)) not in sys.stdlib_module_names else type(value)
        try:
            made: Any = cls.__new__(cls)
        except TypeError:  # what cannot be copied is used as it is: its methods cannot be followed, and will say so
            return value
        self._keep(value, made)
        for name, part in self.snapshot.of(value, attributes).items():
            object.__setattr__(made, name, self.of(part, name))
        return made

    def _partial(self, value: Any, name: str) -> Any:
        code = getattr(value.func, "__code__", None)
        names = code.co_varnames if code is not None else ()
        args = [self.of(a, names[i] if i < len(names) else f"{name}_{i + 1}") for i, a in enumerate(value.args)]
        return functools.partial(self.of(value.func, name), *args, **{k: self.of(v, k) for k, v in value.keywords.items()})

    # ------------------------------------------------------------------------------------------------ functions and classes

    def _module(self, module: types.ModuleType) -> Any:
        root = module.__name__.partition(".")[0]
        if not self.notes and root in {"numpy", "tensorflow", "keras", "math"}:
            return module
        if root == "numpy":
            return self._numpy if module is np else RecordingModule(module, module.__name__.partition(".")[2] + ".")
        if root in {"tensorflow", "keras"}:
            self.recorder.foreign = True
            return Library("tf" if root == "tensorflow" else module.__name__, module if root == "keras" else None)
        if module is math:
            return self._math
        if root in _LIBRARIES or root in sys.stdlib_module_names:
            return module
        return _UserModule(self, module)

    def space(self, original: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
        """The global variables that functions of one module see, with copies of those that these names are for."""
        if id(original) not in self._made:
            made = dict(original)
            made[NOTES], made["__minirnn_copies__"] = self.recorder, self
            self._keep(original, made)
            self._seen[id(original)] = {NOTES}  # it is there already where the function is itself a copy
        found, seen = self._made[id(original)][1], self._seen[id(original)]
        for name in names - seen:
            seen.add(name)
            if name in self.named:
                found[name] = self.named[name]
            elif name in original:
                found[name] = self.of(self.snapshot.of(original, operator.itemgetter(name), name), name)
        return found

    def function(self, function: Any) -> Any:
        """A copy that sees recording arrays."""
        if id(function) in self._made:
            return self._made[id(function)][1]
        code = with_notes(function) if self.notes else function.__code__
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
        closure = tuple([self._cell(cells[name], name) for name in code.co_freevars])
        made = types.FunctionType(code, self.space(function.__globals__, frozenset()), function.__name__, None, closure)
        self._keep(function, made)  # before its globals: it may call itself
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        self.space(function.__globals__, names_in(code))
        for name, cell in cells.items():
            self._fill(cell, name)
        taken = function.__code__.co_varnames[: function.__code__.co_argcount]
        defaults = function.__defaults__ or ()
        made.__defaults__ = tuple(self.of(v, n) for v, n in zip(defaults, taken[len(taken) - len(defaults) :])) or None
        made.__kwdefaults__ = function.__kwdefaults__ and {n: self.of(v, n) for n, v in function.__kwdefaults__.items()}
        made.__dict__.update({k: self.of(v, k) for k, v in function.__dict__.items() if k != "__wrapped__"})
        return made

    def _cell(self, cell: Any, name: str) -> Any:
        return self._made[id(cell)][1] if id(cell) in self._made else self._keep(cell, types.CellType())

    def _fill(self, cell: Any, name: str) -> None:
        made = self._made[id(cell)][1]
        if id(cell) in self._filled:
            return
        self._filled.add(id(cell))
        try:
            value = self.snapshot.of(cell, lambda c: c.cell_contents)
        except ValueError:  # an empty cell stays empty
            return
        made.cell_contents = self.named[name] if name in self.named else self.of(value, name)

    def _class(self, cls: type) -> type:
        """A class of the same name whose bases and methods are copies, so that super() finds copies too."""
        if id(cls) in self._made:
            return self._made[id(cls)][1]
        if (hasattr(cls, "_fields") and issubclass(cls, tuple)) or isinstance(cls, enum.EnumMeta):
            return self._keep(cls, cls)
        bases = tuple(self.of(base, base.__name__) for base in cls.__bases__)
        slots = own_slots(cls)
        left_out = {"__dict__", "__weakref__", *slots}
        held = {k: v for k, v in self.snapshot.of(cls, lambda c: dict(vars(c))).items() if k not in left_out}
        plain = {
            k: v for k, v in held.items() if not isinstance(v, (*CONTAINERS, np.ndarray, *_CALLABLE)) or k == "__slots__"
        }
        try:
            made = types.new_class(cls.__name__, bases, {"metaclass": type(cls)}, lambda space: space.update(plain))
        except Exception:  # a class that cannot be made twice is used as it is
            return self._keep(cls, cls)
        self._keep(cls, made)
        for name, value in held.items():
            if name not in plain:
                setattr(made, name, self._member(value, name))
        return made

    def _member(self, value: Any, name: str) -> Any:
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self.of(value.__func__, name))
        if isinstance(value, property):
            return property(*(f and self.of(f, name) for f in (value.fget, value.fset, value.fdel)))
        if isinstance(value, functools.cached_property):
            made: Any = functools.cached_property(self.of(value.func, name))
            made.__set_name__(None, name)
            return made
        return self.of(value, name)


_CALLABLE = (
    types.FunctionType, staticmethod, classmethod, property, functools.cached_property, functools._lru_cache_wrapper,
)  # fmt: skip


class _UserModule:
    """A module of the user's, its functions copied when they are asked for."""

    def __init__(self, copies: Copies, module: types.ModuleType) -> None:
        self.__dict__.update(_copies=copies, _module=module)

    def __getattr__(self, name: str) -> Any:
        if name not in vars(self._module):
            return getattr(self._module, name)
        return self._copies.space(vars(self._module), frozenset([name]))[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._copies.space(vars(self._module), frozenset([name]))[name] = value


def word(key: Any, otherwise: str) -> str:
    """A key of a dictionary as a name."""
    found = "".join(c if c.isalnum() else "_" for c in str(key)).strip("_")
    return found if found and not found[0].isdigit() else f"{otherwise}_{found}"


def _root(value: Any) -> str:
    return (getattr(value, "__module__", None) or "").partition(".")[0]


@functools.lru_cache(maxsize=32)
def names_in(code: types.CodeType) -> frozenset[str]:
    """The global names that a code object and those inside it may read; names of attributes are none."""
    found = {str(i.argval) for i in dis.get_instructions(code) if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"}
    return frozenset(found.union(*(names_in(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))))
