"""Rounds: the same steps come again and again in the same order, each time in other words.

A watch that goes bell, compass, cocoa, cat, sandglass and bell again shares few words from round to
round, but the turn that it shares most of its rare words with is the one a round before. So: per
turn the nearest of the 24 turns before it (cosine over the squared weight log(turns / turns with
the word)), and whether it lies a multiple of the period back. By chance that happens once in
`period` turns (twice where the period is even, because a speaker is like oneself), in a round about
.65 of the time: the log-likelihood ratio of both, summed over a stretch. Of 507 public dialogues of
12 turns and more none reaches 8. Every step must come again, so a quiz with new answers and a
refrain between new verses are none.

multi_turn_loop.py uses it; how alike two turns are there is no matter of a threshold here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from broken_record.text.ngrams import distinct
from broken_record.text.transcript import Flags, Floats, Ints, Transcript

FARTHEST = 24  # turns
IN_ROUND = 0.65  # of the turns of a round have their nearest a multiple of the period before
LEAST_ALIKE = 0.05  # cosine: a turn that shares less with all before it has no nearest
LEAST_TURNS = 12
AT_ONCE = 1 << 11  # words of turns that are compared at once: few, because of the memory


@dataclass(frozen=True, slots=True)
class Rounds:
    """Turns `first` to `last` go in rounds of `period`; `hits` are those nearest to one before."""

    period: int
    first: int
    last: int
    told: int
    hits: tuple[int, ...]
    score: float


def find_rounds(lags: Ints, *, least: int, most: int, evidence: float) -> Rounds | None:
    """The clearest rounds, of the smallest period that is nearly as clear as any.

    `lags` says per turn how far back its nearest is, 0 for none; `evidence` is the least
    log-likelihood ratio.

    >>> found = find_rounds(np.array([0] * 5 + [5] * 15), least=3, most=12, evidence=8.0)
    >>> (found.period, found.first, found.last, found.told)
    (5, 5, 19, 11)
    """
    clear = []
    periods = np.arange(least, min(most, len(lags) // 3) + 1)
    for period in periods[may_reach(lags, periods, evidence)].tolist():
        found = best_stretch(lags.tolist(), period, evidence)
        if found is not None and is_whole(found):
            clear.append(found)
    best = max((one.score for one in clear), default=0.0)
    return next((one for one in clear if one.score >= 0.8 * best), None)


def most_of_a_turn(period: int) -> float:
    """No turn gives more evidence of rounds of so many turns or fewer."""
    return math.log(IN_ROUND * period)


def may_reach(lags: Ints, periods: Ints, evidence: float) -> Flags:
    """Per period: whether a stretch may reach the evidence: the highest rise of the running sum,
    roughly.
    """
    chance = np.where(periods % 2, 1.0, 2.0) / periods
    hit, miss = np.log(IN_ROUND / chance), np.log((1 - IN_ROUND) / (1 - chance))
    is_hit = (lags > 0) & (lags % periods[:, None] == 0)
    upto = np.zeros((len(periods), len(lags) + 1))
    steps = np.where(is_hit, hit[:, None], miss[:, None])
    steps[np.arange(len(lags)) < periods[:, None]] = 0.0
    np.cumsum(steps, axis=1, out=upto[:, 1:])
    rise = (upto - np.minimum.accumulate(upto, axis=1)).max(axis=1)
    reaches: Flags = (rise >= evidence - 0.001) & (chance < IN_ROUND)
    return reaches


def best_stretch(lags: list[int], period: int, evidence: float) -> Rounds | None:
    """The stretch with the highest sum, where it reaches the evidence."""
    chance = (1 if period % 2 else 2) / period
    if chance >= IN_ROUND:
        return None
    hit, miss = math.log(IN_ROUND / chance), math.log((1 - IN_ROUND) / (1 - chance))
    total = best = 0.0
    first = told = 0
    stretch: tuple[int, int, int] | None = None
    for i in range(period, len(lags)):
        if total <= 0.0:
            total, first, told = 0.0, i, 0
        total += hit if lags[i] and lags[i] % period == 0 else miss
        if total >= evidence and not told:
            told = i
        if total > best:
            best, stretch = total, (first, i, told)
    if stretch is None or best < evidence:
        return None
    first, last, told = stretch
    hits = tuple(i for i in range(first, last + 1) if lags[i] and lags[i] % period == 0)
    return Rounds(period, first, last, told, hits, best)


def is_whole(rounds: Rounds) -> bool:
    """Whether two rounds repeat one, and each step comes again a third of the time."""
    turns = rounds.last - rounds.first + 1
    steps = [sum(i % rounds.period == k for i in rounds.hits) for k in range(rounds.period)]
    return turns >= 2 * rounds.period and all(3 * step * rounds.period >= turns for step in steps)


def nearest_before(transcript: Transcript) -> Ints:
    """Per turn, how many turns before it the one stands with which it shares most rare words."""
    n = len(transcript)
    # the different words of every turn, rising by word, then by turn; words are further apart than
    # turns that are compared
    span = n + FARTHEST
    keys = distinct(transcript.words * span + transcript.turn_of)
    words = keys // span
    turns = keys - words * span
    turns_with = np.bincount(words)
    of_count = np.zeros(n + 1)
    said_by = turns_with[words]
    counts = np.flatnonzero(np.bincount(said_by))
    of_count[counts] = [math.log(n / count) ** 2 for count in counts.tolist()]
    weights = of_count[said_by]
    norms = np.sqrt(np.bincount(turns, weights, minlength=n))
    norms[norms == 0] = 1.0
    telling = ((said_by > 1) & (2 * said_by <= n)).nonzero()[0]
    shared = add_shared(keys[telling], turns[telling], weights[telling], n)
    before = np.maximum(np.arange(n)[:, None] - np.arange(FARTHEST + 1), 0)
    cosines = shared / (norms[:, None] * norms[before])
    nearest = cosines.argmax(axis=1)
    is_alike = cosines[np.arange(n), nearest] >= LEAST_ALIKE
    lags: Ints = np.where(is_alike, nearest, 0)
    return lags


def add_shared(keys: Ints, turns: Ints, weights: Floats, n: int) -> Floats:
    """[i, apart]: what the words weigh that the turns i and i - apart share, up to FARTHEST.

    Of the different words of every turn: rising keys of which those of a word are as far apart as
    its turns, and those of two words further than FARTHEST; their turns, and what they weigh.
    """
    shared = np.zeros((n, FARTHEST + 1))
    if not len(keys):
        return shared
    flat = shared.reshape(-1)
    padded = np.append(keys, np.full(FARTHEST, np.iinfo(np.int64).max))
    windows = sliding_window_view(padded, FARTHEST + 1)
    for begin in range(0, len(keys), AT_ONCE):
        # how far behind a word it is said next, and the time after that ...
        some = windows[begin : begin + AT_ONCE]
        distances = some[:, 1:] - some[:, :1]
        near = (distances <= FARTHEST).reshape(-1).nonzero()[0]
        apart, said = distances.reshape(-1)[near], begin + near // FARTHEST
        np.add.at(flat, (turns[said] + apart) * (FARTHEST + 1) + apart, weights[said])
    return shared
