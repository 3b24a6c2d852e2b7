"""More than one machine: what minirnn hands over to Keras, checked where the gradients of two devices are summed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("two_devices.py")


def test_the_gradient_of_two_devices_is_minirnns(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", PROGRAM], capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "agree with minirnn's own" in done.stdout
