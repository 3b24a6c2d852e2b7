"""Random programs over the operations that are recorded: values bit for bit, gradients by the complex step of NumPy itself.

MINIRNN_PROGRAMS=3000 makes so many of them.
"""

from __future__ import annotations

import linecache
import os

import numpy as np
import pytest

import minirnn as mr
from minirnn import CannotFollow
from minirnn.engine.backprop import backprop

UNARY = [
    "np.tanh({a})", "np.exp(0.3 * {a})", "np.log(1.5 + {a} * {a})", "np.sqrt(1 + {a} ** 2)", "-{a}", "{a} ** 2", "{a} ** 3",
    "np.abs({a})", "np.maximum({a}, 0)", "np.maximum(0.1, {a})", "np.where({a} > 0.05, {a}, 0.5 * {a})", "{a} * ({a} > 0.1)",
    "np.clip({a}, -0.7, 0.8)", "1 / (1 + np.exp(-{a}))", "2.0 - {a}", "{a} / 3", "1.5 / (2 + {a} ** 2)", "{a}.sum()",
    "{a}.mean()", "np.sum({a}, axis={k})", "np.mean({a}, axis={k}, keepdims=True)", "{a}.sum(axis=0)", "np.mean({a})",
    "np.max({a}, axis=-1, keepdims=True)", "{a}.max()", "{a}.T", "{a}.reshape(-1)", "np.ravel({a})", "{a}[None]",
    "{a}[{i}]", "{a}[..., {i}]", "{a}[1:]", "{a}[::-1]", "{a}[:, [0, 1]]", "{a}[-1]", "{a}[{i}, {j}]", "{a}.copy()",
    "np.expand_dims({a}, {k})", "np.squeeze({a})", "np.transpose({a})", "np.swapaxes({a}, 0, 1)", "np.sin({a})",
    "np.cos({a})", "np.square({a})", "{a} - 1", "3 * {a}", "np.atleast_2d({a})", "{a}.flatten()", "np.asarray({a})",
    "{a} * np.arange({a}.shape[-1])", "{a} @ np.ones(({a}.shape[-1], 2))", "np.zeros(3) + {a}.sum()",
]  # fmt: skip
BINARY = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (2 + {b} ** 2)", "np.maximum({a}, {b})", "np.minimum({a}, {b})",
    "np.where({a} > {b}, {a}, {b})", "{a} @ {b}", "{a} @ {b}", "np.dot({a}, {b})", "{a}.dot({b})", "np.matmul({a}, {b})",
    "np.outer({a}, {b})", "np.einsum('ij,jk->ik', {a}, {b})", "np.einsum('j,jk->k', {a}, {b})",
    "np.einsum('ij,ij->i', {a}, {b})", "np.einsum('ijk,kl->ijl', {a}, {b})", "np.stack([{a}, {b}])",
    "np.stack([{a}, {b}], axis=1)", "np.concatenate([{a}, {b}])", "np.concatenate([{a}, {b}], axis=-1)",
    "np.vstack([{a}, {b}])", "np.hstack([{a}, {b}])", "np.array([{a}, {b}])", "np.column_stack([{a}, {b}])",
    "np.add({a}, {b})", "np.multiply({a}, {b})", "np.subtract({a}, {b})",
]  # fmt: skip
BLOCKS = [
    "{n} = np.zeros((3,) + {a}.shape, dtype={a}.dtype)\n    for t in range(3): {n}[t] = np.tanh({a} + {n}[t - 1])",
    "{n} = np.zeros({a}.shape, dtype={a}.dtype)\n    {n}[0] = {a}[0]\n    {n}[{i}] += {b}[0]",
    "{n} = {a}.copy()\n    {n} += {b}\n    {n} *= 0.5",
    "{n} = {a} * 1\n    {n}_alias = {n}\n    {n} -= {b}\n    {n} = {n} + {n}_alias",
    "{n} = np.copy({a})\n    {n}[1:] = {b}[:-1]",
    "{n} = {a} + 0\n    {n}_row = {n}[{i}]\n    {n}[{i}] = {b}[0]\n    {n} = {n}_row * {n}",
    "{n}s = []\n    for row in {a}: {n}s.append(np.tanh(row) if not {n}s else np.tanh(row + {n}s[-1]))\n    {n} = {n}s[-1]",
    "{n} = 0\n    for row in {a}: {n} = {n} + row * {b}",
    "{n} = sum([np.sin({a}), {b}])",
    "{n} = {a} * 1\n    {n}_v = {n}[::-1]\n    {n}_v *= 0.5\n    {n}[0] += {b}[0]",
    "{n} = {a} + 0\n    {n}_t = {n}.T\n    {n}_t += 0.25\n    {n}_r = {n}.reshape(-1)\n    {n}_r[::2] -= 0.5",
    "{n} = {a} * 1\n    {n}[[0, -1]] = {n}[[-1, 0]] * 0.5\n    {n}[[0, 0]] = {b}[0]",
    "{n} = np.zeros_like({a})\n    np.multiply({a}, 0.5, out={n})\n    np.add({n}, {b}, out={n})",
    "{n} = {a} * 1\n    {n}_p = np.split({n}, 2)\n    {n}_p[0][...] = 0.5 * {n}_p[1]\n    {n} = {n} * 1",
    "{n} = {a} * 1\n    {n}[{n} > 0.1] *= 0.5",
    "{n} = {a} * 1\n    np.add.at({n}, [0, 0, 1], {b}[0])",
    "{n}_d = {{'k': [{a} * 1]}}\n    {n}_d['k'][0] += {b}\n    {n} = {n}_d['k'][-1]",
]
SHAPES = {"a": (4, 3), "b": (3, 5), "c": (3,), "d": (2, 4, 3), "e": (), "f": (1, 5)}


