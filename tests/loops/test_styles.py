"""Every reading of every style: the numbers of NumPy, its derivatives, and equations that hold at every length."""

from __future__ import annotations

import contextlib
import copy
import inspect

import numpy as np
import pytest
from cases import quiet
from styles import STYLES
from test_published import WITHOUT_TENSORFLOW
from test_published import traced as published

import minirnn as mr

BY_PLACE = {"stateful_chunks"}  # some of whose quantities belong to a chunk, not to a step
VARIABLES_CALLED_T = {"layers_with_params_and_grads"}  # which clash with the t of the source


def traced(name, T):
    kind = STYLES[name]
    arrays = kind.data(T)
    with quiet():
        returned = kind.loop(**copy.deepcopy(arrays))
        target = {"Y": np.full(np.shape(returned), 0.5)} if kind.target else {}
        return mr.trace(kind.loop, **arrays, **target), returned, arrays


def same(a, b):
    if isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def source_agrees(trace):
    space = {"__name__": "source"}
    exec(compile(trace.source(), "source", "exec"), space)
    params = {n: trace.value(n) for n in trace.parameters}
    rest = iter([*trace.inputs, *trace.targets])
    names = list(inspect.signature(space["loss_and_gradients"]).parameters)[1:]
    found = space["loss_and_gradients"](params, *[np.asarray(d) for d, _ in zip(rest, names)])
    np.testing.assert_allclose(found[0], trace.loss, rtol=1e-9)
    for n, g in trace.gradients.items():
        np.testing.assert_allclose(found[1][n], g, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", STYLES)
def test_every_style(name):
    trace, returned, _ = traced(name, 5)
    longer, _, _ = traced(name, 7)
    assert same(trace.returned, returned)
    assert trace.steps == STYLES[name].steps(5) and longer.steps == STYLES[name].steps(7)
    assert len(trace.equations()) == len(longer.equations()) or name in BY_PLACE
    every_reading(trace, source=name not in VARIABLES_CALLED_T)


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_every_published_loop(name):
    every_reading(published(name))


def every_reading(trace, source=True):
    report = trace.verify(with_keras=False)
    assert report.ok and any("your function" in row.witness and "dL" not in row.witness for row in report), report
    assert trace.equations().residual < 1e-12
    assert trace.equations(form="unrolled").residual < 1e-12
    assert not trace.steps or trace.equations(t=trace.steps).residual < 1e-12
    try:
        assert trace.equations(form="component").residual < 1e-12
    except NotImplementedError as error:
        assert "there is no component form for" in str(error)
    assert "backward" in str(trace.walk())
    assert "backward" in trace.page(report=report).html
    for options in ({}, {"level": "op"}, {"rolled": True}, {"rolled": True, "level": "op"}, {"backward": True}):
        assert "<svg" in trace.picture(**options).svg, options
    if source:
        source_agrees(trace)
    for form in ("buffers", "loops", "c"):
        with contextlib.suppress(NotImplementedError):
            assert "def " in trace.source(form=form) or form == "c"
    last = max((step or 0 for name, step in trace.variables if name in trace.state_names[:1]), default=0)
    if last > 1:
        assert np.isfinite(trace.jacobian(last, last - 1, trace.state_names[0])).all()
    for parameter in trace.gradients:
        try:
            parts = trace.ledger(parameter)
        except ValueError:
            continue
        np.testing.assert_allclose(parts.sum(0), trace.gradients[parameter], rtol=1e-9, atol=1e-11)
