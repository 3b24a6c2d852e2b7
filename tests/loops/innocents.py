"""Right gradients of loops in every style, in three precisions: none may be blamed.

What is right comes from the complex step of the user's own function in float64, not from the trace. So many of them, from
a seed on: ``python tests/loops/innocents.py 5000 0``.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import warnings
from collections import Counter

import numpy as np
from cases import quiet
from styles import STYLES

import minirnn as mr

PRECISIONS = ("float64", "float32", "mixed")  # of mixed ones the arrays are float32, the numbers by hand float64
STEP = 1e-30


def loss_of(kind, arrays, target):
    returned = kind.loop(**copy.deepcopy(arrays))
    if kind.target:
        return np.mean((returned - target) ** 2)
    return np.sum(returned[0] if isinstance(returned, (tuple, list)) else returned)


def complex_step(kind, arrays, target, name):
    """The gradient of a loop with respect to one of its arrays, entry by entry; None where complex numbers do not pass."""
    gradient = np.array(np.broadcast_to(np.nan, arrays[name].shape))
    for at in np.ndindex(gradient.shape):
        moved = arrays[name].astype(complex)
        moved[at] += STEP * 1j
        found = loss_of(kind, arrays | {name: moved}, target)
        if not np.iscomplexobj(found):
            return None
        gradient[at] = found.imag / STEP
    return gradient


def analytic(kind, arrays, target, name, gradient, rng):
    """Whether Cauchy's integral along one direction tells the same: of the variance of complex numbers, say, it does not."""
    way, radius = rng.normal(size=gradient.shape), 1e-4
    around = radius * np.exp(2j * np.pi * np.arange(8) / 8)
    found = np.mean([loss_of(kind, arrays | {name: arrays[name] + z * way}, target) / z for z in around])
    return abs(found - np.sum(way * gradient)) <= 1e-7 * np.abs(gradient).max() * np.abs(way).sum()


@contextlib.contextmanager
def complex_buffers():
    """New arrays are complex and `abs` keeps the imaginary part; what would lose one is an error."""
    made = {name: getattr(np, name) for name in ("zeros", "empty", "ones", "zeros_like", "empty_like", "ones_like", "abs")}
    try:
        for name in set(made) - {"abs"}:
            setattr(np, name, lambda *args, make=made[name], **kwargs: make(*args, **kwargs | {"dtype": complex}))
        np.abs = lambda x: x * np.sign(np.real(x))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            yield
    finally:
        for name, make in made.items():
            setattr(np, name, make)


def draw(rng, name, steps=(3, 9)):
    """A trace, the right gradients of its parameters, and how it was drawn; None where there is no such witness."""
    kind, precision = STYLES[name], PRECISIONS[rng.integers(3)]
    scale, T = 10.0 ** rng.uniform(-1, 1), int(rng.integers(*steps))
    given = {k: rng.permutation(a.ravel()).reshape(a.shape) * scale if is_weight(a) else a for k, a in kind.data(T).items()}
    if precision != "float64":
        given = {k: a.astype("float32") if isinstance(a, np.ndarray) and a.dtype == float else a for k, a in given.items()}
    double = {k: a.astype(float) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for k, a in given.items()}
    with quiet(), np.errstate(all="ignore"):
        returned = kind.loop(**copy.deepcopy(given))
        target = np.full(np.shape(returned), 0.5) if kind.target else None
        if not np.isfinite(loss_of(kind, given, target)):
            return None
        trace = mr.trace(kind.loop, **given, **({"Y": target} if kind.target else {}))
        if not np.isclose(loss_of(kind, given, target), trace.loss, rtol=1e-4):
            return None  # it keeps something from run to run
        parameters = [k for k in trace.parameters if k in double]
        try:
            with complex_buffers():
                right = {k: complex_step(kind, double, target, k) for k in parameters}
                found = {k: a for k, a in right.items() if a is not None and a.size and np.abs(a).max() < 1e30}
                found = {k: a for k, a in found.items() if analytic(kind, double, target, k, a, rng)}
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return None
    if precision == "float32":
        eps = np.finfo("float32").eps
        rounding = {k: rng.integers(-4, 5, a.shape) * eps * np.abs(a).max() for k, a in found.items()}
        found = {k: (found[k] + off).astype("float32") for k, off in rounding.items()}
    return (trace, found, f"{name}, {precision}, T = {T}, x {scale:.2g}") if found else None


def is_weight(array):
    return isinstance(array, np.ndarray) and array.dtype == float


def sweep(count, seed=0, steps=(3, 9)):
    """How many gradients were judged, those that were blamed, and the styles of both."""
    rng, judged, blamed = np.random.default_rng(seed), Counter(), []
    names = list(STYLES)
    for number in range(20 * count):
        if sum(judged.values()) >= count:
            break
        drawn = draw(rng, names[number % len(names)], steps if number % 40 else (100, 1001))
        if drawn is None:
            continue
        trace, right, how = drawn
        judged[how.partition(",")[0]] += 1
        found = trace.compare(right)
        if not found.ok or found.slips:
            blamed.append((how, found))
            print(how, str(found)[:600], file=sys.stderr, flush=True)
    return judged, blamed


if __name__ == "__main__":
    judged, blamed = sweep(*map(int, (*sys.argv[1:], 5000, 0)[:2]))
    print(f"{sum(judged.values())} traces in {len(judged)} styles with right gradients, {len(blamed)} blamed")
