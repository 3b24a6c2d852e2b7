"""Sizes in letters: their arithmetic, and that the letters of every node say its shape, in this run and in another."""

from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine.graph import ancestors
from minirnn.engine.ops import leaf, leaf_op
from minirnn.engine.sizes import Size, product

from ..family import NETWORKS, data


def test_arithmetic_of_letters():
    M, D = Size.of("M", 5), Size.of("D", 4)
    assert str(2 * M) == "2*M" and str(M + D) == "M+D" and str(M - 1) == "M-1" and str(D * M) == "D*M"
    assert M + D == D + M and hash(M + D) == hash(D + M) and M - M == 0 and M + M == 2 * M != M
    assert (2 * M).over(2) == M and str(M.over(2)) == "M/2" and (M * D).n == 20
    assert Size.of("2*M") == 2 * M and Size.of("M+M_b") == M + Size.of("M_b") and Size.of("T-1") == Size.of("T") - 1
    assert Size.of(3) == 3 and str(Size.of(3)) == "3" and Size.of("M", 3) != 3
    assert (M * D - 2).at({"M": 7, "D": 3}) == 19 and product([M, D, Size.of(2)]).letters == ["D", "M"]


def test_a_size_counts_as_the_number_it_is():
    assert np.zeros((Size.of("M", 3), Size.of(2))).shape == (3, 2) and len(range(Size.of("T", 4))) == 4


def numbers_of(nodes):
    """What every letter stands for, from the leaves; it may stand for one number only."""
    found: dict[str, set[int]] = {}
    for node in nodes:
        if node.op is leaf_op:
            for size, n in zip(node.dims, node.shape, strict=True):
                if len(size.terms) == 1 and size == Size.of(size.letters[0] if size.letters else size.n):
                    for letter in size.letters:
                        found.setdefault(letter, set()).add(n)
    assert all(len(numbers) == 1 for numbers in found.values()), found
    return {letter: min(numbers) for letter, numbers in found.items()}


def trace_of(name, samples, steps):
    """A trace of the network with a loss for every output, of other numbers of samples and steps."""
    model = NETWORKS[name]()
    rng = np.random.default_rng(0)
    X = data(name, rng, steps)
    given = [np.resize(x, (samples, *x.shape[1:])) for x in (X if isinstance(X, list) else [X])]
    given = given if len(given) > 1 else given[0]
    outputs = mr.trace(model, given).outputs
    targets = [rng.normal(size=y.shape) for y in outputs]
    return mr.trace(model, given, targets[0] if len(targets) == 1 else targets, dtype="float64")


@pytest.mark.parametrize("name", NETWORKS)
def test_letters_say_the_shape_of_every_node(name):
    """And those of one run predict the shapes of another, with other numbers of samples and steps, node by node."""
    first = trace_of(name, 2, 4)
    other = trace_of(name, 3, 4)
    numbers, others = numbers_of(first.nodes), numbers_of(other.nodes)
    assert others["N"] == 3
    for a, b in zip(first.nodes, other.nodes, strict=True):
        assert a.dims == b.dims
        assert tuple(size.at(numbers) for size in a.dims) == tuple(map(int, a.dims)) == a.shape
        assert tuple(size.at(others) for size in a.dims) == b.shape
    if name not in ("flat", "encoder and decoder"):
        longer = trace_of(name, 2, 6)
        by_name = {(node.name, node.step): node for node in longer.nodes if node.name is not None}
        assert numbers_of(longer.nodes)["T"] == 6
        for node in first.nodes:
            if node.name is not None and (node.name, node.step) in by_name:
                again = by_name[node.name, node.step]
                assert node.dims == again.dims
                assert tuple(size.at(numbers_of(longer.nodes)) for size in node.dims) == again.shape


def test_long_chains_need_no_recursion():
    x = leaf(np.ones((2, 3)), "x", "input", ("N", "D"))
    for _ in range(10_000):
        x = x - x
    assert x.dims == (Size.of("N"), Size.of("D")) and len(ancestors([x])) == 10_001
