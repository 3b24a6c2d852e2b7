"""Every primitive: its vjp against the complex step, its dtype, its faces, and its second derivative."""

from __future__ import annotations

import numpy as np
import pytest

from minirnn.engine import ops
from minirnn.engine.backprop import backprop
from minirnn.engine.graph import Node, Primitive, ancestors
from minirnn.engine.replay import replay
from minirnn.engine.sizes import Size

PRIMITIVES = {name: op for name, op in vars(ops).items() if isinstance(op, Primitive) and name not in ("leaf_op", "concat")}
PRIMITIVES |= {f"PRODUCTS{ranks}": op for ranks, op in ops.PRODUCTS.items()}
PRIMITIVES |= {f"DOTS{ranks}": op for ranks, op in ops.DOTS.items() if 0 not in ranks}
N, D, M = Size.of("N", 2), Size.of("D", 3), Size.of("M", 5)
T = Size.of("T", 4)
SHAPES = {"matmul": [(2, 3), (3, 5)], "expand": [(3,)], "put": [(2, 3)], "piece": [(2, 6)], "onehot": [(2, 1)]}
SHAPES |= {"taken": [(2, 4, 3)], "reverse": [(2, 4, 3)], "join": [(2, 3), (2, 4)], "block": [(2, 6)], "nth": [(4, 3)]}
SHAPES |= {"part": [(2, 4, 3)], "placed": [(2, 3)], "scattered": [(2, 3)], "update": [(4, 3), (3,)], "cleared": [(4, 3)]}
SHAPES |= {"einsum": [(2, 3), (5, 3)], "outer": [(3,), (5,)], "permute": [(2, 3, 4)], "number_dot": [(), (2, 3)], "full": []}
RANKS = {(1, 1): [(3,), (3,)], (1, 2): [(3,), (3, 5)], (2, 1): [(5, 3), (3,)], (2, 2): [(2, 3), (3, 5)]}
RANKS |= {(3, 2): [(2, 4, 3), (3, 5)], (4, 2): [(2, 2, 4, 3), (3, 5)], (3, 3): [(2, 4, 3), (2, 3, 5)]}
SHAPES |= {f"{table}{ranks}": shapes for ranks, shapes in RANKS.items() for table in ("PRODUCTS", "DOTS")}
ATTRS = {"scale": {"p": 3}, "shift": {"q": 2}, "complement": {"q": 1}, "clip": {"low": -0.5, "high": 0.6}}
ATTRS |= {"inside": {"low": -0.5, "high": 0.6}, "divided": {"p": N}, "inverse": {"q": 2}, "power": {"p": 3}}
ATTRS |= {
    "taken": {"t": 2},
    "repeated": {"t": 2},
    "put": {"t": 2, "axis": 1, "dims": (N, T, D)},
    "piece": {"t": 2, "width": D},
}
ATTRS |= {
    "repeated": {"t": 2},
    "present": {"v": 0},
    "block": {"k": 1, "parts": 2},
    "nth": {"k": 1, "parts": 4},
    "onehot": {"size": T},
}
ATTRS |= {
    "expand": {"dims": (N, D)},
    "full": {"dims": (N, M), "value": 2.5, "dtype": "float64"},
    "reshape": {"dims": (D, N)},
}
ATTRS |= {
    "part": {"key": ops.Key((slice(None), 1, slice(1, D)))},
    "largest_at": {"axis": (-1,)},
    "cast": {"dtype": "float64"},
}
ATTRS |= {
    "placed": {"key": ops.Key((slice(None), 1, slice(None))), "dims": (N, T, D)},
    "cleared": {"key": ops.Key((1, slice(None)))},
}
ATTRS |= {"scattered": {"key": ops.Key((np.array([1, 1]), slice(None))), "dims": (T, D)}, "permute": {"axes": (2, 0, 1)}}
ATTRS |= {"update": {"key": ops.Key((1, slice(None)))}, "einsum": {"spec": "ni,mi->mn"}, "largest": {"axis": -1}}
TWO = {"add", "subtract", "multiply", "divide", "total", "average", "stack", "maximum", "minimum"}
TWO |= {"logistic_loss", "numbers", "greater", "less", "at_least", "at_most", "equal"}
COMPARISONS = {"greater", "less", "at_least", "at_most", "equal"}
CONSTANT = {
    "cast",
    "numbers",
    "positive",
    "inside",
    "sign",
    "present",
    "onehot",
    "shares",
    "largest_at",
    "cut",
    "full",
    *COMPARISONS,
}  # nothing flows


