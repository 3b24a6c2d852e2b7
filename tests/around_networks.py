"""Networks with the layers that stand around a recurrence, one or more of each, for the table of every reading."""

from __future__ import annotations

from collections.abc import Callable

from minirnn.layers import (
    LSTM,
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    LayerNormalization,
    LeakyReLU,
    Masking,
    Maximum,
    MaxPooling1D,
    Minimum,
    Multiply,
    Permute,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    SimpleRNN,
    Softmax,
    SpatialDropout1D,
    Subtract,
    TimeDistributed,
)
from minirnn.models import Model

from .family import D, K, M, T, row

SEQ = {"return_sequences": True}


def rnn(units: int = M, **options: object) -> SimpleRNN:
    return SimpleRNN(units, **SEQ | options)  # type: ignore[arg-type]


def two(merge: Callable[..., object], *units: int, sequences: bool = True, head: bool = True) -> Model:
    """Recurrences of these units side by side, merged, then a Dense."""
    i = Input((None, D))
    options = SEQ if sequences else {}
    each = [SimpleRNN(n, activation=a, **options)(i) for n, a in zip(units, ("tanh", "relu", "sigmoid"))]  # type: ignore[arg-type]
    x = merge(each)
    return Model(i, Dense(K)(x) if head else x)


def sliced(take: Callable[[object], object], shape: tuple[int | None, ...] = (None, D)) -> Model:
    i = Input(shape)
    return Model(i, Dense(K)(take(rnn()(i))))


def residual() -> Model:
    """A recurrence added to its own input, twice over."""
    i = Input((None, D))
    x = Dense(M)(i)
    x = Add()([x, rnn()(x)])
    x = LayerNormalization()(Add()([x, rnn()(x)]))
    return Model(i, Dense(K)(x))


