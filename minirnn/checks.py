"""What data must be: real numbers, all of them finite; said in one sentence where they are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# What Keras does with other data where a mask is given; also in the list of `minirnn.verify.keras_differences`
NAN_LEFT_OUT = (
    "Keras predicts finite numbers and gives NaN for every gradient; minirnn predicts the same and traces no such data."
)


def demand_finite(array: np.ndarray, what: str, hint: Callable[[], str] = str) -> None:
    """Raise ValueError if `array` holds anything but finite real numbers; what `hint` gives is said after it."""
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{what} must hold real numbers, not {array.dtype}")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        place = tuple(int(i) for i in bad[0])
        sentence = f"{what} has {array[place]} at {list(place)}: {len(bad)} of {array.size} entries are not finite"
        raise ValueError(sentence + (f". {more}" if (more := hint()) else ""))
