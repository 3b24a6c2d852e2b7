"""The command line as a user meets it: in a process of its own, in an empty folder."""

from __future__ import annotations

import contextlib
import html
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minirnn as mr
from minirnn.cli import doctor, main

KERAS = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
i = keras.Input((4, 3))
keras.Model(i, keras.layers.Dense(2)(keras.layers.SimpleRNN(5)(i))).save("model.keras")
i = keras.Input((None, 3))
x = keras.layers.SimpleRNN(5, return_sequences=True)(i)
keras.Model(i, keras.layers.Dense(2, activation="softmax")(x)).save("free.keras")
i = keras.Input((4, 3))
keras.Model(i, keras.layers.UnitNormalization()(i)).save("unit.keras")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    subprocess.run([sys.executable, "-W", "ignore", "-c", KERAS], cwd=folder, check=True, capture_output=True)
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(2, 4, 3)))
    np.save(folder / "y.npy", np.random.default_rng(1).normal(size=(2, 2)))
    np.save(folder / "nan.npy", np.full((2, 4, 3), np.nan))
    np.save(folder / "wide.npy", np.zeros((2, 4, 9)))
    np.save(folder / "objects.npy", np.array([{}], object), allow_pickle=True)
    (folder / "text.keras").write_text("not a model")
    (folder / "cut.keras").write_bytes((folder / "model.keras").read_bytes()[:900])
    return folder


@pytest.fixture
def run(models, tmp_path, monkeypatch, capsys):
    """run("walk", "model.keras", ...) -> exit code, standard output, standard error; in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def runner(*arguments):
        paths = [str(models / a) if (models / a).is_file() else a for a in arguments]
        try:
            code = main(paths)
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return runner


def minirnn(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "minirnn", *arguments], cwd=cwd, capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_demo(tmp_path):
    done = minirnn("demo", cwd=tmp_path, PYTHONUTF8="1")
    assert done.returncode == 0, done.stderr
    assert "prediction   [-1.3271613, -0.0218668]" in done.stdout and "‖dL/dh_10‖" in done.stdout
    assert "dL/dW_h" in done.stdout and "checks agree" in done.stdout and "minirnn-demo.html" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["minirnn-demo.html"]


def test_demo_needs_no_keras(tmp_path):
    code = "import sys; sys.modules['keras'] = None; from minirnn.cli import main; sys.exit(main(['demo']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "16 could not be checked" in done.stdout
    assert "Keras is not installed" in (tmp_path / "minirnn-demo.html").read_text()


def test_a_terminal_without_unicode(tmp_path):
    done = minirnn("demo", cwd=tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "-1.3271613" in done.stdout


def test_explain(run, tmp_path):
    code, out, err = run("explain", "model.keras", "--x", "x.npy", "--y", "y.npy", "-o", "page.html", "--no-keras")
    assert (
        (code, err) == (0, "")
        and "checks agree" in out
        and (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    )


def test_draw(run, tmp_path):
    code, out, err = run("draw", "free.keras", "--steps", "12", "-o", "g.svg")
    assert code == 0 and "steps 1, 2, … , T-1, T of 12 steps" in out and "random sample of 12 steps" in err
    assert "h_12" in (tmp_path / "g.svg").read_text() and "h_6" not in (tmp_path / "g.svg").read_text()
    assert run("draw", "free.keras", "--steps", "12", "--max-steps", "none", "-o", "g.svg")[0] == 0
    assert "h_6" in (tmp_path / "g.svg").read_text()


def test_draw_with_everything(run, tmp_path):
    asked = ["--level", "op", "--backward", "--values", "--flow", "--show-shapes", "--rankdir", "LR", "--theme", "dark"]
    assert run("draw", "free.keras", "--steps", "3", *asked, "-o", "g.svg")[0] == 0
    assert "‖" in (tmp_path / "g.svg").read_text() and "@" in (tmp_path / "g.svg").read_text()
    assert run("draw", "free.keras", "--rolled", "--backward", "-o", "g.dot")[0] == 0
    assert "[t−1]" in html.unescape((tmp_path / "g.dot").read_text())
    code, _, err = run("draw", "free.keras", "--rolled", "--values", "-o", "h.svg")
    assert code == 2 and "leave one of them out" in err and not (tmp_path / "h.svg").exists()


def test_equations(run):
    code, out, _ = run("equations", "model.keras")
    assert code == 0 and "∂L/∂hₜ = δₜ₊₁ Wₕᵀ" in out and "residual" in out
    assert run("equations", "model.keras", "--format", "latex")[1].startswith("\\begin{align*}")
    assert "zₜ =" not in run("equations", "model.keras", "--hide", "z")[1]


def test_equations_in_every_way(run):
    def out(*options):
        code, printed, err = run("equations", "model.keras", "--x", "x.npy", "--y", "y.npy", *options)
        assert (code, err) == (0, "")
        return printed

    assert r"W_{x}\, x_{t}" in out("--convention", "column", "--format", "latex")
    assert "Σ(m=1..M) h[t-1,n,m] Wₕ[m,j]" in out("--form", "component")
    assert "h₄ = tanh(z₄)" in out("--form", "unrolled") and "h₄" not in out("--form", "unrolled", "--t", "2")
    assert "sₜ₋₁" in out("--names", "h=s,W_x=U") and "Wₓ" not in out("--names", "h=s", "--names", "W_x=U")
    assert "∂L/∂xₜ = δₜ Wₓᵀ" in out("--wrt", "x,h_0") and "(t=0..T-1)" in out("--wrt", "x", "--wrt", "h_0")
    assert "⎡" in out("--t", "3") and "bmatrix" in out("--t", "3", "--format", "latex")
    assert out("--format", "markdown").startswith("$$\n") and out("--format", "mathml").startswith("<math")
    assert "∂⁺hₜ/∂hₜ₋₁" in out("--paths")


def test_source(run):
    code, out, _ = run("source", "model.keras", "--x", "x.npy")
    assert code == 0 and out.startswith('"""') and "def loss_and_gradients(params, X, " in out
    assert run("source", "model.keras", "--x", "x.npy", "-o", "bptt.py")[0] == 0
    assert Path("bptt.py").read_text() == out
    code, _, err = run("source", "model.keras", "-o", "nowhere/bptt.py")
    assert code == 2 and "there is no folder" in err


