"""The one way in which a function of NumPy is recorded: NumPy computes, a rule gives the node, views go on being views.

``@records(np.exp)`` declares the rule of a function: ``rule(value, *args, **options)`` gives the node for what NumPy has
computed of these arguments, or None where it knows none. Where there is no node, the result is a number that may be looked
at, printed and computed with, but must not flow into what is differentiated: `minirnn.loops.assemble` refuses it there, with
the line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine import ops
from ...engine.graph import Node, Primitive, next_serial
from ..errors import here, instead_of, is_label, refuse, run
from .array import Array, plain, traced
from .by_place import from_out_on
from .memory import gathered
from .table import FUNCTIONS, SEQUENCES
from .views import owner, view_between

Rule = Callable[..., "Node | None"]

unrecorded: Primitive = Primitive(
    "unrecorded", "unrecorded({*})", lambda g, y, position: None, lambda S, *xs, **_: S.no_matrix_form("this"), "?"
)


def untracked(args: Sequence[Node], value: Any, what: str, cure: str) -> Node:
    """A node for what is not recorded: it remembers where it was computed and what to write instead."""
    value = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
    run.untracked += 1
    return Node(unrecorded, tuple(args), {"where": here(), "what": what, "cure": cure}, value)


def records(*originals: Any) -> Callable[[Rule], Rule]:
    """Declares the rule by which functions of NumPy are recorded."""

    def take(rule: Rule) -> Rule:
        for original in originals:
            FUNCTIONS[original] = _recording(original, rule)
        return rule

    return take


def arrays_in(x: Any, found: list[Array]) -> list[Array]:
    """The recording arrays in `x`, in order."""
    if type(x) is Array:
        found.append(x)
    elif type(x) in SEQUENCES:
        for part in x:
            arrays_in(part, found)
    elif type(x) is dict:
        arrays_in(list(x.values()), found)
    return found


def _recording(original: Any, rule: Rule | None, name: str = "") -> Callable[..., Any]:
    name = name or f"np.{getattr(original, '__name__', original)}"

    @functools.wraps(original, updated=())
    def call(*args: Any, **options: Any) -> Any:
        if len(args) > 1 and len(args) > (found := from_out_on(original))[0]:  # out= by its place, np.tanh(x, x)
            place, names = found
            args, options = args[:place], {**options, **dict(zip(names, args[place:]))}
        if options and options.get("out") is not None:
            return _into(call, original, args, options)
        operands = arrays_in(args, [])
        if options:
            arrays_in(options, operands)
        if not operands:
            return constant(original(*args, **options))
        live = [x for x in operands if x.traced]
        given = [plain(a) for a in args], {k: plain(v) for k, v in options.items()}
        if not live:
            return _shared(original(*given[0], **given[1]), operands)
        if options.get("where", True) is not True and isinstance(original, np.ufunc):
            refuse(f"{name} with where= and without out=", "give out=, or choose with np.where")
        before = [x.data.copy() for x in live] if rule is None else []
        value = original(*given[0], **given[1])
        for x, was in zip(live, before):
            if not np.array_equal(x.data, was, equal_nan=was.dtype.kind in "fc"):
                refuse(f"{name} writes into a traced array", "assign to its parts, x[...] = ...")
        return _result(value, live, operands, name, rule, args, options)

    return call


def _result(
    value: Any, live: list[Array], operands: list[Array], name: str, rule: Rule | None, args: Any, options: Any
) -> Any:
    if type(value) in SEQUENCES or (isinstance(value, tuple) and type(value).__module__.startswith("numpy")):
        parts = [_result(v, live, operands, name, None, args, options) for v in value]
        return parts if type(value) is list else tuple(parts)
    if not isinstance(value, (np.ndarray, np.generic, int, float, complex)) or value is True or value is False:
        if value is None or isinstance(value, str):
            return value
        value = np.bool_(value) if isinstance(value, bool) else value
    parent = _parent(value, operands)
    if parent is not None:
        view = view_between(parent, value)
        if view is not None:
            return parent.sharing(value, view)
    kind = np.asarray(value).dtype.kind
    if kind == "c":
        refuse(f"complex numbers, in {name}", "compute with real numbers")
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        refuse(f"{name} gives a {type(value).__name__}", "use plain arrays")
    since = next_serial()
    node = None if rule is None else rule(value, *args, **options)
    if node is not None:
        _kept_apart(node, live, since)
    if node is None:
        if all(is_label(x.node) for x in live):
            return fixed(value)
        node = untracked(
            [x.node for x in live], value, f"minirnn does not record {name}", instead_of(name.removeprefix("np."))
        )
    else:
        node = agreed(node, value, live)
        if node is None:
            if all(is_label(x.node) for x in live):
                return fixed(value)
            cure = "leave out the further arguments, or write it with other functions"
            node = untracked([x.node for x in live], value, f"{name} with these arguments is not recorded", cure)
    return Array(value, node)


def _kept_apart(node: Node, live: list[Array], since: int) -> None:
    """Note the nodes made on the way whose values lie in the memory of an operand, which may be written into."""
    waiting = [node]
    while waiting:
        made = waiting.pop()
        if made.serial > since:
            waiting.extend(made.args)
            if isinstance(made.value, np.ndarray) and made.value.base is not None:
                mine = owner(made.value)
                for x in live:
                    if isinstance(x.data, np.ndarray) and owner(x.data) is mine:
                        x.memory().shared.append(made)


def agreed(node: Node, value: Any, live: list[Array]) -> Node | None:
    """The node, with what NumPy itself has computed as its value; None if the two are not the same numbers."""
    found = node.value
    if found is value:
        return node
    value = value if isinstance(value, (np.ndarray, np.generic)) else np.float64(value)
    if found.shape != value.shape or found.dtype != value.dtype:
        return None
    if not (found == value).all():  # the usual case first: np.allclose takes longer than most operations
        near = 1e-9 if value.dtype == np.float64 else 1e-3
        with np.errstate(all="ignore"):
            if not np.allclose(found, value, near, near, equal_nan=True):
                return None
    if not any(node is x.node for x in live):
        node.value = value
    return node


def fixed(value: Any) -> Any:
    """What was computed from labels in a way that is not recorded: the graph holds for these labels alone."""
    run.fixed = run.fixed or here()
    return constant(value)


def constant(value: Any) -> Any:
    """What NumPy has made of plain numbers: an array of floating point may be written into, so it records."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return Array(value).constant()
    return type(value)(map(constant, value)) if type(value) in SEQUENCES else value


