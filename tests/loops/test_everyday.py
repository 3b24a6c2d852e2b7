"""Spellings of everyday programs: reversed rows, running maxima, queues, namespaces, clipping after the fact."""

from __future__ import annotations

import argparse
import collections
import types

import numpy as np
import pytest

import minirnn as mr
from minirnn.system import CannotFollow

rng = np.random.default_rng(0)
WX, WH = 0.5 * rng.normal(size=(4, 5)), 0.5 * rng.normal(size=(5, 5))


def data(T=5):
    return {"X": np.random.default_rng(T).normal(size=(T, 4)), "Wx": WX, "Wh": WH}


def states(X, Wx, Wh):
    h, hs = np.zeros(5), []
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        hs.append(h)
    return hs


def weighed(B):
    return (B * np.arange(1.0, 1 + B.size).reshape(B.shape)).sum()


def turned_array(X, Wx, Wh):
    B = np.array(states(X, Wx, Wh))[::-1]
    return weighed(B)


def turned_list(X, Wx, Wh):
    B = np.array(states(X, Wx, Wh)[::-1])
    return weighed(B)


def turned_by_python(X, Wx, Wh):
    B = np.stack(list(reversed(states(X, Wx, Wh))))
    return weighed(B)


def flipped(X, Wx, Wh):
    B = np.flip(np.array(states(X, Wx, Wh)), 0)
    return weighed(B)


def beside(X, Wx, Wh):
    B = np.stack(states(X, Wx, Wh)[::-1], axis=1)
    return weighed(B)


def both_ways(X, Wx, Wh):
    fw, bw = np.array(states(X, Wx, Wh)), np.array(states(X[::-1], Wx, Wh))[::-1]
    both = np.concatenate([fw, bw], axis=1)
    return weighed(both)


def permuted(X, Wx, Wh):
    hs = states(X, Wx, Wh)
    B = np.array([hs[0], hs[2], hs[1], *hs[3:]])
    return weighed(B)


def running_maximum(X, Wx, Wh):
    h, m = np.zeros(5), np.full(5, -np.inf)
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        m = np.maximum(m, h)
    return m.sum()


def left_out(X, Wx, Wh):
    h, L, kept = np.zeros(5), 0.0, np.array([True, False, True, True, False])
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        scores = np.where(kept, h, -np.inf)
        e = np.exp(scores - scores.max())
        L = L + (e / e.sum() * h).sum()
    return L


def queue(X, Wx, Wh):
    h, last, L = np.zeros(5), collections.deque([np.zeros(5)] * 2, maxlen=2), 0.0
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        last.append(h)
        L = L + (np.concatenate(last) ** 3).sum() + (np.array(last) ** 2).sum()
    return L


def fixed_weights(X, Wx, Wh):
    drawn = np.random.RandomState(3).uniform(-0.5, 0.5, (5, 5))
    h, L = np.zeros(5), 0.0
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh @ drawn)
        L = L + (h**2).sum()
    return L


def clip(gradients, most):
    rate = most / np.sqrt(sum(np.sum(g**2) for g in gradients))
    if rate < 1:
        for g in gradients:
            g *= rate


def by_hand(X, Wx, Wh):
    h, hs = np.zeros(5), [np.zeros(5)]
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        hs.append(h)
    dWx, dWh, dh = np.zeros_like(Wx), np.zeros_like(Wh), 2 * h
    for t in reversed(range(len(X))):
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += np.outer(X[t], dz)
        dWh += np.outer(hs[t], dz)
        dh = dz @ Wh.T
    return (h**2).sum(), {"Wx": dWx, "Wh": dWh}


def clipped(X, Wx, Wh):
    loss, gradients = by_hand(X, Wx, Wh)
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    if norm > 0.01:
        for name in gradients:
            gradients[name] *= 0.01 / norm
    return loss


def clipped_elsewhere(X, Wx, Wh):
    loss, gradients = by_hand(X, Wx, Wh)
    clip([gradients["Wx"], gradients["Wh"]], 0.01)
    return loss, gradients


class Clipping:
    def __init__(self):
        self.d = None

    def loss(self, X, Wx, Wh):
        loss, gradients = by_hand(X, Wx, Wh)
        self.d = gradients["Wx"]
        if np.abs(self.d).max() > 0.01:
            self.d *= 0.01
        return loss


def row_in_parts(X, Wx, Wh):
    W, H, both = np.concatenate([Wx, Wh]), np.zeros((len(X), 5)), np.zeros((len(X), 9))
    L = 0.0
    for t in range(len(X)):
        before = H[t - 1] if t > 0 else np.zeros(5)
        both[t, :4] = X[t]
        both[t, 4:] = before
        H[t] = np.tanh(both[t].dot(W))
        L = L + (H[t] ** 2).sum()
    return L


