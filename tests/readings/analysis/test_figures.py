from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure


def test_the_flow_shows_the_norms_of_the_adjoints(make):
    trace = make(layers=2, every_step=True)
    (ax,) = trace.plot("flow").axes
    for line, name in zip(ax.lines, ["h^1", "h^2"], strict=True):
        assert np.allclose(line.get_ydata(), [np.linalg.norm(trace.adjoint(name, t)) for t in range(1, 5)])


def test_the_filled_bars_of_the_ledger_sum_to_1(trace):
    (ax,) = trace.plot("ledger", of="W_x").axes
    norms, parts = ([bar.get_height() for bar in bars] for bars in ax.containers)
    assert np.isclose(sum(parts), 1) and len(parts) == 4
    assert all(abs(part) <= norm * (1 + 1e-12) for part, norm in zip(parts, norms))


def test_pictures_of_matrices(make):
    trace = make(every_step=True)
    norms, bound = trace.jacobian_norms()
    left, right, _ = trace.plot("jacobians").axes
    for ax, matrix in [(left, norms), (right, bound)]:
        assert np.allclose(ax.images[0].get_array().filled(0), matrix)
    paths = trace.plot("ledger", by="path").axes[0].images[0].get_array().filled(0)
    assert np.allclose(paths, np.linalg.norm(trace.ledger("W_h", by="path"), axis=(2, 3)))


def test_on_axes_that_are_given(trace):
    figure = Figure()
    for what, ax in zip(["flow", "ledger", "jacobians"], figure.subplots(1, 3)):
        assert trace.plot(what, ax=ax) is figure
        assert ax.get_title(loc="left")


def test_no_gradient_at_all(make, tmp_path):
    """Where every derivative is 0 there is nothing for a logarithmic axis."""
    trace = make(activation="relu")
    model = trace.model
    model.layers[1].set_weights([-np.ones((3, 5)), np.zeros((5, 5)), np.zeros(5)])
    import minirnn as mr

    dead = mr.trace(model, np.ones((2, 4, 3)), np.ones((2, 6)))
    for what in ("flow", "ledger", "jacobians"):
        dead.plot(what).savefig(tmp_path / "figure.png")


def test_what_is_not_there(trace):
    with pytest.raises(ValueError, match="there is no figure 'loss'; there are flow, ledger, jacobians"):
        trace.plot("loss")
