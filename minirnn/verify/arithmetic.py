"""The same graph in another arithmetic: the NumPy text of every operation, run on arrays of other numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..displays import watched
from ..engine.graph import Node, leaf_op
from ..engine.ops import MULTIPLY
from ..engine.replay import replay
from ..runs.run import Run


class Arithmetic:
    """What the texts call np: NumPy for arrays, and the functions of `module` for the numbers in them."""

    def __init__(self, module: Any, number: Callable[[float], Any], **functions: Callable[..., Any]) -> None:
        self._module, self._number, self._functions = module, number, functions

    def __getattr__(self, name: str) -> Any:
        known = getattr(np, name)
        if not isinstance(known, np.ufunc):
            return known
        function = self._functions.get(name) or getattr(self._module, name, None)
        return known if function is None else np.frompyfunc(function, known.nin, 1)

    def array(self, value: Any) -> Any:
        """The same numbers, exactly."""
        return np.frompyfunc(lambda v: self._number(float(v)), 1, 1)(np.asarray(value))

    def run(self, nodes: list[Node], values: dict[Node, Any] | None = None) -> dict[Node, Any]:
        """The values of the nodes; their leaves are taken exactly as they are, but for those in `values`."""
        leaves = {n: self.array(n.value) for n in nodes if n.op is leaf_op and n.dtype.kind == "f"}
        return replay(watched(nodes, "exact arithmetic", len(nodes)), leaves | (values or {}), self)


def work(trace: Run) -> int:
    """About so many additions and multiplications make up the trace."""
    matmuls = sum(n.value.size * n.args[0].shape[-1] for n in trace.nodes if n.op in MULTIPLY)
    return matmuls + sum(n.value.size for n in trace.nodes)
