"""The symbols that occur on a page, each with the key of its explanation in `texts.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...engine import names
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
SIZES = ("t", "T", "N", "D", "M", "K")
EXPLAINED = frozenset(
    ["x", "h", "z", "z_o", "y", "p", "target", "L", "l", "W_x", "W_h", "b_h", "W_o", "b_o", "W", "b", "X", "Y"]
)


def words(trace: Run, found: list[Line], text: dict[str, Any]) -> list[dict[str, str]]:
    """Quantities in order of appearance, then signs, then sizes: LaTeX, and the sentence in the language of `text`."""
    stepped = {name for name, step in trace.variables if step is not None}
    rows = [
        {"name": key, "latex": names.latex(name, "t" * (key in stepped)), "key": word_of(name)[0]}
        for key, name in trace.names.items()
    ]
    whole = " ".join(line.equation.latex for line in found)
    rows += [{"latex": latex, "key": key} for part, (latex, key) in SIGNS.items() if part in whole]
    rows += [{"latex": size, "key": size} for size in SIZES]
    return [
        row | {"text": meaning(trace.names[row["name"]], text) if "name" in row else text["word"][row["key"]]}
        for row in rows
    ]


def word_of(name: names.Name) -> tuple[str, str]:
    """The key of what explains the quantity of that name, and its layer: ("W_h", "2").

    A quantity of a user's own has neither: its number may be that of a sample or a unit as well.
    """
    if name.of is not None:
        return ("delta" if name.delta else "dL"), ""
    if name.shown is not None:
        return "other", ""
    known = (key for key in (str(name._replace(layer="")), name.base) if key in EXPLAINED)
    return next(known, "other"), name.layer


def meaning(name: names.Name, text: dict[str, Any]) -> str:
    """What the quantity of that name is, in one sentence."""
    key, layer = word_of(name)
    sentence = text["word"][key]
    return text["word"]["layer"].format(layer=layer, meaning=sentence) if layer else sentence
