"""No text that somebody else chose ends the place it is put in."""

from __future__ import annotations

import ast
import html
import html.parser
import unicodedata
import xml.etree.ElementTree as ElementTree

import math_core
from hypothesis import given, settings
from hypothesis import strategies as st

from minirnn.engine import escapes

NASTY = [
    "",
    "a\nb",
    "\0",
    "\udc80",
    "'\"\\",
    '"""',
    "*/",
    "*\\",
    "\\\n",
    "#{$}%&_^~",
    "^^5c",
    "<b>&amp;",
    "\u202ex",
    "\x1b[2J",
    "λ h̃ 漢",
    "]]>",
    "--",
]
texts = st.one_of(st.text(), st.text(st.characters(exclude_categories=[])), st.lists(st.sampled_from(NASTY)).map("".join))


@settings(max_examples=300, deadline=None)
@given(texts)
def test_every_escape_keeps_the_text_in_its_place(text):
    assert ast.literal_eval(escapes.python(text)) == text and escapes.python(text).isascii()
    assert escapes.terminal(text).isprintable() and len(escapes.terminal(text)) == len(text)
    said = escapes.comment(text)
    module = ast.parse(f'"""{said}"""\nx = 1  # {said}\n')
    assert len(module.body) == 2 and "*/" not in said and not said.endswith("\\")
    shown = escapes.markup(text)
    plain = escapes.terminal(text).replace("\\", "∖")
    assert html.unescape(shown) == plain
    assert ElementTree.fromstring(f'<a b="{shown}">{shown}</a>').text in (plain, None)
    tex = escapes.latex(text)
    bare = "".join(p[1:] if i and p[:1] in "{}$&#%_ " else p for i, p in enumerate(tex.split("\\")))
    assert bare.count("{") == bare.count("}") and not set(bare) & set("$&#%_^~\\\n")


def test_brackets_that_open_are_text():
    """What makes MathML of LaTeX tries every end for each of them, which for 60 takes for ever."""
    opens = "".join(map(chr, (c for c in range(0x30000) if unicodedata.category(chr(c)) == "Ps"))) + "⌜⌞⎰"
    for c in opens:
        tex = escapes.latex(c * 60)
        assert tex.startswith(r"\text{") and tex.count(r"\text{") == 1
        math_core.LatexToMathML().convert_with_local_state(rf"\mathrm{{{tex}}}", displaystyle=True)


def test_what_is_usual_stands_for_itself():
    assert escapes.python("dL/dW_x^2") == '"dL/dW_x^2"' and escapes.markup("W_x") == "W_x" and escapes.latex("Wx") == "Wx"
    assert escapes.comment("∂L/∂h = (a @ b) * c") == "∂L/∂h = (a @ b) * c"
