"""The operations, one block or row each; their operands are nodes."""

# ruff: noqa: F403, F401
from ..graph import leaf_op, same
from .entrywise import *
from .joining import *
from .leaves import *
from .operators import *
from .parts import *
from .products import *
from .reductions import *
from .rows import *
from .shapes import *
