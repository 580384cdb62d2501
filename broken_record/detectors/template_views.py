"""The words of a turn as templates.py lays them side by side: at the opening from the first one on,
at the close from the last one back, or from where its last sentences begin. Of turns that can have
nothing in common they are not made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from broken_record.detectors.labels import has_colon, opening_label
from broken_record.text.ngrams import may_be_again
from broken_record.text.transcript import Flags, Ints, Transcript
from broken_record.text.words import SENTENCE_END

Side = Literal["opening", "close"]

COMPARED = 40  # words
LAST = 3  # own turns
FEW = 6  # turns: all of so few are sooner laid side by side than looked at
SENTENCES = 2  # at the close, that may begin alike
CLOSE = 0.4  # of a turn stand before a sentence that is of its close
TAIL = 600  # characters in which those are looked for
UPTO = {worth: [worth * k for k in range(COMPARED + 1)] for worth in (0.5, 1.0)}
STAGE_DIRECTION = re.compile(r'\s*["\u201c]?\*[^*]*\*')
SHORT_DIRECTION = 3  # words
SENTENCE_BREAK = re.compile(rf"(?:{SENTENCE_END.pattern})[\s\"'*)\u201d\u2019\u300d]*|\n\s*")
FORM = re.compile(
    r"\s*(?!(?:>|#{1,6}) [^\W\d_a-z])(?:```|[{<|>\[\]#$]|\S*[@~/\\]\S*\s*[$#>%]|\w{1,12}>)"
)
"""What a turn begins with that is code, a command line or a form, and no speech; a heading or a
quotation is speech, where a capital or a letter that has none follows.
"""


class View(NamedTuple):
    """Words of a turn as they are compared: from `at` on (step 1) or back from it (step -1). `upto`
    is how many words those before each, and all of them, are worth.
    """

    text: str
    upto: Sequence[float]
    at: int
    step: int


class Views:
    """The words of a speaker's turns as they are compared; of most turns they are not asked for."""

    def __init__(
        self, transcript: Transcript, own: list[int], side: Side, label: str | None
    ) -> None:
        self.transcript, self.own, self.side, self.label = transcript, own, side, label
        self.known: dict[int, list[View]] = {}

    def __getitem__(self, k: int) -> list[View]:
        if k not in self.known:
            self.known[k] = views_of(self.transcript, self.own[k], self.side, self.label)
        return self.known[k]

    @cached_property
    def is_plain(self) -> Flags:
        """Per turn: whether it begins with its first word, without a label or a stage direction."""
        bodies = self.transcript.bodies
        plain = np.ones(len(self.own), dtype=bool)
        if "*" in self.transcript.text:
            plain &= np.array([STAGE_DIRECTION.match(bodies[i]) is None for i in self.own], bool)
        if self.label:
            plain &= np.array([not has_colon(bodies[i][:240]) for i in self.own], dtype=bool)
        return plain

    def reach(self) -> tuple[Ints, Ints]:
        """Per turn: from which to before which word its views reach at most."""
        transcript, own = self.transcript, np.array(self.own, dtype=np.int64)
        begin, end = transcript.first[own], transcript.first[own + 1]
        if self.side == "opening":
            return begin, np.where(self.is_plain, np.minimum(begin + COMPARED, end), end)
        tails = transcript.places[own] + transcript.lengths[own] - TAIL
        back = np.minimum(end - COMPARED, np.searchsorted(transcript.starts, tails))
        return np.maximum(begin, back), end

    def near(self) -> list[tuple[int, int]]:
        """Places (k, j) of turns of which j is one of the LAST before k, and both have three words
        in a row; the nearest first. Views of no others can share a frame.
        """
        begin, end = self.reach()
        if len(self.own) <= FEW:
            every = range(len(self.own))
            return [(k, j) for k in every for j in range(k - 1, max(-1, k - 1 - LAST), -1)]
        run_ends, hashes = self.transcript.triples
        counts = np.maximum(0, np.searchsorted(run_ends, end, side="right") - begin)
        turns = np.repeat(np.arange(len(counts)), counts)
        before = np.cumsum(counts) - counts
        at = np.arange(len(turns)) - before[turns] + begin[turns]
        keys = hashes[at]
        again = may_be_again(keys)
        keys, turns = keys[again], turns[again]
        order = np.argsort(keys, kind="stable")
        keys, turns = keys[order], turns[order]
        first = np.ones(len(keys), dtype=bool)
        first[1:] = (keys[1:] != keys[:-1]) | (turns[1:] != turns[:-1])
        keys, turns = keys[first], turns[first]
        pairs: set[tuple[int, int]] = set()
        for step in range(1, LAST + 1):
            both = (keys[step:] == keys[:-step]) & (turns[step:] - turns[:-step] <= LAST)
            pairs.update(
                zip(turns[step:][both].tolist(), turns[:-step][both].tolist(), strict=True)
            )
        return sorted(pairs, key=lambda pair: (pair[0], -pair[1]))

    def begin_alike(self) -> Flags:
        """Per turn: whether the first word that is compared may be that of the turn before."""
        transcript, own = self.transcript, np.array(self.own, dtype=np.int64)
        begin, end = transcript.first[own], transcript.first[own + 1]
        at = begin if self.side == "opening" else end - 1
        known = np.append(transcript.words, -1)
        words = np.where(begin < end, known[np.minimum(at, len(known) - 1)], -1)
        if self.side == "opening":
            for k in np.flatnonzero(~self.is_plain).tolist():
                words[k] = known[self[k][0].at] if self[k] else -1
        alike = np.zeros(len(own), dtype=bool)
        alike[1:] = (words[1:] == words[:-1]) & (words[1:] >= 0)
        return alike


