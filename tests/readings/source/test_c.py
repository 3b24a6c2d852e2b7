"""The network in C against the trace, with guards around all memory; what does not fit is refused before it is touched."""

from __future__ import annotations

import ctypes
import pickle
import threading

import numpy as np
import pytest

import minirnn as mr
from minirnn.layers import GRU, LSTM, BatchNormalization, Dense, SimpleRNN
from minirnn.readings.source.c import compiled as compiled_c
from minirnn.readings.source.c import compiler
from minirnn.readings.source.c.c import Library
from minirnn.readings.source.c.native import shared
from minirnn.readings.source.source import library, wanted
from minirnn.regularizers import get

from ... import family
from .test_loops import gated, given, params_of, worst

GUARD = 64  # entries


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of these tests' own, and a compiler that is quick."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MINIRNN_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.setattr(compiler, "FLAGS", [flag if flag != "-O2" else "-O1" for flag in compiler.FLAGS])
    yield
    patch.undo()


def compiled(trace):
    try:
        return trace.compile(engine="c")
    except NotImplementedError as error:
        if "no C compiler" in str(error):
            pytest.skip(str(error))
        raise


def error(trace):
    """The largest error of what the C engine gives, in eps."""
    f, params, data = compiled(trace), params_of(trace), given(trace)
    loss, gradients = f(params, data if len(data) > 1 else data[0], trace.target)
    return worst(trace, loss, gradients, f.forward(params, data))


