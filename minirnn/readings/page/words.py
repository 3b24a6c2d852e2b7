"""The symbols that occur on a page, each with the key of its explanation in `texts.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engine import names
from ...engine.names import Role
from .equation_slots import Line

if TYPE_CHECKING:
    from ...run import Run

SIGNS = {  # what the LaTeX of an equation contains, the sign to show, the key of its explanation
    r"\odot": (r"\odot", "hadamard"),
    r"\top": (r"\top", "top"),
    r"\mathbf{1}": (r"\mathbf{1}", "one"),
    r"\sum": (r"\sum_{t}", "sum"),
    r"> 0\right]": (r"\left[x > 0\right]", "iverson"),
    r"\tanh": (r"\tanh", "tanh"),
    r"\sigma": (r"\sigma", "sigmoid"),
    r"{relu}": (r"\operatorname{relu}", "relu"),
    r"{softmax}": (r"\operatorname{softmax}", "softmax"),
    r"\log": (r"\log", "log"),
    r"\exp": (r"\exp", "exp"),
    r"{mean}": (r"\operatorname{mean}", "mean"),
}
GATED = {  # what a cell with gates is made of: by its role and its base
    (Role.GATE, "i"): "gate_i",
    (Role.GATE, "f"): "gate_f",
    (Role.GATE, "o"): "gate_o",
    (Role.GATE, "z"): "gate_z",
    (Role.GATE, "r"): "gate_r",
    (Role.CANDIDATE, "ctilde"): "candidate",
    (Role.CANDIDATE, "htilde"): "candidate",
    (Role.STATE, "c"): "cell",
    (Role.PRE_ACTIVATION, "a"): "z",
}
SIZES = ("t", "T", "N", "D", "M", "K")
EXPLAINED = frozenset(
    ["x", "h", "z", "z_o", "y", "p", "target", "L", "l", "W_x", "W_h", "b_h", "W_o", "b_o", "W", "b", "X", "Y"]
)


def words(trace: Run, found: list[Line], text: dict[str, Any]) -> list[dict[str, str]]:
    """Quantities in order of appearance, then signs, then sizes: LaTeX, and the sentence in the language of `text`."""
    stepped = {name for name, step in trace.variables if step is not None}
    roles = roles_of(trace)
    rows = [
        {"name": key, "latex": names.latex(name, "t" * (key in stepped)), "key": word_of(name, roles.get(key))[0]}
        for key, name in trace.names.items()
    ]
    whole = " ".join(line.equation.latex for line in found)
    rows += [{"latex": latex, "key": key} for part, (latex, key) in SIGNS.items() if part in whole]
    rows += [{"latex": size, "key": size} for size in SIZES]
    return [
        row | {"text": meaning(trace.names[n], text, roles.get(n)) if (n := row.get("name")) else text["word"][row["key"]]}
        for row in rows
    ]


def roles_of(trace: Run) -> dict[str, Role | None]:
    """What the quantities of the forward pass are for, by their keys; of a state what it is after a step."""
    return {str(node.name): node.role for node in trace.forward if node.name is not None}


def word_of(name: names.Name, role: Role | None = None) -> tuple[str, str]:
    """The key of what explains the quantity of that name, and its layer: ("W_h", "2").

    A quantity of a user's own has neither: its number may be that of a sample or a unit as well.
    """
    if name.of is not None:
        return ("delta" if name.delta else "dL"), ""
    if role is Role.BLOCK:
        return "block", ""
    if role is not None and (known := GATED.get((role, name.base))):
        return known, name.layer
    if name.shown is not None:
        return "other", ""
    keys = (key for key in (str(name._replace(layer="")), name.base) if key in EXPLAINED)
    return next(keys, "other"), name.layer


def meaning(name: names.Name, text: dict[str, Any], role: Role | None = None) -> str:
    """What the quantity of that name is, in one sentence."""
    key, layer = word_of(name, role)
    sentence = text["word"][key]
    return text["word"]["layer"].format(layer=layer, meaning=sentence) if layer else sentence
