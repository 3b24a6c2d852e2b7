"""What is compiled is checked on other numbers of samples and steps than those that it is made from."""

from __future__ import annotations

import numpy as np
import pytest

from minirnn.layers import Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.source.compiled import Compiled
from minirnn.training import runners


def network():
    i = Input((9, 4))
    return Model(i, Dense(3)(SimpleRNN(5)(i)))


X = np.ones((6, 9, 4), np.float32)


def test_it_is_checked_on_other_sizes(monkeypatch):
    made, checked = [], []
    compile_, demand = runners.compiled_run, Compiled.demand_same
    monkeypatch.setattr(runners, "compiled_run", lambda run, *rest: made.append(run.inputs[0].shape) or compile_(run, *rest))
    monkeypatch.setattr(
        Compiled, "demand_same", lambda found, run: checked.append(run.inputs[0].shape) or demand(found, run)
    )
    runners.compiled(network(), [X], None, None)
    N, T, _ = made[0]
    assert any(n != N and t != T for n, t, _ in checked)


def test_a_size_frozen_from_the_run_is_found(monkeypatch):
    compile_ = runners.compiled_run

    class Frozen(Compiled):
        """As if 1/N, or the number of steps, had been written into the source as it was."""

        def __init__(self, right):
            self.right, self._shapes = right, right._shapes

        def forward(self, params, data):
            found = self.right.forward(params, data)
            return found if len(data[0]) == 2 and data[0].shape[1] == 5 else 0.9 * found

    monkeypatch.setattr(runners, "compiled_run", lambda *given: Frozen(compile_(*given)))
    with pytest.raises(NotImplementedError, match="does not compute what its graph computes"):
        runners.compiled(network(), [X], None, None)
