"""Where 1 - h² has lost digits: said, in place of blaming whoever computed it."""

from __future__ import annotations

import numpy as np

from ..engine.ops import sigmoid, tanh
from ..runs.run import Run

PART = 1 / 2  # of the digits may be lost without a word


def saturated(trace: Run, dtype: str | None = None) -> list[str]:
    """One sentence for each state or output of which slopes have lost more than half of the digits of the precision."""
    dtype = dtype or str(trace.dtype)
    digits = -float(np.log10(np.finfo(dtype).eps))
    found = []
    for name in dict.fromkeys(str(n.name) for n in trace.forward if n.name and n.op in (tanh, sigmoid)):
        nodes = [n for n in trace.forward if n.name is not None and str(n.name) == name and n.op in (tanh, sigmoid)]
        lost = {n.step: _digits_lost(np.abs(n.value), digits) for n in nodes}
        many = {step: each[each > PART * digits] for step, each in lost.items()}
        count = sum(map(len, many.values()))
        if count:
            steps = sorted(step for step, each in many.items() if step is not None and len(each))
            slope = f"1 - {name}²" if nodes[0].op is tanh else f"{name} (1 - {name})"
            worst = max(float(each.max()) for each in lost.values())
            where = f" at {_listed(steps)}" if steps else ""
            found.append(
                f"{slope} has lost up to {worst:.1f} of {digits:.0f} digits in {dtype}{where}: {count} of "
                f"{sum(n.value.size for n in nodes)} entries are so near 1 that their slopes keep few digits"
            )
    return found


def _digits_lost(h: np.ndarray, digits: float) -> np.ndarray:
    """How many decimal digits 1 - h loses; all of them where h is 1."""
    with np.errstate(divide="ignore"):
        return np.minimum(-np.log10(1 - h.astype(np.float64)), digits)


def _listed(steps: list[int]) -> str:
    if len(steps) == 1:
        return f"step {steps[0]}"
    if steps == list(range(steps[0], steps[-1] + 1)):
        return f"steps {steps[0]} to {steps[-1]}"
    shown = ", ".join(map(str, steps[:6]))
    return f"steps {shown}" + (f" and {len(steps) - 6} more" if len(steps) > 6 else "")
