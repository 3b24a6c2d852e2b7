"""The trace as data for the page's script: every node with its operation and operands, and the values by name.

The script has each operation in its own words (`replay.js`) and computes the graph again when a number is changed, so
nothing of a trace is ever code: a name that looks like a program stays a name.
"""

from __future__ import annotations

import base64
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine import ops
from ...engine.graph import Primitive
from ...engine.ops import leaf_op
from ...engine.sizes import Size

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...runs.run import Run

OWN = {op for op in vars(ops).values() if isinstance(op, Primitive)} | {*ops.PRODUCTS.values(), *ops.DOTS.values()}
MAX_STORED = 1_500_000  # bytes of named values; beyond it the page holds the leaves, and the browser computes the rest


def program(trace: Run) -> dict[str, Any]:
    """The graph of `trace`: operations by name, for each node [operation, operands...], its attributes, name and step."""
    place = {node: i for i, node in enumerate(trace.nodes)}
    names = list(dict.fromkeys(node.op.name for node in trace.nodes))
    number = {name: i for i, name in enumerate(names)}
    attributes = {i: _attributes(node) for node, i in place.items() if node.op is not leaf_op and node.attrs}
    return {
        "operations": names,
        "functions": {name: known.javascript for name, known in ops.FUNCTIONS.items() if known.javascript},
        "nodes": [[number[node.op.name], *(place[a] for a in node.args)] for node in trace.nodes],
        "steps": [node.step for node in trace.nodes],
        "attributes": attributes,
        "quantities": [[name, step, place[node]] for (name, step), node in trace.variables.items()],
        "leaves": [i for node, i in place.items() if node.op is leaf_op],
        "values": _values(trace, place),
    }


def _values(trace: Run, place: dict[Node, int]) -> dict[str, Any]:
    """The values of the leaves and of all that has a name, one after the other in one text."""
    foreign = any(node.op not in OWN for node in trace.nodes)  # an operation of the user's, which the page cannot compute
    stored = [node for node in trace.nodes if node.op is leaf_op or node.name is not None or node.op not in OWN]
    complete = foreign or sum(node.value.nbytes for node in stored) <= MAX_STORED
    if not complete:
        stored = [node for node in stored if node.op is leaf_op]
    kind = "<f4" if all(node.value.dtype in (np.float32, bool) for node in stored) else "<f8"
    data = b"".join(np.ascontiguousarray(node.value).astype(kind).tobytes() for node in stored)
    return {
        "nodes": [place[node] for node in stored],
        "shapes": [list(node.value.shape) for node in stored],
        "bytes": int(kind[-1]),
        "complete": complete,
        "data": base64.b64encode(data).decode(),
    }


def _attributes(node: Node) -> dict[str, Any]:
    """The attributes; of a key with index arrays the places that it takes out, and their shape."""
    key = node.attrs.get("key", ())
    computed = sum(k is None for k in key) if isinstance(key, tuple) else key is None  # operands that say where
    if computed:
        return {**plain(node.attrs), "tests": [bool(arg.dtype == bool) for arg in node.args[-computed:]]}
    if not any(isinstance(k, np.ndarray) for k in key):
        return plain(node.attrs)
    shape = tuple(map(int, node.attrs.get("dims", node.args[0].shape)))
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    rest = {name: plain(value) for name, value in node.attrs.items() if name != "key"}
    return {"places": places.ravel().tolist(), "of": list(places.shape), **rest}


def plain(value: Any) -> Any:
    """Data as JSON has them."""
    if value is None or type(value) in (bool, str, int):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, slice):
        return {"start": plain(value.start), "stop": plain(value.stop), "step": plain(value.step)}
    if isinstance(value, numbers.Integral | Size):
        return int(value)
    if not isinstance(value, numbers.Real):
        return str(value)
    number, largest = float(value), float(np.finfo(np.float64).max)  # JSON has no infinity
    return None if number != number else max(-largest, min(largest, number))