def gates_beside(X, Wx, Wh):
    h, G, L = np.zeros(5), np.zeros((len(X), 10)), 0.0
    for t in range(len(X)):
        z = X[t] @ Wx + h @ Wh
        G[t, :5], G[t, 5:] = np.tanh(z), 1 / (1 + np.exp(-z))
        h = G[t, :5] * G[t, 5:]
        L = L + (h**2).sum()
    return L


def by_key(X, Wx, Wh):
    kept = collections.defaultdict(list)
    h = np.zeros(5)
    for x in X:
        h = np.tanh(x @ Wx + h @ Wh)
        kept["h"].append(h)
    return (h**2).sum(), kept


EVERYDAY = [
    turned_array, turned_list, turned_by_python, flipped, beside, both_ways, permuted, running_maximum, left_out, queue,
    fixed_weights, clipped, clipped_elsewhere, by_key, Clipping().loss, row_in_parts, gates_beside,
]  # fmt: skip


def loss_of(function, arrays):
    found = function(**arrays)
    return float(found[0] if isinstance(found, tuple) else found)


def slope(function, arrays, name, place, step=1e-6):
    """By a difference of the function itself, run plainly."""
    moved = {way: dict(arrays, **{name: arrays[name].copy()}) for way in (-1, 1)}
    for way, given in moved.items():
        given[name][place] += way * step
    return (loss_of(function, moved[1]) - loss_of(function, moved[-1])) / (2 * step)


@pytest.mark.parametrize("function", EVERYDAY, ids=lambda f: f.__name__)
def test_everyday_programs_have_their_gradient_and_true_equations(function):
    arrays = data()
    trace = mr.trace(function, **arrays)
    for name, place in (("Wx", (2, 3)), ("Wh", (4, 1))):
        assert trace.gradients[name][place] == pytest.approx(slope(function, arrays, name, place), rel=1e-6)
    assert all(e.residual < 1e-12 for e in trace.equations())
    assert trace.verify().ok
    assert "tanh" in str(trace.walk())


@pytest.mark.parametrize("function", [f for f in EVERYDAY if f not in (permuted, queue)], ids=lambda f: f.__name__)
def test_their_equations_hold_for_every_length(function):
    short, long = (mr.trace(function, **data(T)).equations() for T in (5, 9))
    assert [str(e).split("residual")[0].split() for e in short] == [str(e).split("residual")[0].split() for e in long]


@pytest.mark.parametrize(
    "function",
    [turned_list, both_ways, running_maximum, left_out, fixed_weights, clipped, row_in_parts, gates_beside],
)
def test_their_source_computes_the_same(function):
    arrays = data()
    trace = mr.trace(function, **arrays)
    space = {}
    exec(trace.source(), space)
    loss, found = space["loss_and_gradients"]({"Wx": WX, "Wh": WH}, arrays["X"])
    assert float(loss) == pytest.approx(float(trace.loss), rel=1e-12)
    for name in ("Wx", "Wh"):
        np.testing.assert_allclose(found[name], trace.gradients[name], rtol=1e-10, atol=1e-13)


def test_what_is_listed_from_the_last_step_is_written_so():
    found = {str(e).partition(" = ")[0]: str(e) for e in mr.trace(turned_list, **data()).equations()}
    assert "[h_T; …; h₁]" in found["B"] and "[∂L/∂B][T-t+1]" in found["∂L/∂hₜ"]


def test_a_larger_one_is_written_as_that():
    equations = mr.trace(running_maximum, **data()).equations
    assert "mₜ = maximum(mₜ₋₁, hₜ)" in str(equations())
    assert "m[t,u] = max(h[t,u], m[t-1,u])" in str(equations(form="component"))


HOLDERS = {
    "a namespace": types.SimpleNamespace(Wx=WX, Wh=WH),
    "one of arguments": argparse.Namespace(Wx=WX, Wh=WH),
    "one within another": types.SimpleNamespace(Wx=WX, inner=types.SimpleNamespace(Wh=[WH])),
}
DICTIONARIES = {
    "a chain": collections.ChainMap({"Wx": WX}, {"Wh": WH}),
    "a view": types.MappingProxyType({"Wx": WX, "Wh": WH}),
    "of one's own": collections.UserDict({"Wx": WX, "Wh": WH}),
}


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_weights_in_namespaces_have_a_gradient(holder):
    def network(X):
        Wh = holder.Wh if hasattr(holder, "Wh") else holder.inner.Wh[0]
        return (states(X, holder.Wx, Wh)[-1] ** 2).sum()

    found = list(mr.trace(network, X=data()["X"]).gradients.values())
    assert sorted(g.shape for g in found) == [(4, 5), (5, 5)] and all(np.abs(g).max() > 0 for g in found)
    assert type(holder.Wx) is np.ndarray


