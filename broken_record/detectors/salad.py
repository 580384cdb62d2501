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

from broken_record.text.transcript import Flags, Ints, Transcript
from broken_record.text.words import (
    OTHER_FUNCTION_WORDS,
    SENTENCE_END,
    Word,
    find_words,
    is_function_word,
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


def find_salad(
    transcript: Transcript,
    position: int,
    few: tuple[float, float, float],
    dropped: tuple[int, float],
    list_share: float,
) -> Salad | None:
    """What is salad in a turn in English, by its few function words or by those it drops."""
    body = transcript.bodies[position]
    return find_few_function_words(body, few[:2], few[2], list_share) or find_dropped_words(
        transcript, position, *dropped, list_share
    )


def find_few_function_words(
    body: str, least_function: tuple[float, float], words_per_end: float, list_share: float
) -> Salad | None:
    """From the first to the last window that is salad (every fourth of a window with few function
    words and few ends looked at), WINDOW words wide or NARROW; or all of a SHORT body.
    """
    masked = mask_structure(body)
    said = list(find_words(masked))
    function = running([is_function_word(word.text) for word in said])
    ends = running_between(said, [match.start() for match in SENTENCE_END.finditer(masked)])
    widths = (
        [(len(said), least_function[1])]
        if len(said) < NARROW and is_glued(masked, len(said))
        else zip((WINDOW, NARROW), least_function, strict=True)
    )
    for n, least in widths:
        if len(said) < n:
            continue
        shares = (function[n:] - function[:-n]) / n
        few_ends = (ends[n:] - ends[:-n]) * words_per_end < n
        shares = np.where(few_ends, shares, 1.0)
        found: tuple[int, int, float] | None = None
        for k in np.flatnonzero(shares < least)[:: n // 4].tolist():
            window = said[k : k + n]
            before = max(0, window[0].start - 200)
            is_behind = n == NARROW and BROKEN.search(masked, before, window[-1].end)
            if not is_behind and not is_otherwise(masked, window, list_share):
                first = window[0].start if found is None else found[0]
                found = (first, window[-1].end, float(shares[k]))
        if found is not None:
            start, end, share = found
            return Salad(start, end, f"salad ({share:.0%} function words in {n} words)")
    return None


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
        function = transcript.vocabulary.function[transcript.plain[begin:end]]
        starts = (transcript.starts[begin:end] - transcript.places[position]).tolist()
        ends = (transcript.ends[begin:end] - transcript.places[position]).tolist()
        broken = [
            GAP.search(body, one, other) is not None
            for one, other in zip(ends, starts[1:], strict=False)
        ]
        if (sum(broken) + 1) * WORDS_PER_BREAK > len(function):
            continue
        if in_runs(function, [*broken, True]) < share * len(function):
            continue
        words = [
            Word(transcript.vocabulary.texts[number], start, stop)
            for number, start, stop in zip(
                transcript.plain[begin:end].tolist(), starts, ends, strict=True
            )
        ]
        if not is_otherwise(body, words, list_share):
            how = f"a sentence of {len(words)} words drops its function words"
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


def running(flags: list[bool]) -> Ints:
    """Running counts from 0."""
    return np.concatenate(([0], np.cumsum(np.array(flags, dtype=np.int64))))


def running_between(said: list[Word], places: list[int]) -> Ints:
    """How many of the places (offsets, rising) lie before the end of each word's gap."""
    borders = [0, *(word.start for word in said[1:]), len(said) and said[-1].end + 1]
    return np.searchsorted(np.array(places, dtype=np.int64), np.array(borders))


def is_otherwise(masked: str, window: list[Word], list_share: float) -> bool:
    """Whether few function words are natural here: a list, notation, capitals, another language."""
    text = masked[window[0].start : window[-1].end]
    letters = [c for c in text if c.isalpha()]
    listed = len(re.findall(r"[,;/|=]|\n", text)) >= list_share * len(window)
    signs = len(
        re.findall(r"[^\w\s,.;!?'\"*()\u2019\u201c\u201d-]|[./:](?=\w)", text)
    ) >= 0.15 * len(window)
    coded = signs or sum(not word.text.replace("'", "").isalpha() for word in window) >= 0.2 * len(
        window
    )
    capitals = sum(c.isupper() for c in letters) >= 0.5 * len(letters)
    foreign = sum(not word.text.isascii() for word in window) >= 0.15 * len(window)
    other = sum(word.text in OTHER_FUNCTION_WORDS for word in window) >= 0.10 * len(window)
    return listed or coded or capitals or foreign or other
