"""Equal lines inside a turn: of a list, a table, code or talk, one by one or as a block. A part of
intra_turn_repetition.

Marks before a line (bullets, numbers, hashes) are taken off. Where lines repeat for a reason they
are few, short, or not most of the turn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import numpy as np

from broken_record.detectors.character_runs import WIDEST
from broken_record.detectors.repeats import Repeat, tandem
from broken_record.text.layout import LEAST_ITEM, Layout
from broken_record.text.structure import Line
from broken_record.text.transcript import Transcript, quote
from broken_record.text.words import find_words, worth

LONGEST_PERIOD = 20  # lines, and words of a line of code
LEAST_CODE = 8  # letters of a line of code that counts: "}", "pass" and "x += 1" come again
SHORT_LINES = 0.8  # of the lines
LISTED_AGAIN = 0.6  # of the items


def with_equal_lines(transcript: Transcript, least: int) -> set[int]:
    """The turns in which so many lines end alike; where lines are numbered, little else is."""
    found: set[int] = set()
    breaks = np.bincount(transcript.turn_at(transcript.line_breaks), minlength=len(transcript))
    for i in np.flatnonzero(breaks >= least - 1).tolist():
        lines = transcript.bodies[i].split("\n")
        ends = Counter(line[-4:] for line in lines if line and not line.isspace())
        if i >= transcript.given and max(ends.values(), default=0) >= least:
            found.add(i)
    return found


def repeated_lines(laid: Layout, least: int, least_share: float) -> Iterator[Repeat]:
    """Lines, marks taken off, that stand `least` times or more and are `least_share` of their list
    or paragraph (labels of a few words, as a quiz has, SHORT_LINES), of code and tables of the
    turn as well; or a list most of whose items stand twice.
    """
    for kind, group in groupby(laid.lines, key=lambda line: line.kind):
        block = list(group)
        if kind == "drawing" or len(block) < least:
            continue
        said: dict[str, list[Line]] = {}
        for line in block:
            said.setdefault(laid.body[line.begins : line.end].strip().casefold(), []).append(line)
        letters = LEAST_CODE if kind == "code" else 1
        sizes = {text: sum(worth(word.text) for word in find_words(text))
                 for text, lines in said.items()
                 if len(lines) > 1 and sum(map(str.isalpha, text)) >= letters}  # fmt: skip
        often = [text for text in sizes if len(said[text]) >= least]
        needed = least_share
        if not often and kind == "item":  # the list is gone through again
            often = [text for text, size in sizes.items() if size >= LEAST_ITEM]
            needed = LISTED_AGAIN
        elif all(sizes[text] < LEAST_ITEM for text in often):
            needed = SHORT_LINES
        equal = [line for text in often for line in said[text]]
        share = sum(line.end - line.start for line in equal) / len(laid.body.strip())
        if len(equal) < max(least, needed * len(block)):
            continue
        if kind in ("code", "row") and share < least_share:
            continue
        most = max((said[text] for text in often), key=len)
        start, end = min(line.begins for line in equal), max(line.end for line in equal)
        unit = quote(laid.body[most[0].begins : most[0].end])
        text = f"the line {unit} {len(most)} times"
        yield Repeat(start, end, len(most), min(1.0, share), text)


def repeated_blocks(laid: Layout, copies: int, least: int, least_share: float) -> Iterator[Repeat]:
    """A block of lines, of code too, `copies` times or more in a row (the last may be cut), at
    least so many lines and so much of the turn; rows of tables and drawings are not looked at.
    """
    if len(laid.lines) < max(3, least):
        return
    numbers: dict[str, int] = {}
    ids = np.array(
        [
            -k
            if line.kind in ("row", "drawing")
            else numbers.setdefault(laid.body[line.begins : line.end].strip(), len(numbers) + 1)
            for k, line in enumerate(laid.lines)
        ],
        dtype=np.int64,
    )
    for first, length, period in tandem(ids, LONGEST_PERIOD, copies - 0.5):
        block = laid.lines[first : first + length]
        said = [laid.body[line.begins : line.end] for line in block[:period]]
        share = laid.share_of(block[0].start, block[-1].end)
        full = sum(sum(map(str.isalpha, line)) >= LEAST_CODE for line in said)
        if period > 1 and length >= least and share >= least_share and 2 * full >= period:
            count = round(length / period)
            text = f"{period} lines from {quote(said[0])} on, {count} times"
            yield Repeat(block[0].begins, block[-1].end, count, share, text)


def code_runs(laid: Layout, copies: int, least: int, least_share: float) -> Iterator[Repeat]:
    """Tandem runs of words that are most of the turn, inside a long line of code or of a table."""
    for line in laid.lines:
        if line.kind not in ("code", "row") or line.end - line.start < WIDEST:
            continue
        ids, starts, ends = laid.words_in(line)
        texts = laid.transcript.vocabulary.texts
        for first, length, period in tandem(ids, LONGEST_PERIOD, copies):
            if length < least:
                continue
            start, end = int(starts[first]), int(ends[first + length - 1])
            share = laid.share_of(start, end)
            is_written = any(texts[k].isalpha() for k in ids[first : first + period].tolist())
            if share >= least_share and is_written:
                unit = quote(laid.body[start : int(ends[first + period - 1])])
                count = length // period
                yield Repeat(start, end, count, share, f"{unit} {count} times in a row")
