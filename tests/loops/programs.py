"""Random programs over the operations that are recorded: values bit for bit, gradients by the complex step of NumPy itself.

They use views, strides, aliases, updates in place, fancy indices on both sides, ``out=``, ``where=``, conditions on
constants, containers, closures, generators and objects. So many of them, from a seed on, with the refusals by reason:
``python tests/loops/programs.py 50000 0``.
"""

from __future__ import annotations

import collections
import linecache
import re
import sys
import warnings

import numpy as np

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
    "{a}[::2]", "{a}[..., ::-1]", "{a}[1::2, ::-1]", "np.flip({a}, {k})", "np.roll({a}, 1, axis={k})",
    "np.repeat({a}, 2, axis=0)",
    "np.tile({a}, 2)", "np.take({a}, [1, 0, 1], axis=0)", "np.cumsum({a}, axis={k})", "np.prod(np.tanh({a}), axis={k})",
    "np.var({a}, axis={k})", "np.sqrt(0.1 + np.var({a}))", "np.std(np.append(np.tanh({a}), 5.0))",
    "np.linalg.norm({a} + 21)", "np.pad({a}, 1)", "np.moveaxis({a}, 0, -1)",
    "np.broadcast_to({a}, (2,) + {a}.shape)", "{a}[[1, 0, 1]]", "{a}[np.array([True, False, True])]", "{a}[:, None]",
    "np.concatenate([x for x in {a}])", "np.vstack(list({a}))", "np.array([x * 2 for x in {a}])", "sum(x for x in {a})",
    "{a}[np.arange({a}.shape[0]), [0] * {a}.shape[0]]", "np.diag({a})", "np.outer({a}, {a})", "np.dot({a}, {a}.T)",
    "np.einsum('ij->ji', {a})", "np.logaddexp({a}, 0.3)", "np.log1p({a} ** 2)", "np.reciprocal(2 + {a} ** 2)",
    "np.average({a}, axis={k})", "{a}.ravel()[::2]", "np.ascontiguousarray({a}.T)",
    "np.lib.stride_tricks.sliding_window_view({a}, 2, {k})",
]  # fmt: skip
BINARY = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / (2 + {b} ** 2)", "np.maximum({a}, {b})", "np.minimum({a}, {b})",
    "np.where({a} > {b}, {a}, {b})", "{a} @ {b}", "{a} @ {b}", "np.dot({a}, {b})", "{a}.dot({b})", "np.matmul({a}, {b})",
    "np.outer({a}, {b})", "np.einsum('ij,jk->ik', {a}, {b})", "np.einsum('j,jk->k', {a}, {b})",
    "np.einsum('ij,ij->i', {a}, {b})", "np.einsum('ijk,kl->ijl', {a}, {b})", "np.stack([{a}, {b}])",
    "np.stack([{a}, {b}], axis=1)", "np.concatenate([{a}, {b}])", "np.concatenate([{a}, {b}], axis=-1)",
    "np.vstack([{a}, {b}])", "np.hstack([{a}, {b}])", "np.array([{a}, {b}])", "np.column_stack([{a}, {b}])",
    "np.add({a}, {b})", "np.multiply({a}, {b})", "np.subtract({a}, {b})", "np.tensordot({a}, {b}, 1)", "np.inner({a}, {b})",
    "np.dstack([{a}, {b}])", "np.append({a}, {b})", "np.where({a} > 0, {a}, {b})", "np.hypot(1 + {a} ** 2, {b} ** 2)",
    "np.add({a}, {b}, out=np.zeros_like({a}))", "np.where(np.arange({a}.shape[-1]) > 0, {a}, {b})", "np.matmul({a}, {b}.T)",
    "np.einsum('ij,jk,kl->il', {a}, {b}, {b}.T)",
]  # fmt: skip
BLOCKS = [
    "{n} = np.zeros((3,) + {a}.shape, dtype={a}.dtype)\nfor t in range(3): {n}[t] = np.tanh({a} + {n}[t - 1])",
    "{n} = np.zeros({a}.shape, dtype={a}.dtype)\n{n}[0] = {a}[0]\n{n}[{i}] += {b}[0]",
    "{n} = {a}.copy()\n{n} += {b}\n{n} *= 0.5",
    "{n} = {a} * 1\n{n}_alias = {n}\n{n} -= {b}\n{n} = {n} + {n}_alias",
    "{n} = np.copy({a})\n{n}[1:] = {b}[:-1]",
    "{n} = {a} + 0\n{n}_row = {n}[{i}]\n{n}[{i}] = {b}[0]\n{n} = {n}_row * {n}",
    "{n}s = []\nfor row in {a}: {n}s.append(np.tanh(row) if not {n}s else np.tanh(row + {n}s[-1]))\n{n} = {n}s[-1]",
    "{n} = 0\nfor row in {a}: {n} = {n} + row * {b}",
    "{n} = sum([np.sin({a}), {b}])",
    "{n} = {a} * 1\n{n}_v = {n}[::-1]\n{n}_v *= 0.5\n{n}[0] += {b}[0]",
    "{n} = {a} + 0\n{n}_t = {n}.T\n{n}_t += 0.25\n{n}_r = {n}.reshape(-1)\n{n}_r[::2] -= 0.5",
    "{n} = {a} * 1\n{n}[[0, -1]] = {n}[[-1, 0]] * 0.5\n{n}[[0, 0]] = {b}[0]",
    "{n} = np.zeros_like({a})\nnp.multiply({a}, 0.5, out={n})\nnp.add({n}, {b}, out={n})",
    "{n} = {a} * 1\n{n}_p = np.split({n}, 2)\n{n}_p[0][...] = 0.5 * {n}_p[1]\n{n} = {n} * 1",
    "{n} = {a} * 1\n{n}[{n} > 0.1] *= 0.5",
    "{n} = {a} * 1\nnp.add.at({n}, [0, 0, 1], {b}[0])",
    "{n}_d = {{'k': [{a} * 1]}}\n{n}_d['k'][0] += {b}\n{n} = {n}_d['k'][-1]",
    "{n} = {a} * 1\n{n}[1:] = {n}[:-1]",
    "{n} = {a} * 1\n{n}[::-1] = {n} + {b}",
    "{n} = {a} * 1\n{n}_v = {n}[::2]\n{n}_w = {n}_v[::-1]\n{n}_w[...] = {b}[0]\n{n}_v[0] *= 2",
    "{n} = {a} * 1\nfor {n}_r in {n}: {n}_r += {b}[0]",
    "{n} = {a} * 1\nfor {n}_r, {n}_q in zip({n}, {n}[::-1]): {n}_r -= 0.5 * {n}_q",
    "{n} = np.empty({a}.shape, {a}.dtype)\n{n}[...] = {a}\n{n}[..., {i}] = {b}[..., 0]",
    "{n} = {a} * 1\n{n}_f = {n}.ravel()\n{n}_f[{i}:] *= 0.5\n{n}_g = {n}.flatten()\n{n}_g *= 3",
    "{n} = {a} * 1\nnp.copyto({n}, {b}, where={n} > 0)",
    "{n} = {a} * 1\nnp.negative({n}, out={n}, where=np.arange({n}.shape[-1]) > 0)",
    "{n} = {a} * 1\nnp.multiply({n}, {b}, {n})\n{n}[-1], {n}[0] = {n}[0] * 2, {n}[-1] * 3",
    "{n} = {a} * 1\n{n}[np.arange({n}.shape[0]), 0] += 1.5",
    "{n} = {a} * 1\n{n}_i = np.array([0, 1])\n{n}_u = {n}[{n}_i]\n{n}_i[0] = 2\n{n}[{n}_i] = 0.5 * {n}_u",
    "{n} = {a} * 1\nif {n}.shape[0] > 3: {n} = {n}[:3]\nelse: {n} = {n} * 2",
    "{n} = {a} * 1\nfor {n}_k in range({n}.shape[0]):\n    if {n}_k % 2: continue\n    {n}[{n}_k] = {n}[{n}_k] * {b}[0]",
    "{n}_c = collections.deque(maxlen=2)\nfor {n}_k in range(3): {n}_c.append({a} * ({n}_k + 1))\n{n} = {n}_c[0] - {n}_c[1]",
    "{n}_P = collections.namedtuple('P', 'x y')({a} * 1, {b})\n{n} = {n}_P.x + {n}_P.y\n{n}_P.x[0] = 0.0",
    "def {n}_g(x):\n    for y in x: yield y * 2\n{n} = sum({n}_g({a}))",
    "def {n}_h(x, y=0.5): x[0] = y * x[-1]; return x\n{n} = {a} * 1\n{n} = {n} + {n}_h({n})",
    "{n}_s = [{a}]\nwhile len({n}_s) < 3: {n}_s += [np.tanh({n}_s[-1] + {b})]\n{n} = {n}_s[1] * {n}_s[2]",
    "{n} = np.stack([{a}, {a}])\n{n}_x, {n}_y = {n}\n{n}_x += {b}\n{n}_y[...] = {n}_x * 0.5",
    "{n} = {a} * 1\n{n}_v = np.swapaxes({n}, 0, -1)\n{n}_v[0] = 0.25\n{n}_v[1] += {n}_v[0]",
    "{n} = {a} * 1\n{n}_b = np.broadcast_to({n}, (2,) + {n}.shape)\n{n}[0] = {b}[0]\n{n} = {n}_b[1]",
    "{n} = np.full({a}.shape, 0.5, dtype={a}.dtype)\n{n}_o = {n}\n{n} **= 2\n{n}[{i}] = {a}[{i}]\n{n} = {n} + {n}_o",
    "{n} = {a} * 1\n{n}_m = {n} > 0\n{n}_m[0] = False\n{n}[{n}_m] = 0.125",
    "{n} = {a} * 1\n{n}_l = [{n}, {n}]\n{n}_l[0] *= 0.5\n{n} = {n}_l[1]",
    "{n} = {a} * 1\n{n} @= 0.1 * np.ones(({n}.shape[-1], {n}.shape[-1]))\n{n} /= 2",
    "{n}_t = 0.0\nfor {n}_r in {a}:\n    {n}_t += np.sum({n}_r)\n    if {n}_r.shape == (1,): break\n{n} = {n}_t * {b}",
    "{n} = {a} * 1\n{n}_q = {n}[None, ..., None]\n{n}_q += 0.5\n{n}[(0,) * {n}.ndim] = 0.75",
    "{n} = {a} * 1\nnp.put({n}, [0, 2], [0.5, 0.25])\n{n}.fill(0.5) if {n}.size == 1 else None",
    "{n} = np.concatenate([{a}, {a}])\n{n}_u, {n}_v = np.array_split({n}, 2)\n{n}_u -= {n}_v[::-1] * 0.5",
    "{n} = ({a} * 1).reshape(-1)\n{n}_m = {n}[: {n}.size // 2 * 2].reshape(2, -1)\n{n}_m[1] = {n}_m[0] + 1\n{n}_m.T[0] = 2",
    "{n} = {a} * 1\n{n}_e = {n}[1:]\n{n}_e -= {n}[:-1]\ntry: {n}[9] = 1.0\nexcept IndexError: {n} = {n} + {b}",
]
SHAPES = {"a": (4, 3), "b": (3, 5), "c": (3,), "d": (2, 4, 3), "e": (), "f": (1, 5)}


