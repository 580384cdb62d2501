"""Paths in the similarity matrix of a dialogue's turns: where turns a period apart are alike, one
after the other.

A path runs along a diagonal, steps over a turn or two, and may move to the next diagonal, because
turns are inserted or left out. Which paths are loops is multi_turn_loop.py's; this module lays the
turns side by side, and follows no path that cannot be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np

from broken_record.detectors.stretches import running_sum
from broken_record.text.similarity import ALIKE, Band, compare_cells, pair_cells
from broken_record.text.transcript import Flags, Transcript

SPELLED = 24  # words: longer turns are compared by words alone
LEAST_LETTERS = 8
ALL_ODD = 0.6  # of the turns of a path match in every other one alone, or fewer: 3 of 5
STEPS = 3  # times that odd turns are only looked at next to what matches
Cell = tuple[int, int]
KEYS = 32  # numbers of cells: so many a turn, more than there are periods
BACK = (  # from the number of a cell to those of the ones before it, the better way first
    KEYS, 2 * KEYS, KEYS + 1, KEYS - 1, 2 * KEYS + 1, 2 * KEYS - 1,
    3 * KEYS, 3 * KEYS + 1, 3 * KEYS - 1,
)  # fmt: skip


class Chain(NamedTuple):
    """What is known of a path before it is followed: how many cells, the first and the last."""

    cells: int
    first: Cell
    last: Cell

    @property
    def origin(self) -> int:
        """The first turn of copy 1."""
        return self.first[1] - self.first[0]

    @property
    def length(self) -> int:
        """Turns from the first to the last that repeats one."""
        return self.last[1] - self.first[1] + 1


@dataclass(frozen=True, slots=True)
class Path:
    """Cells (p, i) of the similarity matrix, rising in i: turn i is like turn i - p; `period` is
    the distance that most of them have.
    """

    cells: tuple[Cell, ...]
    period: int

    @property
    def first(self) -> int:
        """The first turn of copy 2."""
        return self.cells[0][1]

    @property
    def last(self) -> int:
        """The last turn that repeats one."""
        return self.cells[-1][1]

    @property
    def origin(self) -> int:
        """The first turn of copy 1."""
        return self.cells[0][1] - self.cells[0][0]

    @property
    def length(self) -> int:
        """Turns from the first to the last that repeats one."""
        return self.last - self.first + 1


def find_alike(transcript: Transcript, matched: float) -> Band:
    """[p, i]: how alike the turns i and i - p are, by words or, of short ones, by characters; these
    are not looked at where no path can be that is told.
    """
    band: Band = transcript.similarity.copy()
    looked = ~repeating_last(band)
    looked[: transcript.given] = False
    if not looked.any():
        return band
    letters = spell(transcript, running_sum(looked[::-1], len(band))[::-1] > 0)
    cells, equal = pair_cells(letters, looked, np.ones(len(letters), dtype=bool), 3, ALIKE)
    band.reshape(-1)[equal] = 1
    if matched > ALL_ODD:
        is_even = cells % len(letters) % 2 == 0
        compare_cells(band, letters, cells[is_even], ALIKE)
        cells = cells[~is_even]
        for _ in range(STEPS):
            reached = in_reach((band > 0) & looked).reshape(-1)[cells]
            if not reached.any():
                return band
            compare_cells(band, letters, cells[reached], ALIKE)
            cells = cells[~reached]
    compare_cells(band, letters, cells, ALIKE)
    return band


def spell(transcript: Transcript, needed: Flags) -> list[str]:
    """Per turn: its letters and blanks, as both speakers would say it; nothing of long and of very
    short turns, and of those that are not needed.
    """
    letters = [""] * len(transcript)
    counts = transcript.counts
    needed = needed & (counts > 0) & (counts <= SPELLED)
    turns = np.flatnonzero(needed)
    if not len(turns):
        return letters
    words = transcript.vocabulary.spelled[transcript.words[needed[transcript.turn_of]]]
    borders = np.cumsum(counts[turns])[:-1]
    said = " ".join(np.insert(words, borders, "\n").tolist())
    bare = said.replace("'", "").split(" \n ")
    for i, text, short in zip(turns.tolist(), said.split(" \n "), bare, strict=True):
        if len(text) >= LEAST_LETTERS:
            letters[i] = short
    return letters


def in_reach(hits: Flags) -> Flags:
    """The cells from which a chain may step to a hit, or from a hit to them (find_chains); and the
    hits themselves.
    """
    beside = hits.copy()
    beside[1:] |= hits[:-1]
    beside[:-1] |= hits[1:]
    reached: Flags = beside.copy()
    for step in (1, 2, 3):
        reached[:, step:] |= beside[:, :-step]
        reached[:, :-step] |= beside[:, step:]
    return reached


class Reach:
    """Which turns are covered by paths that were taken, and which of them repeat others; so that
    most paths need not be followed to be left out.
    """

    def __init__(self, transcript: Transcript, matched: float) -> None:
        self.matched = matched
        self.codes = transcript.codes
        self.covered, self.repeating = np.zeros((2, len(transcript)), dtype=bool)
        self.upto = np.zeros((2, len(transcript) + 1), dtype=np.int64)  # how many of either before

    @cached_property
    def thirds(self) -> list[int]:
        """Per turn: up to which turn from it on three different ones were said."""
        return third_kinds(self.codes)

    def may_tell(self, chain: Chain) -> bool:
        """Whether a path may be told as a loop, as far as its ends show."""
        return (
            chain.cells >= max(3, self.matched * chain.length)
            and self.thirds[chain.first[1]] <= chain.last[1]
            and not self.is_taken(chain.origin, chain.first[1], chain.last[1])
        )

    def is_taken(self, origin: int, first: int, last: int) -> bool:
        """Whether more than half of a path is covered, or a turn repeats in another's."""
        covered = self.upto[0, last + 1] - self.upto[0, origin]
        repeating = self.upto[1, last + 1] - self.upto[1, first]
        return bool(2 * covered > last + 1 - origin or repeating)

    def cover(self, origin: int, last: int) -> None:
        """A path was taken, or is a quiz."""
        self.covered[origin : last + 1] = True
        self.upto[0, 1:] = np.cumsum(self.covered)

    def repeat(self, first: int, last: int) -> None:
        """These turns repeat others."""
        self.repeating[first : last + 1] = True
        self.upto[1, 1:] = np.cumsum(self.repeating)


