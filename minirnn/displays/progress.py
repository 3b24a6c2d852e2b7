"""How far long work has come, for somebody who watches: bars of tqdm, and a clock where nothing can be counted.

Nothing is shown in the first second, nor where standard error is no terminal. A notebook shows a bar as an output of its
own, which is empty in the end: nothing of it is kept.
"""

from __future__ import annotations

import functools
import html
import importlib.util
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
DELAY = 1.0  # seconds of work before anything is shown
EVERY = 0.5  # seconds of a clock
_working = threading.Lock()


def watched(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The things, one after the other; after a second a bar says how many have been done."""
    return iter(_bar(what, things, total=total, delay=DELAY)) if _is_seen() else iter(things)


def clocked(function: F) -> F:
    """`function`, beside which a clock runs after a second; what it calls of the same kind has none of its own."""

    @functools.wraps(function)
    def timed(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True  # an error is told of the user's line
        if not _is_seen() or not _working.acquire(blocking=False):
            return function(*args, **options)
        done = threading.Event()
        clock = threading.Thread(target=_run_clock, args=(function.__name__, done), daemon=True)
        clock.start()
        try:
            return function(*args, **options)
        finally:
            done.set()
            clock.join()
            _working.release()

    return timed  # type: ignore[return-value]


def _run_clock(what: str, done: threading.Event) -> None:
    if not done.wait(DELAY):
        with _bar(what, bar_format="{desc} {elapsed}") as clock:
            clock.start_t -= DELAY
            while not done.wait(EVERY):
                clock.refresh()


def _bar(what: str, things: Iterable[Any] | None = None, **options: Any) -> Any:
    from tqdm import tqdm

    return tqdm(things, what, leave=False, ascii=False, file=NotebookOutput() if _in_notebook() else sys.stderr, **options)


def _is_seen() -> bool:
    """Whether there is a terminal or a notebook to show a bar, and what draws it."""
    shown = _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())
    return shown and ("tqdm" in sys.modules or importlib.util.find_spec("tqdm") is not None)  # a search of folders


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


class NotebookOutput(io.StringIO):
    """An output of a notebook that shows the last line written."""

    handle: Any = None

    def write(self, text: str) -> int:
        from IPython.display import display

        line = text.strip()
        if text.startswith("\r") and (line or self.handle):  # what is not moves the cursor, which there is none of
            data = {"text/plain": line, "text/html": f"<pre>{html.escape(line)}</pre>" if line else ""}
            if self.handle is None:
                self.handle = display(data, raw=True, display_id=True)
            else:
                self.handle.update(data, raw=True)
        return len(text)