def program(seed):
    """The text of a random function of the arrays of SHAPES that NumPy runs on them without complaint."""
    rng = np.random.default_rng(seed)
    space = {"np": np, "collections": collections}
    space |= {name: np.asarray(rng.normal(size=shape)) for name, shape in SHAPES.items()}
    names, lines = list(SHAPES), []
    for _ in range(400):
        kind = rng.choice(3, p=[0.35, 0.3, 0.35])
        template = str(rng.choice([UNARY, BINARY, BLOCKS][kind]))
        name = f"v{len(lines)}"
        words = {"a": rng.choice(names[-6:]), "b": rng.choice(names), "n": name}
        words |= {"i": int(rng.integers(0, 3)), "j": int(rng.integers(0, 3)), "k": int(rng.integers(0, 2))}
        line = template.format(**words) if kind == 2 else f"{name} = " + template.format(**words)
        trial = dict(space)
        try:
            with np.errstate(all="raise"):
                exec(line, trial)
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
    body = "\n".join([*lines, f"loss = {ends}", f"return loss, {', '.join(names[6:])}"]).replace("\n", "\n    ")
    return f"def f({', '.join(SHAPES)}):\n    {body}\n", {name: space[name] for name in SHAPES}


def compiled(text, **more):
    """The function, with its source where Python looks for it."""
    file = f"<program {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"np": np, "collections": collections, **more}
    exec(compile(text, file, "exec"), space)
    return space["f"]


