from __future__ import annotations

import numpy as np

import minirnn as mr
from minirnn.layers import SimpleRNN
from minirnn.verify.saturation import saturated


def of_seed_002(dtype="float32"):
    """Inputs 1, 2, 3 in all five features: the states creep up to ±1."""
    layer = SimpleRNN(2, return_sequences=True)
    layer.build((None, 3, 5))
    layer.set_weights([
        np.array([[-0.8766506, 0.9172727], [-0.37667286, 0.6936799], [-0.44308627, -0.71843755], [-0.627252, 0.8343315],
                  [-0.00902045, 0.08299422]], dtype),
        np.array([[0.57300806, -0.8195498], [0.8195498, 0.573008]], dtype), np.zeros(2, dtype),
    ])  # fmt: skip
    return mr.trace(layer, np.arange(1, 4, dtype=dtype)[None, :, None].repeat(5, axis=2))


def test_it_says_how_many_digits_are_lost_and_where():
    (said,) = saturated(of_seed_002())
    assert said.startswith("1 - h² has lost up to 5.6 of 7 digits in float32 at steps 2 to 3: 4 of 6 entries")


def test_an_ordinary_network_is_told_nothing(trace):
    assert saturated(trace) == [] and trace.verify(with_keras=False).warnings == []


def test_the_verdict_says_it(make):
    trace = make(activation="sigmoid")
    model = trace.model
    model.set_weights([40 * w for w in model.get_weights()])
    report = mr.trace(model, trace.inputs[0], trace.target).verify(with_keras=False)
    assert any(said.startswith("h (1 - h) has lost up to") for said in report.warnings)
    assert "Note: h (1 - h) has lost" in str(report) and "Note: " in report._repr_html_()


def test_steps_are_listed():
    from minirnn.verify.saturation import _listed

    assert _listed([3]) == "step 3" and _listed([2, 3, 4]) == "steps 2 to 4" and _listed([2, 4]) == "steps 2, 4"
    assert _listed([*range(1, 20, 2)]) == "steps 1, 3, 5, 7, 9, 11 and 4 more"
