"""Random networks as programs, in every form, against their trace: ``python -m tests.programs 1500``.

Each number is a network with layers, sizes, a precision, a loss, masks and dropout of its own. Its sources in NumPy, in
buffers and in loops are executed, its C is compiled; the loss, all gradients and all outputs must be those of the trace
within 32 eps, or within 32 times what one eps of all that goes in moves them by. A source of three or more steps is run on
data of other sizes too. What a form does not have it says in a sentence; these are counted.

``--sanitize`` compiles with AddressSanitizer, and puts a guard behind every array of the C, also of those inside of its
memory. ``--start 300`` begins there; ``--forms c`` takes these forms alone.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import sys
import time
import traceback
import warnings
from typing import Any, NamedTuple

import numpy as np

import minirnn as mr
from minirnn import layers
from minirnn.engine.names import Role
from minirnn.layers import GRU, LSTM, RNN, Bidirectional, Concatenate, Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.source.c import compiler
from minirnn.readings.source.compiled import executed

FORMS = ("numpy", "buffers", "loops", "c")
TOLERANCE = 32.0
ACTIVATIONS = ("tanh", "tanh", "sigmoid", "relu", "softmax", "elu", "gelu", None)
CLASSES = {"categorical_crossentropy": "softmax", "binary_crossentropy": "sigmoid"}
LOSSES = ("mse", "mse", "mae", "huber", "log_cosh", *CLASSES)
WORDS = 9


class Case(NamedTuple):
    """A network, how its data are drawn, and how it is traced."""

    model: Model
    kinds: tuple[str, ...]  # of its inputs
    said: str
    options: dict[str, Any]
    N: int
    T: tuple[int, ...]
    free: bool  # whether it takes sequences of other lengths

    def data(self, rng: np.random.Generator, N: int, T: tuple[int, ...]) -> list[np.ndarray]:
        found = []
        for kind, node, steps in zip(self.kinds, self.model.inputs, T):
            if kind == "words":
                found.append(rng.integers(0, WORDS, size=(N, steps)))
            elif kind == "mask":
                found.append(rng.random((N, steps)) < 0.6)
            elif kind == "row":
                found.append(rng.normal(size=(N, node.shape[-1])))
            else:
                found.append(rng.normal(size=(N, steps, node.shape[-1])) * (rng.random((N, steps, 1)) < 0.8))
        return found

    def trace(self, data: list[np.ndarray], rng: np.random.Generator, dtype: str | None = None) -> Any:
        options = self.options | ({} if dtype is None else {"dtype": dtype})
        shapes = [y.shape for y in mr.trace(self.model, data, training=options["training"]).outputs]
        Y = [self._target(rng, shape) for shape in shapes]
        return mr.trace(self.model, data, Y if len(Y) > 1 else Y[0], **options)

    def _target(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if self.options["loss"] == "categorical_crossentropy":
            return np.eye(shape[-1])[rng.integers(0, shape[-1], size=shape[:-1])]
        return rng.normal(size=shape) if self.options["loss"] != "binary_crossentropy" else rng.random(shape).round()


class Draw:
    """Networks from random numbers."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng([number, 20])
        self.said: list[str] = []

    def some(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def of(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def count(self, most: int = 6) -> int:
        return int(self.rng.integers(1, most + 1))

    def recurrence(self, sequences: bool) -> Any:
        options: dict[str, Any] = {"return_sequences": sequences, "go_backwards": self.some(0.2)}
        options["zero_output_for_mask"] = self.some(0.2)
        own: dict[str, Any] = {"activation": self.of(ACTIVATIONS), "use_bias": self.some(0.85)}
        if self.some(0.2):
            own |= {"dropout": 0.3, "recurrent_dropout": self.of((0.0, 0.4))}
        if self.some(0.1):
            own |= {"kernel_regularizer": self.of(("l1", "l2")), "bias_regularizer": "l2"}
        kind = self.of((SimpleRNN, SimpleRNN, LSTM, GRU, RNN))
        self.said.append(f"{kind.__name__} {own['activation']}" + " backwards" * options["go_backwards"])
        if kind is RNN:
            cells = [layers.SimpleRNNCell(self.count(), **own), self.of((layers.LSTMCell, layers.GRUCell))(self.count())]
            return RNN(cells[: self.count(2)], **options)
        if kind is GRU:
            own["reset_after"] = self.some(0.6)
        if kind is not SimpleRNN:
            own["recurrent_activation"] = self.of(("sigmoid", "sigmoid", "hard_sigmoid"))
        layer = kind(self.count(), **own, **options)
        if self.some(0.25):
            del options["go_backwards"]
            self.said.append("both ways")
            merge = self.of(("concat", "sum", "mul", "ave"))
            return Bidirectional(kind(self.count(), **own, **options), merge_mode=merge)
        return layer

    def between(self, x: Any, free: bool) -> Any:
        """A layer that takes a sequence and gives one."""
        name = self.of((
            "Dense", "Dense", "Dropout", "SpatialDropout1D", "LayerNormalization", "BatchNormalization", "Masking", "ReLU",
            "TimeDistributed", "Activation", "Conv1D", "MaxPooling1D", "add", "Rescaling", "some steps", "Reshape",
        ))  # fmt: skip
        self.said.append(name)
        units = self.count()
        match name:
            case "Dense":
                return Dense(units, self.of(ACTIVATIONS))(x)
            case "Dropout" | "SpatialDropout1D":
                return getattr(layers, name)(0.4)(x)
            case "TimeDistributed":
                return layers.TimeDistributed(Dense(units, self.of(ACTIVATIONS)))(x)
            case "Activation":
                return layers.Activation(self.of(ACTIVATIONS[:-1]))(x)
            case "Conv1D":
                return layers.Conv1D(units, 2, padding=self.of(("same", "causal")), activation=self.of(ACTIVATIONS))(x)
            case "MaxPooling1D":
                return layers.MaxPooling1D(2, strides=1, padding="same")(x)
            case "add":
                return layers.Add()([x, SimpleRNN(x.shape[-1], return_sequences=True)(x)])
            case "Rescaling":
                return layers.Rescaling(0.5, 1.0)(x)
            case "some steps":
                return x[:, ::-1] if self.some(0.5) else 2.0 * x - x * x
            case "Reshape" if not free and x.shape[1] is not None:
                return layers.Reshape((-1, 1))(x)
            case "Reshape":
                return layers.Softmax()(x)
        return getattr(layers, name)()(x)

    def end(self, x: Any, free: bool) -> Any:
        """What makes a row of a sequence."""
        name = self.of(("rnn", "rnn", "rnn", "last", "average", "largest", "flat"))
        self.said.append(name)
        if name == "average":
            return layers.GlobalAveragePooling1D()(x)
        if name == "largest":
            return layers.GlobalMaxPooling1D()(x)
        if name == "last":
            return x[:, -1]
        return layers.Flatten()(x) if name == "flat" and not free else self.recurrence(False)(x)

    def case(self) -> Case:
        free = self.some(0.7)
        first, second = self.count(), self.count()
        steps = None if free else first
        loss = self.of(LOSSES)
        kinds = ["words" if self.some(0.2) else "steps"]
        i = Input((steps,)) if kinds[0] == "words" else Input((steps, self.count(4)))
        inputs, lengths = [i], [first]
        x = layers.Embedding(WORDS, self.count(), mask_zero=self.some(0.5))(i) if kinds[0] == "words" else i
        if self.some(0.2):
            x = layers.Masking()(x) if kinds[0] == "steps" else x
        for _ in range(int(self.rng.integers(0, 3))):
            x = self.between(x, free)
        how = self.of(("one", "one", "one", "two sequences", "state", "decoder", "mask"))
        self.said.append(how)
        if how == "two sequences":
            j = Input((steps, 2))
            inputs, lengths, kinds = [*inputs, j], [first, first], [*kinds, "steps"]
            x = Concatenate()([self.recurrence(True)(x), self.recurrence(True)(j)])
        elif how == "state":
            M = self.count()
            h = Input((M,))
            inputs, lengths, kinds = [*inputs, h], [first, first], [*kinds, "row"]
            x = self.of((SimpleRNN, GRU))(M, return_sequences=True)(x, initial_state=h)
        elif how == "decoder":
            kind, M = self.of((SimpleRNN, LSTM, GRU)), self.count()
            j = Input((None if free else second, 2))
            inputs, lengths, kinds = [*inputs, j], [first, second], [*kinds, "steps"]
            x = kind(M, return_sequences=True)(j, initial_state=kind(M, return_state=True)(x)[1:])
        elif how == "mask":
            m = Input((steps,), dtype="bool")
            inputs, lengths, kinds = [*inputs, m], [first, first], [*kinds, "mask"]
            x = SimpleRNN(self.count(), return_sequences=True)(x, mask=m)
        else:
            x = self.recurrence(True)(x)
        for _ in range(int(self.rng.integers(0, 3))):
            x = self.between(x, free)
        heads = [x if self.some(0.4) else self.end(x, free)]
        if self.some(0.2):
            heads.append(self.end(x, free))
        outputs = [Dense(self.count(), CLASSES.get(loss), use_bias=self.some(0.8))(y) for y in heads]
        model = Model(inputs if len(inputs) > 1 else i, outputs if len(outputs) > 1 else outputs[0])
        model.set_weights([0.6 * self.rng.normal(size=w.shape) for w in model.get_weights()])
        for layer in model.layers:
            if isinstance(layer, layers.BatchNormalization):  # whose last weight is a variance
                layer.set_weights([abs(w) for w in layer.get_weights()])
        options = {"loss": loss, "dtype": self.of(("float32", "float64")), "training": self.some(0.5)}
        said = f"{', '.join(self.said)}; {loss}, {options['dtype']}, T {lengths}{' free' * free}"
        return Case(model, tuple(kinds), said, options, self.count(4), tuple(lengths), free)


# ------------------------------------------------------------------------------------------------------------- comparing


def given(trace: Any) -> list[np.ndarray]:
    """The data of a trace and its dropout masks, as functions of its source take them."""
    masks = [node.value for node in trace.forward if not node.args and node.role is Role.DROPOUT_MASK]
    return [*map(np.asarray, trace.inputs), *masks]


def truth(trace: Any) -> dict[str, np.ndarray]:
    found = {f"output {k}": node.value for k, node in enumerate(trace.outputs)}
    return found | {"the loss": np.asarray(trace.loss)} | dict(trace.gradients)


def results(trace: Any, form: str, of: Any) -> dict[str, np.ndarray]:
    """What the program of a trace in that form gives for the data of the trace `of`."""
    params, data = {name: node.value for name, node in of.parameters.items()}, given(of)
    if form == "c":
        f = trace.compile(engine="c")
        f._sizes = None
        Y = of.targets if len(of.targets) > 1 else of.target
        loss, gradients = f(params, data if len(data) > 1 else data[0], Y)
        outputs = f.forward(params, data)
    else:
        module = executed(trace.source(form), np)
        loss, gradients = module["loss_and_gradients"](params, *data, *of.targets)
        outputs = module["forward"](params, *data)
    several = outputs if len(of.outputs) > 1 else [outputs]
    found = {f"output {k}": y for k, y in enumerate(several)} | {"the loss": loss} | gradients
    return {name: np.asarray(value) for name, value in found.items()}


def errors(found: dict[str, np.ndarray], right: dict[str, np.ndarray], eps: float, unit: float = 0.0) -> dict[str, float]:
    """The largest error of each result, in units (eps) of its largest entry."""
    assert list(found) == list(right), f"{list(found)} and not {list(right)}"
    sizes = {name: float(np.max(np.abs(exact), initial=0)) for name, exact in right.items()}
    most, off = max(sizes.values()), {}
    for name, exact in right.items():
        y = found[name]
        assert (y.shape, y.dtype) == (exact.shape, exact.dtype), f"{name} is {y.dtype} {y.shape}, not as {exact.dtype}"
        with np.errstate(invalid="ignore"):
            difference = np.abs(np.asarray(found[name] - exact))
        difference = np.where((found[name] == exact) | (np.isnan(found[name]) & np.isnan(exact)), 0, difference)
        largest = sizes[name] if sizes[name] > 1e4 * eps * most else most  # of what is 0 but for rounding that of all
        off[name] = float(np.max(difference, initial=0)) / (largest or 1.0) / (unit or eps)
    return off


def moved(case: Case, trace: Any) -> dict[str, float]:
    """By how many eps each result moves when all that goes in moves by one, at most; in float64."""
    share, rng, weights = 2.0**-18, np.random.default_rng(0), case.model.get_weights()
    masks = {str(n.name): n.value for n in trace.forward if not n.args and n.role is Role.DROPOUT_MASK}

    def again(by: float) -> dict[str, np.ndarray]:
        def shaken(a: Any) -> Any:
            a = np.asarray(a)
            return a if a.dtype.kind != "f" else a.astype(float) * (1 + by * rng.choice([-1.0, 1.0], size=a.shape))

        case.model.set_weights([shaken(w) for w in weights])
        Y = [shaken(y) for y in trace.targets]
        options = case.options | {"dtype": "float64"}
        found = mr.trace(case.model, [shaken(x) for x in trace.inputs], Y if len(Y) > 1 else Y[0], masks=masks, **options)
        return truth(found)

    try:
        exact = again(0.0)
        found = [errors(again(share), exact, float(np.finfo(trace.dtype).eps), share) for _ in range(4)]
    finally:
        case.model.set_weights(weights)
    return {name: max(f[name] for f in found) for name in exact}


class Tally:
    """What has been found."""

    def __init__(self) -> None:
        self.refused: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self.worst: dict[str, float] = {}
        self.compared = self.cancel = 0

    def check(self, case: Case, number: int, form: str, trace: Any, of: Any, what: str) -> None:
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                off = errors(results(trace, form, of), truth(of), float(np.finfo(of.dtype).eps))
        except NotImplementedError as error:
            self.refused[f"{form}: {re.sub(r'[0-9]+', '9', str(error))}"] += 1
            return
        except Exception as error:
            if of is not trace and re.search("this program is for|at least 3 steps", str(error)):
                self.refused[f"{form}, {what}: {re.sub(r'[0-9]+', '9', str(error))[-120:]}"] += 1
                return
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.faults.append(
                f"{number} {form}{what}: {type(error).__name__}: {error} ({where.filename}:{where.lineno}) | {case.said}"
            )
            print("FAULT", self.faults[-1], flush=True)
            return
        self.compared += 1
        name = max(off, key=lambda k: off[k])
        if off[name] <= TOLERANCE:
            self.worst[form] = max(off[name], self.worst.get(form, 0.0))
            return
        try:
            moves = moved(case, of)
        except Exception as error:
            moves = {}
            print("   (", type(error).__name__, error, ")")
        wrong = {k: v for k, v in off.items() if not v <= TOLERANCE * max(1.0, moves.get(k, 1.0))}
        self.cancel += not wrong
        if wrong:
            off_by = [f"{k} is {v:.3g} eps off (one moves it by {moves.get(k, 0):.3g})" for k, v in wrong.items()]
            self.faults.append(f"{number} {form}{what}: {', '.join(off_by)} | {case.said}")
            print("FAULT", self.faults[-1], flush=True)

    def run(self, number: int, forms: tuple[str, ...]) -> None:
        mr.set_random_seed(number)
        draw = Draw(number)
        try:
            case = draw.case()
            trace = case.trace(case.data(draw.rng, case.N, case.T), draw.rng)
        except (ValueError, NotImplementedError) as error:
            self.refused[f"the network: {re.sub('[0-9]+', '9', str(error))[:90]}"] += 1
            return
        other = None
        if case.free and min(case.T) >= 3:
            N = case.N % 4 + 1
            longer = dict(zip(sorted(set(case.T)), (5, 7, 3)))
            other = case.trace(case.data(draw.rng, N, tuple(longer[t] for t in case.T)), draw.rng)
        for form in forms:
            self.check(case, number, form, trace, trace, "")
            if other is not None:
                self.check(case, number, form, trace, other, " of other sizes")


# -------------------------------------------------------------------------------------------------------- AddressSanitizer


def guarded(text: str) -> str:
    """The C with a guard behind every array in its memory: what touches it ends the process."""
    head, there, body = text.partition("\nstatic void compute_block(")
    if not there:  # it is what all networks share
        return text
    head = head.replace("return (entries + 15) / 16 * 16;", "return (entries + 15) / 16 * 16 + 16;")
    body = re.sub(
        r"room \+= aligned\((.*)\);$",
        r"__asan_poison_memory_region(room + (\1), (aligned(\1) - (\1)) * sizeof(real)); room += aligned(\1);",
        body,
        flags=re.MULTILINE,
    )
    fresh = "real *room = memory; __asan_unpoison_memory_region(memory, block_memory(sizes));"
    body = body.replace("real *room = memory;", fresh, 1)
    said = "void __asan_poison_memory_region(void const volatile *, unsigned long);\n"
    said += "void __asan_unpoison_memory_region(void const volatile *, unsigned long);\n"
    return f"{said}{head}{there}{body}"


def sanitize() -> None:
    """Compile all that follows with AddressSanitizer; this process is started again with its library."""
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):
        ask = [*compiler.compiler(os.environ.get("CC")), "-print-file-name=libasan.so"]
        found = subprocess.run(ask, capture_output=True, text=True)
        more = {"LD_PRELOAD": found.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0", "MINIRNN_CACHE": "/dev/null"}
        os.execve(sys.executable, [sys.executable, "-m", "tests.programs", *sys.argv[1:]], os.environ | more)
    compiler.FLAGS += ["-fsanitize=address", "-g1"]
    write = compiler.library
    compiler.library = lambda text, further=(): write(guarded(text), further)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.programs", description="Random networks in every form.")
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--sanitize", action="store_true", help="C with AddressSanitizer, and guards behind all arrays")
    options = parser.parse_args()
    if options.sanitize:
        sanitize()
    compiler.FLAGS[:] = [flag if flag != "-O2" else "-O1" for flag in compiler.FLAGS]  # which is compiled in half the time
    tally, begun = Tally(), time.time()
    for number in range(options.start, options.start + options.count):
        tally.run(number, tuple(options.forms))
        if (number + 1) % 50 == 0:
            print(f"{number + 1}: {tally.compared} comparisons, {len(tally.faults)} faults", file=sys.stderr, flush=True)
    for said, many in tally.refused.most_common():
        print(f"refused {many:4d} times: {said}")
    print(
        f"{options.count} networks, {tally.compared} comparisons in {time.time() - begun:.0f} s: {len(tally.faults)} faults;"
    )
    print(
        f"{tally.cancel} off by what cancels; the others within { ({k: round(v, 1) for k, v in tally.worst.items()}) } eps"
    )
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
