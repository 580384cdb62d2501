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
from collections import deque
from dataclasses import dataclass

from broken_record.text.transcript import Transcript

FARTHEST = 24  # turns
IN_ROUND = 0.65  # of the turns of a round have their nearest a multiple of the period before
LEAST_ALIKE = 0.05  # cosine: a turn that shares less with all before it has no nearest
LEAST_TURNS = 12


@dataclass(frozen=True, slots=True)
class Rounds:
    """Turns `first` to `last` go in rounds of `period`; `hits` are those nearest to one before."""

    period: int
    first: int
    last: int
    told: int
    hits: tuple[int, ...]
    score: float


def find_rounds(lags: list[int], *, least: int, most: int, evidence: float) -> Rounds | None:
    """The clearest rounds, of the smallest period that is nearly as clear as any.

    `lags` says per turn how far back its nearest is, 0 for none; `evidence` is the least
    log-likelihood ratio.

    >>> found = find_rounds([0] * 5 + [5] * 15, least=3, most=12, evidence=8.0)
    >>> (found.period, found.first, found.last, found.told)
    (5, 5, 19, 11)
    """
    clear = []
    for period in range(least, min(most, len(lags) // 3) + 1):
        found = best_stretch(lags, period, evidence)
        if found is not None and is_whole(found):
            clear.append(found)
    best = max((one.score for one in clear), default=0.0)
    return next((one for one in clear if one.score >= 0.8 * best), None)


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


def nearest_before(transcript: Transcript) -> list[int]:
    """Per turn: how many turns before it the one stands with which it shares most rare words."""
    n = len(transcript)
    borders = transcript.first.tolist()
    words = transcript.words.tolist()
    turns = [sorted(set(words[borders[i] : borders[i + 1]])) for i in range(n)]
    turns_with: dict[int, int] = {}
    for turn in turns:
        for word in turn:
            turns_with[word] = turns_with.get(word, 0) + 1
    weights = {word: math.log(n / count) ** 2 for word, count in turns_with.items()}
    norms = [math.sqrt(sum(weights[word] for word in turn)) or 1.0 for turn in turns]
    said: dict[int, deque[int]] = {}
    lags = []
    for i, turn in enumerate(turns):
        shared: dict[int, float] = {}
        for word in turn:
            if turns_with[word] == 1 or 2 * turns_with[word] > n:
                continue
            places = said.setdefault(word, deque())
            while places and places[0] < i - FARTHEST:
                places.popleft()
            for k in places:
                shared[k] = shared.get(k, 0.0) + weights[word]
            places.append(i)
        cosines = {k: much / (norms[i] * norms[k]) for k, much in shared.items()}
        nearest = max(cosines, key=lambda k: (cosines[k], k), default=i)
        lags.append(i - nearest if cosines.get(nearest, 0.0) >= LEAST_ALIKE else 0)
    return lags
