"""The talk begins again: a passage of turns comes back from farther away than a cycle's period.

A model that has said its good-byes and has to go on may say the whole dialogue once more. Turns are
not compared at every distance; a turn that was said before in the very same words, and not lately,
tells where to look: from there on both ways, as long as the turns are like those at that distance
(similarity.py), one of them changed at most. Turns that repeat the last ones (`stuck`) are left
out: they are alike at many distances. What is enough for a passage is multi_turn_loop.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Indel

from broken_record.text.similarity import ALIKE, SHORT
from broken_record.text.transcript import Flags, Transcript

REACH = 2  # turns: so many further on the next like one must stand


@dataclass(frozen=True, slots=True)
class Restart:
    """Turns that are like those `apart` before them, rising."""

    apart: int
    turns: tuple[int, ...]

    @property
    def first(self) -> int:
        """The first turn that repeats one."""
        return self.turns[0]

    @property
    def last(self) -> int:
        """The last turn that repeats one."""
        return self.turns[-1]


def find_restarts(transcript: Transcript, stuck: Flags, farther_than: int) -> Iterator[Restart]:
    """Passages that come again from farther than so many turns, in their order.

    >>> import numpy as np
    >>> from broken_record.detectors.examples import transcript_of
    >>> said = [f"We have come to the {what}." for what in "bridge river mill inn forge".split()]
    >>> found = find_restarts(transcript_of([*said, *said]), np.zeros(10, bool), farther_than=3)
    >>> [(one.apart, one.turns) for one in found]
    [(5, (5, 6, 7, 8, 9))]
    """
    upto: dict[int, int] = {}  # of a distance: the last turn that was looked at
    for i, before in far_copies(transcript, farther_than):
        apart = i - before
        if i > upto.get(apart, -1) and not stuck[i]:
            restart = grow(transcript, stuck, i, apart)
            upto[apart] = restart.last + REACH
            yield restart


def far_copies(transcript: Transcript, farther_than: int) -> Iterator[tuple[int, int]]:
    """(turn, the last one that said the very same), where that was not lately."""
    last: dict[str, int] = {}
    for i, code in enumerate(transcript.codes):
        if code and i >= transcript.given:
            before = last.get(code, i)
            if i - before > farther_than:
                yield i, before
        last[code] = i


def grow(transcript: Transcript, stuck: Flags, start: int, apart: int) -> Restart:
    """The passage around a turn that was said `apart` turns before."""
    turns = [start]
    for step, end in ((-1, max(apart, transcript.given) - 1), (1, len(transcript))):
        i = last = start
        while i + step != end and abs(i + step - last) <= REACH:
            i += step
            if not stuck[i] and is_alike(transcript, i, i - apart):
                turns.append(i)
                last = i
    return Restart(apart, tuple(sorted(turns)))


def is_alike(transcript: Transcript, i: int, before: int) -> bool:
    """Whether two turns are equal or, where they are of some length, alike."""
    one, other = transcript.codes[i], transcript.codes[before]
    if one == other:
        return one != ""
    long = min(transcript.sizes[i], transcript.sizes[before]) >= SHORT
    return bool(long and Indel.normalized_similarity(one, other) >= ALIKE)
