"""The command line: the readings of a model file, one command each, with the options that they have in Python.

Exit code 0: done, and nothing differs. 1: ``verify`` or ``compare`` found a difference. 2: the command could not be
carried out, and one line on standard error says why and what to do.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import time
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .files import demand_writable, open_regular, replaceable, write_whole
from .options import Parser, add_options, chosen, positive

DEFAULT_STEPS = 5
MOST_STEPS = 2000  # of random input
MAX_ARRAY = 2**30
EXAMPLES = """
examples:
  minirnn demo --open
  minirnn explain model.keras -o page.html
  minirnn draw model.keras --x X.npy --backward --values -o network.svg
  minirnn equations model.keras --t 3 --format latex
  minirnn verify model.keras --x X.npy --y Y.npy
  minirnn compare model.keras --x X.npy --h mine.npy

minirnn COMMAND --help tells the options of a command, which are those of Python; exit codes: 0 done, 1 a check differs,
2 it could not be done.
"""


class UserError(Exception):
    """Something the user can mend; its text is the one line that is printed."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _open_streams()
    given = sys.argv[1:] if arguments is None else arguments
    options = Namespace(code=0)
    try:
        _parser(next((word for word in given if not word.startswith("-")), None)).parse_args(given, options)
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _drop_output()
    except KeyboardInterrupt:
        return 130
    except (UserError, ValueError, TypeError, KeyError, NotImplementedError, OSError, RuntimeError, ImportError) as error:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"minirnn: {' '.join(str(said).split())}", file=sys.stderr)
        _drop_output()
        return 2
    except MemoryError:
        print("minirnn: there is not enough memory for this: take fewer samples or steps", file=sys.stderr)
        return 2
    return options.code


class _Closed:
    """Standard output that is closed: what is printed is an error, not lost."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise OSError("standard output is closed, so nothing can be printed")

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


def _open_streams() -> None:
    """Let all three streams be there: a file that is opened later must not get the number of one."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        while os.open(os.devnull, os.O_RDWR) < 2:
            pass
        sys.stdout, sys.stderr = sys.stdout or _Closed(), sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode still gets its text