def test_the_run_as_an_animation_a_figure_and_exercises(run, tmp_path):
    given = ("model.keras", "--x", "x.npy", "--y", "y.npy")
    code, out, err = run("animate", *given, "--theme", "dark", "--scale", "0.4", "-o", "run.gif")
    assert (code, err) == (0, "") and "an animation of" in out and (tmp_path / "run.gif").read_bytes().startswith(b"GIF")
    assert run("plot", *given, "ledger", "--of", "W_x", "-o", "f.svg")[0] == 0 and (tmp_path / "f.svg").stat().st_size > 9999
    assert run("exercises", *given, "-o", "sheet.html")[0] == 0 and "1. " in (tmp_path / "sheet.html").read_text()


def test_the_options_of_a_run(run):
    out = run("equations", "model.keras", "--x", "x.npy", "--y", "y.npy", "--truncate", "2", "--dtype", "float64")[1]
    assert "∂L/∂hₜ" in out and "(t=1..T-2)" in out  # what is cut off has equations of its own


def test_walk(run):
    code, out, _ = run("walk", "model.keras", "--x", "x.npy")
    assert code == 0 and "── forward, t = 4 ──" in out and "∂L/∂Wₕ += h₃ᵀ δ₄" in out


def test_summary(run):
    code, out, err = run("summary", "model.keras")
    assert (code, err) == (0, "") and "Total params: 57" in out


def test_verify_says_by_its_exit_code(run, monkeypatch):
    assert run("verify", "model.keras", "--no-keras")[0] == 0
    monkeypatch.setattr(mr.Trace, "verify", lambda self, **_: broken_report())
    code, out, _ = run("verify", "model.keras")
    assert code == 1 and "DIFFERS" in out


def broken_report():
    from minirnn.verify.report import Report, Row

    return Report([Row("dL/dW_h", "complex step", "float64", 1e9)])


