"""What Keras lets one name by a text: losses, metrics, optimizers, initializers, regularizers, constraints, activations.

Each kind has one `Registry`. A name, a class, Keras' description of an object, and an object of Keras all lead to minirnn's
own object; a function is taken as it is. The objects are dataclasses: the arguments that one was made with describe it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar, Self

from .checks import unraised
from .system import choices, nearest, plain

KERAS = {"keras", "tf_keras", "tensorflow"}  # the packages whose objects are translated


_registered: dict[str, Any] = {}
_in_scope: ContextVar[Mapping[str, Any] | None] = ContextVar("own objects", default=None)


@contextlib.contextmanager
def own_objects(given: Mapping[str, Any] | None) -> Iterator[None]:
    """Classes and functions of the user's own, which descriptions may name within: no other code of theirs is run."""
    before = _in_scope.set({**(_in_scope.get() or {}), **(given or {})})
    try:
        yield
    finally:
        _in_scope.reset(before)


def register(name: str, package: str, one: Any) -> None:
    """Let descriptions name a class or a function of the user's own from now on."""
    _registered[f"{package}>{name}"] = _registered[name] = one


def own_object(*names: Any) -> Any:
    """What of the user's own is meant by the first of these names that is known; None if none is."""
    known = {**_registered, **(_in_scope.get() or {})}
    tried = [name for each in names if isinstance(each, str) for name in (each, each.rpartition(">")[2])]
    return next((known[name] for name in tried if name in known), None)


def registered_name(one: Any) -> str:
    """The name that Keras keeps such a class or function by."""
    return next((name for name, known in _registered.items() if known is one and ">" in name), str(one.__name__))


_counted: Counter[str] = Counter()


def numbered(name: str) -> str:
    """What Keras calls the next object of a class in this process: auc, auc_1, ..."""
    _counted[name] += 1
    return name if _counted[name] == 1 else f"{name}_{_counted[name] - 1}"


def count_anew() -> None:
    """Let the next object of each class be the first."""
    _counted.clear()


class _Kind(type):
    """Makes objects: arguments of Keras that do nothing are left out, and what is unknown is refused in a sentence."""

    unused: Mapping[str, Any]

    def __call__(cls, *args: Any, **given: Any) -> Any:
        return super().__call__(*args, **understood(cls, given) if given else given)