def operands(name, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    if name == "where":
        arrays = [rng.normal(size=(2, 3)) > 0, rng.normal(size=(2, 3)), rng.normal(size=(2, 3))]
        return [ops.leaf(a if a.dtype == bool else a.astype(dtype), f"a{i}") for i, a in enumerate(arrays)]
    if name == "onehot":
        return [ops.leaf(np.array([[2.0], [0.0]], dtype), "a0")]
    shapes = SHAPES.get(name, [(2, 3)] * (2 if name in TWO else 1))
    arrays = [rng.normal(size=shape) for shape in shapes]
    if name in ("log", "divide", "sqrt", "inverse"):
        arrays = [np.abs(a) + 0.5 for a in arrays]
    return [ops.leaf(np.asarray(a, dtype), f"a{i}") for i, a in enumerate(arrays)]


def apply(name, args):
    """The primitive on its operands; the last of log_softmax and of logistic_loss is made of the first."""
    if name == "log_softmax":
        args = [*args, ops.softmax(args[0])]
    if name == "logistic_loss":
        args = [*args, ops.sigmoid(args[0])]
    return PRIMITIVES[name](*args, **ATTRS.get(name, {}))


def weighted_sum(y: Node, seed=5) -> Node:
    """A scalar in which every entry of y counts differently."""
    weights = np.random.default_rng(seed).normal(size=y.shape)
    return ops.sum_all(y * ops.leaf(weights.astype(y.dtype))) if y.shape else y * ops.leaf(np.asarray(1.7, y.dtype))


def complex_step(loss: Node, leaf: Node) -> np.ndarray:
    order = ancestors([loss])
    out = np.zeros(leaf.shape)
    for place in np.ndindex(*leaf.shape):
        moved = leaf.value.astype(complex)
        moved[place] += 1e-30j
        out[place] = np.imag(replay(order, {leaf: moved})[loss]) / 1e-30
    return out


def differentiable(name, args):
    """The operands that a derivative may be asked for: no condition."""
    return [x for x in args if x.dtype != bool]


@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - CONSTANT))
def test_vjp_equals_the_complex_step(name):
    args = operands(name)
    loss = weighted_sum(apply(name, args))
    wrt = differentiable(name, args)
    found = backprop(loss, wrt)
    for x in wrt:
        np.testing.assert_allclose(found[x].value, complex_step(loss, x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - CONSTANT))
def test_the_derivative_of_the_derivative_too(name):
    args = operands(name)
    loss = weighted_sum(ops.square(apply(name, args)))
    wrt = differentiable(name, args)
    first = backprop(loss, wrt)
    for x in wrt:
        again = weighted_sum(first[x], seed=9)
        for z, g in backprop(again, wrt).items():
            if z in wrt:
                np.testing.assert_allclose(g.value, complex_step(again, z), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(PRIMITIVES) - {"where", "full", "cast", *COMPARISONS}))
def test_dtype_is_kept_forward_and_backward(name, dtype):
    args = operands(name, dtype)
    y = apply(name, args)
    assert y.value.dtype == dtype
    if name not in CONSTANT:
        found = backprop(weighted_sum(y), differentiable(name, args))
        assert all(g.value.dtype == dtype for g in found.values())


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_every_primitive_has_its_faces(name):
    op, y = PRIMITIVES[name], apply(name, operands(name))
    assert op.text(y.attrs) and op.said(y.attrs) and callable(op.sympy) and (op.variadic or isinstance(op.vjp, tuple))
    assert op.variadic or len(op.vjp) == len(y.args)


def test_operators_make_broadcasting_visible():
    x, b = ops.leaf(np.ones((2, 3))), ops.leaf(np.arange(3.0))
    assert (x + b).args[1].op is ops.expand and (b + x).args[0].op is ops.expand
    np.testing.assert_array_equal((x + b).value, np.ones((2, 3)) + np.arange(3.0))
    np.testing.assert_array_equal((2 - x / 4).value, 2 - np.ones((2, 3)) / 4)
    np.testing.assert_array_equal((3 * x - 1 + -x).value, np.ones((2, 3)))


def test_shapes_that_cannot_be_spread_are_refused():
    with pytest.raises(ValueError, match=r"add: shapes \(2, 3\) and \(3, 2\) differ"):
        ops.leaf(np.ones((2, 3))) + ops.leaf(np.ones((3, 2)))


def test_a_step_of_a_stack_is_the_node_that_was_stacked():
    parts = [ops.leaf(np.full((2, 3), k)) for k in (1.0, 2.0)]
    assert ops.take(ops.stack(*parts), 2) is parts[1]


def test_a_join_of_unequal_widths_flows_back():
    a, b = ops.leaf(np.ones((2, 3)), "a"), ops.leaf(np.ones((2, 4)), "b")
    loss = weighted_sum(ops.join(a, b))
    for x, g in backprop(loss, [a, b]).items():
        if x in (a, b):
            np.testing.assert_allclose(g.value, complex_step(loss, x), rtol=1e-13)


def test_softmax_does_not_overflow():
    y = ops.softmax(ops.leaf(np.array([[1000.0, 0.0]])))
    np.testing.assert_array_equal(y.value, [[1.0, 0.0]])


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_the_sizes_are_those_of_the_result(name):
    y = apply(name, operands(name))
    assert tuple(map(int, y.dims)) == y.shape
