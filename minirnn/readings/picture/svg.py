"""What Graphviz writes as SVG, made fit for a page: keys of quantities, words for readers, colours for light and dark.

Every group gets ``data-k``, the key of the quantity it shows (``h_3``), ``data-holds``, those of what else is in it
(``z_3 dL/dh_3``; ``[data-holds~="z_3"]`` finds it), and an id that no other picture has. Colours
become variables such as ``--mr-ink``: a page may set them on the ``svg``; else they follow
the reader's choice of light or dark, or what a notebook or Sphinx says of its own.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Mapping

LIGHT = {
    "paper": "#ffffff", "ink": "#1f2430", "quiet": "#565c69", "line": "#454b57", "frame": "#c9ccd3", "band": "#f7f8f6",
    "input": "#e3f1e1", "input-line": "#3f7a37",
    "state": "#dfe9f7", "state-line": "#2f5c8c",
    "output": "#fbeed2", "output-line": "#8f6410",
    "loss": "#f6dede", "loss-line": "#a04040",
    "target": "#eeeeee", "target-line": "#6f6f6f",
    "parameter": "#f4f1ec", "parameter-line": "#75695a",
    "plain": "#fdfdfe", "plain-line": "#5f6673",
    "gate": "#f0e3f7", "gate-line": "#7a3f9c", "gate-open": "#d0a2e8",
    "gradient": "#fdefe4", "gradient-line": "#b5470c", "backward": "#b8480a",
}  # fmt: skip
DARK = {
    "paper": "#17191e", "ink": "#e6e7ea", "quiet": "#a6acb8", "line": "#b4bac6", "frame": "#4a4f5a", "band": "#1c1f25",
    "input": "#24402a", "input-line": "#86c47e",
    "state": "#233a58", "state-line": "#86b4e6",
    "output": "#4a3c1b", "output-line": "#dcb45c",
    "loss": "#552b2b", "loss-line": "#e39a9a",
    "target": "#33363d", "target-line": "#a9abb0",
    "parameter": "#322e29", "parameter-line": "#b3a692",
    "plain": "#22252c", "plain-line": "#9aa1ae",
    "gate": "#452a55", "gate-line": "#c79ae0", "gate-open": "#75428f",
    "gradient": "#43291a", "gradient-line": "#f79c5e", "backward": "#ff9a57",
}  # fmt: skip
SAYS_LIGHT = '[data-theme="light"]', '[data-jp-theme-light="true"]', ".vscode-light"
SAYS_DARK = '[data-theme="dark"]', '[data-jp-theme-light="false"]', ".vscode-dark"
SUB, SUPER = 0.22, -0.38  # of its own size, a small letter stands below or above the line


def digest(text: str) -> str:
    """A short name for a picture, the same for the same text: it is the prefix of the ids.

    >>> digest("digraph {}")
    'm74459ba3'
    """
    return f"m{zlib.crc32(text.encode()):08x}"


def finish(svg: str, prefix: str, title: str, words: str, shown: Mapping[str, tuple[str, str]], theme: str = "") -> str:
    """`svg` with the prefix before every id, a title, a description, and, of theme "auto", its colours as variables.

    `shown` says of the id of a group which keys it has, separated by blanks, its own first, and what its tooltip says.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r'<g id="([^"]*)" class="([^"]*)"([^>]*)>\s*<title>.*?</title>', lambda m: _group(m, prefix, shown), svg, flags=re.S
    )
    svg = re.sub(r"<text [^>]*>", _raised, svg)
    head, _, body = svg.partition(">")
    says = html.escape
    return (
        f'{head} id="{prefix}" class="minirnn" role="img" aria-labelledby="{prefix}-title {prefix}-desc">\n'
        f'<title id="{prefix}-title">{says(title)}</title>\n<desc id="{prefix}-desc">{says(words)}</desc>\n'
        f"{f'<style>{style(prefix, theme)}</style>' if theme == 'auto' else ''}{body}"
    )


def _group(match: re.Match[str], prefix: str, shown: Mapping[str, tuple[str, str]]) -> str:
    name, kind = html.unescape(match[1]), match[2]
    keys, tip = shown.get(name, ("", ""))
    own, _, others = keys.partition(" ")
    data = "".join(f' data-{k}="{html.escape(v)}"' for k, v in (("k", own), ("holds", others)) if v)
    title = f"\n<title>{html.escape(tip)}</title>" if tip else ""
    return f'<g id="{prefix}-{html.escape(name)}" class="{kind}"{match[3]}{data}>{title}'


def _raised(match: re.Match[str]) -> str:
    """Small letters moved by their coordinate: not every program that shows SVG knows ``baseline-shift``."""
    text = match[0]
    if 'baseline-shift="' not in text:
        return text
    by = SUB if 'baseline-shift="sub"' in text else SUPER
    size = float(re.search(r'font-size="([\d.]+)"', text)[1])  # type: ignore[index]
    text = re.sub(r' baseline-shift="\w+"', "", text)
    return re.sub(r' y="(-?[\d.]+)"', lambda m: f' y="{float(m[1]) + by * size:.2f}"', text)


def style(prefix: str, theme: str) -> str:
    """The rules that make variables of the colours: `theme` is "light" or "dark", or "auto" for the reader's choice."""
    palette = DARK if theme == "dark" else LIGHT
    rules = [_variables([f"#{prefix}"], palette)]
    if theme == "auto":
        rules.append(f"@media (prefers-color-scheme:dark){{{_variables([f'#{prefix}'], DARK)}}}")
        rules += [_variables([f"{s} #{prefix}" for s in says], p) for says, p in ((SAYS_LIGHT, LIGHT), (SAYS_DARK, DARK))]
    for name, colour in palette.items():
        rules += [f'#{prefix} [{what}="{colour}"]{{{what}:var(--mr-{name})}}' for what in ("fill", "stroke")]
    return "".join(rules)


def _variables(selectors: list[str], palette: Mapping[str, str]) -> str:
    """Of no weight, so that any rule of the page goes before it."""
    return f":where({','.join(selectors)}){{{';'.join(f'--mr-{name}:{colour}' for name, colour in palette.items())}}}"