def test_verify_that_could_not_check(run, monkeypatch):
    from minirnn.verify.report import Report, Row

    nothing = Report([Row("y", "Keras forward", "float64", None, "not installed")])
    monkeypatch.setattr(mr.Trace, "verify", lambda self, **_: nothing)
    assert run("verify", "model.keras")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain", "nowhere.keras"], "there is no such file"),
        (["explain", "text.keras"], "neither a .keras nor an HDF5"),
        (["explain", "cut.keras"], "damaged"),
        (["explain", "unit.keras"], "is a UnitNormalization, which minirnn does not support"),
        (["explain", "model.keras", "--x", "wide.npy"], "takes (N, 4, 3)"),
        (["explain", "model.keras", "--x", "nan.npy"], "X has nan at [0, 0, 0]"),
        (["explain", "model.keras", "--x", "x.npy", "--y", "x.npy"], "Y has shape (2, 4, 3)"),
        (["walk", "model.keras", "--x", "text.keras"], "not an array saved by numpy.save"),
        (["walk", "model.keras", "--x", "objects.npy"], "not an array saved by numpy.save"),
        (["walk", "model.keras", "--x", "nowhere.npy"], "there is no such file"),
        (["walk", "model.keras", "--steps", "9"], "this model takes 4 steps"),
        (["walk", "model.keras", "--x", "x.npy", "--steps", "4"], "--steps is for random input"),
        (["walk", "model.keras", "--loss", "categorical_crossentropy"], "needs a target"),
        (["walk", "model.keras", "--x", "x.npy", "--y", "y.npy", "--loss", "hindge"], "hinge"),
        (["draw", "model.keras", "-o", "g.jpg"], "saved as .svg"),
        (["draw", "model.keras", "-o", "nowhere/g.svg"], "there is no folder 'nowhere'"),
        (["explain", "model.keras", "-o", "nowhere/p.html"], "there is no folder 'nowhere'"),
        (["equations", "model.keras", "--hide", "h", "--hide", "z"], "cannot hide all of"),
        (["equations", "model.keras", "--hide", "q"], "hide: there is no 'q'"),
        (["equations", "model.keras", "--names", "U"], "write a name, =, and what it is to be"),
        (["picture", "model.keras"], "did you mean draw?"),
        (["plot", "model.keras", "flw"], "did you mean flow?"),
        (["plot", "model.keras", "flow", "--of", "W_h"], "has no option 'of'"),
        (["animate", "model.keras", "-o", "run.jpg"], "an animation is saved as"),
        (["equations", "model.keras", "--t", "x"], "'x' is not a whole number"),
        (["equations", "model.keras", "--from", "matrix"], "did you mean --form?"),
        (["equatoins", "model.keras"], "there is no command 'equatoins'; did you mean equations?"),
        (["draw", "model.keras", "-o", ""], "name of the file to write is empty"),
        (["draw", "model.keras", "-o", ".svg/"], "saved as .svg"),
        (["equations", "model.keras", "--names", "h=\\input{x}"], "is no name"),
        (["equations", "model.keras", "--wrt", "q"], "no quantity 'q'"),
        (["equations", "model.keras", "--t", "7"], "the trace has steps 0 to 4"),
        (["summary", "."], "not a regular file"),
    ],
    ids=str,
)
def test_mistakes_get_one_line_and_leave_nothing(run, tmp_path, arguments, says):
    code, out, err = run(*arguments)
    lines = [line for line in err.strip().split("\n") if not line.startswith("minirnn: no --")]
    assert code == 2 and len(lines) == 1 and lines[0].startswith("minirnn: ") and says in lines[0], err
    assert not out.strip() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["draw", "equations", "walk", "summary"])
def test_more_steps_than_anybody_wants(run, command, tmp_path):
    """A file may say that there are a million steps; none of them is made up."""
    entry = mr.layers.Input((1_000_000, 3))
    mr.save(mr.models.Model(entry, mr.layers.SimpleRNN(4)(entry)), tmp_path / "long.keras")
    code, _, said = run(command, "long.keras", *(["-o", "a.svg"] if command == "draw" else []))
    if command == "summary":
        assert code == 0  # which runs nothing
    else:
        assert code == 2 and "1,000,000 steps of random input are too many; give data of this length" in said


def test_wrong_usage(run):
    assert run()[0] == 2 and "examples:" in run()[1] and run("help")[0] == 0 and run("help")[1] == run("--help")[1]
    assert run("walk")[0] == 2 and "MODEL; see minirnn walk --help" in run("walk")[2]
    assert "unrecognized arguments: --latex; see minirnn equations --help" in run("equations", "model.keras", "--latex")[2]
    assert run("plot", "model.keras")[0] == 2 and run("draw", "model.keras", "--steps", "0")[0] == 2
    assert "examples:" in run("--help")[1] and "--max-steps" in run("draw", "--help")[1]
    code, out, _ = run("--version")
    assert code == 0 and out.startswith("minirnn ")


def test_a_closed_pipe_is_no_error(models):
    command = f"{sys.executable} -m minirnn walk {models / 'free.keras'} --steps 60 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr and "── start" in done.stdout


