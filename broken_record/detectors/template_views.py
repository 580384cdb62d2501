"""The words of a turn as templates.py lays them side by side: at the opening from the first one on,
at the close from the last one back, or from where its last sentences begin. Of turns that can have
nothing in common they are not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from broken_record.detectors.labels import opening_label, with_colons
from broken_record.text.characters import LETTER
from broken_record.text.ngrams import distinct
from broken_record.text.transcript import Flags, Ints, Transcript
from broken_record.text.words import SENTENCE_END

Side = Literal["opening", "close"]

COMPARED = 40  # words
LAST = 3  # own turns
FEW = 6  # turns: all of so few are sooner laid side by side than looked at
SENTENCES = 2  # at the close, that may begin alike
CLOSE = 0.4  # of a turn stand before a sentence that is of its close
TAIL = 600  # characters in which those are looked for
UPTO = {
    worth: [[worth * k for k in range(n + 1)] for n in range(COMPARED + 1)] for worth in (0.5, 1.0)
}
TRAILING = "".join(filter(str.isspace, map(chr, range(1 << 16)))) + "\"'*)\u201d\u2019\u300d"
"""What belongs to the end of a sentence, as SENTENCE_BREAK has it."""
STAGE_DIRECTION = re.compile(r'\s*["\u201c]?\*[^*]*\*')
SHORT_DIRECTION = 3  # words
SENTENCE_BREAK = re.compile(rf"(?:{SENTENCE_END.pattern})[\s\"'*)\u201d\u2019\u300d]*|\n\s*")
FORM = re.compile(
    r"\s*(?!(?:>|#{1,6}) [^\W\d_a-z])(?:```|[{<|>\[\]#$]|\S*[@~/\\]\S*\s*[$#>%]|\w{1,12}>)"
)
"""What a turn begins with that is code, a command line or a form, and no speech; a heading or a
quotation is speech, where a capital or a letter that has none follows.
"""
FORM_SIGNS = "`{<|>[]#$%"  # each such turn has one of them


class View(NamedTuple):
    """Words of a turn as they are compared: from `at` on (step 1) or back from it (step -1). `upto`
    is how many words those before each, and all of them, are worth.
    """

    text: str
    upto: Sequence[float]
    at: int
    step: int


class Views:
    """The words of a speaker's turns as they are compared: at the opening from behind the speaker's
    label and from behind a stage direction; at the close from the last one back and from the
    beginnings of the last sentences on. Of most turns they are not asked for.
    """

    def __init__(
        self, transcript: Transcript, own: list[int], side: Side, label: str | None
    ) -> None:
        self.transcript, self.own, self.side, self.label = transcript, own, side, label
        self.turns = np.array(own, dtype=np.int64)
        self.ends: Ints = transcript.first[self.turns + 1]
        self.borders, self.written = transcript.borders, transcript.written
        self.worth = transcript.worth_of_all
        self.known: dict[int, list[View]] = {}

    def __getitem__(self, k: int) -> list[View]:
        if k not in self.known:
            self.look_at_all([k])
        return self.known[k]

    def look_at_all(self, places: Iterable[int]) -> None:
        """Make the views of some turns at once."""
        new = [k for k in places if k not in self.known]
        if self.side == "opening":
            self.known.update((k, self.look_at(k, [])) for k in new)
        else:
            sentences = self.last_sentences(new)
            self.known.update(
                (k, self.look_at(k, begins)) for k, begins in zip(new, sentences, strict=True)
            )

    def look_at(self, k: int, sentences: list[int]) -> list[View]:
        """The views of a turn, from its label, direction and last sentences on; of what is no
        speech there are none.
        """
        position, first = self.own[k], self.first_words[k]
        begin, end = self.borders[position], self.borders[position + 1]
        if begin == end or (self.may_be_forms and FORM.match(self.transcript.bodies[position])):
            return []
        if self.side == "close":
            least = first + CLOSE * (end - first)
            views = [self.view_of(at, end, 1) for at in sentences if least < at < end]
            return [self.view_of(first, end, -1), *views]
        views = [self.view_of(first, end, 1)]
        behind = self.behind_directions[k]
        if first < behind < end:
            views.insert(int(behind - first > SHORT_DIRECTION), self.view_of(behind, end, 1))
        return views

    def view_of(self, first: int, end: int, step: int) -> View:
        """The first words from one to before another, or the last ones, backwards."""
        if step > 0:
            last, at = min(first + COMPARED, end), first
            text = self.written[first:last]
        else:
            first, last, at = max(first, end - COMPARED), end, end - 1
            text = self.written[first:last][::-1]
        if self.worth is not None:
            return View(text, UPTO[self.worth][len(text)], at, step)
        upto = self.transcript.upto[first : last + 1][::step]
        return View(text, abs(upto - upto[0]).tolist(), at, step)

    @cached_property
    def may_be_forms(self) -> bool:
        """Whether a turn has what FORM looks for."""
        return any(sign in self.transcript.text for sign in FORM_SIGNS)

    def words_at(self, places: Mapping[int, int]) -> dict[int, int]:
        """By turn: the first word that begins at or behind a place of its body."""
        if not places:
            return {}
        inside = self.transcript.places[self.turns[list(places)]] + list(places.values())
        return dict(zip(places, self.transcript.starts.searchsorted(inside).tolist(), strict=True))

    @cached_property
    def first_words(self) -> list[int]:
        """Per turn: its first word, behind the speaker's label."""
        firsts: list[int] = self.transcript.first[self.turns].tolist()
        if self.label and (with_colon := with_colons(self.transcript)):
            labelled = {}
            for k, i in enumerate(self.own):
                found = opening_label(self.transcript.bodies[i]) if i in with_colon else None
                if found and found.name == self.label:
                    labelled[k] = found.end
            for k, first in self.words_at(labelled).items():
                firsts[k] = first
        return firsts

    @cached_property
    def behind_directions(self) -> list[int]:
        """Per turn: the first word behind the stage direction that it begins with; where there is
        none, the first word.
        """
        behind = self.first_words.copy()
        transcript, points = self.transcript, self.transcript.characters.points
        stars = np.flatnonzero(points == ord("*"))
        places = transcript.places[self.turns]
        at = stars.searchsorted(places)
        has_two = at + 1 < stars.searchsorted(places + transcript.lengths[self.turns])
        turns = np.flatnonzero(has_two)
        if not len(turns):
            return behind
        places, at = places[turns], at[turns]
        # most begin with a letter or a star, or with one behind a blank
        skipped = places + (points[places] == ord(" "))
        ends = np.where(stars[at] == skipped, stars[at + 1] + 1 - places, 0)
        is_open = (ends == 0) & ~transcript.characters.has(LETTER)[skipped]
        directed = {k: end for k, end in zip(turns.tolist(), ends.tolist(), strict=True) if end}
        for k in turns[is_open].tolist():
            if match := STAGE_DIRECTION.match(transcript.bodies[self.own[k]]):
                directed[k] = match.end()
        for k, word in self.words_at(directed).items():
            behind[k] = max(behind[k], word)
        return behind

    def last_sentences(self, places: list[int]) -> list[list[int]]:
        """The first words of the last sentences of turns, the last one first, as sentence_starts
        finds them.
        """
        transcript = self.transcript
        turns = [self.own[k] for k in places]
        bodies = [transcript.bodies[i] for i in turns]
        # what ends a sentence counts where something follows that does not belong to it
        lengths = [len(body.rstrip(TRAILING)) for body in bodies]
        begins = transcript.places[turns]
        ends = transcript.characters.sentence_ends
        least = ends.searchsorted(begins, side="right")
        most = ends.searchsorted(begins + np.array(lengths, dtype=np.int64))
        ends = np.concatenate(([0, 0], ends))
        words = transcript.starts.searchsorted((ends[most + 1], ends[most])).T.tolist()
        found: list[list[int]] = []
        for body, begin, count, last in zip(
            bodies, begins.tolist(), (most - least).tolist(), words, strict=True
        ):
            if len(body) <= TAIL and "\n" not in body:
                found.append(last[: max(0, count)])
                continue
            starts = [begin + at for at in sentence_starts(body)]
            found.append(transcript.starts.searchsorted(starts).tolist())
        return found

    def reach(self) -> tuple[Ints, Ints]:
        """Per turn: from which to before which word its views reach at most."""
        firsts = np.array(self.first_words, dtype=np.int64)
        if self.side == "opening":
            last_begin = np.array(self.behind_directions, dtype=np.int64)
            return firsts, np.minimum(last_begin + COMPARED, self.ends)
        tails = self.transcript.places[self.turns] + self.transcript.lengths[self.turns] - TAIL
        back = np.minimum(self.ends - COMPARED, self.transcript.starts.searchsorted(tails))
        return np.maximum(firsts, back), self.ends

    def near(self) -> list[tuple[int, int]]:
        """Places (k, j) of turns of which j is one of the LAST before k, and both have three words
        in a row; the nearest first. Views of no others can share a frame.
        """
        if len(self.own) <= FEW:
            every = range(len(self.own))
            return [(k, j) for k in every for j in range(k - 1, max(-1, k - 1 - LAST), -1)]
        transcript = self.transcript
        begin, end = self.reach()
        number = np.full(len(transcript), -1)
        number[self.turns] = np.arange(len(self.turns))
        places = transcript.triples_again
        turns = number[transcript.turn_of[places]]
        own = np.flatnonzero(turns >= 0)
        places, turns = places[own], turns[own]
        run_ends, hashes = transcript.triples
        inside = np.flatnonzero((places >= begin[turns]) & (run_ends[places] <= end[turns]))
        keys, turns = hashes[places[inside]], turns[inside]
        is_new = (keys[1:] != keys[:-1]) | (turns[1:] != turns[:-1])
        first = np.flatnonzero(np.concatenate((keys[:1] == keys[:1], is_new)))
        keys, turns = keys[first], turns[first]
        pairs = []
        for step in range(1, LAST + 1):
            apart = turns[step:] - turns[:-step]
            both = (keys[step:] == keys[:-step]) & (apart <= LAST)
            pairs.append(turns[step:][both] * (LAST + 1) + apart[both])
        found = distinct(np.concatenate(pairs))
        later, apart = found // (LAST + 1), found % (LAST + 1)
        return list(zip(later.tolist(), (later - apart).tolist(), strict=True))

    def begin_alike(self, words: float) -> Flags:
        """Per turn: whether the first words that are compared may be those of the turn before."""
        alike = np.zeros(len(self.own), dtype=bool)
        run_ends, hashes = self.transcript.triples
        if words < 3 or not len(hashes):
            alike[1:] = words < 3
            return alike
        if self.side == "opening":
            at, behind = np.array(self.first_words), np.array(self.behind_directions)
            at = np.where((behind - at <= SHORT_DIRECTION) & (behind < self.ends), behind, at)
            at = np.minimum(at, len(hashes) - 1)
            has_three = run_ends[at] <= self.ends
        else:  # the last three; more exactly, all that three words can be that reach to the end
            at = run_ends.searchsorted(self.ends, side="right") - 1
            has_three = at >= self.transcript.first[self.turns]
        same = hashes[at[1:]] == hashes[at[:-1]]
        alike[1:] = same & has_three[1:] & has_three[:-1]
        return alike


def sentence_starts(body: str) -> list[int]:
    """Where the last sentences of a body begin.

    >>> sentence_starts("One. Two! Three?")
    [10, 5]
    """
    shift = max(0, len(body) - TAIL)
    tail = body[shift:].rstrip()
    ends = [match.end() for match in SENTENCE_BREAK.finditer(tail) if match.end() < len(tail)]
    return [shift + end for end in ends[: -SENTENCES - 1 : -1]]
