"""What is shown of an object: in a notebook as HTML, in a terminal as text, both from the same parts."""

from .parts import Code, Folded, Picture, Shown, Table, Text, html
from .progress import clocked, watched

__all__ = ["Code", "Folded", "Picture", "Shown", "Table", "Text", "clocked", "html", "watched"]
