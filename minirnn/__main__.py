"""``python -m minirnn`` is the command ``minirnn``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
