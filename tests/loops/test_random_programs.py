"""Random programs: bit for bit what NumPy computes, and its derivatives; MINIRNN_PROGRAMS=3000 makes so many of them."""

from __future__ import annotations

import os

import pytest
from programs import fault, program

from minirnn.engine import ops

PROGRAMS = int(os.environ.get("MINIRNN_PROGRAMS", "200"))


@pytest.mark.parametrize("start", range(0, PROGRAMS, 40))
def test_random_programs(start):
    found = [fault(seed) for seed in range(start, min(start + 40, PROGRAMS))]
    assert not [said for said, _ in found if said]
    assert sum(bool(reason) for _, reason in found) <= 1


def test_a_wrong_rule_is_found(monkeypatch):
    monkeypatch.setattr(ops.square, "vjp", (lambda g, y, x: g * x,))
    seeds = [seed for seed in range(200) if "** 2" in program(seed)[0]]
    assert any("the derivative is" in fault(seed)[0] for seed in seeds[:10])
