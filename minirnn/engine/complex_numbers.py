"""NumPy for complex steps: dL/dw = Im L(w + iε) / ε, exact to rounding (Squire and Trapp, 1998)."""

from __future__ import annotations

from typing import Any

import numpy as np

STEP = 1e-30


class _Bounded:
    """An exp that does not overflow, 1 / (1 + exp(800)) is 0 and so is its derivative; and a maximum that goes by real
    parts, so that a state of exactly 0 does not pass a relu.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def exp(x: Any) -> Any:
        return np.exp(np.minimum(x.real, 700) + 1j * x.imag) if np.iscomplexobj(x) else np.exp(np.minimum(x, 700))

    @staticmethod
    def maximum(a: Any, b: Any, out: Any = None) -> Any:
        more = np.real(a) - np.real(b)  # the square of a step, left by a product of two that moved, is no more than 0
        return np.where(more > STEP, a, b) if np.isscalar(b) else np.where(more >= -STEP, a, b)


BOUNDED = _Bounded()