def third_kinds(codes: Sequence[str]) -> list[int]:
    """Per turn: up to which turn from it on three different ones were said.

    >>> third_kinds(["a", "b", "b", "a", "c"])
    [4, 4, 4, 5, 5]
    """
    n = len(codes)
    seconds, thirds = [n] * n, [n] * n
    for i in range(n - 2, -1, -1):
        second = seconds[i + 1]
        if codes[i] == codes[i + 1]:
            seconds[i], thirds[i] = second, thirds[i + 1]
            continue
        seconds[i] = i + 1
        is_third = second < n and codes[second] != codes[i]
        thirds[i] = second if is_third else thirds[i + 1]
    return thirds


def find_paths(transcript: Transcript, alike: Band, reach: Reach) -> Iterator[Path]:
    """The paths that may be told while one asks for them: those with more cells first, then those
    of a smaller period.
    """
    before, chains = find_chains(transcript, alike)
    for _, group in groupby(sorted(chains, key=lambda one: -one.cells), key=lambda one: one.cells):
        open_ones = [chain for chain in group if reach.may_tell(chain)]
        paths = [follow(before, chain.last) for chain in open_ones]
        yield from sorted(paths, key=lambda path: path.period)


def follow(before: Mapping[Cell, Cell | None], last: Cell) -> Path:
    """The path that ends in a cell."""
    cells = []
    here: Cell | None = last
    while here is not None:
        cells.append(here)
        here = before[here]
    cells.reverse()
    return Path(tuple(cells), Counter(p for p, _ in cells).most_common(1)[0][0])


def find_chains(transcript: Transcript, alike: Band) -> tuple[dict[Cell, Cell | None], list[Chain]]:
    """Maximal chains of like turns along the diagonals, off the turns that repeat the last ones;
    and of every cell the one before it.

    A chain steps to the next turn, or over one or two, and may move to a neighbouring diagonal.
    """
    hits = alike > 0
    hits[:3] = False
    hits[:, : transcript.given] = False
    hits[:, repeating_last(alike)] = False
    best: dict[int, Chain] = {}
    links: dict[Cell, Cell | None] = {}
    columns, lags = np.nonzero(hits.T)
    for i, p in zip(columns.tolist(), lags.tolist(), strict=True):
        before: Chain | None = None
        key = KEYS * i + p
        for back in BACK:
            chain = best.get(key - back)
            if chain is not None and (before is None or chain.cells > before.cells):
                before = chain
        here = (p, i)
        if before is None:
            best[key], links[here] = Chain(1, here, here), None
        else:
            best[key], links[here] = Chain(before.cells + 1, before.first, here), before.last
    continued = set(links.values())
    chains = [chain for chain in best.values() if chain.cells >= 3 and chain.last not in continued]
    return links, chains


def repeating_last(alike: Band) -> Flags:
    """Where a turn and one next to it both repeat the last ones: a loop of period 1 or 2."""
    repeats = (alike[1] > 0) | (alike[2] > 0)
    beside = np.zeros(len(repeats), dtype=bool)
    beside[1:] |= repeats[:-1]
    beside[:-1] |= repeats[1:]
    going_on: Flags = repeats & beside
    return going_on
