from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

import minirnn as mr


def params_of(trace, dtype=None):
    return {name: np.array(node.value, dtype) for name, node in trace.parameters.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("samples, steps", [(1, 3), (1, 40), (7, 4), (2, 1000)])
def test_data_of_any_size(make, dtype, samples, steps):
    compiled = make(steps=5, layers=2).compile()
    long = make(steps=steps, samples=samples, layers=2, dtype=dtype)
    X, Y = long.inputs[0].astype(dtype), long.target.astype(dtype)
    params = {name: array.astype(dtype) for name, array in params_of(long).items()}
    loss, gradients = compiled(params, X, Y)
    limit = 64 * np.finfo(dtype).eps
    assert loss.dtype == dtype and abs(loss - long.loss) < limit * abs(long.loss)
    for name, gradient in gradients.items():
        assert gradient.dtype == dtype
        assert np.abs(gradient - long.gradients[name]).max() < limit * np.abs(long.gradients[name]).max()
    assert np.abs(compiled.forward(params, X) - long.output).max() < limit * np.abs(long.output).max()


def test_results_are_not_overwritten_later(make):
    trace = make(steps=5, every_step=True, layers=2)
    compiled, params, X, Y = trace.compile(), params_of(trace), trace.inputs[0], trace.target
    first = compiled.forward(params, X)
    _, gradients = compiled(params, X, Y)
    kept = first.copy(), {name: g.copy() for name, g in gradients.items()}
    compiled(params, 2 * X, -Y)
    compiled.forward(params, 2 * X)
    assert (first == kept[0]).all()
    assert all((gradients[name] == kept[1][name]).all() for name in gradients)


def test_rooms_follow_dtype_and_size(make):
    trace = make(steps=5)
    compiled, X, Y = trace.compile(), trace.inputs[0], trace.target
    wide, narrow = params_of(trace, np.float64), params_of(trace, np.float32)
    exact, _ = compiled(wide, X, Y)
    for samples in range(1, 20):  # more sizes than rooms are kept for
        compiled(wide, np.ones((samples, 4, 3)), np.ones((samples, 6)))
    rough, gradients = compiled(narrow, X.astype(np.float32), Y.astype(np.float32))
    again, _ = compiled(wide, X, Y)
    assert gradients["W_h"].dtype == np.float32 and exact == again and abs(rough - exact) < 1e-5


def test_threads(make):
    trace = make(steps=9, samples=3)
    compiled, params = trace.compile(), params_of(trace)
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(3, 9, 3)), rng.normal(size=(3, 6))) for _ in range(8)]
    right = [compiled(params, *d)[1]["W_h"] for d in data]
    wrong = []

    def work(i):
        wrong.extend(i for _ in range(200) if (compiled(params, *data[i])[1]["W_h"] != right[i]).any())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_does_not_fit_is_said(make):
    trace = make()
    compiled, params, X, Y = trace.compile(), params_of(trace), trace.inputs[0], trace.target
    with pytest.raises(ValueError, match="params has no 'W_h'; this network has W_x, W_h"):
        compiled({name: p for name, p in params.items() if name != "W_h"}, X, Y)
    with pytest.raises(ValueError, match=r"W_h has shape \(4, 5\), not \(5, 5\)"):
        compiled(params | {"W_h": params["W_h"][1:]}, X, Y)
    with pytest.raises(ValueError, match="several dtypes, float32, float64"):
        compiled(params | {"W_x": params["W_x"].astype(np.float32)}, X, Y)
    with pytest.raises(ValueError, match="the data do not fit this network"):
        compiled(params, X[:, :, :2], Y)
    with pytest.raises(ValueError, match="X must hold real numbers, not text"):
        compiled(params, "X", Y)
    with pytest.raises(ValueError, match="no loss to differentiate"):
        mr.trace(trace.model, X).compile()(params, X, Y)
    assert compiled(params, X, Y)[0] == pytest.approx(trace.loss)  # nothing is left behind by the errors


def test_every_step_with_lists(make):
    trace = make(every_step=True)
    loss, _ = trace.compile()(params_of(trace), [trace.inputs[0]], trace.target)
    assert loss == pytest.approx(float(trace.loss))


def test_it_can_be_pickled(make):
    trace = make()
    compiled = trace.compile()
    params, X, Y = params_of(trace), trace.inputs[0], trace.target
    again = pickle.loads(pickle.dumps(compiled))
    assert again.source == compiled.source and again(params, X, Y)[0] == compiled(params, X, Y)[0]


def test_numbers_that_are_not_finite_are_no_reason_to_refuse():
    layers = mr.layers
    i = layers.Input((4, 2))
    h = layers.SimpleRNN(2, return_sequences=True)(layers.Masking()(i))
    model = mr.models.Model(i, layers.Dense(3)(layers.GlobalAveragePooling1D()(h)))
    X = np.random.default_rng(0).normal(size=(2, 4, 2))
    X[0] = 0  # the mean over no steps
    with pytest.warns(RuntimeWarning, match="overflow"):
        trace = mr.trace(model, X, np.zeros((2, 3)))
    for form in ("numpy", "buffers", "loops"):
        assert "def forward" in trace.source(form=form)
    with np.errstate(invalid="ignore"):
        loss, _ = trace.compile()({name: trace.value(name) for name in trace.parameters}, X, np.zeros((2, 3)))
    assert np.isnan(loss)


def test_names_of_any_length_are_in_the_functions():
    def loop(**arrays):
        X, W, U = arrays.values()
        h = np.zeros(2)
        for x in X:
            h = np.tanh(x @ W + h @ U)
        return np.sum(h)

    long = "a" * 400
    given = {long: np.ones((3, 2)), long + "W": np.eye(2) * 0.5, "W" + long: np.full((2, 2), 0.3)}
    trace = mr.trace(loop, **given)
    data = [given[long]] if long not in trace.parameters else []
    loss, gradients = trace.compile()({name: trace.value(name) for name in trace.parameters}, *data)
    assert loss == pytest.approx(loop(**given)) and np.allclose(gradients["W" + long], trace.gradients["W" + long])
    alone = mr.trace(lambda **arrays: np.sum(np.tanh(arrays[long])), **{long: np.ones(2)})  # a tuple of one
    assert alone.compile()({long: np.ones(2)})[0] == pytest.approx(2 * np.tanh(1.0))
