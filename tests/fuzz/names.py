"""Names that strangers gave to arrays, through every reading: nothing runs, nothing breaks out, all of it parses.

A name is refused in one line, or is a name like any other: the source computes the same, and the page has the tags that it
has with other names.
"""

from __future__ import annotations

import builtins
import html.parser
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minirnn as mr

REFUSALS = (ValueError, TypeError, NotImplementedError)
RUN: list[str] = []  # what a name has run
builtins.canary = lambda: RUN.append("ran")  # type: ignore[attr-defined]
CODE = "str(canary())"
PARTS = [
    f'"+{CODE}+"', f"'+{CODE}+'", f'"]+[{CODE}]+params["', f"{{{CODE}}}", f"\\\"+{CODE}+\\\"", f"\n{CODE}\n",
    f'"""\n{CODE}\n"""', "#", '"', "'", "\\", "\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "\u2028", "\u202e", "\ufeff",
    "\udc80", "\ud800", "\U0001f600", "*/ canary(); /*", "//", "/*", "??/", "%", "$", "&", "~", "^", "^^5c", "_", "__",
    "{", "}", "}}", "{{", "{0}", "{*}", "%s", "%(a)s", r"\input{/etc/hostname}", r"\immediate\write18{id}",
    r"\end{align*}", r"\(", "$$", "\\\\", "<script>canary()</script>", "</script>", "<img src=x onerror=canary()>",
    '" onload="canary()', "</TD><TD>", "<!--", "-->", "]]>", "&amp;", "&#0;", "javascript:canary()", '"]; evil [label="',
    "\\N", "\\G", "|", "{a|b}", "dL/d", "d+L/d", "d", "L", "W", "W_x", "h", "x", "X", "t", "T", "N", "_t", "_0", "self",
    "np", "params", "lambda", "None", "class", "import", "target", "y", "delta", "λ", "h̃", "⦜", "∑", "漢字", "ﬁ",
    "é", "ж", "Ð", "½", "1", "9^2", "-", " ", "", ".", ",", ";", ":", "=", "(", ")", "[", "]", "@", "!", "?", "*", "+", "/",
]  # fmt: skip
text = st.one_of(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join),
    st.text(st.characters(exclude_categories=[]), max_size=12),
    st.sampled_from(PARTS).map(lambda part: part * 60),
)
names = st.lists(text, min_size=1, max_size=12, unique=True)
X = np.arange(6.0).reshape(3, 2) * 0.3 + 0.5
WEIGHTS = [np.array([[0.9, -0.4], [0.5, 1.1]]) * 0.8 * k for k in np.linspace(0.7, 1.3, 12)]
TAKEN: list[int] = []  # how many names went through every reading, of each input


def rnn(X, **params):
    """A loop that uses each of its parameters, whatever they are called."""
    h = np.zeros(2)
    for x in X:
        z = x
        for W in params.values():
            z = z @ W
        h = np.tanh(z + h)
    return np.sum(h * h)


