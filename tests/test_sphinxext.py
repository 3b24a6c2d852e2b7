from __future__ import annotations

import pytest

pytest.importorskip("sphinx", reason="the documentation tools are not installed")


def build(tmp_path, body):
    from sphinx.application import Sphinx

    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text("extensions = ['minirnn.sphinxext']\n")
    (source / "index.rst").write_text(f"Title\n=====\n\n{body}\n")
    app = Sphinx(
        str(source), str(source), str(tmp_path / "out"), str(tmp_path / "doctrees"), "html", status=None, warning=None
    )
    app.build()
    return (tmp_path / "out" / "index.html").read_text()


@pytest.mark.filterwarnings("ignore")
def test_readings_on_a_page(tmp_path):
    code = "\n\n   trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))\n\n"
    html = build(tmp_path, f".. minirnn:: equations{code}.. minirnn:: picture{code}.. minirnn:: walk\n   :stop: 2{code}")
    assert "<math" in html and 'data-k="h_10"' in html and "forward, t = 2" in html


@pytest.mark.filterwarnings("ignore")
def test_a_figure_on_a_page(tmp_path):
    (tmp_path / "drawing.py").write_text("import minirnn as mr\nprint('quiet')\nwhat = 'flow'\n")
    code = "trace = mr.trace(demo.model(), demo.X, np.zeros((1, 2)))\n   figure = trace.plot(run('../drawing.py')['what'])"
    html = build(tmp_path, f".. minirnn:: figure\n\n   {code}\n")
    assert '<figure class="minirnn"><svg' in html and "<dc:date>" not in html
