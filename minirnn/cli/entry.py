"""The command line: the readings of a model file, one command each, with the options that they have in Python.

Exit code 0: done, and nothing differs. 1: ``verify`` or ``compare`` found a difference. 2: the command could not be
carried out, and one line on standard error says why and what to do.
"""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace, RawDescriptionHelpFormatter

from .. import Trace, __version__, trace
from ..system import plain
from .commands import COMMANDS, Command, UserError
from .completion import SHELLS, script
from .options import LONGEST, Parser, add_options, positive

EXAMPLES = """
examples:
  minirnn demo --open
  minirnn explain model.keras -o page.html
  minirnn draw model.keras --x X.npy --backward --values -o network.svg
  minirnn equations model.keras --t 3 --format latex
  minirnn verify model.keras --x X.npy --y Y.npy
  minirnn compare model.keras --x X.npy --h mine.npy

Tab completes them after  eval "$(minirnn completion bash)"  (or zsh; fish: minirnn completion fish | source).
minirnn COMMAND --help tells the options of a command, which are those of Python; exit codes: 0 done, 1 a check differs,
2 it could not be done.
"""


WITHOUT_MODEL = ("demo", "doctor", "cache", "completion")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _open_streams()
    given = sys.argv[1:] if arguments is None else arguments
    options = Namespace(code=0)
    try:
        if given in ([], ["help"]):
            _parser(None).print_help()
            return 0 if given else 2
        _parser(next((word for word in given if not word.startswith("-")), None)).parse_args(given, options)
        if options.run is None:
            print(script(options.shell, _parser("completion").inner()), end="")
        else:
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _drop_output()
    except KeyboardInterrupt:
        return 130
    except (UserError, ValueError, TypeError, KeyError, NotImplementedError, OSError, RuntimeError, ImportError) as error:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"minirnn: {plain(' '.join(str(said).split()), LONGEST)}", file=sys.stderr)
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


def _parser(name: str | None) -> Parser:
    """The parser; only the command of that name has its options yet, since a reading is imported for them."""
    parser = Parser(
        prog="minirnn", description="The recurrent network you can read.", epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"minirnn {__version__}")
    parser.command = name or ""
    parser.other_words = {reading: each for each, c in COMMANDS.items() for reading in c.readings.split()[:1]}
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for each, command in COMMANDS.items():
        inner = commands.add_parser(each, help=command.says, description=command.says, allow_abbrev=False)
        inner.set_defaults(run=command.run)
        if name in (each, "completion"):  # which speaks of all of them
            _add_arguments(inner, each, command)
    return parser


def _add_arguments(parser: Parser, name: str, command: Command) -> None:
    add = parser.add_argument
    if name not in WITHOUT_MODEL:
        add("model", metavar="MODEL", help="a .keras or whole-model .h5 file")
    with_data = name not in (*WITHOUT_MODEL, "summary")
    if with_data:
        add("--x", action="append", metavar="X.npy", help="the input (samples, steps, features); again for initial states")
        add("--y", metavar="Y.npy", help="the target; without it the target is 0")
        add("--steps", type=positive, metavar="T", help="how many steps of random input, without --x")
        add("--loss", default="mse", help="the loss by its name (default mse)")
    if command.output is not None:
        said = command.output or "standard output"
        add("-o", "--output", default=command.output, metavar="FILE", help=f"where to write (default: {said})")
    if name == "completion":
        add("shell", choices=SHELLS, help="the shell that is to run it")
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
    if with_data:
        add_options(parser, "trace", trace, "masks")
    for reading in command.readings.split():
        add_options(parser, reading, getattr(Trace, reading))
