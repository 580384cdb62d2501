"""A turn laid out in lines, with the words of its talk: what stands in code, tables and drawings is
no talk, and separates the words around it instead of gluing them.

It is made for the few turns that are looked at closely; structure.py says what a line is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from broken_record.text.ngrams import Floats
from broken_record.text.structure import Line, lines_of
from broken_record.text.transcript import Flags, Ints, Transcript, quote

TALK = ("talk", "item", "heading")
URL = re.compile(r"\b(?:https?://|www\.)\S+")
LEAST_URL = -(1 << 40)  # numbers of addresses, below those of words and of what separates them
LEAST_ITEM = 4  # words of an item that is more than a label
VERSE = 60  # characters of its lines


class Layout:
    """A turn's body in lines, and the words of its talk, items and headings: per word its number
    (`ids`), how much of a word it is, where it stands, whether it has letters, and how many borders
    of items lie before it. What separates them is a word of its own that comes once and is worth
    nothing; an address is one word.
    """

    def __init__(self, transcript: Transcript, position: int) -> None:
        self.transcript, self.position = transcript, position
        self.body = body = transcript.bodies[position]
        self.lines = list(lines_of(body))
        own = slice(int(transcript.first[position]), int(transcript.first[position + 1]))
        starts = transcript.starts[own] - transcript.places[position]
        ends = transcript.ends[own] - transcript.places[position]
        ids, worths = transcript.plain[own].copy(), transcript.worth[own]
        written = transcript.vocabulary.script[ids] >= 0
        begins = np.array([line.begins for line in self.lines], dtype=np.int64)
        talks = np.array([line.kind in TALK for line in self.lines], dtype=bool)
        borders = np.array([line.start for line in self.lines], dtype=np.int64)
        of_line = np.searchsorted(borders, starts, "right") - 1
        keep = (starts >= begins[of_line]) & talks[of_line] if len(begins) else of_line > 0
        numbers: dict[str, int] = {}
        for url in URL.finditer(body):
            first, last = np.searchsorted(starts, url.span()).tolist()
            if first < last:
                keep[first + 1 : last] = False
                ids[first] = LEAST_URL - numbers.setdefault(url[0], len(numbers))
                ends[first] = url.end()
        held = np.bincount(of_line[keep], minlength=len(begins))
        cuts = [line.end if talk else line.start
                for line, talk, n in zip(self.lines, talks.tolist(), held.tolist(), strict=True)
                if not talk or (line.kind == "item" and n < LEAST_ITEM)]  # fmt: skip
        items = [place for line in self.lines if line.kind == "item"
                 for place in (line.start, line.end)]  # fmt: skip
        columns = [column[keep] for column in (ids, starts, ends, worths, written)]
        if cuts:
            places = columns[1].searchsorted(cuts)
            unlike: tuple[Any, ...] = (-1 - np.arange(len(cuts)), cuts, cuts, 0.0, False)
            columns = [np.insert(column, places, one)
                       for column, one in zip(columns, unlike, strict=True)]  # fmt: skip
        self.ids: Ints
        self.starts: Ints
        self.ends: Ints
        self.worths: Floats
        self.written: Flags
        self.ids, self.starts, self.ends, self.worths, self.written = columns
        self.listed: Ints = np.searchsorted(np.array(items, dtype=np.int64), self.starts, "right")
        self.upto: Floats = np.zeros(len(self.worths) + 1)
        np.cumsum(self.worths, out=self.upto[1:])

    @property
    def size(self) -> float:
        """How many words it is worth."""
        return float(self.upto[-1])

    @cached_property
    def is_verse(self) -> bool:
        """Whether it is a poem or a song: short lines right below one another, of which not all end
        a sentence and few name who speaks.
        """
        talk = [line for line in self.lines if line.kind == "talk"]
        said = [self.body[line.begins : line.end].rstrip() for line in talk]
        short = sum(len(line) <= VERSE for line in said)
        ended = sum(line.endswith((".", "!", "?", "\u3002")) for line in said)
        labelled = sum(":" in line[:20] for line in said)
        apart = sum(one.end + 1 < other.start for one, other in pairwise(talk))
        return (
            len(said) >= 8
            and short >= 0.8 * len(said)
            and max(ended, apart) <= 0.6 * len(said)
            and labelled <= 0.3 * len(said)
        )

    def words_in(self, line: Line) -> tuple[Ints, Ints, Ints]:
        """Of the words of a line, talk or not: their numbers, from where to before where each is in
        the body.
        """
        transcript, place = self.transcript, int(self.transcript.places[self.position])
        first, last = transcript.starts.searchsorted((line.start + place, line.end + place))
        starts, ends = (
            column[first:last] - place for column in (transcript.starts, transcript.ends)
        )
        return transcript.plain[first:last], starts, ends

    def kind_at(self, place: int) -> str:
        """What the line is in which a place lies."""
        k = bisect_right(self.lines, place, key=lambda line: line.start) - 1
        return self.lines[k].kind if k >= 0 else "talk"

    def share_of(self, start: int, end: int) -> float:
        """How much of the body lies between two places."""
        return min(1.0, (end - start) / len(self.body.strip()))

    def quoted(self, first: int, last: int) -> str:
        """From the first-th to before the last-th word, as it stands there."""
        return quote(self.body[self.starts[first] : self.ends[last - 1]])
