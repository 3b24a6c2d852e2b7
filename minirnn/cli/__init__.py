"""The command line: ``minirnn`` and ``python -m minirnn``."""

from .entry import main as main
