"""The recorder of the run that a thread makes, for what is computed deep inside of it."""

from __future__ import annotations

import threading
from typing import Any

from ..engine.graph import now


class _Present(threading.local):
    recorder: Any = None


_present = _Present()


def present() -> Any:
    """The `minirnn.loops.instrument.recorder.Recorder` of the run that this thread makes; None without one."""
    return _present.recorder


class recording:
    """``with recording(recorder):`` the calls in this thread are noted by it."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder

    def __enter__(self) -> None:
        self.outer = _present.recorder, now.step
        _present.recorder, now.step = self.recorder, 0

    def __exit__(self, *_: object) -> None:
        _present.recorder, now.step = self.outer
