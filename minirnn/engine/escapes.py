"""Text that somebody else chose, such as the name of an array in a file, as plain text in every language that is written.

One function for each target. None of them lets a text end the place it is put in, or begin a command there: what cannot be
shown as it stands is replaced, and never left out, so that two different names seldom look alike.
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import groupby

UNSHOWN = "\ufffd"
MARK = "[\u0300-\u036f]"  # stands above or below the letter before it


def terminal(text: str) -> str:
    r"""One line that a terminal shows: no control codes, no marks that turn the direction of writing.

    >>> terminal("a\nb\x1b[31m")
    'a�b�[31m'
    """
    return "".join(c if c.isprintable() else UNSHOWN for c in text)


def python(text: str) -> str:
    r"""A literal of Python in double quotes, in ASCII; only letters, figures and a few signs stand for themselves.

    >>> print(python("W_x^2"), python('W"+f()+"'))
    "W_x^2" "W\x22\x2bf\x28\x29\x2b\x22"
    """
    return '"' + "".join(c if c.isascii() and (c.isalnum() or c in "_^/.") else _code(c) for c in text) + '"'


def number(value: object) -> str:
    """A number as Python and NumPy read it, or a list of numbers.

    >>> number([0.5, -float("inf")])
    '[0.5, -np.inf]'
    """
    return re.sub(r"\b(inf|nan)\b", r"np.\1", repr(value))


def _code(c: str) -> str:
    n = ord(c)
    return f"\\x{n:02x}" if n < 256 else f"\\u{n:04x}" if n < 65536 else f"\\U{n:08x}"


def comment(text: str) -> str:
    r"""Text for a comment or a docstring of Python or C, which it does not end.

    >>> print(comment("a\nimport os"), comment('*/ "'))
    a�import os * / '
    """
    return terminal(text).replace("\\", "/").replace("*/", "* /").replace('"', "'")


def latex(text: str) -> str:
    r"""Letters for mathematics in LaTeX, set as they stand.

    Letters of other languages, with the marks above and below them, are text, since mathematics has no accents; so is a
    bracket that opens: what converts LaTeX to MathML looks for the end of each, and takes twice as long for every further
    one that has none.

    >>> print(latex("a_b"), latex(r"\input{x}"), latex("λ"), latex("f(x)"), latex("größe"))
    a\_b \backslash{}input\text{\{}x\} \lambda{} f\text{(}x) gr\text{öß}e
    """
    pieces = groupby(re.findall(f"[a-zA-Z]{MARK}+|.", terminal(text)), _is_text)
    written = ((is_text, "".join(_TEX.get(c, c) for c in piece)) for is_text, piece in pieces)
    return "".join(rf"\text{{{letters}}}" if is_text else letters for is_text, letters in written)


def _is_text(c: str) -> bool:
    return c in "([{" or not (c.isascii() or c in _TEX)


def _greek(c: str) -> str:
    name = unicodedata.name(c).split()[-1].replace("LAMDA", "LAMBDA")
    return "\\" + (name.lower() if c.islower() else name.capitalize()) + "{}"


_TEX = (
    {c: "\\" + c for c in "{}$&#%_"}
    | {"\\": r"\backslash{}", "~": r"\sim{}", "^": r"\wedge{}", " ": r"\ ", UNSHOWN: "?"}
    | {c: _greek(c) for c in "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"}
)


def markup(text: str) -> str:
    r"""Text in HTML, SVG and the labels of Graphviz; in attributes too.

    Graphviz puts the names of its graph and nodes in the place of \G and \N, also of a backslash that is written as an
    entity; so a backslash is shown by the sign for a difference of sets, which looks the same. Nor does it read a "]" in
    front of a tag.

    >>> markup('<b> & "c"'), markup(r"a\G")
    ('&lt;b&gt; &amp; &quot;c&quot;', 'a∖G')
    """
    return html.escape(terminal(text)).replace("\\", "\u2216").replace("]", "&#93;")
