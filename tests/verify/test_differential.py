"""A ninetieth of all combinations of arguments against Keras, and bugs planted for it to find."""

from __future__ import annotations

import itertools

import pytest

from minirnn.layers.recurrent import rnn

from .. import differential


def test_the_product_has_more_than_a_thousand_combinations():
    assert len(list(differential.combinations())) == 3160


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning")  # of a single unit
def test_a_ninetieth_of_them():
    count, found = differential.run(every=90)
    assert count == 36 and len(found) > 2 * count  # hypothesis finds no third size for a few
    assert not [f.said for f in found if f.wrong]


def test_every_pair_of_values_occurs():
    """Of all arguments of a kind, those that are drawn too."""
    seen, values = set(), {}
    for number, options in enumerate(differential.combinations()):
        row = sorted((options | differential.drawn(number, options)).items())
        seen |= {(options["kind"], *pair) for pair in itertools.combinations(row, 2)}
        for name, value in row[:]:
            values.setdefault((options["kind"], name), set()).add(value)
    missing = [
        (kind, one, a, two, b)
        for (kind, one), (other, two) in itertools.combinations(sorted(values), 2)
        if kind == other
        for a in values[kind, one]
        for b in values[kind, two]
        if (kind, (one, a), (two, b)) not in seen
    ]
    both = {kind for kind, _ in values if kind.startswith("Bidirectional")}  # there Keras raises an error
    assert set(missing) == {(kind, "return_state", True, "stateful", True) for kind in both}


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
    assert not differential.compared(*case, (3, 5, 2, 4)).wrong
    monkeypatch.setattr(rnn._Outputs, "take", take)
    assert differential.compared(*case, (3, 5, 2, 4)).wrong
