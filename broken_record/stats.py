"""Intervals, trends and exact tests, each by its method's name.

What every analysis and every page may need is written out, and tested against scipy, whose import
takes a second in each process, longer than many an analysis; the rest is left to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, combinations
from math import comb, erfc, factorial, inf, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

DRAWS = 2000  # of a bootstrap
MOST_TABLES = 500
EXACT = 33  # values without ties up to which a trend's p is counted out, as scipy does


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
    n = len(values)
    rises = sum(one < other for one, other in combinations(values, 2))
    falls = sum(one > other for one, other in combinations(values, 2))
    if rises + falls == comb(n, 2) and (n <= EXACT or min(rises, falls) <= 1):
        return count_orders(n, falls) / factorial(n)
    ties = sum(k * (k - 1) * (2 * k + 5) for k in Counter(values).values())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    return erfc((rises - falls) / sqrt(variance) / sqrt(2)) / 2


def count_orders(n: int, falls: int) -> int:
    """How many of the orders of n values have so many pairs that fall, or fewer.

    >>> count_orders(3, 1)  # 123, 132, 213
    3
    """
    counts = [1] + [0] * falls  # by pairs that fall, of the first value, of the first two ...
    for k in range(2, n + 1):
        upto = [0, *accumulate(counts)]
        counts = [upto[m + 1] - upto[max(0, m + 1 - k)] for m in range(falls + 1)]
    return sum(counts)


def slope(values: Sequence[float]) -> float:
    """The median slope per step over all pairs (Theil, 1950; Sen, 1968); 0 for fewer than two.

    >>> slope([6, 8, 10, 30])
    5.0
    """
    if len(values) < 2:
        return 0.0
    numbers = np.asarray(values, dtype=np.float64)
    first, second = all_pairs(len(numbers))
    return float(np.median((numbers[second] - numbers[first]) / (second - first)))


@lru_cache(maxsize=64)
def all_pairs(count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The places of the first and of the second of all pairs."""
    return np.triu_indices(count, k=1)