def guarded(shape, dtype, fill=7.5):
    """An array between guards, and the whole."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * GUARD + 64, fill, dtype)
    start = GUARD + (-(whole.ctypes.data + GUARD * whole.itemsize) % 64) // whole.itemsize
    return whole[start : start + size].reshape(shape), whole, slice(start, start + size)


def run_between_guards(trace):
    """The results, where every array that the C is given stands between guards; nothing is written outside of its own."""
    native = library(trace, trace.dtype.name).native()
    made, dtype = shared(trace.dtype.name), trace.dtype
    arrays = [*given(trace), *trace.targets, *[params_of(trace)[name] for name in native.parameters], *native.constants]
    N, T = np.shape(trace.inputs[0])[0], trace.steps
    inputs = []
    for array in arrays:
        inner, whole, _ = guarded(array.shape, dtype, np.nan)
        inner[...] = array
        inputs.append((inner, whole, whole.copy()))
    lengths = (0, N, T)
    shapes = [tuple(lengths[which] * factor + more for which, factor, more in sizes) for sizes in native.results]
    results = [guarded(shape, dtype) for shape in shapes]
    sizes = (ctypes.c_long * 2)(N, T)
    room, whole_room, place = guarded((made.memory(native.place, sizes) // dtype.itemsize,), dtype)
    room[...] = np.nan  # what is read before it is written would show
    pointers = [inner.ctypes.data for inner, *_ in [*inputs, *results]]
    made.compute(native.place, sizes, (ctypes.c_void_p * len(pointers))(*pointers), ctypes.c_void_p(room.ctypes.data), 1)
    for _, whole, before in inputs:
        assert np.array_equal(whole, before, equal_nan=True)
    for whole, inside in [(whole_room, place), *[(whole, inside) for _, whole, inside in results]]:
        outside = np.delete(whole, np.arange(inside.start, inside.stop))
        assert (outside == 7.5).all()
    outputs, loss, *rest = (
        [inner for inner, *_ in results[: native.outputs]],
        *[inner for inner, *_ in results[native.outputs :]],
    )
    return loss, dict(zip(native.gradients, rest)), outputs if len(outputs) > 1 else outputs[0]


SOME = ["both ways, apart", "cells", "dropout", "masking, both ways", "embedding", "flat", "two heads", "mask and state"]


@pytest.mark.parametrize("name", SOME)
def test_networks_between_guards(name):
    compiled(family.traced("cells"))
    trace = family.traced(name)
    assert worst(trace, *run_between_guards(trace)) <= 32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_gates(kind, dtype):
    assert error(gated(kind, (5,), dtype=dtype)) <= 32


def test_sizes_around_those_of_vectors():
    """Rows and columns that fill a vector, or one less or more; several blocks of rows."""
    rng = np.random.default_rng(0)
    for units in ((16, 17), (33, 15)):
        trace = gated(GRU, units, steps=3, dtype="float32", reset_after=False)
        f, params = compiled(trace), params_of(trace)
        X, Y = rng.normal(size=(23, 9, 3)).astype("f"), rng.normal(size=(23, 6)).astype("f")
        exact = {name: array.astype(float) for name, array in params.items()}
        loss, gradients = f(params, X, Y)
        truth, right = trace.astype("float64").compile()(exact, X.astype(float), Y.astype(float))
        assert abs(loss - truth) < 1e-5 * abs(truth)
        for name, gradient in gradients.items():
            assert np.abs(gradient - right[name]).max() < 1e-5 * np.abs(right[name]).max(), name


def test_data_of_any_size(make):
    f = compiled(make(steps=5, layers=2, every_step=True))
    for samples, steps in ((1, 3), (7, 4), (2, 40)):
        long = make(steps=steps, samples=samples, layers=2, every_step=True)
        loss, gradients = f(params_of(long), long.inputs[0], long.target)
        assert worst(long, loss, gradients, f.forward(params_of(long), long.inputs[0])) <= 64


def test_without_python_headers(make, monkeypatch):
    trace = make()
    compiled(trace)
    monkeypatch.setattr(compiled_c, "extension", lambda: None)
    assert error(trace) <= 32
    f, X = compiled(trace), trace.inputs[0]
    assert f(params_of(trace), X[:, :, :], trace.target)[0] == pytest.approx(float(trace.loss))
    with pytest.raises(ValueError, match="do not fit"):
        f(params_of(trace), X[:, :, :2], trace.target)


def test_what_does_not_fit_is_refused(make):
    trace = make()
    f, params, X, Y = compiled(trace), params_of(trace), trace.inputs[0], trace.target
    wrong = [
        (params, X[:, :, :2], Y), (params, X[:, :2], Y), (params, X[0], Y), (params, X, Y[:1]), (params, X, Y[:, :2]),
        (params, X[:0], Y[:0]), (params, "X", Y), (params, X, None), (params | {"W_h": params["W_h"][1:]}, X, Y),
        (params | {"W_x": params["W_x"].astype("f")}, X, Y), ({k: v for k, v in params.items() if k != "b_h"}, X, Y),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(ValueError):
            f(*arguments)
    with pytest.raises(ValueError, match="no loss to differentiate"):
        compiled(mr.trace(trace.model, X))(params, X, Y)
    assert f(params, X, Y)[0] == pytest.approx(float(trace.loss))


@pytest.mark.parametrize("by_ctypes", [False, True])
def test_what_is_laid_out_otherwise_is_converted(make, monkeypatch, by_ctypes):
    if by_ctypes:
        monkeypatch.setattr(compiled_c, "extension", lambda: None)
    trace = make()
    f, params, X, Y = compiled(trace), params_of(trace), trace.inputs[0], trace.target
    turned = np.asfortranarray(X)
    swapped = {name: array.astype(array.dtype.newbyteorder()) for name, array in params.items()}
    for x, p in ((turned, params), (X[:, :, ::1][::1], params), (X.astype("f"), params), (X, swapped)):
        assert f(p, x, Y)[0] == pytest.approx(float(trace.loss), rel=1e-6)


def test_results_belong_to_the_caller(make):
    trace = make(every_step=True)
    f, params, X, Y = compiled(trace), params_of(trace), trace.inputs[0], trace.target
    first, (_, gradients) = f.forward(params, X), f(params, X, Y)
    kept = first.copy(), {name: g.copy() for name, g in gradients.items()}
    f(params, 2 * X, -Y), f.forward(params, 3 * X)
    assert (first == kept[0]).all() and all((gradients[name] == g).all() for name, g in kept[1].items())


MANY = {"plain": {}, "penalty": {"kernel_regularizer": "l2"}, "dropout": {"dropout": 0.3}}


@pytest.mark.parametrize("options", MANY)
def test_blocks_of_samples_by_any_number_of_threads(options, monkeypatch):
    """Loss and gradients are sums over blocks, a penalty is counted once; memory does not grow with the samples."""
    monkeypatch.setattr(compiled_c, "_threads", lambda: 1)
    model = family.row(SimpleRNN(5, return_sequences=True, **MANY[options]), Dense(6, bias_regularizer="l1"))
    model.layers[-1].activity_regularizer = get("l2") if options == "penalty" else None
    rng = np.random.default_rng(0)

    def traced(samples, steps):
        X, Y = rng.normal(size=(samples, steps, 3)), rng.normal(size=(samples, steps, 6))
        return mr.trace(model, X, Y, dtype="float64", training=True)

    f = compiled(traced(2, 4))
    place, library = f.native("float64").place, shared("float64")
    few, many = [library.memory(place, (ctypes.c_long * 2)(samples, 4)) for samples in (1000, 10**6)]
    assert few == many < 10**6
    for samples, steps in ((33, 3), (257, 5), (50_000, 4)):  # the last are enough for several threads
        trace = traced(samples, steps)
        params, data = params_of(trace), given(trace)
        every = []
        for threads in (1, 2, 5):
            ctypes.c_long.in_dll(library, "threads").value = threads
            every.append(f(params, data if len(data) > 1 else data[0], trace.target))
        assert worst(trace, *every[0], f.forward(params, data)) <= (64 if samples < 1000 else 1e4)
        for loss, gradients in every[1:]:
            assert loss == every[0][0] and all((g == gradients[name]).all() for name, g in every[0][1].items())


def test_samples_that_meet_are_not_parted():
    """In the mean of a batch, and in the number of steps that a mask leaves."""
    masked = family.traced("masking, every step")
    normalized = family.row(BatchNormalization(), SimpleRNN(5), Dense(6))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(70, 4, 3)), rng.normal(size=(70, 6))
    for trace in (masked, mr.trace(normalized, X, Y, dtype="float64", training=True)):
        assert ".apart = 0," in library(trace, "float64").native().text and error(trace) <= 64


def test_threads(make):
    trace = make(steps=9, samples=3)
    f, params, rng = compiled(trace), params_of(trace), np.random.default_rng(0)
    data = [(rng.normal(size=(40 * (i + 1), 9, 3)), rng.normal(size=(40 * (i + 1), 6))) for i in range(6)]
    right, wrong = [f(params, *d)[1]["W_h"] for d in data], []

    def work(i):
        wrong.extend(i for _ in range(100) if (f(params, *data[i])[1]["W_h"] != right[i]).any())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_it_can_be_pickled(make):
    trace = make()
    f = compiled(trace)
    again = pickle.loads(pickle.dumps(f))
    assert again(params_of(trace), trace.inputs[0], trace.target)[0] == f(params_of(trace), trace.inputs[0], trace.target)[0]


def test_numbers_that_are_none_stay_so(make):
    trace = make(activation="tanh")
    f, params, X, Y = compiled(trace), params_of(trace), trace.inputs[0].copy(), trace.target
    X[0, 1, 0] = np.nan
    assert np.isnan(f(params, X, Y)[0]) and np.isnan(f.forward(params, X)[0]).all()
    assert not np.isnan(f.forward(params, X)[1]).any()


def test_a_wrong_product_is_seen(make, monkeypatch):
    """Guards and comparisons find what they are for; results are filled before the run, so what is added to them shows."""
    trace = make()
    compiled(trace)
    block = Library(*wanted(trace), "float64").native().block
    right = "outer(0, M, M, T * N"
    assert right in block
    for wrong in ("outer(0, M, M, T", "outer(1, M, M, T * N"):
        native = library(trace, "float64").native()
        spoilt = native._replace(block=block.replace(right, wrong))
        monkeypatch.setattr(Library, "native", lambda self, spoilt=spoilt: spoilt)
        assert not worst(trace, *run_between_guards(trace)) <= 1e3
        monkeypatch.undo()


def test_training_by_c_is_training(network):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(10, 4, 3)), rng.normal(size=(10, 6))
    losses = []
    compiled(mr.trace(network(), X, Y))
    for engine in ("numpy", "c"):
        model = network()
        model.compile("adam", "mse", engine=engine)
        losses.append(model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    with pytest.raises(ValueError, match="engine='fortran': it must be one of numpy, c"):
        network().compile(engine="fortran")
