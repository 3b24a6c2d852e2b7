"""What the page's script is given: the graph with its numbers, the equations as slots, the order of the run, the words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine import names, ops
from ...engine.names import DATA
from ...engine.ops import leaf_op, matmul, stack
from ..analysis.bounds import gradient_bound, stretch
from .equation_slots import Line, name_fragment
from .program import program
from .schedule import schedule
from .words import meanings, reasons

if TYPE_CHECKING:
    from ...engine.graph import Node
    from ...runs.run import Run


def content(trace: Run, shown: list[Line], sizes: dict[Any, int], texts: dict[str, Any], language: str) -> dict[str, Any]:
    """All of it; it is text to the browser until the script reads it."""
    sweeps = schedule(shown)
    ways = {i: -1 if (s.last or 0) <= (s.first or 0) else 1 for s in sweeps if s.first is not None for i in s.lines}
    places = trace.model.parameter_places()
    keras = {name: f"{layer.label}: {layer.weight_names[place]}" for name, (layer, place) in places.items()}
    return {
        "T": trace.steps,
        "samples": samples_of(trace),
        "backward": trace.loss is not None,
        "language": language,
        "texts": texts,
        "graph": program(trace),
        "products": [op.name for op in (matmul, *ops.PRODUCTS.values(), *ops.DOTS.values())],
        "sweeps": [asdict(sweep) for sweep in sweeps],
        "lines": [
            line.data | {"of": str(line.name.quantity), "way": ways.get(i, 0), "reason": why}
            for i, (line, why) in enumerate(zip(shown, reasons(shown)))
        ],
        "bySample": [line.left[0] for line in shown if line.by_sample]
        + list(dict.fromkeys(str(n.name) for n in trace.forward if n.role in DATA and n.name is not None and n.ndim == 2)),
        "meanings": {key: meaning._asdict() for key, meaning in meanings(trace, shown).items()},
        "loss": "L" if trace.loss_node is None else str(trace.loss_node.name),
        "outputs": _outputs(trace),
        "end": "·" if trace.output_node.name is None else names.text(trace.output_node.name),
        "sizes": {str(symbol): size for symbol, size in sizes.items()},
        "parameters": [{"name": name, "keras": keras.get(name, "")} for name in trace.parameters],
        "flows": [] if trace.loss is None else [_flow(trace, name) for name in trace.state_names],
        "first": trace.state_names[0] + "_1" if trace.state_names else "",
    }


def _outputs(trace: Run) -> list[str]:
    """What is predicted: a quantity, or one for each step."""
    parts = [node for out in trace.outputs for node in (out.args if out.op is stack else (out,))]
    return [key_of(node) for node in parts if node.name is not None and node is not trace.loss_node]


def _flow(trace: Run, name: str) -> dict[str, Any]:
    """What is known of the way back along a state before any number: its activation, and what bounds a step."""
    nodes = [node for node in trace.forward if node.name is not None and str(node.name) == name and node.args]
    operation = nodes[-1].op.name if nodes else ""
    bound, found = gradient_bound(trace, name), stretch(trace, name)
    kernel, gamma, sigma = found or (None, None, None)
    return {
        "state": name,
        "function": operation if operation in ops.FUNCTIONS else None,
        "bound": None if bound is None else [float(b) if np.isfinite(b) else None for b in bound],
        "kernel": None if kernel is None else str(kernel.name),
        "gamma": gamma,
        "sigma": sigma,
    }


def samples_of(trace: Run) -> int:
    """How many there are to choose from; in a loop of one's own no axis is known to be that of samples."""
    return 1 if trace.is_loop else len(np.atleast_2d(trace.output))


def key_of(node: Node) -> str:
    return str(node.name) if node.step is None else f"{node.name}_{node.step}"


def templates(trace: Run, shown: list[Line]) -> dict[str, str]:
    """The right side of every equation and the name of every quantity as MathML with holes, by what the script asks for."""
    made = {f"line:{place}": line.skeleton for place, line in enumerate(shown)}
    for key, stepped in dict.fromkeys((key, step is not None) for key, step in trace.variables):
        made[f"name:{key}:{str(stepped).lower()}"] = name_fragment(trace.names[key], stepped)
    return made


def layers(trace: Run) -> list[dict[str, Any]]:
    """The shape ledger, layer by layer: what Keras calls each parameter, and how many numbers it holds, in letters too."""
    found: dict[Any, dict[str, Any]] = {}
    for name, (layer, place) in trace.model.parameter_places().items():
        node = trace.parameters[name]
        product = " · ".join(map(str, node.shape))
        letters = " · ".join(f"({size})" if len(size.terms) > 1 else str(size).replace("*", " ") for size in node.dims)
        one = found.setdefault(layer, {"label": layer.label, "parameters": [], "size": 0})
        one["size"] += node.value.size
        one["parameters"].append(
            {
                "name": name,
                "keras": f"{layer.label}: {layer.weight_names[place]}",
                "product": product,
                "letters": letters,
                "size": f"{product} = {node.value.size}" if node.ndim > 1 else product,
                "value": node.value,
                "gradient": None if trace.loss is None else trace.gradients[name],
            }
        )
    return list(found.values())


def nodes(trace: Run) -> list[dict[str, str]]:
    """The picture as a table: every named quantity of the forward pass, its shape, what it is computed from."""
    rows = []
    for node in trace.forward:
        if node.name is None or node.op is leaf_op:
            continue
        sources: list[Node] = []
        waiting = list(node.args)
        while waiting:
            arg = waiting.pop(0)
            if arg.name is None:
                waiting = [*arg.args, *waiting]
            elif arg not in sources:
                sources.append(arg)
        shape = " × ".join(map(str, node.shape)) or "1"
        rows.append({"key": key_of(node), "text": _said(node), "shape": shape, "sources": ", ".join(map(_said, sources))})
    return rows


def _said(node: Any) -> str:
    return names.text(node.name, "" if node.step is None else str(node.step))
