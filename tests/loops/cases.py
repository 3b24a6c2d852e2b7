"""What the published loops are run on: arrays whose sizes all differ."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import published as P

N, T, D, M, K = P.N, P.T, P.D, P.M, P.K


def arrays(seed=0, dtype="float64", **shapes):
    rng = np.random.default_rng(seed)
    return {name: np.asarray(0.6 * rng.normal(size=shape), dtype) for name, shape in shapes.items()}


def plain(X=(N, T, D), head=False, **more):
    found = {"X": X, "Wx": (D, M), "Wh": (M, M), "bh": (M,), **more}
    return found | ({"Wo": (M, K), "bo": (K,)} if head else {})


L = D + M
SHAPES = {
    "seed_000": plain((1, T, D), head=True),
    "seed_001": plain((1, T, D), head=True),
    "seed_002": {"x_seq": (T, 5), "w_xh": (5, 2), "w_oo": (2, 2), "b_h": (2,)},
    "seed_003": {"x": (1, T, D), "Wx": (D, M), "Wh": (M, M), "bh": (M,), "Wo": (M, K), "bo": (K,)},
    "seed_004": {"X": (N, T, D), "Wxh": (D, M), "Whh": (M, M), "Bh": (M,), "Who": (M, K), "Bo": (K,)},
    "batch_with_at": plain(head=True),
    "every_step_into_an_array": plain(head=True),
    "columns": {"inputs": (T, D), "U": (M, D), "W": (M, M), "V": (K, M), "b": (M, 1), "c": (K, 1)},
    "negative_index_history": {"x": (T, D), "U": (M, D), "V": (K, M), "W": (M, M)},
    "iterating": plain((T, D)),
    "loss_called_as_ours": plain(Y=(N, M)),
    "growing_list": plain((T, D), h0=(M,)),
    "while_loop": plain((T, D)),
    "lstm_by_hand": {
        "X": (T, D), **{f"W{g}": (L, M) for g in "fico"}, **{f"b{g}": (M,) for g in "fico"}, "Wy": (M, K), "by": (K,),
    },
    "lstm_sliced": {"X": (N, T, D), "W": (D, 4 * M), "U": (M, 4 * M), "b": (4 * M,)},
    "gru_by_hand": {
        "X": (N, T, D), **{f"W{g}": (D, M) for g in "zrn"}, **{f"U{g}": (M, M) for g in "zrn"},
        **{f"b{g}": (M,) for g in "zrn"},
    },
    "two_layers": {
        "X": (N, T, D), "Wx1": (D, M), "Wh1": (M, M), "b1": (M,), "Wx2": (M, K), "Wh2": (K, K), "b2": (K,),
    },
    "layer_after_layer": {
        "X": (T, D), "Wx1": (D, M), "Wh1": (M, M), "b1": (M,), "Wx2": (M, K), "Wh2": (K, K), "b2": (K,),
    },
    "truncated": plain((T, D)),
    "bidirectional": {"X": (T, D), "Wf": (D, M), "Uf": (M, M), "Wb": (D, 3), "Ub": (3, 3), "V": (M + 3, K)},
    "relu_by_condition": {"X": (T, D), "Wx": (M, D), "Wh": (M, M), "b": (M,)},
    "bare_names": {"X": (T, D), "Wx": (D, M), "Wh": (M, M), "b": (M,)},
    "projected_before": {"X": (N, T, D), "Wx": (D, M), "Wh": (M, M), "b": (M,)},
    "one_number_at_a_time": {"series": (T,), "wx": (), "wh": (), "b": (), "wo": ()},
    "unit_by_unit": {"X": (T, D), "Wx": (D, M), "Wh": (M, M)},
    "squared_error_inside": {"X": (N, T, D), "Y": (N, K), "Wx": (D, M), "Wh": (M, M), "Wo": (M, K)},
}  # fmt: skip


def case(name, seed=0, dtype="float64"):
    """The function of that name and what it is called with."""
    if name in SHAPES:
        return getattr(P, name), arrays(seed, dtype, **SHAPES[name])
    rng = np.random.default_rng(seed)
    a = arrays(seed, dtype, X=(T, D), Xb=(N, T, D), Wx=(D, M), Wh=(M, M), b=(M,), Wo=(M, K), bo=(K,))
    letters = {"inputs": [1, 0, 3, 2, 1], "targets": [0, 3, 2, 1, 2]}
    match name:
        case "rnn_forward":
            weights = arrays(seed, dtype, Wax=(M, D), Waa=(M, M), Wya=(K, M), ba=(M, 1), by=(K, 1))
            return P.rnn_forward, {**arrays(seed + 9, dtype, x=(D, N, T), a0=(M, N)), "parameters": weights}
        case "RNN.forward":
            w = arrays(seed, dtype, Wx=(M, D), Wh=(M, M), Why=(K, M))
            return P.RNN(**w).forward, {"X": a["X"]}
        case "Estimator.predict":
            return P.Estimator(M).set_weights(a["Wx"], a["Wh"], a["b"]).predict, {"X": a["Xb"]}
        case "make_network":
            return P.make_network(a["Wx"], a["Wh"], a["b"]), {"X": a["X"]}
        case "cross_entropy_at_every_step":
            targets = np.eye(K, dtype=dtype)[rng.integers(0, K, (N, T))]
            return P.cross_entropy_at_every_step, {
                "X": a["Xb"], "targets": targets, "Wx": a["Wx"], "Wh": a["Wh"], "bh": a["b"], "Wo": a["Wo"], "bo": a["bo"],
            }  # fmt: skip
        case "characters" | "characters_with_backward":
            w = arrays(seed, dtype, hprev=(M, 1), Wxh=(M, D), Whh=(M, M), Why=(D, M), bh=(M, 1), by=(D, 1))
            return getattr(P, name), {**letters, **w}
        case "embedded":
            w = arrays(seed, dtype, E=(7, D), Wx=(D, M), Wh=(M, M), bh=(M,), Wo=(M, K))
            return P.embedded, {"tokens": np.array([3, 1, 3, 6, 0]), **w}
        case "layers_in_a_list":
            first = arrays(seed, dtype, Wx=(D, M), Wh=(M, M), b=(M,))
            second = arrays(seed + 1, dtype, Wx=(M, M), Wh=(M, M), b=(M,))
            return P.layers_in_a_list, {"X": a["X"], "layers": [first, second]}
        case "masked":
            mask = rng.random((N, T)) < 0.7
            return P.masked, {"X": a["Xb"], "mask": mask, "Wx": a["Wx"], "Wh": a["Wh"], "bh": a["b"]}
        case "from_globals":
            P.WEIGHTS.update(Wx=a["Wx"], Wh=a["Wh"])
            return P.from_globals, {"X": a["X"]}
    raise KeyError(name)


OTHERS = [
    "rnn_forward", "RNN.forward", "Estimator.predict", "make_network", "cross_entropy_at_every_step", "characters",
    "characters_with_backward", "embedded", "layers_in_a_list", "masked", "from_globals",
]  # fmt: skip
NAMES = [*SHAPES, *OTHERS]


@contextlib.contextmanager
def quiet():
    """The seeds print."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
