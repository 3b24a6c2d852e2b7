"""Matrix expressions in SymPy: what they are made of, and what primitives write themselves with."""

# ruff: noqa: F403
from .algebra import *
from .arrays import *
from .expressions import *
from .quantities import *