def _shared(value: Any, operands: list[Array]) -> Any:
    """The same; a view of one of the operands goes on being one when something traced is written."""
    if type(value) in SEQUENCES:
        return type(value)(_shared(v, operands) for v in value)
    parent = _parent(value, operands)
    view = None if parent is None else view_between(parent, value)
    return constant(value) if view is None or parent is None else parent.sharing(value, view)


def _parent(value: Any, operands: list[Array]) -> Array | None:
    """The operand in whose memory a result lies."""
    if not isinstance(value, np.ndarray):
        return None
    if value.base is None:
        return next((x for x in operands if x.data is value), None)
    mine = owner(value)
    return next((x for x in operands if isinstance(x.data, np.ndarray) and owner(x.data) is mine), None)


def _into(call: Callable[..., Any], original: Any, args: Any, options: dict[str, Any]) -> Any:
    """A function with ``out=``: its result is assigned to that array."""
    options = dict(options)
    out, where = options.pop("out"), options.pop("where", True)
    target = out[0] if type(out) is tuple and len(out) == 1 else out
    live = traced([args, list(options.values()), where])
    if type(target) is not Array:
        if live:
            refuse("a traced value is written into a plain array", "make the array in the function, with np.zeros")
        return original(*plain(args), out=target, where=plain(where), **plain(options))
    if not live and not target.traced and target._untouched:
        more = {} if where is True else {"where": plain(where)}
        original(*plain(args), out=target.data, **more, **plain(options))
        return target
    with np.errstate(all="ignore") if where is not True else np.errstate():
        found = call(*args, **options)
    return target.assign(found, where)


def unrecorded_function(original: Any, name: str) -> Callable[..., Any]:
    """A function for which there is no rule."""
    return _recording(original, None, name)


def rearranges(*originals: Any) -> None:
    """Functions that put the entries of one array in other places: the places are found by asking the function for them."""
    for original in originals:
        records(original)(functools.partial(_rearranged, original))


def _rearranged(original: Any, value: Any, *args: Any, **options: Any) -> Node | None:
    live = [x for x in arrays_in([args, options], []) if x.traced and x.ndim]
    if len(live) != 1:
        return None
    (x,) = live
    places = np.empty_like(x.data, dtype=float)
    places[...] = np.arange(1, x.size + 1).reshape(x.shape)  # 0: what the function has filled in by itself

    def put(part: Any) -> Any:
        if part is x:
            return places
        return type(part)(map(put, part)) if type(part) in SEQUENCES else plain(part)

    index: np.ndarray = np.asarray(original(*map(put, args), **{k: put(v) for k, v in options.items()})).astype(int)
    filled = index == 0
    if not index.size or index.max() > x.size or np.any(value[filled]):
        return None
    if not filled.any():
        return gathered(x.node, index - 1)
    entries = gathered(x.node, index[~filled] - 1)
    row = ops.scattered(entries, key=ops.Key((np.flatnonzero(~filled),)), dims=(value.size,))
    return row if value.ndim == 1 else ops.reshape(row, dims=value.shape)


FUNCTIONS["constant"] = constant
FUNCTIONS["unrecorded"] = unrecorded_function
