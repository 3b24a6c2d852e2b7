"""Random functions of NumPy: followed bit for bit, with the derivatives of the complex step, or refused."""

from __future__ import annotations

from tests.loops.programs import fault

SEEDS: dict[str, bytes] = {}


def one_input(data: bytes) -> bool:
    """The program that these bytes choose; whether it is followed."""
    said, reason = fault(int.from_bytes(data[:7] or b"\0", "little"))
    assert not said, said
    return not reason
