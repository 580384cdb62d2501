"""Salad: where the words of a text make no sentence, told by counting; word_soup judges the turns.

Four kinds of it. Few function words in a window of 60 or 30 words, and few ends of sentences. The
same in a text of some 20 words where words are glued together ("methodonAccount"). Dropped function
words: a sentence that goes on and on, of which much stands in runs of four or more content words
without a comma. Jumbled words: a long sentence of what was said before, though hardly two of its
words ever stood side by side. The first three know English only, the fourth every script with
blanks. Lists (a comma for every four words), notation, capitals and other languages are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from broken_record.detectors.not_prose import NotProse, Words, running
from broken_record.text.characters import Points
from broken_record.text.ngrams import distinct
from broken_record.text.transcript import Flags, Ints, Transcript
from broken_record.text.words import (
    SENTENCE_END,
    find_words,
    mask_structure,
)

WINDOW = 60  # words
NARROW = 30  # words
SHORT = 18  # words of a text in which words are glued together
GLUED = re.compile(r"\b[^\W\d_]*[a-z][A-Z][^\W\d_]*")
GLUED_SHARE = 0.08
RUN = 4  # content words in a row: a noun phrase has rarely more
WORDS_PER_BREAK = 10
CONTENT_SHARE = 0.5  # of a jumble
BROKEN = re.compile(r"\w['\u2019](?!(?:s|t|d|m|ll|re|ve)\b)\w")  # apostrophe_break's
BREAK = re.compile(SENTENCE_END.pattern + r"|\n")
GAP = re.compile(r"[^\s\w'\u2019-]|\n|--|\s-\s")
FENCED = re.compile(r"```[\s\S]*?(?:```|\Z)")


class Salad(NamedTuple):
    """Offsets in the body, and what was seen there."""

    start: int
    end: int
    how: str


def blank_code(body: str) -> str:
    """A body with fenced code blanked, lengths kept."""
    return FENCED.sub(lambda match: " " * len(match[0]), body)


def with_few_function_words(transcript: Transcript, least_function: tuple[float, float]) -> Flags:
    """The turns in which find_few_function_words may find something: those with a window of so few
    function words, and short ones in which words may be glued together.
    """
    kept, cut = transcript.unstructured
    function = transcript.vocabulary.function[transcript.plain[kept]]
    turns = transcript.turn_of[kept]
    upto = np.concatenate(([0], np.cumsum(function)))
    found = np.zeros(len(transcript), dtype=bool)
    found[list(cut)] = True
    for n, least in zip((WINDOW, NARROW), least_function, strict=True):
        few = (upto[n:] - upto[:-n]) / n < least
        if few.any():
            begins = np.flatnonzero(few)
            found[turns[begins[turns[begins] == turns[begins + n - 1]]]] = True
    points = transcript.characters.points
    capitals = np.flatnonzero(is_between(points[1:], "A", "Z"))
    glued = capitals[is_between(points[capitals], "a", "z")]
    if len(glued) > 1:
        found[np.bincount(transcript.turn_at(glued), minlength=len(transcript)) > 1] = True
    return found


def longest_sentence(transcript: Transcript) -> Ints:
    """Per turn: no fewer words than the longest of its sentences has (long_sentences); as many as
    it has itself where it may hold code.
    """
    characters = transcript.characters
    borders = distinct(np.concatenate((characters.sentence_ends, transcript.line_breaks + 1)))
    places = np.searchsorted(transcript.starts, borders)
    places = np.concatenate(([0], places, [len(transcript.starts)]))
    words = np.diff(places)
    longest = np.zeros(len(transcript) + 1, dtype=np.int64)
    turns = np.searchsorted(transcript.first, places[:-1], side="right") - 1
    np.maximum.at(longest, np.minimum(turns, len(transcript)), words)
    if "```" in transcript.text:
        for i, body in enumerate(transcript.bodies):
            if "```" in body:
                longest[i] = transcript.counts[i]
    return longest[:-1]


def find_few_function_words(
    transcript: Transcript, position: int, few: tuple[float, float, float], list_share: float
) -> Salad | None:
    """From the first to the last window that is salad (every fourth of a window with few function
    words and few ends looked at), WINDOW words wide or NARROW; or all of a SHORT body.
    """
    *least_function, words_per_end = few
    masked = mask_structure(transcript.bodies[position])
    said = words_outside(transcript, position, masked)
    count = len(said.numbers)
    function = running(transcript.vocabulary.function[said.numbers])
    ends = running_between(said, [match.start() for match in SENTENCE_END.finditer(masked)])
    not_prose = NotProse(transcript.vocabulary, masked, said, list_share)
    widths = (
        [(count, least_function[1])]
        if count < NARROW and is_glued(masked, count)
        else zip((WINDOW, NARROW), least_function, strict=True)
    )
    for n, least in widths:
        if count < n:
            continue
        shares = (function[n:] - function[:-n]) / n
        few_ends = (ends[n:] - ends[:-n]) * words_per_end < n
        shares = np.where(few_ends, shares, 1.0)
        found: tuple[int, int, float] | None = None
        for k in np.flatnonzero(shares < least)[:: n // 4].tolist():
            if not_prose.is_natural(k, k + n):
                continue
            start, end = int(said.starts[k]), int(said.ends[k + n - 1])
            if n != NARROW or not BROKEN.search(masked, max(0, start - 200), end):
                found = (start if found is None else found[0], end, float(shares[k]))
        if found is not None:
            start, end, share = found
            return Salad(start, end, f"salad ({share:.0%} function words in {n} words)")
    return None


def words_of(transcript: Transcript, position: int, first: int, last: int) -> Words:
    """The transcript's words from one to before another, all of a turn, in offsets of its body."""
    shift = transcript.places[position]
    return Words(
        transcript.plain[first:last],
        transcript.starts[first:last] - shift,
        transcript.ends[first:last] - shift,
    )


