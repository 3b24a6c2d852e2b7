"""Writes the files that every version of Keras saves: every network below as ``.keras`` and ``.h5``, its input, its output.

    for v in 3.3.3 ...; do pip install --target V/$v --no-deps keras==$v
        PYTHONPATH=V/$v python tests/keras_io/write_files.py FOLDER; done
    python tests/keras_io/write_files.py FOLDER tf_keras
    python tests/keras_io/write_files.py FOLDER pack

The last makes the one archive that the tests read. Weights are drawn from the name of the network, so that two versions
differ in nothing but what they write, and the archive stays small.
"""

from __future__ import annotations

import importlib
import io
import logging
import lzma
import sys
import tarfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARCHIVE = Path(__file__).parent / "files.tar.xz"
N, T, D, M, K = 2, 4, 3, 5, 6
MASK = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], bool)


def networks(k: Any) -> dict[str, Callable[[], Any]]:
    """One network of every kind, of the Keras `k`."""
    L = k.layers

    def row(*layers: Any, shape: Any = (T, D), **options: Any) -> Any:
        i = x = L.Input(shape, **options)
        for layer in layers:
            x = layer(x)
            x = x[0] if isinstance(x, (list, tuple)) and layer is not layers[-1] else x
        return k.Model(i, x)

    def state() -> Any:
        i, h = L.Input((T, D)), L.Input((M,))
        return k.Model([i, h], L.Dense(K)(L.SimpleRNN(M)(i, initial_state=h)))

    def encoder_decoder() -> Any:
        i, j = L.Input((None, D)), L.Input((None, 2))
        _, h = L.SimpleRNN(M, return_state=True)(i)
        return k.Model([i, j], L.Dense(K)(L.SimpleRNN(M, return_sequences=True)(j, initial_state=[h])))

    def both_ways_with_states() -> Any:
        i, h, g = L.Input((T, D)), L.Input((M,)), L.Input((M,))
        return k.Model([i, h, g], L.Bidirectional(L.SimpleRNN(M, return_state=True))(i, initial_state=[h, g]))

    def given_mask() -> Any:
        i, m = L.Input((T, D)), L.Input((T,), dtype="bool")
        return k.Model([i, m], L.SimpleRNN(M, return_sequences=True, zero_output_for_mask=True)(i, mask=m))

    def two_heads() -> Any:
        i = L.Input((T, D), name="in")
        x = L.SimpleRNN(M, return_sequences=True, name="body")(i)
        return k.Model(i, [L.Dense(K, name="b")(x), L.Dense(2, "sigmoid", name="a")(L.SimpleRNN(7)(x))])

    def by_name() -> Any:
        i, h = L.Input((T, D), name="q"), L.Input((M,), name="b")
        x, s = L.SimpleRNN(M, return_state=True)(i, initial_state=h)
        return k.Model({"q": i, "b": h}, {"z": L.Dense(2)(x), "c": s})

    def used_twice() -> Any:
        i, rnn = L.Input((T, D)), L.SimpleRNN(D, return_sequences=True)
        return k.Model(i, L.Dense(K)(rnn(rnn(i))))

    def trained() -> Any:
        model = k.Sequential([L.Input((T, D)), L.SimpleRNN(M, name="one"), L.Dense(K)])
        model.compile(k.optimizers.Adam(), "mse")
        return model

    def built_by_call() -> Any:
        model = k.Sequential([L.SimpleRNN(M, unroll=True), L.Dense(K)])
        model.build((None, T, D))
        return model

    def described() -> Any:
        rnn = L.SimpleRNN(
            M, kernel_initializer="he_normal", recurrent_initializer=k.initializers.Orthogonal(gain=0.5, seed=3),
            bias_initializer=k.initializers.RandomUniform(-0.1, 0.1), kernel_regularizer="l2", recurrent_regularizer="l1",
            bias_regularizer=k.regularizers.L1L2(0.1, 0.2), kernel_constraint="max_norm", bias_constraint="non_neg",
        )  # fmt: skip
        return row(rnn, L.Dense(K, kernel_regularizer="l1"))

    def activations() -> Any:
        names = "sigmoid", "softplus", "softsign", "elu", "selu", "gelu", "swish", "exponential", "linear"
        rnns = [L.SimpleRNN(M, name, return_sequences=True) for name in names]
        return row(*rnns, L.SimpleRNN(M, k.activations.relu), L.Activation("softmax"))

    cell = L.SimpleRNNCell
    return {
        "plain": lambda: row(L.SimpleRNN(M), L.Dense(K)),
        "sequential": lambda: k.Sequential(
            [L.Input((T, D)), L.SimpleRNN(M, return_sequences=True), L.Flatten(), L.Dense(K)]
        ),
        "built by call": built_by_call,
        "trained": trained,
        "stacked": lambda: row(L.SimpleRNN(M, "relu", return_sequences=True), L.SimpleRNN(7, use_bias=False), L.Dense(K)),
        "concat": lambda: row(L.Masking(), L.Bidirectional(L.SimpleRNN(M, return_sequences=True)), L.Dense(K)),
        "sum": lambda: row(L.Bidirectional(L.SimpleRNN(M), merge_mode="sum"), L.Dense(K)),
        "apart": lambda: row(L.Bidirectional(L.SimpleRNN(M, return_sequences=True), merge_mode=None)),
        "unlike": lambda: row(
            L.Bidirectional(L.SimpleRNN(M), backward_layer=L.SimpleRNN(M, "relu", go_backwards=True)), L.Dense(K)
        ),
        "masking": lambda: row(L.Masking(0.5), L.SimpleRNN(M, return_sequences=True), L.SimpleRNN(7), L.Dense(K)),
        "embedding": lambda: row(
            L.Embedding(9, 8, mask_zero=True), L.SimpleRNN(M, return_sequences=True), L.Dense(K), shape=(T,)
        ),
        "time distributed": lambda: row(L.SimpleRNN(M, return_sequences=True), L.TimeDistributed(L.Dense(K, "softmax"))),
        "cell": lambda: row(L.RNN(cell(M), return_sequences=True), L.Dense(K)),
        "cells": lambda: row(L.RNN([cell(M), cell(7, "relu")], return_sequences=True, return_state=True)),
        "stacked cells": lambda: row(L.RNN(L.StackedRNNCells([cell(M), cell(7)]), go_backwards=True), L.Dense(K)),
        "both ways of cells": lambda: row(L.Bidirectional(L.RNN(cell(M), return_sequences=True)), L.Dense(K)),
        "backwards": lambda: row(L.SimpleRNN(M, go_backwards=True, return_sequences=True), L.Dense(K)),
        "stateful": lambda: row(L.SimpleRNN(M, stateful=True), L.Dense(K), shape=None, batch_shape=(N, T, D)),
        "dropout": lambda: row(L.SimpleRNN(M, dropout=0.4, recurrent_dropout=0.3), L.Dropout(0.5, seed=4), L.Dense(K)),
        "state": state,
        "encoder decoder": encoder_decoder,
        "both ways with states": both_ways_with_states,
        "given mask": given_mask,
        "two heads": two_heads,
        "used twice": used_twice,
        "by name": by_name,
        "forward and backward": lambda: row(
            L.Masking(), L.Bidirectional(L.RNN([cell(M), cell(7)], return_sequences=True)), L.Bidirectional(L.SimpleRNN(K))
        ),
        "described": described,
        "activations": activations,
        "double": lambda: row(L.SimpleRNN(M, dtype="float64"), L.Dense(K, dtype="float64"), dtype="float64"),
    }


