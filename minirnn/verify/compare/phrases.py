"""The names and products of a network as pieces of a line of NumPy: in the user's names, in rows or in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...engine.graph import Node
from ...engine.ops import activations, average, mean, sigmoid, tanh
from .structure import Product, Structure, summands

FUNCTIONS = {tanh: "np.tanh", sigmoid: "sigmoid"} | {
    op: name for name, op in activations.items() if name not in ("linear", "tanh", "sigmoid")
}
SLOPES = {tanh: "(1 - {h}[t]**2)", sigmoid: "{h}[t] * (1 - {h}[t])"}


def phrases(net: Structure, at: Node | None = None, users: Mapping[Any, str] | None = None) -> dict[str, str]:
    """What stands in the lines of the slips: of the recurrence that `at` belongs to, or of the first one.

    `users` are names of the user's own for weights, states and data.
    """

    def called(node: Node | None, otherwise: str) -> str:
        known = (
            None
            if node is None
            else net.name_of.get(node) or next((n for n, p in net.parameters.items() if p is node), None)
        )
        name = (users or {}).get(known, known) or otherwise
        return name.replace("^", "_").replace(",", "_")

    layer = net.layer_of(at) if at is not None else None
    carried = [p for p in net.carrying if layer in (None, net.layer_of(p.node))]
    mine = next((p for p in carried if p.node is at), carried[0] if carried else None)
    state = next((s for s in net.sources(mine.data) if s in net.state_of), None) if mine else None
    layer = layer or (net.layer_of(mine.node) if mine else next(iter(net.states), None))
    bend = next((n for n in net.bent if net.layer_of(n) == layer), None)
    terms = summands(bend.args[0]) if bend is not None else []
    entering = next((p for p in net.products if p.node in terms and p is not mine and p not in carried), None)
    bias = next((b for t in terms if (b := net.origin(t)) in net.biases), None)
    head = next((p for p in net.heads), None)
    head_bias = next(
        (b for b in net.biases if b is not bias and any(y not in net.recurrent for y, _ in net.biases[b])), None
    )

    result = called(net.named_after(head.node) if head else None, "y")
    averaged = any(n.op in (mean, average) for n in net.forward)

    def product(p: Product | None, array: str, weight: str) -> str:
        return f"{weight} @ {array}" if p is not None and p.place == 1 else f"{array} @ {weight}"

    h = called(state, layer or "h") if state is not None else called(None, layer or "h")
    x = called(net.origin(entering.data), "x") if entering else "x"
    x = x.lower() if users is None and x == "X" else x
    columns, flat = mine is not None and mine.place == 1, mine is not None and mine.data.ndim == 1
    names = {
        "h": h, "x": x,
        "Wx": called(entering.weight if entering else None, "W_x"), "Wh": called(mine.weight if mine else None, "W_h"),
        "b": called(bias, "b_h"), "V": called(head.weight if head else None, "W_o"), "c": called(head_bias, "b_o"),
        "y": result, "over": f" / {result}.size" if averaged else "", "z": "z",
        "f": FUNCTIONS.get(bend.op, "relu") if bend is not None else "np.tanh",
    }  # fmt: skip
    W = (mine or next(iter(net.products), None)) and names["Wh"]
    names |= {
        "inner": product(entering, f"{x}[t]", names["Wx"]),
        "carried": product(mine, h, str(W)),
        "turned": product(mine, h, f"{W}.T"),
        "output": product(head, f"{h}", names["V"]), "output_turned": product(head, f"{h}", f"{names['V']}.T"),
        "plus_c": f" + {names['c']}" if head_bias is not None else "",
        "back": f"{W}.T @ dz" if columns else f"dz @ {W}.T",
        "unturned": f"{W} @ dz" if columns else f"dz @ {W}",
        "home": product(head, "dy[t]", f"{names['V']}.T") if not columns else f"{names['V']}.T @ dy[t]",
        "grown": _outer(columns, flat, f"{h}[t-1]"),
        "grown_now": _outer(columns, flat, f"{h}[t]"),
        "grown_turned": _outer(not columns, flat, f"{h}[t-1]"),
        "slope": SLOPES.get(bend.op, "slope").format(h=h) if bend is not None else f"(1 - {h}[t]**2)",
        "samples": "1" if columns else "0", "units": "0" if columns else "1",
    }  # fmt: skip
    names["plus_b"] = f" + {names['b']}" if bias is not None else ""
    names["loop"] = f"{h} = {names['f']}({names['inner']}{names['plus_b']} + {names['carried']})"
    return names


def _outer(columns: bool, flat: bool, h: str) -> str:
    """The gradient of the recurrent matrix at one step."""
    if flat:
        return f"np.outer(dz, {h})" if columns else f"np.outer({h}, dz)"
    return f"dz @ {h}.T" if columns else f"{h}.T @ dz"