@pytest.mark.parametrize("holder", DICTIONARIES.values(), ids=DICTIONARIES)
def test_weights_in_what_looks_like_a_dictionary_have_a_gradient(holder):
    def network(X):
        return (states(X, holder["Wx"], holder["Wh"])[-1] ** 2).sum()

    assert {k: g.shape for k, g in mr.trace(network, X=data()["X"]).gradients.items()} == {"Wx": (4, 5), "Wh": (5, 5)}


def test_arrays_of_arrays_and_of_records_are_refused():
    both = np.empty(2, object)
    both[0], both[1] = WX, WH
    with pytest.raises(CannotFollow, match=r"both is an array of arrays, as objects: give a list of them, list\(both\)"):
        mr.trace(lambda X: (states(X, both[0], both[1])[-1] ** 2).sum(), X=data()["X"])
    records = np.zeros((), [("Wx", float, (4, 5)), ("Wh", float, (5, 5))])
    with pytest.raises(CannotFollow, match=r"records is an array of records: give its fields as arrays, records\['Wx'\]"):
        mr.trace(lambda X: (states(X, records["Wx"], records["Wh"])[-1] ** 2).sum(), X=data()["X"])


@pytest.mark.parametrize("rounding", [lambda L: round(L, 6), lambda L: np.round(L, 4), np.floor])
def test_a_rounded_loss_is_refused(rounding):
    def network(X, Wx, Wh):
        return rounding((states(X, Wx, Wh)[-1] ** 2).sum())

    with pytest.raises(CannotFollow, match="a rounded number, whose derivative is 0: return it as it is"):
        mr.trace(network, **data())


def test_a_result_that_depends_on_a_choice_in_a_loop_is_still_refused():
    def network(X, Wx, Wh):
        _, gradients = by_hand(X, Wx, Wh)
        clip([gradients["Wx"], gradients["Wh"]], 0.01)
        return (gradients["Wx"] ** 2).sum()

    with pytest.raises(CannotFollow, match=r"if rate < 1"):
        mr.trace(network, **data())


def batched_lstm(X, W):
    """All gates of a step in one product of a row of ones, the data and the state, and one array for what each step has."""
    T, N, D = X.shape
    M = W.shape[1] // 4
    given, gates, open_gates = np.zeros((T, N, 1 + D + M)), np.zeros((T, N, 4 * M)), np.zeros((T, N, 4 * M))
    c, h = np.zeros((T, N, M)), np.zeros((T, N, M))
    for t in range(T):
        given[t, :, 0] = 1
        given[t, :, 1 : D + 1] = X[t]
        given[t, :, D + 1 :] = h[t - 1] if t > 0 else np.zeros((N, M))
        gates[t] = given[t].dot(W)
        open_gates[t, :, : 3 * M] = 1.0 / (1.0 + np.exp(-gates[t, :, : 3 * M]))
        open_gates[t, :, 3 * M :] = np.tanh(gates[t, :, 3 * M :])
        before = c[t - 1] if t > 0 else np.zeros((N, M))
        c[t] = open_gates[t, :, :M] * open_gates[t, :, 3 * M :] + open_gates[t, :, M : 2 * M] * before
        h[t] = open_gates[t, :, 2 * M : 3 * M] * np.tanh(c[t])
    return (h**2).sum()


def test_an_lstm_that_writes_its_arrays_in_parts():
    W = 0.3 * rng.normal(size=(9, 20))
    traces = [mr.trace(batched_lstm, X=np.random.default_rng(T).normal(size=(T, 2, 3)), W=W) for T in (4, 7)]
    assert len({len(trace.equations()) for trace in traces}) == 1
    for trace in traces:
        assert all(e.residual < 1e-12 for e in trace.equations()) and trace.verify().ok
        assert "update(update(" not in str(trace.equations())
    arrays = {"X": np.random.default_rng(4).normal(size=(4, 2, 3)), "W": W}
    assert traces[0].gradients["W"][6, 13] == pytest.approx(slope(batched_lstm, arrays, "W", (6, 13)), rel=1e-6)
    space = {}
    exec(traces[0].source(), space)
    _, found = space["loss_and_gradients"]({"W": W}, arrays["X"])
    np.testing.assert_allclose(found["W"], traces[0].gradients["W"], rtol=1e-10, atol=1e-13)