def program(seed):
    """The text of a random function of the arrays of SHAPES that NumPy runs on them without complaint."""
    rng = np.random.default_rng(seed)
    space = {"np": np, **{name: np.asarray(rng.normal(size=shape)) for name, shape in SHAPES.items()}}
    names, lines = list(SHAPES), []
    for _ in range(400):
        kind = rng.choice(3, p=[0.45, 0.4, 0.15])
        template = str(rng.choice([UNARY, BINARY, BLOCKS][kind]))
        name = f"v{len(lines)}"
        words = {"a": rng.choice(names[-6:]), "b": rng.choice(names), "n": name}
        words |= {"i": int(rng.integers(0, 3)), "j": int(rng.integers(0, 3)), "k": int(rng.integers(0, 2))}
        line = template.format(**words) if kind == 2 else f"{name} = " + template.format(**words)
        trial = dict(space)
        try:
            with np.errstate(all="raise"):
                exec("if True:\n    " + line, trial)
        except Exception:
            continue
        value = trial[name]
        if (
            not isinstance(value, (np.ndarray, np.float64))
            or value.dtype != np.float64
            or value.size > 300
            or value.size == 0
        ):
            continue
        if np.max(np.abs(value)) > 20:
            continue
        space[name] = value
        names.append(name)
        lines.append(line)
        if len(lines) == 12:
            break
    ends = " + ".join(f"np.sum(np.tanh({name}))" for name in names[-4:])
    body = "\n    ".join([*lines, f"loss = {ends}", f"return loss, {', '.join(names[6:])}"])
    return f"def f({', '.join(SHAPES)}):\n    {body}\n", {name: space[name] for name in SHAPES}


def compiled(text, **more):
    """The function, with its source where Python looks for it."""
    file = f"<program {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"np": np, **more}
    exec(compile(text, file, "exec"), space)
    return space["f"]


def gradients(text, arrays):
    """Complex step, by NumPy alone."""
    f = compiled(
        text.replace("np.abs(", "absolute("), absolute=lambda x: np.where(x < 0, -x, x)[()]
    )  # a number for a number
    found = {}
    for name, value in arrays.items():
        out = np.zeros(value.shape)
        for place in np.ndindex(*value.shape):
            moved = np.array(value, complex)
            moved[place] += 1e-30j
            out[place] = np.imag(f(**{n: np.array(v, complex) for n, v in arrays.items()} | {name: moved})[0]) / 1e-30
        found[name] = out
    return found


PROGRAMS = int(os.environ.get("MINIRNN_PROGRAMS", "120"))


@pytest.mark.parametrize("start", range(0, PROGRAMS, 40))
def test_random_programs(start):
    refused = 0
    for seed in range(start, min(start + 40, PROGRAMS)):
        text, arrays = program(seed)
        f = compiled(text)
        try:
            trace = mr.trace(f, **arrays)
        except CannotFollow:  # a product of more axes, an axis that einsum repeats: few of them
            refused += 1
            continue
        for found, wanted in zip(trace.returned, f(**arrays)):
            assert np.asarray(found).tobytes() == np.asarray(wanted).tobytes(), f"seed {seed}\n{text}"
        truth = gradients(text, arrays)
        for name, found in every_gradient(trace, arrays).items():
            largest = max(np.max(np.abs(truth[name])), 1e-3)
            error = np.max(np.abs(found - truth[name])) / largest / np.finfo("float64").eps
            assert found.dtype == np.float64 and error <= 1e6, f"seed {seed}: dL/d{name} is {error:.0f} eps off\n{text}"
    assert refused <= 8


def every_gradient(trace, arrays):
    """Of what is read row by row too, which the trace takes for data; zeros where the loss does not depend on it."""
    leaves = {name: next((n for n in trace.forward if n.value.tobytes() == a.tobytes()), None) for name, a in arrays.items()}
    found = backprop(trace.loss_node, [leaf for leaf in leaves.values() if leaf is not None])
    for name in trace.gradients:
        assert trace.gradients[name].tobytes() == found[leaves[name]].value.tobytes()
    return {name: np.zeros(a.shape) if leaves[name] is None else found[leaves[name]].value for name, a in arrays.items()}
