"""What each command does: a reading of the model file on its data, printed or written."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import StrPath, demand_writable, open_regular, replaceable, write_whole
from .options import chosen

DEFAULT_STEPS = 5
MOST_STEPS = 2000  # of random input
MAX_ARRAY = 2**30


class UserError(Exception):
    """Something the user can mend; its text is the one line that is printed."""


class Command(NamedTuple):
    """A command: what it does, and the methods of a trace that have its options."""

    says: str
    run: Callable[[Namespace], None] | None  # None: `main` does it, which knows the parsers
    readings: str = ""
    output: str | None = None  # where it writes if nothing is said


def _demo(options: Namespace) -> None:
    import minirnn as mr

    from .. import demo

    demand_writable(options.output)
    trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
    prediction = ", ".join(f"{y:.7f}" for y in trace.output[0])
    print(f"Input(10, 3) -> SimpleRNN(5) -> Dense(2), one sample; Keras printed {demo.PREDICTION[0].tolist()}\n")
    print(f"prediction   [{prediction}]\nloss         mean(y²) = {trace.loss:.7f}\n")
    print("gradients of the loss")
    for name, gradient in trace.gradients.items():
        print(f"  dL/d{name:<5} {gradient.shape!s:<8} norm {np.linalg.norm(gradient):.7f}")
    print("\nhow much of it each step feels")
    norms = [float(np.linalg.norm(trace.adjoint("h", t))) for t in range(1, trace.steps + 1)]
    for t, norm in enumerate(norms, 1):
        print(f"  ‖dL/dh_{t}‖ {'' if t > 9 else ' '}{norm:.7f}  {'▇' * round(40 * norm / max(norms))}")
    _write_page(trace, options, {"with_keras": options.with_keras})
    if options.open:
        import webbrowser

        webbrowser.open(Path(options.output).resolve().as_uri())


def _doctor(options: Namespace) -> None:
    from .doctor import report

    lines, missing = report()
    print("\n".join(lines))
    options.code = 2 if missing else 0


def _explain(options: Namespace) -> None:
    demand_writable(options.output)
    _write_page(_trace(options), options, chosen(options, "verify"))


def _write_page(trace: Any, options: Namespace, witnesses: dict[str, Any]) -> None:
    report = trace.verify(**witnesses)
    trace.page(options.output, report, language=options.language)
    _say(f"\n{report.sentence}\nThe page is {Path(options.output).absolute()}", options.output)


def _say(text: str, path: StrPath) -> None:
    """Print what was done; beside what is written to a pipe or a device, on standard error."""
    print(text, file=sys.stdout if replaceable(path) else sys.stderr)


def _draw(options: Namespace) -> None:
    from ..readings.picture.picture import check_suffix

    demand_writable(options.output)
    check_suffix(options.output)
    picture = _trace(options).picture(**chosen(options, "picture"))
    _say(f"{picture} is in {picture.save(options.output)}", options.output)


def _animate(options: Namespace) -> None:
    animation = _trace(options).animate(options.output, **chosen(options, "animate"))
    _say(f"{animation} is in {options.output}", options.output)


def _plot(options: Namespace) -> None:
    demand_writable(options.output)
    _trace(options).plot(**chosen(options, "plot")).savefig(options.output)
    _say(f"the figure {options.what!r} is in {options.output}", options.output)


def _exercises(options: Namespace) -> None:
    found = _trace(options).exercises()
    found.sheet(options.output)
    _say(f"{len(found)} exercises and their answers are in {options.output}", options.output)


def _equations(options: Namespace) -> None:
    equations = _trace(options).equations(**chosen(options, "equations"))
    if options.format == "text":
        print(f"{equations}\n\nresidual: the largest relative difference of the two sides at any step of this run")
    else:
        print(getattr(equations, options.format)())


def _source(options: Namespace) -> None:
    if options.output:
        demand_writable(options.output)
    text = _trace(options).source(**chosen(options, "source"))
    if options.output:
        write_whole(options.output, text.encode())
        _say(f"forward(params, X) and loss_and_gradients(params, X, target) are in {options.output}", options.output)
    else:
        print(text, end="")


def _cache(options: Namespace) -> None:
    from ..readings.source.c.compiler import clear, entries, folder

    if options.clear:
        print(f"{clear()} libraries removed from {folder()}")
        return
    for path, size, made in entries():
        print(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(made))}  {size / 1024:6.0f} KiB  {path.name}")
    print(f"{len(entries())} libraries in {folder()}; minirnn cache --clear removes them")


def _export(options: Namespace) -> None:
    from ..readings.analysis.export import export

    demand_writable(options.output)
    export(_trace(options), options.output)
    _say(f"every number is in {options.output}", options.output)


def _walk(options: Namespace) -> None:
    for stop in _trace(options).walk():
        print(stop, end="\n\n")


def _verify(options: Namespace) -> None:
    report = _trace(options).verify(**chosen(options, "verify"))
    options.code = 0 if report.ok else 1 if report.checked else 2
    print(report)


def _compare(options: Namespace) -> None:
    import minirnn as mr

    if not options.x:
        raise UserError("compare needs the input that your numbers were computed from: give --x X.npy")
    mine = {} if options.h is None else {"h": _array(options.h)}
    for prefix, pairs in (("", options.value), ("dL/d", options.grad)):
        for pair in pairs:
            name, sign, path = pair.partition("=")
            if not (name and sign and path):
                raise UserError(f"{pair}: write the name of the quantity, =, and the file, such as W_h=mine.npy")
            mine[prefix + name] = _array(path)
    if not mine:
        raise UserError("there is nothing to compare: give --h, --value or --grad")
    found = _trace(options).compare(mine, weights=[mr.load(path).get_weights() for path in options.weights])
    options.code = 0 if found.ok else 1
    print(found)


def _summary(options: Namespace) -> None:
    import minirnn as mr

    mr.load(options.model).summary()


COMMANDS = {
    "demo": Command("explain a small built-in network", _demo, "page", "minirnn-demo.html"),
    "explain": Command(
        "write one HTML page: picture, equations, every number, the verdict", _explain,
        "page verify", "page.html",
    ),
    "draw": Command(
        "draw the unrolled network as SVG, PNG, PDF or DOT", _draw, "picture", "network.svg"
    ),
    "animate": Command("write the run, step by step, as GIF, WebP or animated PNG", _animate, "animate", "run.gif"),
    "plot": Command(
        "plot how the gradient flows, what each step adds to it, or the Jacobians", _plot, "plot", "figure.png"
    ),
    "exercises": Command("write questions about the network, and their answers", _exercises, output="exercises.html"),
    "equations": Command(
        "print the equations, forward and backward, each with its residual", _equations,
        "equations",
    ),
    "source": Command(
        "write the network as a NumPy module of its own, with loss and gradients", _source,
        "source", "",
    ),
    "walk": Command("print every step, forward and backward: symbol = numbers = result", _walk),
    "export": Command("write every number as CSV, JSON or an archive of NumPy", _export, output="numbers.csv"),
    "verify": Command(
        "compare with independent witnesses; exit code 1 if one differs", _verify, "verify"
    ),
    "compare": Command(
        "compare numbers of your own with the network's, and name the slip behind a difference; exit code 1 if one", _compare
    ),
    "summary": Command("print the layers, their output shapes and parameters", _summary),
    "cache": Command("show the libraries that the C engine has compiled, or remove them", _cache),
    "completion": Command("print a script that completes commands and options with Tab", None),
    "doctor": Command("say what is installed here, and what for", _doctor),
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- data


def _trace(options: Namespace) -> Any:
    """The model of the command line, run on its data; what is made up for want of data is said on standard error."""
    import minirnn as mr

    if options.x and options.steps:
        raise UserError("--steps is for random input; with --x the number of steps is that of the data")
    if options.loss != "mse" and not options.y:
        raise UserError(f"--loss {options.loss} needs a target: give --y Y.npy")
    model = mr.load(options.model)
    inputs = [_array(path) for path in options.x] if options.x else _random_inputs(model, options.steps)
    target: Any
    if options.y:
        target = _array(options.y)
    else:
        found: Any = model.predict(inputs)
        target = [np.zeros(y.shape) for y in found] if isinstance(found, list) else np.zeros(found.shape)
        print("minirnn: no --y given: the target is 0, the loss the mean square of the output", file=sys.stderr)
    return mr.trace(model, inputs, target, options.loss, **chosen(options, "trace"))


def _random_inputs(model: Any, steps: int | None) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = [symbolic.shape[1:] for symbolic in model.inputs]
    fixed = shapes[0][0] if len(shapes[0]) == 2 else None
    if steps is not None and fixed not in (None, steps):
        raise UserError(f"--steps {steps}: this model takes {fixed} steps")
    chosen = fixed or steps or DEFAULT_STEPS
    if chosen > MOST_STEPS:
        raise UserError(f"{chosen:,} steps of random input are too many; give data of this length with --x X.npy")
    print(f"minirnn: no --x given: one random sample of {chosen} steps is used (seed 0)", file=sys.stderr)
    return [rng.normal(size=(1, *(chosen if n is None else n for n in shape))) for shape in shapes]


def _array(path: str) -> np.ndarray:
    try:
        with open_regular(path, MAX_ARRAY) as file:
            array = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: this is not an array saved by numpy.save ({' '.join(str(error).split())[:80]})") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: this holds several arrays; save one with numpy.save")
    return array