class Configured(metaclass=_Kind):
    """An object that is described by the arguments it was made with; its subclasses are dataclasses."""

    unused: ClassVar[Mapping[str, Any]] = {}  # arguments of Keras, and the values at which they do nothing; ... are all

    def __init_subclass__(cls) -> None:
        if "__call__" in vars(cls):
            type.__setattr__(cls, "__call__", unraised(vars(cls)["__call__"]))

    def get_config(self) -> dict[str, Any]:
        """Keras' description: the arguments by name."""
        fields = [field for field in dataclasses.fields(self) if field.init]  # type: ignore[arg-type]
        return {field.name: _described(getattr(self, field.name)) for field in fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The object with that description."""
        return cls(**config)


def understood(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that an object of this class is made with, of those by name."""
    known = _arguments(kind)
    if known is None:
        return given
    for argument in given.keys() - known:
        if argument not in kind.unused:
            raise TypeError(f"{kind.__name__} has no argument {plain(repr(argument))}{choices(argument, known)}")
        if not _does_nothing(kind, argument, given[argument]):
            raise NotImplementedError(_unsupported(kind, argument, given[argument]))
    return {argument: value for argument, value in given.items() if argument in known}


@functools.cache
def _arguments(kind: type) -> dict[str, None] | None:
    """The names of the arguments that a class is made with; None if it takes any."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]  # type: ignore[misc]
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters) else {p.name: None for p in parameters}


def _does_nothing(kind: Any, argument: str, value: Any) -> bool:
    harmless = kind.unused.get(argument, ())
    return harmless is ... or value in harmless


def _unsupported(kind: Any, argument: str, value: Any) -> str:
    return f"{kind.__name__}({argument}={plain(repr(value))}) is not supported by minirnn yet"


def _described(value: Any) -> Any:
    if isinstance(value, Configured):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    return value


class Registry:
    """Everything of one kind that has a name: classes of objects, or functions.

    Names are read without regard to case and underscores: ``"GlorotUniform"``, ``"glorot_uniform"`` and ``"GLOROT_UNIFORM"``
    are one. `aliases` are further names. `unused` are arguments in Keras that minirnn has no use for: see `Configured`.
    """

    def __init__(
        self,
        kind: str,
        members: Iterable[Any] | Mapping[str, Any],
        aliases: Mapping[str, Any] | None = None,
        unused: Mapping[str, Any] | None = None,
        translate: bool = True,
    ) -> None:
        members = dict(members) if isinstance(members, Mapping) else {snake(_name_of(one)): one for one in members}
        self.kind, self._translate = kind, translate
        self.classes: dict[str, Any] = {one.__name__: one for one in members.values() if isinstance(one, type)}
        self.names: dict[str, Any] = members | dict(aliases or {})
        for one in self.classes.values():
            one.unused = {"name": ..., "dtype": ...} | dict(unused or {})
        self._by_key = {_key(name): one for name, one in [*self.classes.items(), *self.names.items()]}

    def get(self, given: Any) -> Any:
        """What is meant by `given`; None is None. ValueError names the nearest that there is."""
        if isinstance(given, str):
            return self.named(given)
        if isinstance(given, Mapping) and "class_name" in given:
            return self.made(str(given["class_name"]), given.get("config") or {})
        if isinstance(given, type) and given in self.classes.values():
            return given()
        if given is not None and self._translate and _module(given) in KERAS:
            return self._translated(given)
        return given

    def get_callable(self, given: Any) -> Any:
        """The same; ValueError if it is nothing that can be called."""
        found = self.get(given)
        if found is not None and not callable(found):
            raise ValueError(f"{self.unknown(repr(given))}, or give a function")
        return found

    def named(self, name: str) -> Any:
        """The object of that name, made with its defaults; a function itself."""
        if _key(name) not in self._by_key:
            raise ValueError(self.unknown(name))
        found = self._by_key[_key(name)]
        return found() if isinstance(found, type) else found

    def knows(self, name: Any) -> bool:
        """Whether there is something of that name."""
        return isinstance(name, str) and _key(name) in self._by_key

    def called(self, name: str) -> Any:
        """The class or the function that Keras has under that name too: ``l2`` is `L2`."""
        return self._by_key.get(_key(name)) if name.islower() or name.isupper() else None

    def made(self, name: str, config: Any) -> Any:
        """An object of the class of that name, with the arguments of Keras' description."""
        if isinstance(config, str):  # Keras describes a function by its name
            return self.named(config)
        found = self._by_key.get(_key(name))
        if not isinstance(found, type):
            raise ValueError(self.unknown(name))
        fields = {field.name for field in dataclasses.fields(found) if field.init}
        for argument, value in config.items():
            if argument not in fields and not _does_nothing(found, argument, value):
                raise NotImplementedError(_unsupported(found, argument, value))
        return found(**{argument: value for argument, value in config.items() if argument in fields})

    def _translated(self, given: Any) -> Any:
        """minirnn's own for an object, a class or a function of Keras."""
        if isinstance(given, type) or not hasattr(given, "get_config"):
            name = getattr(given, "__name__", type(given).__name__)
            return self.named(name) if self.knows(name) else given
        if not self.knows(type(given).__name__):
            raise NotImplementedError(self.unknown(type(given).__name__))
        settings = getattr(given, "_fn_kwargs", {})  # of a loss or a metric, which Keras may leave out of its description
        return self.made(type(given).__name__, given.get_config() | settings)

    def unknown(self, name: str) -> str:
        """The sentence that says that there is no such name, and which are there."""
        near = nearest(_key(name), self._by_key)
        meant = next((known for known in self.names if _key(known) == near), None)
        hint = "" if meant is None else f"did you mean {meant!r}? "
        return f"unknown {self.kind} {plain(repr(name))}; {hint}there are {', '.join(dict.fromkeys(self.names))}"


def _name_of(member: Any) -> str:
    return getattr(member, "__name__", "") or member.name


def _key(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])[_ ](?=[a-z0-9])", "", name.lower())


def _module(given: Any) -> str:
    """The package that an object, a class or a function comes from."""
    owner = given if isinstance(given, (type, Callable)) and hasattr(given, "__name__") else type(given)  # type: ignore[arg-type]
    return str(getattr(owner, "__module__", "")).partition(".")[0]


def snake(name: str) -> str:
    """Keras' own way from the name of a class to a name: MeanSquaredError -> mean_squared_error."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
