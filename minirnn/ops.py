"""Operations for cells, losses and layers of one's own: ``from minirnn.ops import tanh``; their operands are nodes."""

from .engine.ops import *  # noqa: F403
