"""How loops are registered, with the arrays that they are run on: ``STYLES[name].data(T)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

N, D, M, K, V = 2, 4, 5, 3, 6


class Style(NamedTuple):
    """A loop, its arguments for T steps, and how many steps it then has."""

    loop: Callable[..., Any]
    data: Callable[[int], dict[str, Any]]
    steps: Callable[[int], int]
    target: bool  # whether it has no loss of its own


STYLES: dict[str, Style] = {}


def style(steps=lambda T: T, target=False, seed=0, ints=None, scale=0.5, **shapes):
    """Registers a loop; a letter in a shape is a size, "T" the number of steps; `ints` are (highest, shape)."""

    def take(loop):
        def data(T):
            rng = np.random.default_rng(seed + 1)
            size = lambda n: {"T": T, "T1": T + 1}.get(n, n)
            found = {k: scale * rng.normal(size=tuple(map(size, s))) for k, s in shapes.items()}
            for name, (high, shape, kind) in (ints or {}).items():
                drawn = rng.integers(0, high, tuple(map(size, shape)))
                found[name] = drawn.tolist() if kind == "list" else drawn
            return found

        STYLES[loop.__name__] = Style(loop, data, steps, target)
        return loop

    return take


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)
