"""The Sphinx extension in a project of somebody else: HTML, LaTeX and plain text."""

from __future__ import annotations

import io
import re
import shutil
import subprocess

import pytest

pytest.importorskip("sphinx", reason="the documentation tools are not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

CODE = "\n   trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))\n"
PAGE = f"""\
Title
=====

.. minirnn:: picture
   :caption: A network, *unrolled*.
   :alt: ten steps
   :name: unrolled
   :options: max_steps=4
   :code:
{CODE}
.. minirnn:: equations
   :label: rnn
{CODE}
.. minirnn:: equations
   :last: 2
   :options: t=7
{CODE}
.. minirnn:: walk
   :stop: 2
{CODE}
.. minirnn:: source
{CODE}
.. minirnn:: figure
   :alt: it fades
{CODE}
   figure = trace.plot(run("../drawing.py")["what"])

.. minirnn:: page
   :caption: The page.
{CODE}
As :numref:`unrolled` and :eq:`rnn-dL-dh-T` say, :math:`h_t = \\tanh(z_t)`.
"""


def built(folder, builder, page=PAGE, conf=""):
    """What is written, and the warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    source = folder / "source"
    source.mkdir(exist_ok=True)
    (folder / "drawing.py").write_text("print('quiet')\nwhat = 'flow'\n")
    (source / "conf.py").write_text(f"extensions = ['minirnn.sphinxext']\nnumfig = True\nproject = 'theirs'\n{conf}")
    (source / "index.rst").write_text(page)
    warnings = io.StringIO()
    out = folder / builder
    with patch_docutils(str(source)), docutils_namespace():
        Sphinx(str(source), str(source), str(out), str(folder / "doctrees"), builder, status=None, warning=warnings).build()
    return out, warnings.getvalue()


def test_as_html_and_then_as_latex_from_the_same_reading(tmp_path):
    out, warnings = built(tmp_path, "html")
    html = (out / "index.html").read_text()
    assert warnings == ""
    assert 'data-k="h_10"' in html and "A network, <em>unrolled</em>." in html and 'id="unrolled"' in html
    assert "trace.picture(max_steps=4)" in re.sub("<[^>]*>", "", html)
    assert '<svg role="img" aria-label="it fades"' in html and "<dc:date>" not in html
    assert html.count('<span class="eqno">(') == 14 and "(1)" in html and "Fig. 1" in html
    assert html.count("<math") == 14 + 1 + 1 + 1 and "MathJax" not in html and "<iframe" in html and "forward, t = 2" in html
    assert (out / "_static" / "stix-two-math-subset.woff2").stat().st_size > 10_000
    assert "minirnn-math.css" in html and "minirnn math" in (out / "_static" / "minirnn-math.css").read_text()

    out, warnings = built(tmp_path, "latex")
    tex = (out / "theirs.tex").read_text()
    pictures = re.findall(r"\\sphinxincludegraphics\{\{(minirnn-\w+)\}\.pdf\}", tex)
    assert warnings == "" and len(pictures) == 3
    assert all((out / f"{name}.pdf").read_bytes().startswith(b"%PDF") for name in pictures)
    assert tex.count(r"\begin{equation}\label{equation:index:rnn-") == 14 and r"\begin{align*}" in tex
    assert r"\caption{A network, \sphinxstyleemphasis{unrolled}.}" in tex and "begin{bmatrix}" in tex
    if shutil.which("pdflatex") and shutil.which("latexmk"):
        done = subprocess.run(
            ["latexmk", "-pdf", "-interaction=nonstopmode", "theirs.tex"], cwd=out, capture_output=True, check=False
        )
        assert done.returncode == 0 and (out / "theirs.pdf").stat().st_size > 20_000


def test_as_text(tmp_path):
    out, _ = built(tmp_path, "text")
    assert "ten steps" in (out / "index.txt").read_text()


def test_with_the_renderer_that_a_project_has(tmp_path):
    """MathJax is given what it knows."""
    out, warnings = built(tmp_path, "html", conf="html_math_renderer = 'mathjax'\n")
    html = (out / "index.html").read_text()
    assert warnings == "" and r"\begin{align*}" in html and "<math" not in html.split("<iframe")[0]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (f".. minirnn:: pictures\n{CODE}", "did you mean picture"),
        (".. minirnn:: equations\n\n   trace = mr.trace(demo.model())\n", "trace takes data"),
        (f".. minirnn:: equations\n   :options: formm='matrix'\n{CODE}", "formm"),
    ],
)
def test_a_mistake_is_a_message_of_the_build(tmp_path, page, says):
    _, warnings = built(tmp_path, "html", f"Title\n=====\n\n{page}")
    assert says in warnings and "index.rst:4" in warnings


def test_what_cannot_be_set_is_shown_as_it_is_written(tmp_path):
    page = "Title\n=====\n\n.. math:: \\unheardof{x} < 1\n"
    out, warnings = built(tmp_path, "html", page)
    assert "cannot set this as MathML" in warnings and "unheardof{x} &lt; 1" in (out / "index.html").read_text()