class Tags(html.parser.HTMLParser):
    """How often there are tags, attributes and addresses that could do something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen = Counter[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "embed", "link", "meta", "base", "form", "style", "a"):
            self.seen[tag] += 1
        for key, value in attrs:
            if key.startswith("on") or (key in ("src", "href") and not str(value).startswith(("data:", "#"))):
                self.seen[f"{key}={value}"] += 1


def readings(called: list[str]) -> dict[str, object]:
    """What comes of every reading of a loop whose parameters are called so."""
    weights = dict(zip(called, WEIGHTS))
    trace = mr.trace(rnn, X=X, **weights)
    equations = trace.equations()
    loss, gradients = trace.compile()(weights, X)
    assert np.isclose(loss, rnn(X, **weights)) and sorted(gradients) == sorted(trace.gradients)
    assert set(gradients) == set(called)
    space: dict[str, object] = {"__name__": "source"}
    source = trace.source()
    source.encode()
    exec(compile(source, "source", "exec"), space)
    assert np.isclose(space["loss_and_gradients"](weights, X)[0], loss)  # type: ignore[operator]
    latex = equations.latex()
    plain = re.sub(r"\\[%#{}$&_ ,\\]", "", latex)
    assert plain.count("{") == plain.count("}"), "a brace of LaTeX is open"
    commands = set(re.findall(r"\\[a-zA-Z]+", plain)) | {c for c in "%#$" if c in plain}
    for shown in (str(equations), equations.markdown(), str(trace.walk()), str(trace.verify(with_keras=False)), repr(trace)):
        assert all(c.isprintable() or c == "\n" for c in shown), "a control code reaches the terminal"
        shown.encode()
    svg = trace.picture().svg
    drawn = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for name in called[:4]:  # where there are more, it shows so many
        shown = re.split(r"[_^/]", name)[0].strip()[:8].replace("\\", "\u2216")
        assert shown in drawn, f"{name!r} is not in the picture"
    tags = {re.sub(r"\{.*\}", "", element.tag) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= SVG, f"a picture has the tags {tags - SVG}"
    formulas = Tags(equations.mathml()).seen
    page = trace.page(with_keras=False).html
    page.encode()
    return {"commands": commands, "page": Tags(page).seen + formulas}


SVG = {"svg", "g", "title", "desc", "style", "path", "polygon", "polyline", "text", "ellipse"}
_usual: dict[int, dict[str, object]] = {}


def check(called: list[str]) -> int:
    """How many of the names are taken; AssertionError if one of them does what a name may not."""
    RUN.clear()
    try:
        called = [name for name in called if _is_taken([name])]
        found = readings(called) if called and _is_taken(called) else None
    finally:
        assert not RUN, f"a name was run: {called!r}"
    if found is None:
        return 0
    if len(called) not in _usual:
        _usual[len(called)] = readings([f"W{k}" for k in range(len(called))])
    usual = _usual[len(called)]
    allowed = usual["commands"] | set(SHOWN)  # type: ignore[operator]
    assert found["commands"] <= allowed, f"commands of LaTeX from names: {found['commands'] - allowed}"  # type: ignore[operator]
    assert found["page"] == usual["page"], f"the page has {found['page']}, with usual names {usual['page']}"
    return len(called)


def _is_taken(called: list[str]) -> bool:
    """Whether parameters may be called so; if not, that is said in one line."""
    try:
        mr.trace(rnn, X=X, **dict(zip(called, WEIGHTS))).equations()
    except REFUSALS as error:
        assert str(error).isprintable() and len(str(error)) < 1500, f"refused in several lines: {error!s:.300}"
        return False
    return True


GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
SHOWN = [
    rf"\{word}" for word in ["backslash", "sim", "wedge", "mathrm", "text", "hat", "tilde", "ell", "frac", *GREEK.split()]
]
SHOWN += [rf"\{word}" for word in ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega")]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(names)
def hostile_names(called: list[str]) -> None:
    """The property."""
    TAKEN.append(check(called))


SEEDS: dict[str, bytes] = {}


def one_input(data: bytes) -> int:
    """The property of the names that these bytes choose; how many of them were taken."""
    TAKEN.clear()
    hostile_names.hypothesis.fuzz_one_input(data)
    return sum(TAKEN)


def compiles(trace: object) -> None:
    """The C of a trace compiles, and the TeX runs without a shell, where there are programs for it."""
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("cc"):
            path = Path(folder) / "a.c"
            path.write_text(trace.source(form="c"))  # type: ignore[attr-defined]
            subprocess.run(["cc", "-fsyntax-only", str(path)], check=True, capture_output=True)
        if shutil.which("pdflatex"):
            path = Path(folder) / "a.tex"
            trace.equations().to_tex(path)  # type: ignore[attr-defined]
            command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", path.name]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


def compile_all(size: int = 12) -> int:
    """Every hostile part as a name, so many in a function: its C and its TeX are compiled. How many there were."""
    taken, group = 0, []
    for part in [*PARTS, None]:
        if part is not None:
            try:
                mr.trace(rnn, X=X, **{part: WEIGHTS[0]}).equations()
                group.append(part)
            except REFUSALS:
                continue
        if group and (part is None or len(group) == size):
            weights = {name: WEIGHTS[k] for k, name in enumerate(group)}
            try:
                compiles(mr.trace(rnn, X=X, **weights))
            except subprocess.CalledProcessError as error:
                said = (error.stdout + error.stderr).decode(errors="replace")
                raise AssertionError(f"{group!r}: {error.cmd[0]}: {said[-1500:]}") from error
            taken, group = taken + len(group), []
    return taken
