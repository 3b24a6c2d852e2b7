from __future__ import annotations

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import ops
from minirnn.engine.fold import Domain, Fixed, fold
from minirnn.engine.graph import ancestors, at, named

GOLDEN = """\
X = leaf(dims=('N', 'T', 'D'))
x[t] = take(X, t=0, axis=1)    t = 1..T
W_x = leaf(dims=('D', 'M'))
W_h = leaf(dims=('M', 'M'))
b_h = leaf(dims=('M',))
h[t] = full(dims=(N, M), value=0, dtype=float64)    t = 0
h[t] = tanh(z[t])    t = 1..T
z[t] = add(add(matmul(x[t], W_x), expand(b_h, dims=(N, M))), matmul(h[t-1], W_h))    t = 1..T
W_o = leaf(dims=('M', 'K'))
b_o = leaf(dims=('K',))
y = add(matmul(h[T], W_o), expand(b_o, dims=(N, K)))
target = leaf(dims=('N', 'K'))
L = mean(square(subtract(y, target)), axis=None, keepdims=False)
dL/dy = multiply(expand(divided(full(dims=(), value=1, dtype=float64), p=K*N), dims=(N, K)), scale(subtract(y, target), p=2))
dL/db_o = sum(dL/dy, axis=0, keepdims=False)
dL/dh[t] = matmul(dL/dy, transpose(W_o))    t = T
dL/dh[t] = matmul(dL/dz[t+1], transpose(W_h))    t = 1..T-1
dL/dW_o = matmul(transpose(h[T]), dL/dy)
dL/dz[t] = multiply(dL/dh[t], complement(square(h[t]), q=1))    t = 1..T
dL/db_h = total(sum(dL/dz[t], axis=0, keepdims=False)[T..1])
dL/dW_h = total(matmul(transpose(h[t-1]), dL/dz[t])[T..1])
dL/dW_x = total(matmul(transpose(x[t]), dL/dz[t])[T..1])"""

VARIANTS = [
    {},
    {"every_step": True},
    {"layers": 2},
    {"layers": 2, "every_step": True, "activation": "sigmoid"},
    {"every_step": True, "head": "softmax", "loss": "categorical_crossentropy", "use_bias": False},
    {"layers": 3, "activation": "relu", "hidden": "tanh"},
]


def test_the_fold_of_the_many_to_one_network(trace):
    assert str(trace.fold()) == GOLDEN


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("T", [3, 4, 20, 50])
def test_the_fold_is_the_same_for_every_length(make, options, T):
    assert str(make(steps=T, **options).fold()) == str(make(steps=5, **options).fold())


def test_a_step_reads_like_any_other_whoever_made_it(trace):
    """Nothing in the fold depends on names: an own recurrence with a delay of two folds as well."""
    rng = np.random.default_rng(0)
    W = ops.leaf(rng.normal(size=(3, 3)), "W")
    seen = []
    for t in (-1, 0):
        with at(t):
            seen.append(named("s", ops.leaf(rng.normal(size=(2, 3)))))
    for t in range(1, 7):
        with at(t):
            seen.append(named("s", ops.tanh(seen[-1] @ W) + seen[-2]))
    folded = fold(ancestors([seen[-1]]))
    assert "s[t] = add(tanh(matmul(s[t-1], W)), s[t-2])    t = 1..T" in str(folded)
    assert [[str(f.name) for f in cycle if f.name] for cycle in folded.cycles()] == [["s"]]


def test_the_cycles_are_the_recurrences(trace, stacked):
    def names(t):
        return [{str(f.name) for f in cycle if f.name} for cycle in t.fold().cycles()]

    assert names(trace) == [{"h", "z"}, {"dL/dh", "dL/dz"}]
    assert names(stacked) == [{"h^1", "z^1"}, {"h^2", "z^2"}, {"dL/dh^2", "dL/dz^2"}, {"dL/dh^1", "dL/dz^1"}]


def test_a_fold_is_retargeted(trace):
    folded = trace.fold().retarget(200)
    domains = [str(d.domain) for d in folded.family("dL/dh").definitions]
    assert folded.T == 200 and domains == ["t = T", "t = 1..T-1"]
    assert folded.family("dL/dh").definitions[1].domain.steps(200) == range(1, 200)


@pytest.mark.parametrize("T", [1, 2])
def test_short_sequences_are_not_retargeted(make, T):
    with pytest.raises(ValueError, match="at least 3"):
        make(steps=T).fold().retarget(50)


def test_hidden_names_are_taken_for_plumbing_before_folding(trace):
    text = str(trace.fold(hide=["dL/dh"]))
    assert "dL/dz[t] = multiply(matmul(dL/dy, transpose(W_o))" in text and "t = 1..T-1" in text


def test_a_recurrence_must_keep_a_name(trace):
    with pytest.raises(ValueError, match="cannot hide all of h, z"):
        trace.fold(hide=["h", "z"])


def test_fixed_steps_and_domains_print_from_the_nearer_end():
    assert str(Fixed(True, 0)) == "T" and str(Fixed(True, -2)) == "T-2" and str(Fixed(False, 3)) == "3"
    assert str(Domain(Fixed(False, 2), Fixed(True, -1))) == "t = 2..T-1"


def test_flatten_folds_to_one_span(make):
    text = str(make(flatten=True).fold())
    assert "y = add(matmul(join(h[1..T], axis=-1, size=T), W_o)" in text
    assert "dL/dh[t] = total(piece(" in text and text.count("dL/dh[t] =") == 2


def test_time_invariant_plumbing_has_no_step(trace):
    """W_hᵀ is made anew at every step of the backward pass, and is one thing."""
    folded = trace.fold()
    transposed = [f for f in folded.families if f.name is None and f.definitions[0].op is ops.transpose]
    assert [f.definitions[0].domain for f in transposed if f.definitions[0].refs[0].where is None] == [None, None]


def test_a_gap_in_the_steps_makes_two_domains():
    nodes = []
    for t in (1, 2, 3, 6, 7):
        with at(t):
            nodes.append(named("a", ops.tanh(named("u", ops.leaf(np.ones((2, 2)))))))
    folded = fold(ancestors(nodes))
    assert [str(d.domain) for d in folded.family("a").definitions] == ["t = 1..3", "t = T-1..T"]


def test_forward_only(network):
    trace = mr.trace(network(), np.random.default_rng(0).normal(size=(2, 4, 3)))
    assert "y = add" in str(trace.fold()) and "dL" not in str(trace.fold())


def test_one_step_seen_from_many_is_no_delay(trace):
    """The last state of an encoder at every step of a decoder, whatever their lengths are to each other."""
    found = []
    for T in (4, 5, 7):
        h = named("h", ops.leaf(np.ones((1, 2))))
        for t in range(1, 6):
            with at(t):
                h = named("h", ops.tanh(h))
        s = ops.leaf(np.ones((1, 2)))
        for t in range(1, T + 1):
            with at(t):
                s = named("s", ops.add(ops.tanh(s), ops.tanh(h)) if t > 1 else ops.add(ops.square(s), ops.tanh(h)))
        found.append([str(d.domain.lo) for d in fold(ancestors([s])).family("s").definitions])
    assert found == [["1", "2"]] * 3
