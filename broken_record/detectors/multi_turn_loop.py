"""A passage of several turns comes again, and again: the talk goes round in a circle.

A cycle (maximal repetition) with a period of 3 to 16 turns, odd ones included, where the speakers
have exchanged their lines. The turns of a copy are like those a period before (similarity.py, and
of up to 24 words those with .75 of their characters alike: "Im happy to help", "I am happy to
help"); one turn may be changed, inserted or missing, because the path may leave its diagonal of
the similarity matrix for the next one. A finding needs two whole copies, or five turns of a longer
round, and 12 repeated words that are more than greetings; it is a break from the third. The longest
path wins, so the smallest period stands for its multiples. A passage that comes again from farther
away is looked for by restarts.py, rounds of the same steps in other words are told by rounds.py. It
differs from single_turn_loop by the period.

>>> from broken_record.detectors.examples import transcript_of
>>> verse = ["Shall we go for a walk by the river?", "I would rather stay inside with you tonight.",
...          "Then let me make us a pot of tea.", "Tea sounds very good to me right now."]
>>> found = detect(transcript_of(["Hello there.", *verse, *verse]))
>>> [(f.origin_turn, f.onset_turn, f.detect_turn, f.period, f.copies) for f in found]
[(1, 5, 8, 4, 2)]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate
from broken_record.detectors.restarts import Restart, find_restarts
from broken_record.detectors.rounds import (
    LEAST_TURNS,
    Rounds,
    find_rounds,
    most_of_a_turn,
    nearest_before,
)
from broken_record.detectors.single_turn_loop import has_new_slot
from broken_record.detectors.stretches import running_sum
from broken_record.text.similarity import (
    ALIKE,
    WIDEST,
    Band,
    compare_cells,
    compare_pairs,
    pair_cells,
)
from broken_record.text.transcript import Flags, Transcript, quote

KIND = "multi_turn_loop"
SPELLED = 24  # words: longer turns are compared by words alone
LEAST_LETTERS = 8
NEAR = 0.8  # of the likeness a period apart
MOST_STEPS = 12  # turns of a round in other words
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


def detect(
    transcript: Transcript,
    *,
    least_period: int = 3,
    most_period: int = 16,
    words: int = 12,
    matched: float = 0.75,
    passage: int = 5,
    formats: float = 0.3,
    break_copies: int = 3,
    round_evidence: float = 8.0,
) -> list[Finding]:
    """Cycles of `least_period` to `most_period` turns, at least two copies of each.

    `matched` is the share of a copy's turns that must be like their originals, `words` how many
    words these hold at least; of a longer period `passage` turns are enough;
    where in the share `formats` of its turns only one slot is filled anew, from copy to copy, it is
    a quiz, a list or a game.
    `round_evidence` is the log-likelihood ratio from which on steps go in rounds.
    """
    findings = []
    alike = find_alike(transcript, matched)
    reach = Reach(transcript, matched)
    for path in find_paths(transcript, alike, reach):
        period = path.period
        if not least_period <= period <= most_period:
            continue
        enough = min(period - (period > 5), passage)
        if path.length < enough:
            continue
        turns = [i for _, i in path.cells]
        if transcript.sizes[turns[:period]].sum() < words:
            continue
        if len({transcript.codes[i] for i in turns}) < 3 or is_template(transcript, path):
            continue
        if reach.is_taken(path.origin, path.first, path.last):
            continue
        reach.cover(path.origin, path.last)
        if is_quiz(transcript, path, formats):
            continue
        reach.repeat(path.first, path.last)
        findings.append(report(transcript, alike, path, period, break_copies))
    for restart in find_restarts(transcript, WIDEST):
        if is_passage(transcript, restart, passage, words, matched) and not reach.is_taken(
            restart.first - restart.apart, restart.first, restart.last
        ):
            reach.repeat(restart.first, restart.last)
            findings.append(report_restart(transcript, restart, passage))
    rounds = rounds_of(transcript, alike, least_period, round_evidence)
    if rounds is not None and not reach.covered[rounds.first : rounds.last + 1].any():
        findings.append(report_rounds(transcript, rounds))
    return findings


def is_passage(
    transcript: Transcript, restart: Restart, passage: int, words: int, matched: float
) -> bool:
    """Whether so much comes again from far away that nobody says it twice by chance."""
    turns = [*restart.turns]
    return (
        len(turns) >= max(passage, matched * (restart.last - restart.first + 1))
        and transcript.sizes[turns].sum() >= words
        and len({transcript.codes[i] for i in turns}) >= 3
    )


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


def is_template(transcript: Transcript, path: Path) -> bool:
    """Whether the speakers' neighbouring turns are about as alike as those a period apart: what
    comes again is then a form that every turn has, and no passage.
    """
    codes = transcript.codes
    turns = [(p, i) for p, i in path.cells if i >= 2]
    far, near = (
        float(compare_pairs([codes[i] for _, i in turns], [codes[k] for k in back], 0.0).sum())
        for back in ([i - p for p, i in turns], [i - 2 for _, i in turns])
    )
    return path.period % 2 == 0 and near >= NEAR * far


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


def is_quiz(transcript: Transcript, path: Path, formats: float) -> bool:
    """Whether so many turns of three copies or more are frames with a slot filled anew."""
    period = path.period
    if path.length < 2 * period:
        return False
    steps = [range(path.origin + k, path.last + 1, period) for k in range(period)]
    return sum(has_new_slot(transcript, step) for step in steps) >= formats * period


def rounds_of(
    transcript: Transcript, alike: Band, least_period: int, evidence: float
) -> Rounds | None:
    """The rounds outside loops of period 1 or 2; where every other turn counts something in digits
    it is a task.
    """
    if len(transcript) < LEAST_TURNS:
        return None
    stuck = repeating_last(alike)
    if np.count_nonzero(~stuck) * most_of_a_turn(MOST_STEPS) < evidence:
        return None
    lags = np.where(stuck, 0, nearest_before(transcript))
    rounds = find_rounds(lags, least=least_period, most=MOST_STEPS, evidence=evidence)
    if rounds is None:
        return None
    counting = sum(any(map(str.isdigit, transcript.bodies[i])) for i in rounds.hits)
    return None if 2 * counting >= len(rounds.hits) else rounds


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


def report(
    transcript: Transcript, similarity: Band, path: Path, period: int, break_copies: int
) -> Finding:
    """The finding of a path."""
    copies = 1 + max(1, round(path.length / period - 0.25))
    positions = sorted({i for p, i in path.cells} | {i - p for p, i in path.cells})
    alike = [float(similarity[p, i]) / period for p, i in path.cells]
    detect = next((i for _, i in path.cells if i - path.first + 1 >= period), path.last)
    opening = transcript.said[path.origin].body
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="break" if copies >= break_copies else "warn",
        origin=path.origin,
        onset=path.first,
        detect=detect,
        period=period,
        copies=copies,
        strength=saturate(alike),
        spans=[transcript.whole(i) for i in positions],
        explanation=f"{period} turns from {quote(opening)} on, {copies} times",
        pairs=[(i, i - p) for p, i in path.cells if p % 2],
    )


def report_restart(transcript: Transcript, restart: Restart, passage: int) -> Finding:
    """The finding of a passage that comes again from far away."""
    turns, apart = restart.turns, restart.apart
    positions = sorted({*turns, *(i - apart for i in turns)})
    opening = quote(transcript.said[restart.first - apart].body)
    found = make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="warn",
        origin=restart.first - apart,
        onset=restart.first,
        detect=turns[passage - 1],
        copies=2,
        strength=saturate([1 / apart] * len(turns)),
        spans=[transcript.whole(i) for i in positions],
        explanation=f"{len(turns)} turns from {opening} on come again {apart} turns later",
        pairs=[(i, i - apart) for i in turns if apart % 2],
    )
    return replace(found, period=apart)  # it is over when the next turn is another


def report_rounds(transcript: Transcript, rounds: Rounds) -> Finding:
    """The finding of steps that come again in other words."""
    period, hits = rounds.period, rounds.hits
    copies = 1 + (rounds.last - rounds.first + 1) // period
    opening = quote(transcript.said[rounds.first - period].body)
    return make_finding(
        transcript,
        kind=KIND,
        positions=range(rounds.first - period, rounds.last + 1),
        level="warn",
        origin=rounds.first - period,
        onset=rounds.first,
        detect=rounds.told,
        period=period,
        copies=copies,
        strength=saturate([0.5 / period] * len(hits)),
        spans=[transcript.whole(i) for i in hits],
        explanation=f"rounds of {period} steps in other words from {opening} on, {copies} times",
    )