def networks() -> dict[str, Callable[[], Model]]:
    """All of them by name."""
    unlike = (M, 7, 2)
    found: dict[str, Callable[[], Model]] = {
        "ReLU": lambda: row(rnn(), ReLU(0.5, 0.1, 0.2), SimpleRNN(7), Dense(K)),
        "ReLU plain": lambda: row(SimpleRNN(M), ReLU(), Dense(K)),
        "LeakyReLU": lambda: row(rnn(), LeakyReLU(0.1), Dense(K)),
        "Softmax": lambda: row(SimpleRNN(M), Dense(K), Softmax()),
        "Softmax of steps": lambda: row(rnn(), Softmax(), Dense(K)),
        "Rescaling": lambda: row(Rescaling(0.5, 1.0), SimpleRNN(M), Dense(K)),
        "LayerNormalization": lambda: row(rnn(), LayerNormalization(), SimpleRNN(7), Dense(K)),
        "LayerNormalization of a row": lambda: row(SimpleRNN(M), LayerNormalization(), Dense(K)),
        "BatchNormalization": lambda: row(rnn(), BatchNormalization(), SimpleRNN(7), Dense(K)),
        "BatchNormalization of a row": lambda: row(SimpleRNN(M), BatchNormalization(), Dense(K)),
        "SpatialDropout1D dropout": lambda: row(SpatialDropout1D(0.4), SimpleRNN(M), Dense(K)),
        "GlobalAveragePooling1D": lambda: row(rnn(), GlobalAveragePooling1D(), Dense(K)),
        "GlobalAveragePooling1D, mask": lambda: row(Masking(), rnn(), GlobalAveragePooling1D(), Dense(K)),
        "GlobalAveragePooling1D, one step": lambda: row(rnn(), GlobalAveragePooling1D(keepdims=True), Dense(K)),
        "GlobalMaxPooling1D": lambda: row(rnn(), GlobalMaxPooling1D(), Dense(K)),
        "MaxPooling1D": lambda: row(MaxPooling1D(2, strides=1), SimpleRNN(M), Dense(K)),
        "MaxPooling1D, same": lambda: row(rnn(), MaxPooling1D(3, strides=2, padding="same"), SimpleRNN(7), Dense(K)),
        "Conv1D": lambda: row(Conv1D(7, 2, activation="relu"), SimpleRNN(M), Dense(K)),
        "Conv1D, same": lambda: row(Conv1D(7, 3, padding="same"), SimpleRNN(M), Dense(K)),
        "Conv1D, causal": lambda: row(Conv1D(7, 2, padding="causal", dilation_rate=2), SimpleRNN(M), Dense(K)),
        "Conv1D, strides": lambda: row(Conv1D(7, 2, strides=2, activation="tanh"), rnn(), Dense(K)),
        "Conv1D of one step": lambda: row(Conv1D(7, 1), SimpleRNN(M), Dense(K)),
        "Conv1D after": lambda: row(rnn(), Conv1D(7, 2), GlobalMaxPooling1D(), Dense(K)),
        "Conv1D and MaxPooling1D": lambda: row(Conv1D(7, 2), MaxPooling1D(2), SimpleRNN(M), Dense(K)),
        "Conv1D, embedding": lambda: row(Embedding(9, 8), Conv1D(7, 2), SimpleRNN(M), Dense(K), shape=(None,)),
        "Reshape to more steps": lambda: row(Reshape((T * D, 1)), SimpleRNN(M), Dense(K), shape=(T, D)),
        "Reshape to fewer steps": lambda: row(Reshape((2, 6)), SimpleRNN(M), Dense(K), shape=(T, D)),
        "Reshape to a row": lambda: row(rnn(), Reshape((-1,)), Dense(K), shape=(T, D)),
        "Reshape of a row": lambda: row(SimpleRNN(M), Reshape((M, 1)), SimpleRNN(7), Dense(K)),
        "Reshape to one step": lambda: row(SimpleRNN(M), Reshape((1, M)), SimpleRNN(7), Dense(K)),
        "Reshape, output": lambda: row(SimpleRNN(M), Dense(6), Reshape((3, 2))),
        "Permute": lambda: row(Permute((2, 1)), SimpleRNN(M), Dense(K), shape=(T, D)),
        "Permute after": lambda: row(rnn(), Permute((2, 1)), Dense(7), SimpleRNN(2), Dense(K), shape=(T, D)),
        "RepeatVector": lambda: row(SimpleRNN(M), RepeatVector(3), rnn(7), Dense(K)),
        "RepeatVector as long": lambda: row(SimpleRNN(M), RepeatVector(T), rnn(7), TimeDistributed(Dense(K))),
        "RepeatVector of one": lambda: row(SimpleRNN(M), RepeatVector(1), SimpleRNN(7), Dense(K)),
        "RepeatVector, LSTM": lambda: row(LSTM(M), RepeatVector(3), LSTM(7, **SEQ), Dense(K)),
        "Add": lambda: two(Add(), M, M),
        "Add of three rows": lambda: two(Add(), M, M, M, sequences=False),
        "Subtract": lambda: two(Subtract(), M, M),
        "Multiply": lambda: two(Multiply(), M, M, M),
        "Average": lambda: two(Average(), M, M, M),
        "Maximum": lambda: two(Maximum(), M, M),
        "Minimum, output": lambda: two(Minimum(), M, M, head=False),
        "Concatenate": lambda: two(Concatenate(), M, 7),
        "Concatenate of three": lambda: two(Concatenate(), *unlike),
        "Concatenate of three rows": lambda: two(Concatenate(), *unlike, sequences=False),
        "Concatenate, output": lambda: two(Concatenate(), *unlike, sequences=False, head=False),
        "Concatenate of steps, output": lambda: two(Concatenate(), M, 7, head=False),
        "last step": lambda: sliced(lambda x: x[:, -1]),
        "first step": lambda: sliced(lambda x: x[:, 0]),
        "middle step": lambda: sliced(lambda x: x[:, 2]),
        "some steps": lambda: sliced(lambda x: x[:, 1:3]),
        "all but the first": lambda: sliced(lambda x: x[:, 1:]),
        "last two steps": lambda: sliced(lambda x: x[:, -2:]),
        "turned round": lambda: sliced(lambda x: SimpleRNN(7)(x[:, ::-1])),
        "some features": lambda: sliced(lambda x: x[:, :, 1:4]),
        "one feature": lambda: sliced(lambda x: x[:, :, 0], (T, D)),
        "operators": lambda: sliced(lambda x: 2.0 * x - x * x + 0.5),
        "residual": residual,
        "TimeDistributed ReLU": lambda: row(rnn(), TimeDistributed(ReLU()), Dense(K)),
        "TimeDistributed LayerNormalization": lambda: row(rnn(), TimeDistributed(LayerNormalization()), Dense(K)),
        "TimeDistributed Softmax": lambda: row(rnn(), TimeDistributed(Dense(7)), TimeDistributed(Softmax()), Dense(K)),
        "TimeDistributed Rescaling": lambda: row(TimeDistributed(Rescaling(0.5)), SimpleRNN(M), Dense(K)),
        "a model within": lambda: row(row(rnn(), Dense(7)), SimpleRNN(4), Dense(K)),
        "everything": lambda: row(
            Conv1D(7, 2, padding="same", activation="relu"), BatchNormalization(), rnn(), LayerNormalization(), Dropout(0.3),
            rnn(4), GlobalAveragePooling1D(), Dense(7, "relu"), Dense(K, "softmax"),
        ),
    }  # fmt: skip
    return {f"around: {name}": make for name, make in found.items()}
