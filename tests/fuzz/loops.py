"""Random functions of NumPy: followed bit for bit, with the gradients of the complex step, or refused."""

from __future__ import annotations

import numpy as np

import minirnn as mr
from tests.loops.test_random_programs import compiled, every_gradient, gradients, program

SEEDS: dict[str, bytes] = {}


def one_input(data: bytes) -> bool:
    """The program that these bytes choose; whether it is followed."""
    text, arrays = program(int.from_bytes(data[:7] or b"\0", "little"))
    f = compiled(text)
    try:
        trace = mr.trace(f, **arrays)
    except mr.CannotFollow:
        return False
    for found, wanted in zip(trace.returned, f(**arrays)):
        assert np.asarray(found).tobytes() == np.asarray(wanted).tobytes(), text
    truth = gradients(text, arrays)
    for name, found in every_gradient(trace, arrays).items():
        largest = max(np.max(np.abs(truth[name])), 1e-3)
        assert np.max(np.abs(found - truth[name])) <= 1e6 * np.finfo("float64").eps * largest, f"dL/d{name}\n{text}"
    return True
