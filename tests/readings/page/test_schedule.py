"""The order of the run on a page: nothing is used before it is computed."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import Bidirectional, Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.page import schedule as module
from minirnn.readings.page.equation_slots import lines
from minirnn.readings.page.schedule import schedule

from ... import family


def order(trace):
    """(key of the left side, keys of the right side) of every equation at every position, in order."""
    shown, found = lines(trace, trace.equations(each_sample=True)), []

    def key(slot, t, T):
        name, base, offset = slot
        return (name, None if base is None else {"t": t, "sum": t, "T": T, "": 0}[base] + offset)

    for sweep in schedule(shown):
        steps = [None]
        if sweep.first is not None:
            way = 1 if sweep.last >= sweep.first else -1
            steps = range(sweep.first, sweep.last + way, way)
        for t in steps:
            for i in sweep.lines:
                line = shown[i]
                if (line.steps is None and t in (None, sweep.last)) or (
                    line.steps and t is not None and line.steps[0] <= t <= line.steps[1]
                ):
                    left = line.left if not line.adds else [line.left[0], "t", 0]
                    found.append(
                        (key(left, t, trace.steps), [key(slot, t, trace.steps) for slot in line.right if slot[1] != "sum"])
                    )
    return found


def too_early(trace):
    """What is used at a position before the position at which it is computed."""
    found, seen, wrong = order(trace), set(), []
    computed = {left for left, _ in found}
    for left, right in found:
        wrong += [(left, key) for key in right if key in computed and key not in seen]
        seen.add(left)
    return wrong


@pytest.mark.parametrize("name", family.NETWORKS)
def test_nothing_is_used_before_it_is_computed(name):
    trace = family.traced(name)
    assert too_early(trace) == []
    shown = lines(trace, trace.equations(each_sample=True))
    scheduled = [i for sweep in schedule(shown) for i in sweep.lines]
    assert sorted(scheduled) == [i for i, line in enumerate(shown) if not line.given]


def both_ways():
    i = Input(shape=(4, 3))
    model = Model(i, Dense(2)(Bidirectional(SimpleRNN(5, return_sequences=True))(i)))
    rng = np.random.default_rng(0)
    return mr.trace(model, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 2)))


def test_a_backward_layer_runs_back_before_the_outputs_use_it():
    trace = both_ways()
    found = [(s.kind, s.first, s.last, s.layer) for s in schedule(lines(trace, trace.equations(each_sample=True)))]
    assert found == [
        ("forward", 1, 4, "f"),
        ("forward", 4, 1, "b"),
        ("forward", 1, 4, ""),
        ("loss", None, None, ""),
        ("backward", 4, 1, ""),
        ("backward", 1, 4, "b"),
    ]


def test_an_order_that_is_wrong_would_be_found(monkeypatch):
    monkeypatch.setattr(module, "_place", lambda outside, own, stepped, default: (0, default * stepped))
    assert too_early(both_ways())
