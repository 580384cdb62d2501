"""A passage of several turns comes again, and again: the talk goes round in a circle.

A cycle (maximal repetition) with a period of 3 to 16 turns, odd ones included, where the speakers
have exchanged their lines. The turns of a copy are like those a period before (similarity.py); one
turn may be changed, inserted or missing, because the path may leave its diagonal of the similarity
matrix for the next one. A finding needs two whole copies and 12 repeated words
that are more than greetings; it is a break from the third. The longest path wins, so the smallest
period stands for its multiples. It differs from single_turn_loop by the period.

>>> from broken_record.detectors.examples import transcript_of
>>> verse = ["Shall we go for a walk by the river?", "I would rather stay inside with you tonight.",
...          "Then let me make us a pot of tea.", "Tea sounds very good to me right now."]
>>> found = detect(transcript_of(["Hello there.", *verse, *verse]))
>>> [(f.origin_turn, f.onset_turn, f.detect_turn, f.period, f.copies) for f in found]
[(1, 5, 8, 4, 2)]
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate
from broken_record.text.transcript import Flags, Transcript, quote

KIND = "multi_turn_loop"
Cell = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Path:
    """Cells (p, i) of the similarity matrix, rising in i: turn i is like turn i - p."""

    cells: tuple[Cell, ...]

    @property
    def period(self) -> int:
        """The distance that most of its cells have."""
        return Counter(p for p, _ in self.cells).most_common(1)[0][0]

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
    break_copies: int = 3,
) -> list[Finding]:
    """Cycles of `least_period` to `most_period` turns, at least two copies of each.

    `matched` is the share of a copy's turns that must be like their originals, `words` how many
    words these hold at least.
    """
    findings = []
    covered: set[int] = set()
    for path in sorted(find_paths(transcript), key=lambda path: (-len(path.cells), path.period)):
        period = path.period
        if not least_period <= period <= most_period:
            continue
        if path.length < period - (period > 5) or len(path.cells) < max(3, matched * path.length):
            continue
        turns = [i for _, i in path.cells]
        if transcript.sizes[turns[:period]].sum() < words:
            continue
        if len({transcript.codes[i] for i in turns}) < 3:
            continue
        reach = set(range(path.origin, path.last + 1))
        if len(reach & covered) * 2 > len(reach):
            continue
        covered |= reach
        findings.append(report(transcript, path, period, break_copies))
    return findings


def find_paths(transcript: Transcript) -> list[Path]:
    """Maximal chains of like turns along the diagonals, off the turns that repeat the last ones.

    A chain steps to the next turn, or over one or two, and may move to a neighbouring diagonal.
    """
    alike = transcript.similarity
    repeats_last = (alike[1] > 0) | (alike[2] > 0)
    hits = alike > 0
    hits[:3] = False
    hits[:, : transcript.given] = False
    hits[:, repeats_last & still_repeating(repeats_last)] = False
    best: dict[Cell, tuple[int, Cell | None]] = {}
    continued: set[Cell] = set()
    columns, lags = np.nonzero(hits.T)
    for i, p in zip(columns.tolist(), lags.tolist(), strict=True):
        before: Cell | None = None
        length = 0
        for cell in (
            (p, i - 1), (p, i - 2), (p - 1, i - 1), (p + 1, i - 1), (p - 1, i - 2), (p + 1, i - 2),
            (p, i - 3), (p - 1, i - 3), (p + 1, i - 3),
        ):  # fmt: skip
            if cell in best and best[cell][0] > length:
                length, before = best[cell][0], cell
        best[p, i] = (length + 1, before)
        if before is not None:
            continued.add(before)
    paths = []
    for cell in best:
        if cell not in continued and best[cell][0] >= 3:
            cells = []
            here: Cell | None = cell
            while here is not None:
                cells.append(here)
                here = best[here][1]
            paths.append(Path(tuple(reversed(cells))))
    return paths


def still_repeating(repeats: Flags) -> Flags:
    """Where a turn and one next to it both repeat the last ones: a loop of period 1 or 2."""
    result = np.zeros(len(repeats), dtype=bool)
    result[1:] |= repeats[:-1]
    result[:-1] |= repeats[1:]
    return result


def report(transcript: Transcript, path: Path, period: int, break_copies: int) -> Finding:
    """The finding of a path."""
    copies = 1 + max(1, round(path.length / period - 0.25))
    positions = sorted({i for p, i in path.cells} | {i - p for p, i in path.cells})
    alike = [float(transcript.similarity[p, i]) / period for p, i in path.cells]
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
