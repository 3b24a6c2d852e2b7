"""What may come in: arrays of real numbers, finite where a gradient is wanted, and options that mean something.

Every array that somebody gives goes through `array_of`, and so is refused in the same sentence wherever it is given.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from .system import choices, plain

# What Keras does with other data where a mask is given; also in the list of `minirnn.verify.keras_differences`
NAN_LEFT_OUT = (
    "Keras predicts finite numbers and gives NaN for every gradient; minirnn predicts the same and traces no such data."
)
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)
KINDS = {"c": "complex numbers", "U": "text", "S": "text", "T": "text", "M": "dates", "m": "times", "O": "objects"}


def array_of(given: Any, what: str) -> np.ndarray:
    """Anything array-like as an array of real numbers of at most 64 bits. ValueError calls it `what`.

    A masked array is refused, since its mask would be lost; so are complex numbers, whose imaginary part would be.
    """
    if _is_masked(given):
        raise ValueError(f"{what} is a masked array, whose mask would be lost: fill it first, with its method filled(0)")
    if hasattr(given, "detach"):  # a tensor of PyTorch that remembers its graph
        given = given.detach().cpu()
    try:
        array = np.asarray(given)
        if array.dtype == object and not isinstance(given, np.ndarray):  # a table of columns of several types
            array = np.array(array.tolist())
    except (ValueError, TypeError) as error:
        raise ValueError(f"{what} is ragged: its rows differ in length, or it holds what is no number") from error
    except Exception as error:  # whatever a foreign array raises when it is read
        raise ValueError(f"{what} cannot be read as an array: {type(error).__name__}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what} must hold real numbers, not {KINDS.get(array.dtype.kind, 'records')} ({array.dtype})")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        raise ValueError(f"{what} holds {array.dtype}; minirnn computes in float32 or float64: give {what}.astype(float)")
    return array


def _is_masked(given: Any) -> bool:
    """Whether it is a masked array, or a list that holds one: NumPy would take what lies under the mask."""
    if type(given) in (list, tuple):
        return any(map(_is_masked, given))
    return isinstance(given, np.ma.MaskedArray)


def demand_finite(array: np.ndarray, what: str, hint: Callable[[], str] = str) -> np.ndarray:
    """`array`; ValueError, with the first place, if an entry is NaN or infinite. What `hint` gives is said after it."""
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        place = tuple(int(i) for i in bad[0])
        sentence = f"{what} has {array[place]} at {list(place)}: {len(bad)} of {array.size} entries are not finite"
        raise ValueError(sentence + (f". {more}" if (more := hint()) else ""))
    return array


def converted(array: np.ndarray, dtype: Any, what: str) -> np.ndarray:
    """A finite array in `dtype`. ValueError, with the first place, if a number is larger than that can hold."""
    with np.errstate(all="ignore"):
        made = np.asarray(array, dtype, order="C")
    if made.dtype.kind == "f" and made.dtype.itemsize < array.dtype.itemsize and not np.isfinite(made).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(made))[0])
        raise ValueError(f"{what} has {array[place]} at {list(place)}, which is more than {made.dtype} can hold")
    return made


def demand_flags(**flags: Any) -> None:
    """Raise ValueError if one of the options is neither True nor False: a text, or a number, that Python takes for one."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name} is {plain(repr(value))}; it must be True or False")


def unraised(function: F) -> F:
    """`function`, in which no error of floating point is raised: what underflows to 0, or overflows in a part that is not
    used, is what it is without ``np.seterr(all="raise")``. An argument that it does not have is told the nearest one."""
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "self"]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    @functools.wraps(function)
    def quiet(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # an error is told of the user's line
        for name in options:
            if name not in known and not takes_any:
                raise TypeError(f"{function.__name__} has no argument {plain(repr(name))}{choices(name, known)}")
        raised = {kind: "ignore" for kind, what in np.geterr().items() if what in ("raise", "call")}
        if not raised:
            return function(*args, **options)
        with np.errstate(**raised):  # type: ignore[arg-type]
            return function(*args, **options)

    return quiet  # type: ignore[return-value]


def all_unraised(kind: C) -> C:
    """A class with all its public methods `unraised`."""
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and (name == "__call__" or not name.startswith("_")):
            setattr(kind, name, unraised(method))
    return kind


class Lent:
    """A function as a method of a class, with its own signature and docstring: imported when it is first asked for."""

    def __init__(self, owner: type, name: str, module: str, wrapped: Callable[[Any], Any]) -> None:
        self.owner, self.name, self.module, self.wrapped = owner, name, module, wrapped

    def __get__(self, instance: Any, kind: type) -> Any:
        function = getattr(importlib.import_module(f"minirnn.{self.module}"), self.name)
        setattr(self.owner, self.name, self.wrapped(unraised(function)))
        return getattr(kind if instance is None else instance, self.name)


def lend(
    owner: type, modules: Mapping[str, Sequence[str]], wrapped: Callable[[Any], Any] = lambda function: function
) -> None:
    """Make methods of functions of this package, listed by their modules: `unraised`, and `wrapped`."""
    for module, names in modules.items():
        for name in names:
            setattr(owner, name, Lent(owner, name, module, wrapped))
