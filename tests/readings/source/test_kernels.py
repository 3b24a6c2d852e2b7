"""The functions of kernels.h beside NumPy's in a higher precision: errors in units of the last place."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from minirnn.readings.source.c import compiler
from minirnn.readings.source.c.native import kernels

TEXT = """
long memory(const long *sizes) { return 0; }
void apply(long n, const real *x, real *t, real *e, real *s)
{ for (long i = 0; i < n; i++) t[i] = tanh_(x[i]), e[i] = exp_(x[i]), s[i] = 1 / (1 + exp_(-x[i])); }
"""


@pytest.fixture(scope="module", params=["float32", "float64"])
def functions(request, tmp_path_factory):
    """tanh, exp and sigmoid of an array, by the kernels."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MINIRNN_CACHE", str(tmp_path_factory.mktemp("cache")))
    dtype = np.dtype(request.param)
    try:
        made = compiler.loaded(kernels(dtype.name) + TEXT, "memory")
    except NotImplementedError as error:
        pytest.skip(str(error))
    finally:
        patch.undo()

    def call(x):
        x = np.ascontiguousarray(x, dtype)
        found = [np.empty_like(x) for _ in range(3)]
        made.apply(ctypes.c_long(x.size), *[ctypes.c_void_p(a.ctypes.data) for a in (x, *found)])
        return x, found

    return call


def ulps(found, exact):
    """The distance from the exact value, in units of the last place of what it rounds to."""
    rounded = exact.astype(found.dtype)
    return np.abs(found.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded)).astype(np.longdouble)


def test_errors_are_bounded(functions):
    rng = np.random.default_rng(0)
    size = 80 if functions([0.0])[0].dtype == np.float32 else 700
    pieces = [rng.uniform(-s, s, 200_000) for s in (0.5, 3, 20, size)]
    x, (tanh, exp, sigmoid) = functions(np.concatenate([*pieces, 2.0 ** rng.uniform(-30, 0, 100_000)]))
    wide = x.astype(np.longdouble)
    assert ulps(tanh, np.tanh(wide)).max() < 2.7
    assert ulps(exp, np.exp(wide)).max() < 1.0
    assert ulps(sigmoid, 1 / (1 + np.exp(-wide))).max() < 2.7


def test_numbers_at_the_ends(functions):
    tiny = np.finfo(functions([0.0])[0].dtype).tiny
    x, (tanh, exp, sigmoid) = functions([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny / 4, -tiny, 1e-30, 1e5, -1e5])
    with np.errstate(all="ignore"):
        assert np.array_equal(tanh[:3], np.tanh(x[:3]), equal_nan=True)
        assert np.array_equal(exp, np.exp(x), equal_nan=True)
        assert np.array_equal(sigmoid, 1 / (1 + np.exp(-x)), equal_nan=True)
    assert np.array_equal(tanh[3:8], x[3:8]) and np.array_equal(np.signbit(tanh), np.signbit(np.tanh(x)))
    assert tanh[8:].tolist() == [1, -1]


def test_small_results_of_exp_are_not_lost(functions):
    x, (_, exp, _) = functions(
        np.linspace(-103, -87, 1000) if functions([0.0])[0].dtype == np.float32 else np.linspace(-745, -708, 1000)
    )
    assert np.abs(exp - np.exp(x)).max() <= 2 * np.finfo(x.dtype).smallest_subnormal
