"""Windows of so many turns over a dialogue, and the stretches of those that meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from broken_record.text.transcript import Flags, Floats


@dataclass(slots=True)
class Stretch:
    """Turns from `first` to `last`; from `told` on it can be told."""

    first: int
    told: int
    last: int


def running_sum(values: npt.NDArray[np.generic], n: int) -> Floats:
    """Per place, the sum of the last n values up to it."""
    window: Floats = np.cumsum(values, dtype=np.float64)
    window[n:] -= window[: max(0, len(window) - n)].copy()
    return window


def stretches_of(told: Flags, given: int, over: int) -> list[Stretch]:
    """The stretches of the windows of `over` turns that end where `told` says, none in an opening.

    Windows that meet are one stretch.
    """
    stretches: list[Stretch] = []
    for last in np.flatnonzero(told).tolist():
        if last < given + over - 1:
            continue
        if stretches and last - over <= stretches[-1].last:
            stretches[-1].last = last
        else:
            stretches.append(Stretch(last - over + 1, last, last))
    return stretches
