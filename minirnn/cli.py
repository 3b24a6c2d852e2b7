"""The command line: the readings of a model file, one command each.

Exit code 0: done, and nothing differs. 1: ``verify`` or ``compare`` found a difference. 2: the command could not be
carried out, and one line on standard error says why and what to do.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .files import demand_writable, write_whole

MODEL_COMMANDS = {
    "explain": "write one HTML page: picture, equations, every number, the verdict",
    "draw": "draw the unrolled network as SVG, PNG, PDF or DOT",
    "equations": "print the equations, forward and backward, each with its residual",
    "source": "write the network as a NumPy module of its own, with loss and gradients",
    "walk": "print every step, forward and backward: symbol = numbers = result",
    "verify": "compare with independent witnesses; exit code 1 if one differs",
    "compare": "compare numbers of your own with the network's, and name the slip behind a difference; exit code 1 if one",
    "summary": "print the layers, their output shapes and parameters",
}
DEFAULT_STEPS = 5


class UserError(Exception):
    """Something the user can mend; its text is the one line that is printed."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode still gets its text
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (UserError, ValueError, TypeError, NotImplementedError, OSError, RuntimeError, ImportError) as error:
        print(f"minirnn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except MemoryError:
        print("minirnn: there is not enough memory for this: take fewer samples or steps", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    from . import __version__

    parser = argparse.ArgumentParser(prog="minirnn", description="The recurrent network you can read.")
    parser.add_argument("--version", action="version", version=f"minirnn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="explain a small built-in network, in minirnn-demo.html")
    demo.set_defaults(run=_demo)
    runs = {
        "explain": _explain,
        "draw": _draw,
        "equations": _equations,
        "source": _source,
        "walk": _walk,
        "verify": _verify,
        "compare": _compare,
        "summary": _summary,
    }
    for name, says in MODEL_COMMANDS.items():
        command = commands.add_parser(name, help=says, description=says)
        command.set_defaults(run=runs[name])
        command.add_argument("model", metavar="MODEL", help="a .keras or whole-model .h5 file")
        if name == "summary":
            continue
        command.add_argument(
            "--x", action="append", metavar="X.npy", help="the input (samples, steps, features); again for initial states"
        )
        command.add_argument("--y", metavar="Y.npy", help="the target; without it the target is 0")
        command.add_argument("--steps", type=_positive, metavar="T", help="how many steps of random input, without --x")
        command.add_argument("--loss", default="mse", help="mse (default) or categorical_crossentropy")
        if name in ("explain", "draw"):
            default = "page.html" if name == "explain" else "network.svg"
            command.add_argument(
                "-o", "--output", default=default, metavar="FILE", help=f"where to write (default {default})"
            )
        if name == "explain":
            command.add_argument("--language", choices=("en", "it", "pt"), default="en", help="of the page (default en)")
        if name == "source":
            command.add_argument("-o", "--output", metavar="FILE.py", help="where to write (default: standard output)")
            command.add_argument("--memory", action="store_true", help="as it is run: in arrays kept from call to call")
        if name == "draw":
            _draw_options(command)
        if name == "equations":
            _equation_options(command)
        if name == "compare":
            _compare_options(command)
        if name in ("explain", "verify"):
            if name == "verify":
                command.add_argument("--thorough", action="store_true", help="ask SymPy and 50-digit arithmetic too")
            command.add_argument("--no-keras", action="store_true", help="do not ask Keras, even if it is installed")
    return parser


def _draw_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--all-steps", action="store_true", help="draw every step, however many")
    add("--level", choices=("cell", "op"), default="cell", help="a box for each quantity (default) or each operation")
    add("--backward", action="store_true", help="the derivatives too")
    add("--values", action="store_true", help="the numbers in the boxes")
    add("--rolled", action="store_true", help="one step, with lines to the steps before and after")
    add("--flow", action="store_true", help="width of the lines by the norm of the derivative")
    add("--show-shapes", action="store_true", help="the shapes in the boxes")
    add("--rankdir", choices=("BT", "TB", "LR", "RL"), default="BT", help="where the data flow (default BT: upwards)")
    add("--theme", choices=("auto", "light", "dark"), default="auto", help="auto: SVG that follows its reader")


def _equation_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--form", choices=("matrix", "component", "unrolled"), default="matrix", help="how they are written (default matrix)"
    )
    add("--convention", choices=("row", "column"), default="row", help="h W, as in Keras, or W h, as in textbooks")
    add("--format", choices=("text", "latex", "markdown", "mathml"), default="text")
    add("--names", type=_listed, action="extend", default=[], metavar="U=W_x,s=h", help="names of your own")
    add(
        "--hide",
        type=_listed,
        action="extend",
        default=[],
        metavar="NAME",
        help="put this quantity's definition in its place",
    )
    add("--wrt", type=_listed, action="extend", default=[], metavar="x,h_0", help="differentiate by these as well")
    add("--at", type=int, metavar="T", help="the equations of this step, with their numbers")
    add("--paths", action="store_true", help="the total derivative as a sum over paths too")


def _compare_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--h", metavar="MINE.npy", help="your states, of all steps or the last")
    add("--value", action="append", default=[], metavar="NAME=MINE.npy", help="any quantity: y=mine.npy, z=mine.npy")
    add("--grad", action="append", default=[], metavar="NAME=MINE.npy", help="the gradient by a parameter: W_h=mine.npy")
    add("--weights", action="append", default=[], metavar="MODEL", help="a model whose weights may have been used instead")


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


# ------------------------------------------------------------------------------------------------------------ commands


def _demo(options: Any) -> int:
    import minirnn as mr

    from . import demo

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
    return _write_page(trace, "minirnn-demo.html", keras=True)


def _explain(options: Any) -> int:
    demand_writable(options.output)
    return _write_page(_trace(options), options.output, keras=not options.no_keras, language=options.language)


def _write_page(trace: Any, path: str, keras: bool, language: str = "en") -> int:
    report = trace.verify(with_keras=keras)
    trace.page(path, report, language=language)
    print(f"\n{report.sentence}\nThe page is {Path(path).resolve()}")
    return 0


def _draw(options: Any) -> int:
    from .readings.picture.picture import check_suffix

    check_suffix(options.output)
    demand_writable(options.output)
    asked = ("level", "backward", "values", "rolled", "flow", "show_shapes", "rankdir", "theme")
    picture = _trace(options).picture(
        max_steps=None if options.all_steps else 8, **{name: getattr(options, name) for name in asked}
    )
    print(f"{picture} is in {picture.save(options.output)}")
    return 0


def _equations(options: Any) -> int:
    pairs = [pair.partition("=") for pair in options.names]
    for new, sign, old in pairs:
        if not (new and sign and old):
            raise UserError(f"--names {new}{sign}{old}: write the new name, =, and the old one, such as U=W_x")
    equations = _trace(options).equations(
        form=options.form,
        convention=options.convention,
        names={old: new for new, _, old in pairs},
        hide=options.hide,
        wrt=options.wrt,
        t=options.at,
        paths=options.paths,
    )
    if options.format == "text":
        print(f"{equations}\n\nresidual: the largest relative difference of the two sides at any step of this run")
    else:
        print(getattr(equations, options.format)())
    return 0


def _source(options: Any) -> int:
    if options.output:
        demand_writable(options.output)
    text = _trace(options).source(options.memory)
    if not options.output:
        print(text, end="")
        return 0
    write_whole(options.output, text.encode())
    print(f"forward(params, X) and loss_and_gradients(params, X, target) are in {options.output}")
    return 0


def _walk(options: Any) -> int:
    for stop in _trace(options).walk():
        print(stop, end="\n\n")
    return 0


def _verify(options: Any) -> int:
    report = _trace(options).verify(with_keras=not options.no_keras, thorough=options.thorough)
    print(report)
    return 0 if report.ok else 1 if report.checked else 2


def _compare(options: Any) -> int:
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
    print(found)
    return 0 if found.ok else 1


def _summary(options: Any) -> int:
    import minirnn as mr

    mr.load(options.model).summary()
    return 0


# ---------------------------------------------------------------------------------------------------------------- data


def _trace(options: Any) -> Any:
    """The model of the command line, run on its data; what is made up for want of data is said on standard error."""
    import minirnn as mr

    model = mr.load(options.model)
    inputs = [_array(path) for path in options.x] if options.x else _random_inputs(model, options.steps)
    if options.x and options.steps:
        raise UserError("--steps is for random input; with --x the number of steps is that of the data")
    if options.y:
        target = _array(options.y)
    elif options.loss != "mse":
        raise UserError(f"--loss {options.loss} needs a target: give --y Y.npy")
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
    print(f"minirnn: no --x given: one random sample of {chosen} steps is used (seed 0)", file=sys.stderr)
    return [rng.normal(size=(1, *(chosen if n is None else n for n in shape))) for shape in shapes]


def _array(path: str) -> np.ndarray:
    if not Path(path).exists():
        raise UserError(f"{path}: there is no such file")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: this is not an array saved by numpy.save ({' '.join(str(error).split())[:80]})") from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: this holds several arrays; save one with numpy.save")
    return array
