"""What repeats inside a turn, and the two ways in which numbers in a row can: right after one
another, and further on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Postfix, Prefix

from broken_record.text.transcript import Ints, Transcript

MARKS = 8  # words and characters: the number before an item has fewer
FEW = 256  # numbers: of so few all pairs are compared at once


class Repeat(NamedTuple):
    """What repeats in a body: from where to where, how often, how much of the turn, in words."""

    start: int
    end: int
    copies: int
    share: float
    explanation: str


def tandem(ids: Ints, longest: int, copies: float) -> Iterator[tuple[int, int, int]]:
    """(first, length, period) of the stretches that repeat up to `longest` numbers, `copies` times;
    none that lies in one of a shorter period.

    >>> list(tandem(np.array([7, 1, 2, 1, 2, 1, 2, 1, 2]), 20, 2))
    [(1, 8, 2)]
    """
    reached = np.zeros(len(ids) + 1, dtype=np.int64)  # by start: the furthest end found so far
    for period in possible_periods(ids, min(longest, int(len(ids) / copies)), copies):
        differ = ids[period:] != ids[:-period]
        if len(differ) - np.count_nonzero(differ) < int((copies - 1) * period):
            continue
        other = np.flatnonzero(np.append(differ, True))
        first = np.concatenate(([-1], other[:-1])) + 1
        ends = other + period
        long = (ends - first >= copies * period) & (ends > reached[first])
        for start, end in zip(first[long].tolist(), ends[long].tolist(), strict=True):
            yield start, end - start, period
        reached[first[long]] = ends[long]
        np.maximum.accumulate(reached, out=reached)


def possible_periods(ids: Ints, longest: int, copies: float) -> Sequence[int]:
    """The periods up to a longest at which enough numbers are alike; all of many numbers."""
    if len(ids) > FEW:
        return range(1, longest + 1)
    first, later = (ids[:, None] == ids).nonzero()
    alike = np.bincount(np.maximum(later - first, 0), minlength=longest + 1)[: longest + 1]
    needed = ((copies - 1) * np.arange(longest + 1)).astype(np.int64)
    periods: list[int] = (alike[1:] >= needed[1:]).nonzero()[0].tolist()
    return [1 + period for period in periods]


def comes_again(transcript: Transcript, position: int, words: float) -> bool:
    """Whether so many words in a row may come again at once in a turn, or be most of it: whether
    one of the blocks of half as many does, of which they would hold one.

    >>> from broken_record.detectors.examples import transcript_of
    >>> said = transcript_of(["so it rains and it rains and so", "it rains and will it rains and"])
    >>> comes_again(said, 0, 3), comes_again(said, 0, 4), comes_again(said, 1, 3)
    (True, False, True)
    """
    begin, end = transcript.borders[position : position + 2]
    text = transcript.written[begin:end]
    much = 0.5 if 2 * float(transcript.sizes[position]) == end - begin else 1.0
    least = ceil(words / much)
    block = (least + 1) // 2
    for at in range(0, len(text) - block, block):
        other = text.find(text[at : at + block], at + 1)
        while other > 0:
            apart = other - at
            first = at - Postfix.similarity(text[:at], text[:other])
            last = other + Prefix.similarity(text[at:], text[other:])
            length = last - apart - first
            is_most = first <= MARKS and last == len(text) and 2 * length >= apart
            if length >= least and (length >= apart or is_most):
                return True
            other = text.find(text[at : at + block], other + 1)
    return False


def longest_passage(back: Ints, ends: Ints) -> tuple[int, int]:
    """From which to before which word the longest passage reaches that stood before as a whole."""
    again = np.flatnonzero(back)
    breaks = np.flatnonzero((np.diff(again) != 1) | (np.diff(back[again]) != 0)) + 1
    borders = np.concatenate(([0], breaks, [len(again)]))
    k = int(np.diff(borders).argmax())
    return int(again[borders[k]]), int(ends[again[borders[k + 1] - 1]])
