"""Intervals, trends and exact tests: the method is named here, the distributions left to scipy.

scipy is loaded by the function that needs it: that takes longer than a run's analysis, and most
need none of it. So the closed forms that every analysis uses are written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate with its confidence interval."""

    rate: float
    low: float
    high: float


def wilson_interval(count: int, n: int, confidence: float = 0.95) -> Interval | None:
    """The rate count / n with Wilson's score interval (Wilson, 1927); None where n is 0.

    >>> interval = wilson_interval(3, 20)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.052, 0.36)
    """
    if not n:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (count + z * z / 2) / (n + z * z)
    half = z * sqrt(count * (n - count) / n + z * z / 4) / (n + z * z)
    return Interval(count / n, max(0.0, centre - half), min(1.0, centre + half))


def rising_p(values: Sequence[float]) -> float:
    """The one-sided p of an upward trend (Mann, 1945; Kendall's tau against time); 1 where all
    are equal.

    >>> round(rising_p([1, 2, 4, 7]), 3)
    0.042
    """
    if len(set(values)) < 2:
        return 1.0
    from scipy.stats import kendalltau

    return float(kendalltau(range(len(values)), values, alternative="greater").pvalue)


def slope(values: Sequence[float]) -> float:
    """The median slope per step over all pairs (Theil, 1950; Sen, 1968); 0 for fewer than two.

    >>> slope([6, 8, 10, 30])
    5.0
    """
    if len(values) < 2:
        return 0.0
    numbers = np.asarray(values, dtype=np.float64)
    first, second = np.triu_indices(len(numbers), k=1)
    return float(np.median((numbers[second] - numbers[first]) / (second - first)))


def more_often_p(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """The one-sided p that hits / n is above other_hits / other_n (Fisher's exact test).

    >>> round(more_often_p(3, 3, 0, 7), 4)
    0.0083
    """
    from scipy.stats import fisher_exact

    table = [[hits, n - hits], [other_hits, other_n - other_hits]]
    return float(fisher_exact(table, alternative="greater").pvalue)
