"""Tracing a network again: the same nodes in the same order, with other values.

What nodes a trace has depends on the network and on the shapes of the data alone. The layers and backpropagation make them
the first time; from then on a program without loops or choices, one line for each node, computes the values.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import re
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from ..engine.graph import Node, leaf_op, next_serial
from ..engine.names import Role
from ..engine.ops import expand, full, matmul, total

if TYPE_CHECKING:
    from ..layers.layer import Layer
    from ..network import Network
    from .request import Request
    from .run import Run

DOT = "{0}.dot({1})"
REPEATS = {expand, full}
MOST = 5000  # nodes of a trace that is worth a program of its own
LARGE = 2**20  # bytes of arrays of one shape from which on they are made as one, which the system gives out faster,
LARGEST = 2**24  # and the size of such an array
KEPT = 2**26  # bytes of such arrays that are used again when nothing refers to them any more
_plans: WeakKeyDictionary[Network, dict[Any, Any]] = WeakKeyDictionary()


class Plan:
    """The nodes of a trace, to be made again. ValueError if one of its leaves is neither data, nor weight, nor target."""

    def __init__(self, trace: Run, sources: Mapping[Node, Callable[[Request], np.ndarray]]) -> None:
        self.nodes = trace.nodes
        number = {node: i for i, node in enumerate(self.nodes)}
        given = [node for node in self.nodes if node.op is leaf_op]
        if not all(node in sources for node in given):
            raise ValueError("a leaf that is made for each run")
        self.given = [sources[node] for node in given]
        self.dtype = trace.dtype
        self._rows = []
        for node in self.nodes:
            places = [number[a] for a in node.args]
            several = operator.itemgetter(*places) if len(places) > 1 else None
            self._rows.append((node.op, places[0] if places else None, several, node.attrs, node.name, node.role, node.step))
        self._compute, self._shapes = _program(self.nodes, number)
        size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in self._shapes)
        self._kept: deque[list[np.ndarray]] = deque(maxlen=2 if 0 < size <= KEPT else 0)  # of the last traces
        self.forward = len(trace.forward)
        if not all(node in number for node in [*trace.data, *trace.parameters.values()]):
            raise ValueError("data or weights that nothing depends on")
        self.data = [number[node] for node in trace.data]
        self.outputs = [number[node] for node in trace.outputs]
        self.loss = None if trace.loss_node is None else number[trace.loss_node]
        self.parameters = {name: number[node] for name, node in trace.parameters.items()}
        self.cotangents = [(number[node], number[g]) for node, g in trace.cotangents.items()]
        self.variables = {key: number[node] for key, node in trace.variables.items()}
        del self.nodes

    def run(self, asked: Request) -> list[Node]:
        """The nodes, with the values that `asked` leads to."""
        rooms = self._rooms()
        values = self._compute(rooms, *[source(asked).astype(self.dtype, copy=False) for source in self.given])
        self._kept.append(rooms)
        made: list[Node] = []
        new, append, serial = Node.__new__, made.append, next_serial
        for (op, place, several, attrs, name, role, step), value in zip(self._rows, values):
            node = new(Node)
            node._dims = None
            node.op, node.attrs, node.value, node.serial = op, attrs, value, serial()
            node.name, node.role, node.step = name, role, step
            node.args = several(made) if several is not None else () if place is None else (made[place],)
            append(node)
        return made

    def _rooms(self) -> list[np.ndarray]:
        """Arrays for the values: those of an earlier trace that is gone, with all that was taken from it, or new ones."""
        for _ in range(len(self._kept)):
            try:
                rooms = self._kept.popleft()  # another thread takes another
            except IndexError:
                break
            if _references(rooms) == ALONE:
                return rooms
            self._kept.append(rooms)
        return [np.empty(shape, dtype) for shape, dtype in self._shapes]


def _references(rooms: list[np.ndarray]) -> int:
    """The most references that one of the arrays has; each view of it is one."""
    return max(sys.getrefcount(room) for room in rooms)


ALONE = _references([np.empty(1)])


def _program(nodes: list[Node], number: Mapping[Node, int]) -> tuple[Callable[..., tuple[Any, ...]], list[Any]]:
    """One line for each node that is computed; and the shapes and dtypes of the arrays it writes into."""
    known: dict[str, Any] = {"np": np}
    lines = []
    alike: dict[Any, str] = {}  # what repeats the same row at every step is computed once
    sums = _sums(nodes, number)
    written: set[Node] = set()  # into arrays that are there
    shapes: list[Any] = []
    for together in _together(nodes):
        written.update(together)
        lines.append(f"    {', '.join(f'r{number[node]}' for node in together)}, = rooms[{len(shapes)}]")
        shapes.append(((len(together), *together[0].shape), together[0].dtype))
    for i, node in enumerate(nodes):
        if i in sums:
            lines += sums[i]
        if node.op is leaf_op or _is_sum(node):
            continue
        exec(node.op.helper, known)  # our own text only
        operands = [f"v{number[a]}" for a in node.args]
        if node.op in REPEATS:
            twin = alike.setdefault((node.op, *operands, *node.attrs.items()), f"v{i}")
            if twin != f"v{i}":
                lines.append(f"    v{i} = {twin}")
                continue
        constants = {name: f"c{i}_{name}" for name in node.attrs}
        known |= {constants[name]: value for name, value in node.attrs.items()}
        fields = {str(k): text for k, text in enumerate(operands)} | constants | {"*": ", ".join(operands), "out": f"r{i}"}
        template = node.op.into if node in written else DOT if _is_matrix_product(node) else node.op.text(node.attrs)
        text = re.sub(r"\{(\*|\w+)\}", functools.partial(_field, fields), str(template))
        lines.append(f"    v{i} = {text}")
    given = ", ".join(["rooms", *(f"v{i}" for i, node in enumerate(nodes) if node.op is leaf_op)])
    everything = ", ".join(f"v{i}" for i in range(len(nodes)))
    exec("\n".join([f"def compute({given}):", *lines, f"    return ({everything},)"]), known)  # our own text only
    return known["compute"], shapes


def _together(nodes: Iterable[Node]) -> list[list[Node]]:
    """The nodes whose values are the rows of one array, made before any of them is computed."""
    alike: dict[Any, list[Node]] = defaultdict(list)
    for node in nodes:
        plain = node.op is not matmul or _is_matrix_product(node)
        if node.op.into and plain and node.ndim and node.value.flags.c_contiguous:
            alike[node.shape, node.dtype].append(node)
    rooms: list[list[Node]] = []
    for found in alike.values():
        if found[0].value.nbytes * len(found) >= LARGE:
            many = max(1, LARGEST // max(1, found[0].value.nbytes))
            rooms += [found[k : k + many] for k in range(0, len(found), many)]
    return rooms


def _is_sum(node: Node) -> bool:
    return node.op is total and len(node.args) > 1


def _sums(nodes: list[Node], number: Mapping[Node, int]) -> dict[int, list[str]]:
    """The lines of the sums, by the node they stand before: a term is added at once, while it is in the cache."""
    lines: dict[int, list[str]] = defaultdict(list)
    for i, node in enumerate(nodes):
        if _is_sum(node):
            terms = [number[a] for a in node.args]
            there = [place + 1 for place in itertools.accumulate(terms, max)]
            lines[there[1]].append(f"    v{i} = v{terms[0]} + v{terms[1]}")
            for term, place in zip(terms[2:], there[2:]):
                lines[place].append(f"    v{i} += v{term}")
    return lines


def _is_matrix_product(node: Node) -> bool:
    """Of two matrices `dot` is the same product, called in half the time."""
    return node.op is matmul and all(a.ndim == 2 for a in node.args)


def _field(fields: Mapping[str, str], match: re.Match[str]) -> str:
    return fields[match[1]]


def again(asked: Request, dtype: Any, kind: type[Run], first: Callable[[], Run]) -> Run:
    """The trace of `asked`: by a plan if there is one, else by `first`; a plan is made when a network is traced again."""
    if asked.conditions.states or asked.conditions.masks:
        return first()
    known = _plans.setdefault(asked.model, {})
    shapes = [x.shape for x in [*asked.inputs, *(asked.targets or [])]]
    types = [x.dtype for x in asked.inputs] + [w.dtype for weights in asked.weights.values() for w in weights]
    conditions = asked.conditions.training, asked.conditions.semantics
    key = (*shapes, *types, dtype and np.dtype(dtype), asked.targets is None, asked.loss, asked.truncate, *conditions)
    configuration = _configuration(asked.weights)
    before, plan = known.get(key, (None, None))
    if before is None or len(before) != len(configuration) or not all(map(operator.is_, before, configuration)):
        known[key] = configuration, None
        return first()
    if plan is None:
        trace = first()
        known[key] = configuration, _planned(trace)
        return trace
    return kind.again(asked, plan) if isinstance(plan, Plan) else first()


def _planned(trace: Run) -> Plan | str:
    """A plan of the trace, or why there is none."""
    if len(trace.nodes) > MOST:
        return "too many nodes"
    model = trace.model
    if any(model.role(symbolic) not in ("data", "state") for symbolic in model.inputs):
        return "data that are numbers or masks"
    sources: dict[Node, Any] = {}
    for i, node in enumerate(trace.data):
        sources[node] = lambda asked, i=i: asked.inputs[i]
    for name, (layer, i) in model.parameter_places().items():
        sources[trace.parameters[name]] = lambda asked, layer=layer, i=i: asked.weights[layer][i]
    targets = [node for node in trace.nodes if node.op is leaf_op and node.role is Role.TARGET]
    for i, node in enumerate(targets):
        sources[node] = lambda asked, i=i: asked.targets[i]
    try:
        return Plan(trace, sources)
    except ValueError as error:
        return str(error)


def _configuration(layers: Mapping[Layer, Any]) -> list[Any]:
    """Everything the layers are set to, apart from their weights: a changed setting makes other nodes."""
    found: list[Any] = []
    waiting = list(layers)
    while waiting:
        layer = waiting.pop()
        found += [value for name, value in vars(layer).items() if name not in ("own_arrays", "states", "children", "placed")]
        waiting.extend(layer.children.values())
    return found
