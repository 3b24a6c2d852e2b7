"""Where programs look for what prepares sequences and texts, as Keras has it."""

from ..system import suggest_names
from . import sequence, text

__all__ = ["sequence", "text"]

suggest_names(globals())