def views_of(transcript: Transcript, position: int, side: Side, label: str | None) -> list[View]:
    """The words of a turn as they are compared: at the opening from behind the speaker's label and
    from behind a stage direction; at the close from the last one back and from the beginnings of
    the last sentences on.
    """
    begin, end = transcript.borders[position : position + 2]
    body = transcript.bodies[position]
    if begin == end or FORM.match(body):
        return []
    first = begin
    if label and has_colon(body) and (found := opening_label(body)) and found.name == label:
        first = word_at(transcript, position, found.end)
    if side == "close":
        starts = [word_at(transcript, position, at) for at in sentence_starts(body)]
        least = first + CLOSE * (end - first)
        back = view_of(transcript, max(first, end - COMPARED), end, -1)
        return [back, *(view_from(transcript, at, end) for at in starts if least < at < end)]
    views = [view_from(transcript, first, end)]
    if direction := STAGE_DIRECTION.match(body):
        behind = word_at(transcript, position, direction.end())
        if first < behind < end:
            views.insert(int(behind - first > SHORT_DIRECTION), view_from(transcript, behind, end))
    return views


def view_from(transcript: Transcript, first: int, end: int) -> View:
    """The words from one on."""
    return view_of(transcript, first, min(first + COMPARED, end), 1)


def view_of(transcript: Transcript, first: int, last: int, step: int) -> View:
    """The words from one to before another, forwards or backwards."""
    text, at = transcript.written[first:last][::step], first if step > 0 else last - 1
    upto = transcript.upto[first : last + 1][::step]
    much = abs(float(upto[-1] - upto[0])) / max(1, len(text))
    if much in (0.5, 1.0):  # all are of one kind
        return View(text, UPTO[much][: len(text) + 1], at, step)
    return View(text, abs(upto - upto[0]).tolist(), at, step)


def word_at(transcript: Transcript, position: int, place: int) -> int:
    """The first word of a turn that begins at or behind a place of its body."""
    begin, end = transcript.borders[position : position + 2]
    return begin + int(
        transcript.starts[begin:end].searchsorted(transcript.places[position] + place)
    )


def sentence_starts(body: str) -> list[int]:
    """Where the last sentences of a body begin.

    >>> sentence_starts("One. Two! Three?")
    [10, 5]
    """
    shift = max(0, len(body) - TAIL)
    tail = body[shift:].rstrip()
    ends = [match.end() for match in SENTENCE_BREAK.finditer(tail) if match.end() < len(tail)]
    return [shift + end for end in ends[: -SENTENCES - 1 : -1]]
