"""What the symbols of a page mean: of each the key of its sentence in `texts.json`, found by what the quantity is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine import names
from ...engine.graph import Node
from ...engine.names import Role
from ...engine.ops import CUTS, MULTIPLY, add, expand, leaf_op, same, stack, transpose
from ...layers.recurrent.cells import cells_in
from ..equations import printer
from .equation_slots import Line

if TYPE_CHECKING:
    from ...runs.run import Run

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
TITLES = ("input gate", "forget gate", "output gate", "update gate", "reset gate")  # those that have a sentence
SIZES = ("t", "T", "N", "D", "M", "K")
DERIVED = {  # the derivatives by quantities of a role that have a sentence of their own
    Role.STATE: "d_state",
    Role.INITIAL_STATE: "d_state",
    Role.PRE_ACTIVATION: "delta",
    Role.OUTPUT: "d_output",
    Role.STEP_LOSS: "d_step_loss",
    Role.INPUT: "d_input",
    Role.GATE: "d_gate",
    Role.CANDIDATE: "d_candidate",
    Role.BLOCK: "d_block",
}


class Meaning(NamedTuple):
    """The key of a sentence; the layer, the quantity (of a derivative) and the equation (of a sum) that it speaks of."""

    key: str
    layer: str = ""
    of: str | None = None
    line: int | None = None


def meanings(trace: Run, shown: list[Line]) -> dict[str, Meaning]:
    """What every quantity of the trace means, by its key."""
    roles, weights, gated = roles_of(trace), weights_of(trace), gated_of(trace)
    line_of = {str(line.name): i for i, line in enumerate(shown)}

    def meaning(key: str, name: names.Name) -> Meaning:
        of = str(name.quantity)
        role, line = roles.get(of), line_of.get(key)
        if role is None:
            return Meaning("other", name.layer) if name.of is None else Meaning("d_other", name.layer, of)
        if name.of is None:
            said = weights.get(of, "weight") if role is Role.PARAMETER else gated.get((role, str(name._replace(layer=""))))
            return Meaning(said or role.value.replace(" ", "_").replace("-", "_"), name.layer)
        if role is Role.PARAMETER and line is not None:
            return Meaning("d_sum" if shown[line].adds else "d_once", name.layer, of, line)
        return Meaning(DERIVED.get(role, "d_other"), name.layer, of)

    return {key: meaning(key, name) for key, name in trace.names.items()}


def gated_of(trace: Run) -> dict[tuple[Role, str], str]:
    """The sentences of what cells with gates are made of, by role and name: of the gates that a cell says the titles of, and
    of the states that are carried beside the output.
    """
    found: dict[tuple[Role, str], str] = {}
    for cell in [] if trace.is_loop else cells_in(trace.model.flat_layers):
        gates = [gate for gate in cell.gates if gate.role is Role.GATE]
        found |= {(Role.GATE, gate.name): gate.title.replace(" ", "_") for gate in gates if gate.title in TITLES}
        found |= {(Role.STATE, name): "cell" for name in cell.state_names[1:] if gates}
    return found


def roles_of(trace: Run) -> dict[str, Role | None]:
    """What the quantities of the forward pass are for, by their keys: as the graph says it, and else as it is used."""
    outputs = {*trace.outputs, *(arg for out in trace.outputs if out.op is stack for arg in out.args)}
    found: dict[str, Role | None] = {}
    for node in trace.forward:
        if node.name is not None:
            key = str(node.name)
            found[key] = node.role or found.get(key) or _used_as(trace, node, outputs)
    return found


def _used_as(trace: Run, node: Node, outputs: set[Node]) -> Role | None:
    if str(node.name) in trace.state_names:
        return Role.STATE
    if node in outputs:
        return Role.OUTPUT
    while node.op in CUTS or node.op is same:
        node = node.args[0]
    return Role.INPUT if node.op is leaf_op else None


def weights_of(trace: Run) -> dict[str, str]:
    """What each parameter is in its layer, by how it is used: a kernel, a recurrent kernel, a bias, another weight."""
    roles = roles_of(trace)
    states = {node for node in trace.forward if node.name is not None and roles[str(node.name)] is Role.STATE}
    above: dict[Node, list[Node]] = defaultdict(list)
    for user in trace.forward:
        for arg in user.args:
            above[arg].append(user)
    found: dict[str, str] = {}
    for key, parameter in trace.parameters.items():
        waiting, kinds = [parameter], set()
        while waiting:
            node = waiting.pop()
            for user in above[node]:
                if user.op in MULTIPLY:
                    partners = [arg for arg in user.args if arg is not node]
                    carried = any(p in states and (user.step is None or p.step != user.step) for p in partners)
                    kinds.add("recurrent" if carried and user.step is not None else "kernel")
                elif user.op is expand or user.op is transpose or user.role is Role.BLOCK or user.op in CUTS:
                    waiting.append(user)
                    kinds |= {"bias"} if user.op is expand else set()
                else:
                    kinds.add("bias" if user.op is add else "weight")
        order = ("recurrent", "kernel", "bias", "weight")
        found[key] = next((kind for kind in order if kind in kinds), "weight")
    return found


def words(trace: Run, shown: list[Line], text: dict[str, Any]) -> list[dict[str, str]]:
    """Quantities in order of appearance, then signs, then sizes: LaTeX, and the sentence in the language of `text`."""
    stepped = {name for name, step in trace.variables if step is not None}
    known = meanings(trace, shown)
    rows = [
        {
            "name": key,
            "latex": names.latex(name, "t" * (key in stepped)),
            "text": sentence(known[key], trace, shown, text),
        }
        for key, name in trace.names.items()
    ]
    whole = " ".join(line.equation.latex for line in shown)
    signs = [{"latex": latex, "key": key} for part, (latex, key) in SIGNS.items() if part in whole]
    sizes = [{"latex": size, "key": size} for size in SIZES]
    return rows + [row | {"text": text["word"][row["key"]]} for row in signs + sizes]


def sentence(meaning: Meaning, trace: Run, shown: list[Line], text: dict[str, Any]) -> str:
    """The meaning as text."""
    loss = "L" if trace.loss_node is None or trace.loss_node.name is None else names.text(trace.loss_node.name)
    values = {"loss": loss, "of": "" if meaning.of is None else names.text(trace.names[meaning.of])}
    if meaning.line is not None:
        values["term"] = printer.text(shown[meaning.line].term)
    said = text["word"][meaning.key].format_map(values)
    return text["word"]["layer"].format(layer=meaning.layer, meaning=said) if meaning.layer else said


def reasons(shown: list[Line]) -> Iterator[dict[str, Any] | None]:
    """Why equations of the way back hold: through what each quantity reaches the loss; None of those of the way forward."""
    backward = {str(line.name): str(line.name.quantity) for line in shown if line.backward}
    for line in shown:
        via = {tuple(slot): [backward[slot[0]], *slot[1:]] for slot in line.right if slot[0] in backward}
        key = "steps" if line.adds else "start" if not via else "only" if len(via) == 1 else "several"
        said = {"key": key, "of": [str(line.name.quantity), *line.left[1:]], "via": list(via.values())}
        yield said if line.backward else None