def words_outside(transcript: Transcript, position: int, masked: str) -> Words:
    """The words of a turn whose body was masked."""
    kept, cut = transcript.unstructured
    if position in cut:
        number = transcript.vocabulary.number
        rows = [(number(word.text), word.start, word.end) for word in find_words(masked)]
        return Words(*np.array(rows, dtype=np.int64).reshape(-1, 3).T)
    first, last = transcript.first[position : position + 2].tolist()
    said = words_of(transcript, position, first, last)
    return Words(*(column[kept[first:last]] for column in said))


def is_glued(masked: str, words: int) -> bool:
    """Whether a short text has words that are glued together.

    >>> is_glued("no MurSReferences duplicated methodonAccount", 20), is_glued("an iPhone", 20)
    (True, False)
    """
    glued = sum(1 for _ in GLUED.finditer(masked))
    return words >= SHORT and glued >= max(2, GLUED_SHARE * words)


def long_sentences(
    transcript: Transcript, position: int, least: int
) -> Iterator[tuple[str, int, int]]:
    """The sentences of a turn with at least so many words: the body, code blanked, and the first
    and last word, as places in the transcript's words.
    """
    if transcript.counts[position] < least:
        return
    body = blank_code(transcript.bodies[position])
    borders = [0, *(match.end() for match in BREAK.finditer(body)), len(body)]
    first, last = transcript.first[position], transcript.first[position + 1]
    starts = transcript.starts[first:last] - transcript.places[position]
    places = first + np.searchsorted(starts, np.array(borders))
    for begin, end in zip(places.tolist(), places[1:].tolist(), strict=False):
        if end - begin >= least:
            yield body, begin, end


def find_dropped_words(
    transcript: Transcript, position: int, least: int, share: float, list_share: float
) -> Salad | None:
    """The first sentence of `least` words of which `share` is in runs of content words."""
    for body, begin, end in long_sentences(transcript, position, least):
        said = words_of(transcript, position, begin, end)
        function = transcript.vocabulary.function[said.numbers]
        starts, ends = said.starts.tolist(), said.ends.tolist()
        broken = [
            GAP.search(body, one, other) is not None
            for one, other in zip(ends, starts[1:], strict=False)
        ]
        if (sum(broken) + 1) * WORDS_PER_BREAK > len(function):
            continue
        if in_runs(function, [*broken, True]) < share * len(function):
            continue
        if not NotProse(transcript.vocabulary, body, said, list_share).is_natural(0, end - begin):
            how = f"a sentence of {end - begin} words drops its function words"
            return Salad(starts[0], ends[-1], how)
    return None