def _drop_output() -> None:
    """Send what is still to be printed to nowhere, lest Python complain at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Command(NamedTuple):
    """A command: what it does, and the function that has its options, as "module:name" below minirnn."""

    says: str
    run: Callable[[Namespace], None]
    reading: str = ""
    output: str | None = None  # where it writes if nothing is said


def _parser(name: str | None) -> Parser:
    """The parser; only the command of that name has its options yet, since a reading is imported for them."""
    from . import __version__

    parser = Parser(
        prog="minirnn", description="The recurrent network you can read.", epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"minirnn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for each, command in COMMANDS.items():
        inner = commands.add_parser(each, help=command.says, description=command.says, allow_abbrev=False)
        inner.set_defaults(run=command.run)
        if each == name:
            _add_arguments(inner, name, command)
    return parser


def _add_arguments(parser: Parser, name: str, command: Command) -> None:
    add = parser.add_argument
    if name not in ("demo", "doctor", "cache"):
        add("model", metavar="MODEL", help="a .keras or whole-model .h5 file")
    if name not in ("demo", "doctor", "cache", "summary"):
        add("--x", action="append", metavar="X.npy", help="the input (samples, steps, features); again for initial states")
        add("--y", metavar="Y.npy", help="the target; without it the target is 0")
        add("--steps", type=positive, metavar="T", help="how many steps of random input, without --x")
        add("--loss", default="mse", help="the loss by its name (default mse)")
    if command.output is not None:
        said = command.output or "standard output"
        add("-o", "--output", default=command.output, metavar="FILE", help=f"where to write (default: {said})")
    if name == "cache":
        add("--clear", action="store_true", help="remove them")
    if name == "demo":
        add("--open", action="store_true", help="open the page in a browser")
    if name == "equations":
        add("--format", choices=("text", "latex", "markdown", "mathml"), default="text", help="in what they are written")
    if name == "compare":
        add("--h", metavar="MINE.npy", help="your states, of all steps or the last")
        add("--value", action="append", default=[], metavar="NAME=MINE.npy", help="any quantity: y=mine.npy, z=mine.npy")
        add("--grad", action="append", default=[], metavar="NAME=MINE.npy", help="the gradient by a parameter: W_h=mine.npy")
        add("--weights", action="append", default=[], metavar="MODEL", help="a model whose weights may have been used")
    for place in command.reading.split():
        module, _, function = place.partition(":")
        add_options(parser, getattr(importlib.import_module(f"minirnn.{module}"), function), "to_file", "report", "loss")


# ------------------------------------------------------------------------------------------------------------ commands


def _demo(options: Namespace) -> None:
    import minirnn as mr

    from . import demo

    demand_writable(options.output)
    trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))
    prediction = ", ".join(f"{y:.7f}" for y in trace.output[0])
    print(f"Input(10, 3) -> SimpleRNN(5) -> Dense(2), one sample; Keras printed {demo.PREDICTION[0].tolist()}\n")
    print(f"prediction   [{prediction}]\nloss         mean(y²) = {trace.loss:.7f}\n")
    print("gradients of the loss")
    for name, gradient in trace.gradients.items():
        print(f"  dL/d{name:<5} {gradient.shape!s:<8} norm {np.linalg.norm(gradient):.7f}")
    print("\nhow much of it each step feels")
    for t in range(1, trace.steps + 1):
        norm = float(np.linalg.norm(trace.adjoint("h", t)))
        print(f"  ‖dL/dh_{t}‖ {'' if t > 9 else ' '}{norm:.7f}  {'▇' * round(40 * norm)}")
    _write_page(trace, options, {})
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
    keywords = chosen(options)
    _write_page(_trace(options), options, {"with_keras": keywords.pop("with_keras")})


def _write_page(trace: Any, options: Namespace, witnesses: dict[str, Any]) -> None:
    report = trace.verify(**witnesses)
    trace.page(options.output, report, language=options.language)
    _say(f"\n{report.sentence}\nThe page is {Path(options.output).absolute()}", options.output)


def _say(text: str, path: Any) -> None:
    """Print what was done; beside what is written to a pipe or a device, on standard error."""
    print(text, file=sys.stdout if replaceable(path) else sys.stderr)


def _draw(options: Namespace) -> None:
    from .readings.picture.picture import check_suffix

    demand_writable(options.output)
    check_suffix(options.output)
    picture = _trace(options).picture(**chosen(options))
    _say(f"{picture} is in {picture.save(options.output)}", options.output)


def _equations(options: Namespace) -> None:
    equations = _trace(options).equations(**chosen(options))
    if options.format == "text":
        print(f"{equations}\n\nresidual: the largest relative difference of the two sides at any step of this run")
    else:
        print(getattr(equations, options.format)())


def _source(options: Namespace) -> None:
    if options.output:
        demand_writable(options.output)
    text = _trace(options).source(**chosen(options))
    if options.output:
        write_whole(options.output, text.encode())
        _say(f"forward(params, X) and loss_and_gradients(params, X, target) are in {options.output}", options.output)
    else:
        print(text, end="")


def _cache(options: Namespace) -> None:
    from .readings.source.compiler import clear, entries, folder

    if options.clear:
        print(f"{clear()} libraries removed from {folder()}")
        return
    for path, size, made in entries():
        print(f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(made))}  {size / 1024:6.0f} KiB  {path.name}")
    print(f"{len(entries())} libraries in {folder()}; minirnn cache --clear removes them")


def _export(options: Namespace) -> None:
    from .readings.analysis.export import export

    demand_writable(options.output)
    export(_trace(options), options.output)
    _say(f"every number is in {options.output}", options.output)


def _walk(options: Namespace) -> None:
    for stop in _trace(options).walk():
        print(stop, end="\n\n")


def _verify(options: Namespace) -> None:
    report = _trace(options).verify(**chosen(options))
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
    "demo": Command("explain a small built-in network", _demo, "readings.page.page:page", "minirnn-demo.html"),
    "explain": Command(
        "write one HTML page: picture, equations, every number, the verdict", _explain,
        "readings.page.page:page verify.verdict:verify", "page.html",
    ),
    "draw": Command(
        "draw the unrolled network as SVG, PNG, PDF or DOT", _draw, "readings.picture.picture:picture", "network.svg"
    ),
    "equations": Command(
        "print the equations, forward and backward, each with its residual", _equations,
        "readings.equations.equations:equations",
    ),
    "source": Command(
        "write the network as a NumPy module of its own, with loss and gradients", _source,
        "readings.source.source:source", "",
    ),
    "walk": Command("print every step, forward and backward: symbol = numbers = result", _walk),
    "export": Command("write every number as CSV, JSON or an archive of NumPy", _export, output="numbers.csv"),
    "verify": Command(
        "compare with independent witnesses; exit code 1 if one differs", _verify, "verify.verdict:verify"
    ),
    "compare": Command(
        "compare numbers of your own with the network's, and name the slip behind a difference; exit code 1 if one", _compare
    ),
    "summary": Command("print the layers, their output shapes and parameters", _summary),
    "cache": Command("show the libraries that the C engine has compiled, or remove them", _cache),
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
    if options.y:
        target = _array(options.y)
    else:
        target = np.zeros(model.predict(inputs).shape)
        print("minirnn: no --y given: the target is 0, the loss the mean square of the output", file=sys.stderr)
    return mr.trace(model, inputs, target, loss=options.loss)


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
