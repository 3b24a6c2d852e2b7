"""The trace as data: what was computed, from what, in which order and at which time step.

A `Primitive` is one operation, declared once; calling it computes the value and returns the `Node` that remembers it.
The graph is nothing but nodes that point at their operands. Serial numbers give the order of creation, which is the
order of everything that is later printed, drawn or emitted.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .names import Name, Role, parse
from .rules import EACH, Beside, Spelled, Vjp, attributes_of, compiled, demand_known
from .sizes import Sizes, sizes_of


class Node:
    """One computed value: the operation, its operands in order, its attributes, its name and its time step."""

    __slots__ = ("_dims", "args", "attrs", "name", "op", "role", "serial", "step", "value")
    __array_ufunc__ = None  # ndarray @ node is left to the node

    def __init__(self, op: Primitive, args: tuple[Node, ...], attrs: dict[str, Any], value: Any) -> None:
        self.op = op
        self.args = args
        self.attrs = attrs
        self.value = value
        self.name: Name | None = None
        self.role: Role | None = None
        self.step: int | None = now.step
        self.serial: int = next_serial()
        self._dims: Sizes | None = None  # until `dims` is asked for

    @property
    def dims(self) -> Sizes:
        """The sizes of the axes in letters, by the rule of the operation; found when first asked for."""
        return _infer(self) if self._dims is None else self._dims

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    if TYPE_CHECKING:  # minirnn.ops puts the operators on

        def __add__(self, other: Node | float) -> Node: ...
        def __radd__(self, other: float) -> Node: ...
        def __sub__(self, other: Node | float) -> Node: ...
        def __rsub__(self, other: float) -> Node: ...
        def __mul__(self, other: Node | float) -> Node: ...
        def __rmul__(self, other: float) -> Node: ...
        def __truediv__(self, other: Node | float) -> Node: ...
        def __matmul__(self, other: Node) -> Node: ...
        def __neg__(self) -> Node: ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if now.within is not None:  # a number in a cell of the user's own would be a constant, without a derivative
            raise TypeError(f"{self!r} is no array, what NumPy makes of it would be a constant: use minirnn.ops")
        return np.array(self.value, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        name = self.op.name if self.name is None else self.name
        return f"<{name}{'' if self.step is None else f'[{self.step}]'} {self.shape} {self.dtype}>"


def _infer(node: Node) -> Sizes:
    """The sizes of the axes of a node, and of all that it is computed from."""
    if node.op is not leaf_op and all(arg._dims is not None for arg in node.args):
        node._dims = node.op.sizes(*node.args, **node.attrs)
        return node._dims
    waiting = [node]
    while waiting:
        last = waiting[-1]
        for arg in last.args:
            if arg._dims is None:
                waiting.append(arg)
        if waiting[-1] is not last:
            continue
        waiting.pop()
        if last.op is leaf_op:
            last._dims = sizes_of(last.attrs["dims"], last.value.shape)
        else:
            last._dims = last.op.sizes(*last.args, **last.attrs)
    return node.dims


_known: dict[str, Primitive] = {}


def _primitive(name: str) -> Primitive:
    """The operation of that name, for what is unpickled."""
    return _known[name]


def _of_the_first(x: Node, *_: Node, **attrs: Any) -> Sizes:
    return x.dims


class Primitive:
    """One operation, with its four faces in one place.

    - `numpy`: the NumPy text, such as ``"np.tanh({0})"``, compiled for computing and printed as it is in source code.
      ``{0}``, ``{1}`` are operands, ``{*}`` all of them, ``{p}`` the attribute p. Where it is shorter with some
      attributes it is `Spelled`; `text` asks for it.
    - `vjp`: one rule per operand, ``rule(g, y, *operands, **attrs)``: what the cotangent g of the result y contributes to
      that operand, written in primitives. None where nothing flows; see `Beside`. An operation of any number of
      operands has a single rule, which is given the operand's position: ``rule(g, y, position)``.
    - `sympy`: ``form(S, *operands, **attrs)``, the matrix expression; S is the module `minirnn.readings.equations.matrix`.
    - `label`: what a picture prints; ``{p:g}`` is the attribute p.
    - `rows`: positions of the operands read row by row: a row of the result needs the same row of these and no other, so
      that the rows of many steps, one step below the other, can be computed at once.
    - `sizes`: ``rule(*operands, **attrs)``, the sizes of the axes of the result; those of the first operand if not given.
    - `helper`: the definition of a NumPy function that the text calls by the name of the operation.
    - `defaults`: ``rule(*operands, **attrs)``, all attributes, where some may be left out.
    - `entry`: ``entry(index, *operands, **attrs)``, an entry of the result by entries of the operands (see
      `minirnn.engine.entries`); EACH where the text says it entry by entry; of any number of operands whether they are
      "added", "joined" along an axis or "stacked" along a new one. None: there is no form in scalars.
    - `into`: the NumPy text that puts the result into an array that is there, ``"np.add({0}, {1}, {out})"``.

    An attribute called ``t`` is a time step; `minirnn.engine.fold` relies on it.
    """

    def __init__(
        self,
        name: str,
        numpy: str,
        vjp: tuple[Vjp | Beside | None, ...] | Vjp,
        sympy: Callable[..., Any],
        label: str,
        rows: tuple[int, ...] = (),
        into: str | None = None,
        helper: str = "",
        sizes: Callable[..., Sizes] | None = None,
        defaults: Callable[..., dict[str, Any]] | None = None,
        entry: Callable[..., Any] | str | None = None,
    ) -> None:
        self.name = self.__name__ = name
        self.numpy, self.vjp, self.sympy, self.label, self.defaults = numpy, vjp, sympy, label, defaults
        self.rows, self.into, self.helper, self.entry = rows, into, helper, entry
        self.sizes = sizes or _of_the_first
        self.variadic = callable(vjp)
        self.beside = not callable(vjp) and any(isinstance(rule, Beside) for rule in vjp)
        _known.setdefault(name, self)

    def __reduce__(self) -> tuple[Any, ...]:
        if _known[self.name] is not self:
            raise TypeError(f"an operation of one's own, such as this {self.name}, cannot be pickled")
        return _primitive, (self.name,)

    def __deepcopy__(self, _: Any) -> Primitive:
        return self

    def said(self, attrs: dict[str, Any]) -> str:
        """What a picture prints of the operation with these attributes."""
        return self.label.format(**attrs)

    def text(self, attrs: Mapping[str, Any]) -> str:
        """The NumPy text of the operation with these attributes."""
        return self.numpy.spelled(**attrs) if isinstance(self.numpy, Spelled) else self.numpy

    def in_arithmetic(self, numpy: Any, attrs: Mapping[str, Any]) -> Callable[..., Any]:
        return compiled(self.text(attrs), self.helper, numpy)  # where the text calls `numpy` np

    compute: Callable[..., Any]
    of_arrays: ClassVar[Callable[..., Any]]  # `minirnn.backend.of_arrays`, which minirnn.api puts here

    def __getattr__(self, name: str) -> Any:
        if name != "compute":
            raise AttributeError(name)
        if isinstance(self.numpy, Spelled):
            self.compute = self._by_attributes
        else:  # when first used: importing is to be quick
            self.compute = compiled(self.numpy, self.helper)
        return self.compute

    def _by_attributes(self, *values: Any, **attrs: Any) -> Any:
        return compiled(self.text(attrs), self.helper)(*values, **attrs)

    def __call__(self, *args: Node, **attrs: Any) -> Node:
        try:
            if self.defaults is not None:
                attrs = self.defaults(*args, **attrs)
            if len(args) == 2 and not attrs:  # the plain cases first: this is where a trace spends its time
                value = self.compute(args[0].value, args[1].value)
            elif len(args) == 1 and not attrs:
                value = self.compute(args[0].value)
            else:
                values = [a.value for a in args]
                if not attrs.keys() <= self.attributes:
                    attrs = demand_known(self.name, attrs, self.attributes, values)
                value = self.compute(*values, **attrs)
        except AttributeError:
            for x in filter(lambda x: hasattr(x, "of_primitive"), args):  # a placeholder, or an array of a loop
                return x.of_primitive(self, args, attrs)  # type: ignore[attr-defined]
            if any(isinstance(x, Node) for x in args):
                raise
            return Primitive.of_arrays(self, args, attrs, lambda *plain: self.compute(*map(np.asarray, plain), **attrs))
        return Node(self, args, attrs, value)

    @functools.cached_property
    def attributes(self) -> frozenset[str]:
        """The names of the attributes that it has."""
        operands = 1 if self.variadic else len(self.vjp)  # type: ignore[arg-type]
        return attributes_of(self.numpy, operands, functools.partial(self.sympy, None), self.sizes, self.defaults)

    def __repr__(self) -> str:
        return self.name


class _Now(threading.local):
    step: int | None = None
    within: list[Node] | None = None  # takes what code of the user's own names, in the layer that calls it


now = _Now()
next_serial = itertools.count().__next__


class at:
    """``with at(t):`` stamps the nodes made inside with time step t (None: no step).

    >>> from minirnn.ops import leaf, tanh
    >>> with at(3):
    ...     h = named("h", tanh(leaf([0.0, 1.0])))
    >>> h
    <h[3] (2,) float64>
    """

    def __init__(self, step: int | None) -> None:
        self.step = step

    def __enter__(self) -> None:
        self.outer, now.step = now.step, self.step

    def __exit__(self, *_: object) -> None:
        now.step = self.outer


leaf_op = Primitive("leaf", "None", (), lambda S: None, "")
same = Primitive("same", "{0}", (lambda g, y, x: g,), lambda S, x: x, "=", entry=EACH)


def named(name: str | Name, node: Node, role: Role | None = None) -> Node:
    """Mark `node` as the quantity `name` of the present step; what has a name already is wrapped in `same` first."""
    node = same(node) if node.name is not None else node
    node.name, node.step, node.role = parse(name) if isinstance(name, str) else name, now.step, role
    if now.within is not None and role is None:
        now.within.append(node)
    return node


@contextlib.contextmanager
def users_names() -> Iterator[list[Node]]:
    """The nodes that code of the user's own names while it runs, in a list: their names may be anything."""
    outer, now.within = now.within, []
    try:
        yield now.within
    finally:
        now.within = outer


def ancestors(outputs: Iterable[Node], known: list[Node] | None = None) -> list[Node]:
    """Every node that `outputs` were computed from, and they themselves, in order of creation.

    `known` are ancestors that are at hand already, complete and in order: the result begins with them.

    >>> from minirnn.ops import leaf
    >>> a, b = leaf(2.0, "a"), leaf(3.0, "b")
    >>> ancestors([a * b + a])
    [<a () float64>, <b () float64>, <multiply () float64>, <add () float64>]
    """
    known = known or []
    found = set(known)
    new: list[Node] = []
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            new.append(node)
            waiting.extend(node.args)
    return known + sorted(new, key=_by_serial)


_by_serial = operator.attrgetter("serial")
