"""Runs of a character, or of a pattern of characters, inside a turn: "nooooooo", "abcabcabc"; and
of signs and emoji, whatever blanks are between them. A part of intra_turn_repetition.

What people draw or divide with is a run only where it is wider than two screens or higher than a
page; laughter and numbers may be longer than other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from broken_record.detectors.repeats import Repeat
from broken_record.text.characters import CHARACTER, LETTER, ODD, PLANE, SPACE
from broken_record.text.layout import TALK, Layout
from broken_record.text.transcript import Ints, Transcript, quote

LONGEST_PATTERN = 24  # characters
WRITTEN = LETTER | CHARACTER | ODD  # classes of what may be a letter
RUN = re.compile(rf"(\S)\1{{11,}}|(\S{{2,{LONGEST_PATTERN}}}?)\2{{4,}}")
SIGNS = re.compile(r"(?:[^\w]|_){12,}")
LAUGHTER = re.compile(
    r"(?=.*[hjkwxdхㅋㅎه哈呵嘿嘻笑])[haeioujkwxdlхаеиоㅋㅎه哈呵嘿嘻笑]+", re.IGNORECASE
)
DIVIDING = re.compile(  # lines, bars, dots, arrows, stars, squares; not ! and ?
    r"[\x22-\x3e\x40-\x7e\xa2-\xbe\u2010-\u2027\u2190-\u21ff\u2500-\u25ff\u2605\u2606\u2726-\u2734"
    r"\u2800-\u28ff\u2b1b\u2b1c\u3001\u3002\u301c\u30fb\uff0a-\uff0f\uff1d\uff3f\uff5e\U0001f7e0-\U0001f7eb]+"
)
WIDEST, HIGHEST = 160, 60  # characters and lines: what is drawn, or divides, stays below both


def with_runs(transcript: Transcript) -> set[int]:
    """The turns in which neighbours in a row equal those some characters before: 8 of them for up
    to 6 characters, 16 for up to LONGEST_PATTERN; none of them a blank, and not all of them signs.

    Looked for in blocks of 4 and 8, of which every run that is long enough holds two.
    """
    characters = transcript.characters
    classes = characters.classes | np.where(characters.points >= PLANE, LETTER, 0).astype(np.uint8)
    # a quarter of the work, and chance makes none of these
    points = characters.points.astype(np.uint8)
    found = []
    for least, most, block in (
        (1, 6, np.dtype(np.uint32)),
        (7, LONGEST_PATTERN, np.dtype(np.uint64)),
    ):
        size = block.itemsize
        from_each = [
            points[k : k + max(0, len(points) - k) // size * size].copy().view(block)
            for k in range(size)
        ]
        in_runs = np.zeros(len(from_each[0]), dtype=bool)
        for period in range(least, most + 1):
            later = from_each[period % size][period // size :]
            equal = from_each[0][: len(later)] == later
            in_runs[: max(0, len(equal) - 1)] |= equal[1:] & equal[:-1]
        places = in_runs.nonzero()[0] * size
        within = classes[places[:, None] + np.arange(2 * size)]
        is_word = ((within & SPACE) == 0).all(axis=1) & ((within & WRITTEN) != 0).any(axis=1)
        found.append(places[is_word])
    places = np.concatenate(found)
    turns = set((np.searchsorted(transcript.places, places, side="right") - 1).tolist())
    return {i for i in turns if i >= transcript.given}


def with_sign_runs(transcript: Transcript) -> set[int]:
    """The turns in which at least 16 characters stand between two words."""
    starts = np.append(transcript.starts, len(transcript.text))
    ends = np.concatenate(([0], transcript.ends))
    wide = ends[np.flatnonzero(starts - ends >= 16)]
    turns = np.searchsorted(transcript.places, wide, side="right") - 1
    return {i for turn in set(turns.tolist()) for i in (turn, turn + 1)
            if transcript.given <= i < len(transcript)}  # fmt: skip


def character_runs(laid: Layout, single: int, pattern: int, laughter: int) -> Iterator[Repeat]:
    """Runs of a character, or of a pattern of up to LONGEST_PATTERN, inside one word."""
    for match in RUN.finditer(laid.body):
        unit = match[1] or match[2]
        if not any(map(str.isalnum, unit)):
            continue
        length = len(match[0])
        needed = single if match[1] else pattern
        if LAUGHTER.fullmatch(unit):
            needed = laughter
        elif not any(map(str.isalpha, unit)):
            needed = 2 * pattern
        if laid.kind_at(match.start()) not in TALK:
            needed = WIDEST
        if length >= max(needed, min(0.02 * len(laid.body), laughter)):
            yield run_of(laid, match.start(), match.end(), unit, length // len(unit))


def sign_runs(laid: Layout, single: int, pattern: int) -> Iterator[Repeat]:
    """Runs of signs, blanks between them not counted; of those that people draw or divide with only
    what is wider or higher than a drawing.
    """
    body = laid.body
    for match in SIGNS.finditer(body):
        places = [match.start() + k for k, sign in enumerate(match[0]) if not sign.isspace()]
        signs = np.array([ord(body[place]) for place in places], dtype=np.int64)
        first, length, period = longest_run(signs)
        if not length:
            continue
        start, end = places[first], places[first + length - 1] + 1
        unit = "".join(body[place] for place in places[first : first + period])
        if DIVIDING.fullmatch(unit):
            lines = body[start:end].split("\n")
            enough = max(map(len, lines)) >= WIDEST or len(lines) >= HIGHEST
        else:
            needed = (single if unit < "\u2190" else single + 4) if period == 1 else pattern
            enough = length >= max(needed, min(0.02 * len(body), 24)) and length >= 5 * period
        if enough:
            yield run_of(laid, start, end, unit, length // period)


def run_of(laid: Layout, start: int, end: int, unit: str, count: int) -> Repeat:
    """The evidence of a run of characters."""
    text = f"{quote(unit)} {count} times in a row"
    return Repeat(start, end, count, laid.share_of(start, end), text)


def longest_run(signs: Ints) -> tuple[int, int, int]:
    """(first, length, period) of the longest stretch that repeats a pattern of up to
    LONGEST_PATTERN; the shortest pattern of those.

    >>> longest_run(np.array([5, 1, 2, 1, 2, 1]))
    (1, 5, 2)
    """
    best = (0, 0, 0)
    for period in range(1, min(LONGEST_PATTERN, len(signs) // 2) + 1):
        other = np.flatnonzero(np.append(signs[period:] != signs[:-period], True))
        lengths = np.diff(np.concatenate(([-1], other))) - 1
        k = int(lengths.argmax())
        if lengths[k] and int(lengths[k]) + period > best[1]:
            best = (int(other[k] - lengths[k]), int(lengths[k]) + period, period)
    return best
