"""Right gradients of one's own loop are right in every precision; 0.05 % in one of them is not."""

from __future__ import annotations

import innocents
import numpy as np
import pytest

SOME = [
    "characters_with_backward",
    "layers_with_params_and_grads",
    "gru_by_slices",
    "states_of_layers_in_one_array",
    "weights_in_global_lists",
    "binary_addition",
    "masked_by_length",
    "layer_by_layer_arrays",
    "while_and_counters",
]


@pytest.mark.parametrize("name", SOME)
def test_right_gradients_pass_and_wrong_ones_do_not(name):
    rng = np.random.default_rng(7)
    trace, right, how = innocents.draw(rng, name, (3, 6))
    report = trace.compare(right)
    assert report.ok and not report.slips, (how, report)
    which = max(right, key=lambda k: np.abs(right[k]).max())
    assert not trace.compare(right | {which: right[which] * np.float32(1.0005)}).ok, how