def inputs(name: str, model: Any, rng: np.random.Generator) -> list[np.ndarray]:
    found = []
    for tensor in model.inputs:
        shape = (N, *[n or T for n in tensor.shape[1:]])
        if name == "embedding":
            found.append((rng.integers(1, 9, size=shape) * MASK).astype("int32"))
        elif len(shape) == 2 and shape[1] == T:
            found.append(MASK)
        else:
            x = rng.normal(size=shape).astype("float64" if name == "double" else "float32")
            if name in ("masking", "concat", "forward and backward"):
                x[~MASK] = 0.5 if name == "masking" else 0
            found.append(x)
    return found


def write(k: Any, folder: Path) -> None:
    for name, make in networks(k).items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        model = make()
        numbers = inputs(name, model, rng)
        model.set_weights([(0.6 * rng.normal(size=w.shape)).astype(w.dtype) for w in model.get_weights()])
        given = dict(zip("bq", numbers)) if name == "by name" else numbers if len(numbers) > 1 else numbers[0]
        out = model.predict(given, verbose=0, batch_size=N)
        out = [out[key] for key in sorted(out)] if isinstance(out, dict) else out
        out = out if isinstance(out, (list, tuple)) else [out]
        if name == "stateful":  # tf-keras saves the state with the weights
            model.layers[1].reset_states() if k.__name__ == "tf_keras" else model.layers[1].reset_state()
        for ending in ("keras", "h5"):
            model.save(folder / f"{name}.{ending}")
        arrays = {f"x{i}": x for i, x in enumerate(numbers)} | {f"y{i}": y for i, y in enumerate(out)}
        np.savez(folder / f"{name}.npz", **arrays)


def pack(folder: Path) -> None:
    """All that was written in one archive, without dates and owners, files of one name side by side."""
    with (
        lzma.open(ARCHIVE, "wb", preset=9 | lzma.PRESET_EXTREME) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for path in sorted(folder.glob("*/*"), key=lambda p: (p.suffix, p.name, p.parent)):
            entry = tarfile.TarInfo(f"{path.parent.name}/{path.name}")
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))


def main() -> None:
    folder = Path(sys.argv[1])
    what = sys.argv[2] if len(sys.argv) > 2 else "keras"
    if what == "pack":
        return pack(folder)
    k = importlib.import_module(what)
    warnings.simplefilter("ignore")
    logging.disable()
    own = folder / f"{what.replace('_', '-')}-{k.__version__}"
    own.mkdir(parents=True)
    write(k, own)
    print(own)


if __name__ == "__main__":
    main()
