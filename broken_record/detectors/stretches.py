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


def runs_of(flags: Flags) -> list[tuple[int, int]]:
    """The first and the last place of every run of places that are flagged.

    >>> runs_of(np.array([False, True, True, False, True]))
    [(1, 2), (4, 4)]
    """
    padded = np.zeros(len(flags) + 2, dtype=bool)
    padded[1:-1] = flags
    places: list[int] = (padded[1:] != padded[:-1]).nonzero()[0].tolist()
    return [(first, end - 1) for first, end in zip(places[::2], places[1::2], strict=True)]


def stretches_of(told: Flags, given: int, over: int) -> list[Stretch]:
    """The stretches of the windows of `over` turns that end where `told` says, none in an opening.

    Windows that meet are one stretch.
    """
    stretches: list[Stretch] = []
    for first, last in runs_of(told):
        begins = max(first, given + over - 1)
        if begins > last:
            continue
        if stretches and begins - over <= stretches[-1].last:
            stretches[-1].last = last
        else:
            stretches.append(Stretch(begins - over + 1, begins, last))
    return stretches
