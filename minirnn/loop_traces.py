"""The face of a function of one's own that was run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .loops.trace import LoopRun, run_function
from .traces import Trace


class LoopTrace(LoopRun, Trace):
    """A function of one's own run on arrays: all that a `Trace` has, in the names of the function's own variables.

    `returned` is what the function returned, with plain arrays.
    """


def trace_function(function: Callable[..., Any], arrays: Mapping[str, Any], dtype: Any, truncate: int | None) -> LoopTrace:
    """Run `function` on `arrays`, by its own names, as `minirnn.trace` does."""
    return run_function(function, dict(arrays), dtype, truncate, LoopTrace)
