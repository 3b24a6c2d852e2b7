"""The ways in which a model of a class of the user's own is called: each is a network of its own, of the same layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..layers.arguments import put_in, taken_out
from ..layers.input import InputLayer
from ..layers.symbolic import Listening, Symbolic, UnsaidTraining
from ..layers.written import is_tensor
from ..system import plain
from . import Network

Put = Callable[[list[Symbolic], Any], Network]  # puts a network together, of inputs and of what is made of them


class Form(NamedTuple):
    """What ``call`` is given, with places for arrays: ``model(x, states=[h, c])``."""

    args: tuple[Any, ...]
    named: dict[str, Any]

    def with_arrays(self, arrays: list[Any]) -> Form:
        """The same with these in their places."""
        return Form(*put_in(tuple(self), arrays))


def form_of(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Form, list[Any]]:
    """The form of a call, and the arrays or placeholders in it."""
    if args and isinstance(args[0], (list, tuple)) and not any(map(is_tensor, args[0])):
        args = (np.asarray(args[0]), *args[1:])
    found: list[Any] = []
    return Form(*taken_out((args, named), is_tensor, found)), found


def put_together(call: Callable[..., Any], kind: str, form: Form, shapes: list[Any], put: Put) -> Network:
    """The network that `call` makes in this form of inputs of these shapes: of any length, unless that cannot be."""
    free = [(None, None, shape[-1]) if len(shape) == 3 else (None, *shape[1:]) for shape in shapes]
    try:
        found = _put(call, kind, form, free, put)
    except ValueError:  # time is flattened
        return _put(call, kind, form, [(None, *shape[1:]) for shape in shapes], put)
    numbers = [len(s.shape) == 2 and found.role(s) == "numbers" for s in found.inputs]
    if not any(numbers) or not found.any_length:
        return found
    for s in found.order:  # as if it had not been
        s.layer.placed = [other for other in s.layer.placed if other is not s]
    return _put(call, kind, form, [(None, None) if own else shape for own, shape in zip(numbers, free)], put)


def _put(call: Callable[..., Any], kind: str, form: Form, shapes: list[Any], put: Put) -> Network:
    first = form.args[0] if form.args else None
    keys = {place.number: key for key, place in first.items()} if isinstance(first, dict) else {}
    given = [InputLayer(batch_shape=shape, name=keys.get(i)).placeholder() for i, shape in enumerate(shapes)]
    args, named = form.with_arrays(given)
    if "training" in inspect.signature(call).parameters and named.get("training") is None:
        named["training"] = UnsaidTraining(kind)
    try:
        inspect.signature(call).bind(*args, **named)
    except TypeError as error:
        raise TypeError(f"{kind}.call: {error}") from None
    Listening.begin()
    try:
        found = call(*args, **named)
    except (TypeError, AttributeError, NotImplementedError) as error:
        if isinstance(error, NotImplementedError) and "branches on training" in str(error):
            raise
        raise NotImplementedError(
            f"{kind}.call does more with a placeholder than to call layers, add, multiply or index it "
            f"({plain(error, 200)}): write it as a loop in NumPy, mr.trace(loop, ...) follows it"
        ) from error
    return put(given, found)
