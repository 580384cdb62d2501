"""Text in which few function words are natural: lists, notation, capitals, other languages."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from broken_record.text.transcript import Flags, Ints
from broken_record.text.words import OTHER_FUNCTION_WORDS, Vocabulary

LISTED = re.compile(r"[,;/|=]|\n")
NOTATION = re.compile(r"[^\w\s,.;!?'\"*()\u2019\u201c\u201d-]|[./:](?=\w)")


class Words(NamedTuple):
    """Words of a text: their numbers, and from where to before where each stands."""

    numbers: Ints
    starts: Ints
    ends: Ints


def running(flags: Flags) -> Ints:
    """Running counts from 0."""
    return np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))


class NotProse:
    """Where few function words are natural: in a list, notation, capitals, another language.

    What tells it is counted over the whole text, so that a window costs no more than a look.
    """

    def __init__(self, vocabulary: Vocabulary, text: str, said: Words, list_share: float) -> None:
        self.said, self.list_share = said, list_share
        self.letters, self.capitals = (
            running(np.fromiter(map(of, text), dtype=bool, count=len(text)))
            for of in (str.isalpha, str.isupper)
        )
        self.listed, self.signs = (
            np.array([match.start() for match in pattern.finditer(text)], dtype=np.int64)
            for pattern in (LISTED, NOTATION)
        )
        self.coded, self.foreign, self.other = (
            running(vocabulary.flags(of)[said.numbers]) for of in (is_coded, is_foreign, is_other)
        )

    def is_natural(self, first: int, last: int) -> bool:
        """Whether it is so from a word to before another."""
        span = int(self.said.starts[first]), int(self.said.ends[last - 1])
        n = last - first
        coded, foreign, other = (
            int(upto[last] - upto[first]) for upto in (self.coded, self.foreign, self.other)
        )
        letters, capitals = (
            int(upto[span[1]] - upto[span[0]]) for upto in (self.letters, self.capitals)
        )
        listed, signs = (
            int(np.subtract(*places.searchsorted(span[::-1])))
            for places in (self.listed, self.signs)
        )
        return (
            listed >= self.list_share * n
            or signs >= 0.15 * n
            or coded >= 0.2 * n
            or capitals >= 0.5 * letters
            or foreign >= 0.15 * n
            or other >= 0.10 * n
        )


def is_coded(word: str) -> bool:
    """Whether a word has more than letters and apostrophes."""
    return not word.replace("'", "").isalpha()


def is_foreign(word: str) -> bool:
    """Whether a word has letters that English has not."""
    return not word.isascii()


def is_other(word: str) -> bool:
    """Whether a word is a function word of another language."""
    return word in OTHER_FUNCTION_WORDS
