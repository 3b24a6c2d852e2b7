"""Operations for cells, losses and layers of one's own: ``from minirnn.ops import tanh``; their operands are nodes.

What else Keras has in ``keras.ops`` is there for losses, metrics and Lambda layers: ``ops.abs`` of arrays and placeholders.
"""

import functools
from typing import Any

from .engine import ops
from .engine.graph import Node
from .engine.ops import *  # noqa: F403
from .system import NoAttribute


def _as_keras_has_it(name: str) -> Any:
    """The engine's own function of that name for nodes, for all else that of Keras, which has other arguments."""
    ours = getattr(ops, name)

    @functools.wraps(ours)
    def function(*args: Any, **options: Any) -> Any:
        from . import backend

        return (ours if any(isinstance(x, Node) for x in args) else backend.named(name))(*args, **options)

    return function


split, take, ones, zeros = map(_as_keras_has_it, ("split", "take", "ones", "zeros"))


def gelu(x: Any, approximate: bool = True) -> Any:
    """x Φ(x), which ``keras.ops`` approximates unless it is told otherwise, and the activation of that name does not."""
    from . import activations

    return activations.gelu(x, approximate)


def __getattr__(name: str) -> Any:
    from . import activations, backend

    found = None if name.startswith("_") else backend.named(name) or activations.KNOWN.names.get(name)
    if found is None:
        raise NoAttribute("minirnn.ops", name, lambda: globals())
    return found
