"""Operations that together are one function of the field: 1 / (1 + exp(-x)) is the sigmoid."""

from __future__ import annotations

from ..engine import ops
from ..engine.graph import Node
from .instrument.recorder import Recorder


def simplify(nodes: list[Node], recorder: Recorder) -> bool:
    """Recognise them where their parts have no names of their own; whether one was: parts may not be needed any more."""
    return sum(_sigmoid(node, recorder) for node in nodes if node.op is ops.inverse) > 0


def _sigmoid(node: Node, recorder: Recorder) -> bool:
    chain = [node]
    while len(chain) < 4 and len(chain[-1].args) == 1:
        chain.append(chain[-1].args[0])
    if [part.op for part in chain] != [ops.inverse, ops.shift, ops.exp, ops.negative]:
        return False
    if not node.attrs["q"] == chain[1].attrs["q"] == 1 or recorder.names.keys() & set(chain[1:]):
        return False
    node.op, node.args, node.attrs = ops.sigmoid, chain[-1].args, {}
    return True