def slope(text, arrays, direction):
    """The derivative of the loss along a direction of all arrays: complex step, by NumPy alone."""
    known = {
        "absolute": lambda x: np.where(x < 0, -x, x)[()],  # a number for a number
        "norm": lambda x: np.sqrt(np.sum(x * x)),
        "var": lambda x, axis=None: np.mean((x - np.mean(x, axis=axis, keepdims=True)) ** 2, axis=axis),
        "std": lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2)),
        "either": lambda x, y: x + np.log(1 + np.exp(y - x)), "hypot": lambda x, y: np.sqrt(x * x + y * y),
    }  # fmt: skip
    words = {"np.abs(": "absolute(", "np.linalg.norm(": "norm(", "np.var(": "var(", "np.std(": "std("}
    words |= {"np.logaddexp(": "either(", "np.hypot(": "hypot("}
    f = compiled(re.sub("|".join(map(re.escape, words)), lambda m: words[m[0]], text), **known)
    moved = {name: value + 1e-30j * direction[name] for name, value in arrays.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return float(np.imag(f(**moved)[0])) / 1e-30


def fault(seed):
    """What is wrong with the trace of a program, or "", and why it was refused, or ""."""
    text, arrays = program(seed)
    f = compiled(text)
    try:
        trace = mr.trace(f, **arrays)
    except CannotFollow as error:
        ours = "plain NumPy" in str(error)  # it was followed wrongly
        return f"seed {seed}: {error}\n{text}" * ours, str(error).split(": ", 3)[-1]
    except Exception as error:
        return f"seed {seed}: {type(error).__name__}: {error}\n{text}", ""
    for found, wanted in zip(trace.returned, f(**arrays)):
        if np.asarray(found).tobytes() != np.asarray(wanted).tobytes():
            return f"seed {seed}: other numbers\n{text}", ""
    rng = np.random.default_rng(seed)
    found = every_gradient(trace, arrays)
    for _ in range(2):
        direction = {name: rng.normal(size=value.shape) for name, value in arrays.items()}
        try:
            truth = slope(text, arrays, direction)
        except AttributeError:  # a complex number has no dot
            break
        each = [float(np.sum(found[name] * v)) for name, v in direction.items()]
        largest = max(abs(truth), *map(abs, each), 1e-3)
        smooth = abs(truth + slope(text, arrays, {name: -v for name, v in direction.items()})) <= 1e-9 * largest
        if smooth and not abs(sum(each) - truth) <= 1e-9 * largest:
            return f"seed {seed}: the derivative is {sum(each)}, not {truth}\n{text}", ""
    return "", ""


def every_gradient(trace, arrays):
    """Of what is read row by row too, which the trace takes for data; zeros where the loss does not depend on it."""
    leaves = {name: next((n for n in trace.forward if n.value.tobytes() == a.tobytes()), None) for name, a in arrays.items()}
    found = backprop(trace.loss_node, [leaf for leaf in leaves.values() if leaf is not None])
    for name in trace.gradients:
        assert trace.gradients[name].tobytes() == found[leaves[name]].value.tobytes()
    return {name: np.zeros(a.shape) if leaves[name] is None else found[leaves[name]].value for name, a in arrays.items()}


def main():
    """Try so many programs, from a seed on; print what is wrong at once and the refusals by reason at the end."""
    count, start = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    refused, wrong = collections.Counter(), 0
    for seed in range(start, start + count):
        said, reason = fault(seed)
        wrong += bool(said)
        if said:
            print(said, flush=True)
        refused[re.sub(r"\d+", "n", reason)] += 1
        if seed % 500 == 499:
            linecache.clearcache()
    followed = refused.pop("", 0)
    print(f"{count} programs, {wrong} wrong, {followed - wrong} right, {count - followed} refused:")
    for reason, times in refused.most_common():
        print(f"{times:6d}  {reason}")


if __name__ == "__main__":
    main()
