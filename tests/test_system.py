from __future__ import annotations

import os

import numpy as np
import pytest

from minirnn.system import quiet_stderr, whole_number


def test_standard_error_is_quiet_and_comes_back(capfd):
    with quiet_stderr():
        os.write(2, b"noise")
    os.write(2, b"voice")
    assert capfd.readouterr().err == "voice"


def test_whole_numbers():
    assert whole_number("t", np.int64(3)) == 3 and whole_number("t", 0, 0) == 0
    for wrong, says in (
        (0, "t is 0; it must be a positive whole number"),
        (True, "t is True"),
        (2.5, "t is 2.5"),
        ("2", "'2'"),
    ):
        with pytest.raises(ValueError, match=says):
            whole_number("t", wrong)
    with pytest.raises(ValueError, match="t is -1; it must be a whole number, 0 or more"):
        whole_number("t", -1, 0)