def shell(models, command):
    """A command line of bash in which "$@" is minirnn with its model."""
    words = ["bash", "-c", "set -o pipefail; " + command, "bash", sys.executable, "-m", "minirnn"]
    return subprocess.run(
        words, cwd=models, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ('"$@" summary model.keras >&-', 2, "standard output is closed"),
        ('"$@" summary model.keras >/dev/full', 2, "No space left on device"),
        ('"$@" summary model.keras >&- 2>&-', 2, ""),
        ('"$@" summary model.keras <&- 2>&- | grep -q "params: 57"', 0, ""),
        ('"$@" walk free.keras --steps 60 | head -1 >/dev/null', 0, ""),
        (
            '"$@" source free.keras -o /dev/stdout 2>/dev/null | python -c "import sys; exec(sys.stdin.read()); forward"',
            0,
            "",
        ),
        ('"$@" source free.keras -o /dev/full', 2, "/dev/full: it cannot be written: No space left on device"),
    ],
)
def test_streams_that_are_closed_full_or_broken(models, command, code, says):
    done = shell(models, command)
    assert done.returncode == code and "Traceback" not in done.stderr and says in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("minirnn: no --")]
    assert len(lines) == bool(says)


class Broken:
    """A pipe that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


def test_a_broken_pipe_hides_no_difference(models, monkeypatch):
    """The exit code is that of the verdict, whether it was read or not."""
    monkeypatch.setattr(mr.Trace, "verify", lambda self, **_: broken_report())
    monkeypatch.setattr("minirnn.cli.entry._drop_output", lambda: None)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", Broken())
        code = main(["verify", str(models / "model.keras")])
    assert code == 1


def test_doctor(run, monkeypatch):
    code, out, err = run("doctor")
    assert (code, err) == (0, "") and "numpy" in out and "drawing pictures" in out and "C compiler" in out
    monkeypatch.setitem(doctor.NEEDED, "no-such-package", "nothing")
    code, out, _ = run("doctor")
    assert code == 2 and "missing: no-such-package" in out and "pip install no-such-package" in out


def test_demo_in_another_language_and_place(run, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert run("demo", "-o", "d.html", "--language", "it", "--open")[0] == 0
    assert 'lang="it"' in (tmp_path / "d.html").read_text() and opened == [(tmp_path / "d.html").as_uri()]


def test_compare(run, models, tmp_path):
    model = mr.load(models / "model.keras")
    trace = mr.trace(model, np.load(models / "x.npy"), np.load(models / "y.npy"))
    W_x, _, b_h, *_ = model.get_weights()
    np.save(tmp_path / "right.npy", [trace.value("h", t) for t in range(1, 5)])
    np.save(tmp_path / "wrong.npy", np.tanh(trace.inputs[0] @ W_x + b_h))
    np.save(tmp_path / "grad.npy", 2 * trace.gradients["W_h"])
    asked = ("compare", "model.keras", "--x", "x.npy", "--y", "y.npy")
    code, out, err = run(*asked, "--h", "right.npy")
    assert code == 0 and "They agree" in out and err == ""
    code, out, _ = run(*asked, "--value", "h=wrong.npy")
    assert (
        code == 1 and "h differs first at step 2" in out and "h_last stays as it was" in out
    )  # the same numbers as without the recurrent product
    code, out, _ = run(*asked, "--h", "right.npy", "--grad", "W_h=grad.npy", "--weights", "model.keras")
    assert code == 1 and "dL/dW_h differs" in out and "factor 2" in out


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--h", "y.npy"], "give --x X.npy"),
        (["--x", "x.npy"], "give --h, --value or --grad"),
        (["--x", "x.npy", "--grad", "W_h"], "W_h: write the name of the quantity, =, and the file"),
        (["--x", "x.npy", "--grad", "W_h=none.npy"], "none.npy: there is no such file"),
        (["--x", "x.npy", "--h", "wide.npy"], "h has shape (2, 4, 9); h has shape (2, 4, 5) for all steps"),
    ],
)
def test_compare_what_cannot_be_done(run, arguments, says):
    code, out, err = run("compare", "model.keras", *arguments)
    assert code == 2 and out == "" and says in err.strip().split("\n")[-1]


def test_verify_thoroughly(run):
    code, out, _ = run("verify", "model.keras", "--x", "x.npy", "--y", "y.npy", "--no-keras", "--thorough")
    assert code == 0 and "50 digits" in out and "d²L/dW_h²" in out and "not the nearest float32" in out


@pytest.mark.parametrize(
    "argv", [["summary", "a\x1b[31m.keras"], ["equations", "--\x1b]0;t\x07"], ["equations", "m.keras", "--t", "9" * 5000]]
)
def test_what_is_said_of_a_name_moves_no_cursor(argv, capsys):
    with pytest.raises(SystemExit) if argv[0] != "summary" else contextlib.nullcontext():
        assert main(argv) == 2
    said = capsys.readouterr().err
    assert said.rstrip("\n").isprintable() and len(said) < 300
