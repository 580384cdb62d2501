"""Lengths and loop densities in the buckets that analyze.py has always shown: borders, labels and
counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

LENGTHS = (0, 2, *range(100, 2001, 100))  # characters: 0 and 1, hundreds to 2,000, and above
DENSITIES = tuple(step / 20 for step in range(17))  # steps of .05 to .8, and above


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many lie in each bucket."""

    labels: list[str]
    counts: list[int]


def count_lengths(lengths: Mapping[int, int]) -> Histogram:
    """The buckets of lengths, of how many have each."""
    labels = [f"{low}-{high - 1}" for low, high in pairwise(LENGTHS)]
    return Histogram([*labels, f"{LENGTHS[-1]} and up"], count(lengths, LENGTHS))


def count_densities(densities: Mapping[float, int]) -> Histogram:
    """The buckets of densities, of how many have each."""
    labels = [f"{low:.2f}-{high:.2f}" for low, high in pairwise(DENSITIES)]
    return Histogram([*labels, f"above {DENSITIES[-1]:.2f}"], count(densities, DENSITIES))


def count(values: Mapping[int, int] | Mapping[float, int], borders: Sequence[float]) -> list[int]:
    """How many lie between two borders, the lower one included, or above the last.

    >>> count({0: 2, 1: 1, 2: 1, 9: 5}, [0, 2, 4])
    [3, 1, 5]
    """
    counts = [0] * len(borders)
    for value, times in values.items():
        counts[bisect_right(borders, value) - 1] += times
    return counts
