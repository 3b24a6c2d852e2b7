"""Operations for cells, losses and layers of one's own: ``from minirnn.ops import tanh``; their operands are nodes.

What else Keras has in ``keras.ops`` is there for losses, metrics and Lambda layers: ``ops.abs`` of arrays and placeholders.
"""

from typing import Any

from .engine.ops import *  # noqa: F403
from .system import NoAttribute


def __getattr__(name: str) -> Any:
    from . import backend

    found = None if name.startswith("_") else backend.named(name)
    if found is None:
        raise NoAttribute("minirnn.ops", name, lambda: globals())
    return found
