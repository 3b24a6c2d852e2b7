"""LaTeX that fits a page: lines, labels, fragments; compiled where LaTeX is installed."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

import minirnn as mr
from minirnn.engine import escapes
from minirnn.layers import LSTM, Dense, Input, SimpleRNN
from minirnn.models import Model
from minirnn.readings.equations.documents import aligned, document, frames, typeset, unique
from minirnn.readings.equations.with_numbers import LATEX_WIDTH

TEXT_WIDTH = 345  # points, of an article


@pytest.fixture(scope="module")
def lstm():
    mr.set_random_seed(1)
    i = Input((4, 3))
    model = Model(i, Dense(2)(LSTM(7)(i)))
    return mr.trace(model, np.random.default_rng(0).normal(size=(2, 4, 3)), np.ones((2, 2)), dtype="float64")


@pytest.fixture(scope="module")
def wide():
    """Two layers of eight and six units: matrices as wide as they are still written out."""
    mr.set_random_seed(2)
    i = Input((4, 3))
    model = Model(i, Dense(2)(SimpleRNN(8)(SimpleRNN(6, return_sequences=True)(i))))
    return mr.trace(model, np.random.default_rng(0).normal(size=(3, 4, 3)), np.ones((3, 2)), dtype="float64")


def points(row):
    """How wide the widest line of matrices of a row is, roughly: 5 points a digit, 10 between columns, small ones less."""
    width = 0.0
    for small, body in re.findall(r"\\begin\{(small|b)matrix\}(.*?)\\end", row):
        columns = zip(*[[cell.strip() for cell in line.split("&")] for line in body.split(r"\\")])
        found = sum(5 * max(map(len, column)) + 10 for column in columns)
        width += 0.7 * found if small == "small" else found
    return width


def test_no_line_of_numbers_is_wider_than_the_text(lstm, wide):
    for trace in (lstm, wide):
        for t in (1, 3):
            rows = [row for e in trace.equations(t=t) for row in e.rows]
            assert max(map(points, rows)) < TEXT_WIDTH
            assert any("bmatrix" in row for row in rows) and LATEX_WIDTH * 6 < TEXT_WIDTH
    assert "smallmatrix" in wide.equations(t=3).latex()


def test_broken_lines_say_the_same(trace):
    """The terms of a broken line, one after the other, are those of the whole."""
    text = trace.equations(t=2).latex()
    matrices = re.findall(r"\\begin\{bmatrix\}(.*?)\\end\{bmatrix\}", text)
    x = " ".join(f"{v:.4g}" for v in trace.value("x", 2)[0])
    assert any(m.split(r"\\")[0].replace("&", "").split() == x.split() for m in matrices)
    first = text[: text.index("\nh_{2}")].splitlines()[1:]
    assert [row.split()[0].removeprefix("&") for row in first[1:]] == ["=", r"\quad", r"\quad", r"\quad", r"\quad", "="]
    assert sum(row.count(r"\cdot") for row in first) == 2 and sum(" + " in row for row in first[1:]) == 2


@pytest.mark.parametrize("options", [{}, {"t": 2}, {"paths": True}, {"form": "component"}, {"form": "unrolled"}], ids=str)
def test_every_equation_has_a_number_and_a_label_of_its_own(trace, options):
    found = trace.equations(**options)
    text = found.latex(labels=True)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len({*labels}) == len(found) and all(label.startswith("eq:") for label in labels)
    rows = text.split("\n")[1:-1]
    assert all(("label" in row) != ("notag" in row) for row in rows)


def test_labels_are_unique():
    assert unique(["eq:h", "eq:z", "eq:h", "eq:h"]) == ["eq:h", "eq:z", "eq:h-2", "eq:h-3"]


def test_a_fragment_is_what_the_document_holds(trace, tmp_path):
    found = trace.equations()
    whole = found.to_tex(tmp_path / "whole.tex").read_text()
    part = found.to_tex(tmp_path / "part.tex", fragment=True).read_text()
    assert part.startswith("\\begin{align}\n") and part.endswith("\\end{align}\n") and part in whole
    assert whole.startswith("\\documentclass{article}\n") and "documentclass" not in part


def test_environments():
    rows = [["a &= b", "&= c"], ["d &= e"]]
    assert aligned(rows) == "\\begin{align*}\na &= b \\\\\n&= c \\\\\nd &= e\n\\end{align*}"
    labelled = aligned(rows, ["eq:a", "eq:d"])
    assert labelled.splitlines()[1:3] == ["a &= b \\notag \\\\", "&= c \\label{eq:a} \\\\"]
    assert typeset(rows, "t = 1").startswith("$$\\begin{aligned}\n&\\textbf{t = 1} \\\\\na &= b")


# ------------------------------------------------------------------------------------------------- a bias of one sample


@pytest.mark.parametrize(
    "options", [{}, {"convention": "column"}, {"form": "component"}, {"t": 2}, {"form": "unrolled"}], ids=str
)
def test_plain_biases_of_one_sample(make, options):
    trace = make(samples=1)
    found = trace.equations(plain=True, **options)
    assert found.residual <= 1e-14 and len(found) == len(trace.equations(**options))
    assert r"\mathbf{1}" not in found.latex() and "N" not in str(found).replace("NaN", "")


def test_plain_is_for_one_sample(trace):
    assert str(trace.equations(plain=False)[1]) == str(trace.equations()[1]) and "1 bₕ" in str(trace.equations()[1])
    with pytest.raises(ValueError, match=r"plain=True is for one sample; this trace has 2: give one, X\[:1\]"):
        trace.equations(plain=True)


# ------------------------------------------------------------------------------------------------------------ compiled


OWN_ARTICLE = r"""\documentclass{article}
\usepackage{amsmath,cleveref}
\allowdisplaybreaks
\begin{document}
\input{part}
\input{gates}
See \eqref{eq:dL-dh}, \cref{eq:h,lstm:c} and \Cref{lstm:dL-dh-T}.
\end{document}
"""
OWN_SLIDES = r"""\documentclass{beamer}
\usepackage{amsmath}
\begin{document}
\input{frame}
\begin{frame}{Of my own}\input{forward}\end{frame}
\end{document}
"""


def test_slides():
    """As many on each as fit; a slice of equations is equations."""
    rows = [["a &= b"], [r"c &= \frac{1}{2}", "&= d"]] * 4
    found = list(frames("Forward", rows, [f"eq:{i}" for i in range(8)]))
    assert [frame.count("label") for frame in found] == [7, 1] and found[1].startswith("\\begin{frame}{Forward (2 of 2)}\n")
    (alone,) = frames("Forward", rows[:1], ["eq:a"])
    assert alone.startswith("\\begin{frame}{Forward}\n\\footnotesize\n\\begin{align}")


def test_a_slice_of_equations(trace):
    found = trace.equations()
    assert [e.name for e in found[1:3]] == [found[1].name, found[2].name] and found[1:3].labels("a") == ["a:z", "a:h"]
    assert found[1:3].slides().count(r"\begin{frame}{") == 1 and "Backward" in found[-2:].slides()


def test_letters_that_pdftex_does_not_know_are_declared_and_nothing_else_is():
    assert document("article", "", "h").count("usepackage") == 1
    declared = document("article", "", "größe 漢 \U0001f600")
    assert declared.count("DeclareUnicodeCharacter{") == 4 and "{1F600}" in declared and "{6F22}" in declared


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_letters_of_every_language_compile(tmp_path):
    letters = [c for c in map(chr, range(0xA1, 0x3000, 7)) if c.isprintable()]
    body = "\n\n".join(f"${escapes.latex(c)}$" for c in [*letters, "h̃", "漢字", "\U0001f600", "Ðđ«»ąŋ"])
    (tmp_path / "a.tex").write_text(document("article", "", body))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_compiled_without_a_line_that_is_too_long(lstm, wide, trace, tmp_path):
    """With article, and in a document of one's own with beamer's frames or cleveref's references."""
    written = {
        "lstm": lstm.equations(), "lstm_3": lstm.equations(t=3), "wide": wide.equations(t=2),
        "component": wide.equations(form="component"), "paths": trace.equations(paths=True),
    }  # fmt: skip
    for name, found in written.items():
        found.to_tex(tmp_path / f"{name}.tex")
    for name, found in {
        "slides": lstm.equations(),
        "slides_3": lstm.equations(t=3),
        "slides_component": trace.equations(),
    }.items():
        found.to_tex(tmp_path / f"{name}.tex", slides=True)
    trace.equations().to_tex(tmp_path / "part.tex", fragment=True)
    lstm.equations().to_tex(tmp_path / "gates.tex", fragment=True, prefix="lstm")
    lstm.equations()[:5].to_tex(tmp_path / "frame.tex", fragment=True, slides=True, prefix="few")
    trace.equations()[:5].to_tex(tmp_path / "forward.tex", fragment=True)
    (tmp_path / "own.tex").write_text(OWN_ARTICLE)
    (tmp_path / "own_slides.tex").write_text(OWN_SLIDES)
    for path in sorted(tmp_path.glob("*.tex")):
        name = path.stem
        if "documentclass" not in path.read_text():
            continue
        for _ in range(2):  # references are known at the second time
            done = subprocess.run(
                ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"],
                cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
        said = done.stdout
        assert "Overfull" not in said and "undefined" not in said and "multiply" not in said, f"{name}: {said[-3000:]}"
