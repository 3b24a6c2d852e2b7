"""What type checkers and Shift-Tab say of the public calls."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minirnn as mr
from minirnn import layers
from minirnn.cli.options import explained
from minirnn.models import Model
from minirnn.runs.run import Run
from minirnn.traces import READINGS

SCRIPT = Path(__file__).with_name("user_script.py")
ROOT = SCRIPT.parent.parent
INNER = {"again", "call_of", "derivative", "following", "keep_states"}  # of a run: asked by the readings
UNKNOWN = {"call", "loss", "outputs", "state_size", "places"}  # what a class or a loss of the user's own is


def mypy(path, folder):
    pytest.importorskip("mypy", reason="mypy is not installed")
    options = ["--strict", "--follow-imports=silent", "--config-file=", f"--cache-dir={folder}", "--ignore-missing-imports"]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_strict_script_has_no_error_and_no_unknown_type(tmp_path):
    done = mypy(SCRIPT, tmp_path / "cache")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.py"
    text = SCRIPT.read_text().replace('form="matrix"', 'form="matrx"').replace('by="step"', 'bye="step"')
    wrong.write_text(text + "trace.equation()\nmodel.layerz\nmr.tracer\nmr.layers.LSTMM\n")
    done = mypy(wrong, tmp_path / "cache")
    assert done.stdout.count("[attr-defined]") == 4, done.stdout  # what answers wrong names hides none from type checkers
    assert 'Argument "form" has incompatible type' in done.stdout and 'Unexpected keyword argument "bye"' in done.stdout


def test_the_script_has_every_public_call():
    text = SCRIPT.read_text()
    methods = [name for kind in (Run, mr.Trace) for name in vars(kind) if inspect.isfunction(vars(kind)[name])]
    readings = [name for names in READINGS.values() for name in names]
    for name in {*methods, *readings} - INNER:
        assert name.startswith("_") or f".{name}(" in text, name


def test_no_public_function_gives_something_of_unknown_type():
    """Nor a property; but for what the classes of the user, or of other libraries, decide."""
    given = {
        f"{kind.__name__}.{name}": annotation
        for kind in public_classes()
        for name in {name for name in dir(kind) if not name.startswith("_")} - UNKNOWN
        if (annotation := returned(kind, name)) is not None
    }
    given |= {name: returned(mr, name) for name in ("trace", "check", "load", "save", "from_keras")}
    assert len(given) > 500 and given["Trace.output"] == "np.ndarray" and given["Model.layers"] == "list[Layer | Model]"
    assert [
        name for name, annotation in given.items() if re.search(r"^Any|(list|Iterator)\[Any|\bobject\b", annotation)
    ] == []


def returned(kind, name):
    """The annotation of what a function or a property of minirnn gives; None of others."""
    member = inspect.getattr_static(kind, name)
    function = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(kind, name)
    own = inspect.isroutine(function) and str(getattr(function, "__module__", "")).startswith("minirnn")
    return str(inspect.signature(function).return_annotation) if own else None


def public_classes():
    """What a user holds: models, layers, runs and what their methods give."""
    yield from (mr.Trace, Model, *(kind for kind in vars(layers).values() if inspect.isclass(kind)))
    for reading in [name for names in READINGS.values() for name in names] + ["page", "compile", "exact"]:
        function = inspect.unwrap(getattr(mr.Trace, reading))
        module = importlib.import_module(function.__module__)
        kind = getattr(module, str(inspect.signature(function).return_annotation), None)
        if inspect.isclass(kind):
            yield kind


def test_the_script_runs(tmp_path):
    done = subprocess.run([sys.executable, str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for names in READINGS.values() for name in names])
def test_a_reading_names_its_options_and_explains_them(name):
    method = getattr(mr.Trace, name)
    parameters = inspect.signature(method).parameters
    kinds = {p.kind for p in parameters.values()}
    assert method.__doc__ and (inspect.Parameter.VAR_KEYWORD not in kinds or name == "compare")
    for option in list(parameters)[1:]:
        assert option in explained(method) or option in ("path", "numbers", "more"), option


def test_methods_are_those_of_the_trace():
    from minirnn import demo

    trace = mr.trace(demo.model(), demo.X)
    assert inspect.signature(trace.equations).parameters["t"].default is None
    assert "trace" not in inspect.signature(trace.walk).parameters
    assert len(trace.equations()) == 4 and len(type(trace).equations(trace)) == 4
    with pytest.raises(TypeError, match="equations has no argument 'formm'; did you mean form"):
        trace.equations(formm="matrix")