def more_often_p(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """The one-sided p that hits / n is above other_hits / other_n (Fisher's exact test).

    >>> round(more_often_p(3, 3, 0, 7), 4)
    0.0083
    """
    return fisher_p(hits, n, other_hits, other_n, only_above=True)


def fisher_p(
    hits: int, n: int, other_hits: int, other_n: int, *, only_above: bool = False
) -> float:
    """The p of Fisher's exact test: of all tables with the same sums, those that are no likelier
    than this, or have as many hits and more. Few tables are counted out here.

    >>> round(fisher_p(8, 10, 1, 10), 4)
    0.0055
    """
    if min(n, other_n, hits + other_hits) > MOST_TABLES:
        from scipy.stats import fisher_exact

        side = "greater" if only_above else "two-sided"
        table = [[hits, n - hits], [other_hits, other_n - other_hits]]
        return float(fisher_exact(table, alternative=side).pvalue)
    first, ways = count_tables(hits, n, other_hits, other_n)
    here = hits - first
    some = ways[here:] if only_above else [way for way in ways if way <= ways[here]]
    return sum(some) / sum(ways)


def count_tables(hits: int, n: int, other_hits: int, other_n: int) -> tuple[int, list[int]]:
    """The least that `hits` can be where the sums stay, and in how many ways it can be that, one
    more ...

    >>> count_tables(1, 2, 1, 2)
    (0, [1, 4, 1])
    """
    total = hits + other_hits
    first, last = max(0, total - other_n), min(n, total)
    ways = [comb(n, first) * comb(other_n, total - first)]
    for k in range(first, last):
        ways.append(ways[-1] * (n - k) * (total - k) // ((k + 1) * (other_n - total + k + 1)))
    return first, ways


def slope_of_many(values: Sequence[float], most: int = 64) -> float:
    """The `slope` over at most `most` evenly spaced values: its pairs grow with their square.

    >>> slope_of_many(range(0, 2000, 2))
    2.0
    """
    step = max(1, -(-len(values) // most))
    return slope(values[::step]) / step


@dataclass(frozen=True, slots=True)
class Survival:
    """A Kaplan-Meier curve: at each time with an event the share that has not had one, from (0, 1);
    `at_risk` is how many were still watched, `restricted_mean` the area up to `until`.
    """

    times: tuple[float, ...]
    shares: tuple[float, ...]
    at_risk: tuple[int, ...]
    restricted_mean: float
    until: float


def survival(times: Sequence[float], events: Sequence[bool], until: float) -> Survival:
    """Kaplan and Meier (1958): time until an event, or until watching ended without one.

    >>> curve = survival([10, 20, 30, 30], [True, False, True, False], until=30)
    >>> curve.times, curve.shares, curve.restricted_mean
    ((0.0, 10, 30), (1.0, 0.75, 0.375), 25.0)
    """
    ordered = sorted(times)
    lost = Counter(time for time, event in zip(times, events, strict=True) if event)
    steps: list[tuple[float, float, int]] = [(0.0, 1.0, len(ordered))]
    for time, struck in sorted(lost.items()):
        watched = len(ordered) - bisect_left(ordered, time)
        steps.append((time, steps[-1][1] * (1 - struck / watched), watched))
    borders = [*(min(time, until) for time, _, _ in steps), until]
    mean = sum(share * (borders[k + 1] - borders[k]) for k, (_, share, _) in enumerate(steps))
    columns = tuple(zip(*steps, strict=True))
    return Survival(columns[0], columns[1], columns[2], mean, until)


def common_until(runs: Sequence[Collection[tuple[float, bool]]]) -> float:
    """The tokens up to which the share without a loop is known of every run, of which (tokens
    watched, whether a loop began then) are given: those of its longest dialogue, unless all had
    looped by then.
    """
    longest, known = 0.0, inf
    for times in runs:
        if times:
            last = max(time for time, _ in times)
            longest = max(longest, last)
            if not all(looped for time, looped in times if time == last):
                known = min(known, last)
    return min(longest, known)


def pseudo_values(times: Sequence[float], events: Sequence[bool], until: float) -> list[float]:
    """What each contributes to the restricted mean of `survival`: n times the mean less n - 1 times
    the mean without it (Andersen, Hansen and Klein, 2004). Of all whose event or `until` was seen,
    that is the time itself, at most `until`.

    >>> pseudo_values([10, 20, 30, 30], [True, False, True, False], until=30)
    [10.0, 30.0, 30.0, 30.0]
    """
    time, event = np.asarray(times, dtype=np.float64), np.asarray(events, dtype=bool)
    steps, lost = np.unique(time[event & (time < until)], return_counts=True)
    widths = np.diff(np.concatenate([[0.0], steps, [until]]))

    def area(
        at_risk: npt.NDArray[np.int64], lost: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        shares = np.cumprod(1 - lost / np.maximum(at_risk, 1), axis=-1)
        mean: npt.NDArray[np.float64] = widths[0] + shares @ widths[1:]
        return mean

    n, ordered = len(time), np.sort(time)
    at_risk = n - np.searchsorted(ordered, steps)
    values: list[float] = []
    for rows in np.array_split(np.arange(n), n * len(steps) // 1_000_000 + 1):
        mine = time[rows, None]
        struck = (mine == steps) & event[rows, None]
        without = area(at_risk - (mine >= steps), lost - struck)
        values += (n * area(at_risk, lost) - (n - 1) * without).tolist()
    return [round(value, 6) for value in values]


def bootstrap_interval(
    values: Sequence[float], confidence: float = 0.95, draws: int = DRAWS
) -> Interval | None:
    """The mean with its percentile bootstrap interval (Efron, 1979); seeded; None without values.
    The page draws the same numbers (views/selection.js).

    >>> bootstrap_interval([2.0, 2.0])
    Interval(rate=2.0, low=2.0, high=2.0)
    """
    if not values:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    chosen = np.random.default_rng(0).integers(0, len(numbers), (draws, len(numbers)))
    means = numbers[chosen].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(numbers.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Difference:
    """Two rates compared: the difference with Newcombe's interval, and p."""

    difference: float
    low: float
    high: float
    p: float


def compare_rates(count: int, n: int, other: int, other_n: int) -> Difference | None:
    """Count / n less other / other_n: interval of Newcombe (1998, method 10), p by Fisher's exact
    test; None where either n is 0.

    >>> found = compare_rates(8, 10, 1, 10)
    >>> round(found.difference, 2), round(found.low, 2), round(found.high, 2), round(found.p, 3)
    (0.7, 0.27, 0.87, 0.005)
    """
    one, two = wilson_interval(count, n), wilson_interval(other, other_n)
    if one is None or two is None:
        return None
    difference = one.rate - two.rate
    below = sqrt((one.rate - one.low) ** 2 + (two.high - two.rate) ** 2)
    above = sqrt((one.high - one.rate) ** 2 + (two.rate - two.low) ** 2)
    p = fisher_p(count, n, other, other_n)
    return Difference(difference, difference - below, difference + above, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """P adjusted for being one of several (Holm, 1979).

    >>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        adjusted[k] = highest
    return adjusted


def detectable_difference(n: int, other_n: int) -> float:
    """The difference of two rates around one half that n and other_n would have shown with a power
    of .8 at p .05: 2.8 standard errors.
    """
    return min(1.0, 2.8 * sqrt(0.25 / n + 0.25 / other_n)) if n and other_n else 1.0


def mcnemar_p(only_one: int, only_other: int) -> float:
    """The two-sided p of McNemar's test (1947), exact: of the pairs whose sides differ, how many
    have it on the one side only and how many on the other; 1 where none differs.

    >>> mcnemar_p(1, 6)  # 2 * (1 + 7) / 2**7
    0.125
    """
    from scipy.stats import binomtest

    differing = only_one + only_other
    return float(binomtest(only_one, differing).pvalue) if differing else 1.0


def sign_flip_p(differences: Sequence[float]) -> float:
    """The two-sided p that paired differences lie around 0, by turning their signs (Fisher, 1935):
    all 2**n ways up to 13 pairs, else 9,999 drawn ones, seeded; 1 for fewer than two pairs.

    >>> sign_flip_p([1, 2, 3, 4, 5, -1])  # 6 of 64 ways reach a sum of 14 or -14
    0.09375
    """
    if len(differences) < 2 or not any(differences):
        return 1.0
    from scipy.stats import permutation_test

    found = permutation_test(
        (np.asarray(differences, dtype=np.float64),),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        batch=max(1, 4_000_000 // len(differences)),
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


@cache
def detectable_paired_difference(n: int, p: float = 0.05) -> float | None:
    """The smallest difference of two rates around one half that McNemar's exact test finds with a
    power of .8 at `p` in n pairs whose sides are independent; None where n shows no difference.

    Sums of binomials: over how many pairs differ, and which way. Six pairs must all go one way:
    (1/2 + d/2)**12 = .8.

    >>> round(detectable_paired_difference(6), 3), detectable_paired_difference(5)
    (0.963, None)
    """
    from scipy.optimize import brentq
    from scipy.stats import binom

    differing = np.arange(n + 1)
    most = binom.ppf(p / 2, differing, 0.5) - 1  # so few go the other way where p is reached
    if not n or most[-1] < 0:
        return None

    def lacking(difference: float) -> float:
        with_it, against = (0.5 + difference / 2) ** 2, (0.5 - difference / 2) ** 2
        differ = with_it + against
        found = binom.cdf(most, differing, against / differ)
        return float(binom.pmf(differing, n, differ) @ found) - 0.8

    return float(brentq(lacking, 0, 1))


def pairs_needed(difference: float, p: float = 0.05, most: int = 2000) -> int | None:
    """How many pairs find a difference of two rates with a power of .8 at `p`, as
    detectable_paired_difference has it; None where it takes more than `most`.

    >>> pairs_needed(1.0), pairs_needed(0.5), pairs_needed(0.01)
    (6, 19, None)
    """

    def finds(n: int) -> bool:
        shown = detectable_paired_difference(n, p)
        return shown is not None and shown <= difference

    needed = bisect_left(range(most + 1), True, key=finds)
    return needed if needed <= most else None


def detectable_shift(differences: Sequence[float], p: float = 0.05) -> float | None:
    """The smallest mean of paired differences that so many, as widely spread, show with a power of
    .8 at `p`: (z of p + z of .8) standard errors. None where turning signs cannot reach `p`, or all
    are equal.

    >>> detectable_shift([1.0] * 5), round(detectable_shift([3, 3, 3, -3, -3, -3, 0]), 2)
    (None, 3.18)
    """
    n = len(differences)
    if 2.0 ** (1 - n) >= p or len(set(differences)) < 2:
        return None
    normal = NormalDist()
    error = float(np.std(differences, ddof=1)) / sqrt(n)
    return (normal.inv_cdf(1 - p / 2) + normal.inv_cdf(0.8)) * error