def in_runs(function: Flags, broken: list[bool]) -> int:
    """How many words stand in runs of RUN content words or more; `broken`: a sign follows.

    >>> in_runs(np.array([0, 0, 0, 0, 1, 0, 0], dtype=bool), [False] * 7)
    4
    """
    counted = run = 0
    for is_function, is_last in zip(function.tolist(), broken, strict=True):
        run += not is_function
        if is_function or is_last:
            counted += run if run >= RUN else 0
            run = 0
    return counted + (run if run >= RUN else 0)


class Earlier:
    """What was said before: of every word and of every two side by side, where it came first."""

    def __init__(self, transcript: Transcript) -> None:
        plain = transcript.plain
        self.words = first_places(plain)
        self.pairs = first_places(plain[:-1] * (int(plain.max(initial=0)) + 1) + plain[1:])

    def find_jumble(
        self, transcript: Transcript, position: int, least: int, word_share: float,
        pair_share: float,
    ) -> Salad | None:  # fmt: skip
        """The first sentence of `least` words whose content words, `word_share` of them, were said
        in earlier turns, but only `pair_share` of its pairs.
        """
        before = transcript.first[position]
        for _, begin, end in long_sentences(transcript, position, least):
            content = transcript.vocabulary.content[transcript.plain[begin:end]]
            if content.mean() < CONTENT_SHARE or transcript.worth[begin:end].min() < 1:
                continue
            known = (self.words[begin:end] < before)[content].mean()
            if known >= word_share and (self.pairs[begin : end - 1] < before).mean() <= pair_share:
                shift = transcript.places[position]
                start, stop = transcript.starts[begin] - shift, transcript.ends[end - 1] - shift
                how = f"a jumble of {end - begin} words that were said before"
                return Salad(int(start), int(stop), how)
        return None


def first_places(values: Ints) -> Ints:
    """By place: the first place of the same value.

    >>> first_places(np.array([5, 7, 5, 7])).tolist()
    [0, 1, 0, 1]
    """
    _, first, number = np.unique(values, return_index=True, return_inverse=True)
    places: Ints = first[number]
    return places


def is_between(points: Points, first: str, last: str) -> Flags:
    """Per code point: whether it is one of the characters from one to another."""
    found: Flags = (points >= ord(first)) & (points <= ord(last))
    return found


def running_between(said: Words, places: list[int]) -> Ints:
    """How many of the places (offsets, rising) lie before the end of each word's gap."""
    borders = np.concatenate(([0], said.starts[1:], said.ends[-1:] + 1))
    return np.searchsorted(np.array(places, dtype=np.int64), borders)


class Salads:
    """The salads of a transcript's turns, of all four kinds; `suspect` are the turns that may be
    one, by screens that cost less than a look.

    Shares of function words of `few` are of WINDOW and of NARROW words. Only the jumble is looked
    for where a language has no list of function words (`has_list`).
    """

    def __init__(
        self, transcript: Transcript, few: tuple[float, float, float],
        dropped: tuple[int, float], jumbled: tuple[int, float, float], *, has_list: bool,
        list_share: float,
    ) -> None:  # fmt: skip
        self.transcript = transcript
        self.few, self.dropped, self.jumbled, self.list_share = few, dropped, jumbled, list_share
        longest = longest_sentence(transcript)
        self.may_jumble = longest >= jumbled[0]
        self.may_drop = (longest >= dropped[0]) & has_list
        self.may_lack = self.may_drop & False
        if has_list:
            self.may_lack = with_few_function_words(transcript, few[:2])
        self.suspect = self.may_jumble | self.may_drop | self.may_lack
        self.earlier = Earlier(transcript) if self.may_jumble.any() else None

    def find(self, position: int) -> Salad | None:
        """The first salad of a turn."""
        soup = None
        if self.may_lack[position]:
            soup = find_few_function_words(self.transcript, position, self.few, self.list_share)
        if soup is None and self.may_drop[position]:
            soup = find_dropped_words(self.transcript, position, *self.dropped, self.list_share)
        if soup is None and self.earlier is not None and self.may_jumble[position]:
            soup = self.earlier.find_jumble(self.transcript, position, *self.jumbled)
        return soup
