"""A fortieth of all combinations of arguments against Keras, and bugs planted for it to find."""

from __future__ import annotations

import pytest

from minirnn.layers import rnn

from .. import differential


def test_the_product_has_more_than_a_thousand_combinations():
    assert len(list(differential.combinations())) == 1160


def test_a_fortieth_of_them():
    count, wrong = differential.run(every=40)
    assert count == 29 and not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("plant", "options"),
    [
        (lambda out, h: h, {"state": True, "mask": "first steps"}),  # the state where the output before belongs
        (lambda out, h: out, {"state": False, "mask": "last step"}),  # no mask on the output at all
    ],
)
def test_a_planted_output_is_found(monkeypatch, plant, options):
    def take(self, out, h):
        self.found.append(plant(out, h))

    case = next(
        (i, o)
        for i, o in enumerate(differential.combinations())
        if o | options == o and o["return_sequences"] and o["kind"] == "SimpleRNN" and not o["zero_output_for_mask"]
    )
    assert differential.differs(*case) is None
    monkeypatch.setattr(rnn._Outputs, "take", take)
    assert "eps off" in str(differential.differs(*case))