def test_rows_in_parts_are_rows():
    """However a row is written: in two parts, the parts crosswise, a part once more, by a view of it, from the end."""

    def network(X, Wx, Wh):
        H = np.zeros((len(X), 2, 5))
        for t in range(len(X)):
            H[t, 0, :3] = (X[t] @ Wx)[:3]
            row = H[t]
            row[0, 3:] = (X[t] @ Wx)[:2]
            H[t, 1] = H[t, 0] @ Wh
            H[t, -1, 1:2] *= 2.0
            H[t, :, 4:] = H[t, ::-1, :1]
        return (H[1:, 0, 2:] ** 2).sum() + (H[:, 1] ** 3).sum()

    arrays = data()
    trace = mr.trace(network, **arrays)
    assert float(trace.loss) == network(**arrays) and trace.verify().ok
    for name, place in (("Wx", (1, 2)), ("Wh", (0, 3))):
        assert trace.gradients[name][place] == pytest.approx(slope(network, arrays, name, place), rel=1e-6)
    with pytest.raises(NotImplementedError, match=r"equation of .* would have [\d,]+ parts, since .* put it into variables"):
        trace.equations()  # H[t, 1] uses H[t, 0], and that both, without a name
    with pytest.raises(NotImplementedError, match=r"parts, since"):
        trace.walk()


class Recurrent:
    def __init__(self):
        self.U = 0.5 * np.eye(4)

    def run(self, X):
        h = np.zeros(4)
        for x in X:
            h = np.tanh(x + h @ self.U)
        return h


def test_a_loop_in_the_method_of_an_object_that_is_given():
    """The object is copied before it is run: the copy of its method was noted down elsewhere."""

    def loss(X, net):
        return net.run(X).sum()

    def of_several(X, nets):
        return sum(net.run(X).sum() for net in nets)

    for function, given in ((loss, {"net": Recurrent()}), (of_several, {"nets": [Recurrent(), Recurrent()]})):
        trace = mr.trace(function, X=data()["X"], **given)
        assert trace.verify(with_keras=False).ok
    trace = mr.trace(loss, X=data()["X"], net=Recurrent())
    assert trace.steps == 5 and "hₜ = tanh(xₜ + hₜ₋₁ U)" in str(trace.equations())


def test_what_the_last_turn_reads_twice_has_its_name():
    def smoothing(y, a, start):
        level, error = start, 0
        for t in range(len(y)):
            forecast = level
            level = a * y[t] + (1 - a) * level
            error = error + (y[t] - forecast) ** 2
        return error

    trace = mr.trace(smoothing, y=rng.normal(size=6), a=np.array(0.3), start=np.array(1.0))
    assert trace.equations().residual < 1e-12 and trace.verify(with_keras=False).ok
    assert np.isclose(trace.value("y", 6), trace.inputs[0][5])
    assert str(trace.walk())


def test_constants_in_and_behind_a_loop_are_two():
    def traced_matrix(X, A):
        h = np.zeros(4)
        for x in X:
            h = np.tanh(x + (A - 0.1 * np.eye(4)) @ h)
        return np.trace(np.outer(h, h))

    trace = mr.trace(traced_matrix, X=data()["X"], A=rng.normal(size=(4, 4)))
    assert trace.equations().residual < 1e-12 and trace.verify(with_keras=False).ok


def test_a_part_of_a_computed_vector_is_an_entry():
    def delayed(x, a, mu):
        e, s = x - mu, 0
        for t in range(1, len(x)):
            s = a * s + e[t - 1]
        return s

    trace = mr.trace(delayed, x=rng.normal(size=5), a=np.array(0.5), mu=np.array(0.1))
    assert trace.equations().residual < 1e-12 and str(trace.walk())


def test_a_source_refuses_data_of_another_shape():
    def plain(X, Wx, Wh):
        return np.sum(states(X, Wx, Wh)[-1])

    trace, weights = mr.trace(plain, **data()), {"Wx": WX, "Wh": WH}
    for form in ("numpy", "buffers", "loops"):
        module = {}
        exec(trace.source(form), module)
        assert np.isclose(module["forward"](weights, data()["X"]), trace.loss)
        with pytest.raises(ValueError, match=r"this program is for X of shape \(5, 4\)"):
            module["forward"](weights, data(8)["X"])
    assert np.isfinite(mr.trace(lambda W: np.tanh(W @ W).sum(), W=WH).compile()({"W": WH})[0])
