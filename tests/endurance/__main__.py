"""What takes too long for the suite: ``python -m tests.endurance [WHAT ...] [--minutes 10]``; fails if there is a fault."""

from __future__ import annotations

import argparse
import sys

from . import runs, training, writing

ACTS = (
    writing.kills, writing.writers, runs.threads, runs.processes, training.interrupts, runs.steps, runs.memory,
)  # fmt: skip
ALL = {act.__name__: act for act in ACTS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description="Long runs.")
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"of {', '.join(ALL)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each (default 1)")
    options = parser.parse_args()
    for name in options.what:
        if name not in ALL:
            parser.error(f"there is no {name}; there are {', '.join(ALL)}")
    return 1 if sum(ALL[name](options.minutes) for name in options.what or ALL) else 0


if __name__ == "__main__":
    sys.exit(main())
