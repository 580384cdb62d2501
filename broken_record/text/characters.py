"""A text as an array of its code points with a class each, and what is found in it that way: where
words and sentences end, a whole dialogue at once.

It finds the words that the patterns of words.py find, and the ends that SENTENCE_END finds, far
faster; the patterns say what is right (tests/text/test_characters.py holds both to each
other). Where letters carry marks of their own, or clusters stand for words (Thai, Khmer ...), it
leaves the words to the patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from broken_record.text.words import IS_CLUSTER, IS_UNSPACED

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Points = npt.NDArray[np.uint32]
Classes = npt.NDArray[np.uint8]

LETTER, CHARACTER, JOINER, ODD = 1, 2, 4, 8
ENDING, CLOSING, SPACE, ENDING_EVERYWHERE = 16, 32, 64, 128
"""Classes: of a word, a word of its own (Han, Kana), inside a word only, left to the patterns; ends
a sentence before a blank or a closing mark, such a mark, a blank, ends a sentence anywhere."""
ALONE = re.compile(
    "[\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d]"
)
CLASSES_OF = {
    JOINER: "'\u2019\u200c\u200d",
    ENDING: ".!?\u2026",
    CLOSING: "\"'*)\u00bb\u201d\u2019",
    ENDING_EVERYWHERE: "\u0589\u061f\u06d4\u0964\u0965\u104a\u104b\u1362\u1367\u17d4\u17d5\u203c"
    "\u2047\u2048\u2049\u3002\uff01\uff0e\uff1f\uff61",
}
STOPS_ELSEWHERE = "\u3002\uff01\uff1f\uff0c"
STOPS = f".!?\u2026{STOPS_ELSEWHERE}\n"
"""What parts clauses: what ends a sentence, of Chinese a comma too, and a line's end."""
PLANE = 0x10000  # code points that the table holds; of those above letters are left to the patterns


class Cut(NamedTuple):
    """The words of a text: from where to before where they stand."""

    starts: Ints
    ends: Ints


@cache
def classes() -> Classes:
    """By code point: its classes, added up."""
    every = "".join(map(chr, range(PLANE)))
    table = np.zeros(PLANE, dtype=np.uint8)
    table[np.fromiter(map(str.isalnum, every), dtype=bool)] = LETTER
    table[np.fromiter(map(str.isspace, every), dtype=bool)] = SPACE
    for pattern, kind in ((IS_UNSPACED, ODD), (IS_CLUSTER, ODD), (ALONE, CHARACTER)):
        table[[match.start() for match in pattern.finditer(every)]] = kind
    for kind, signs in CLASSES_OF.items():
        table[list(map(ord, signs))] &= ~np.uint8(ODD)
        table[list(map(ord, signs))] |= kind
    return table


class Characters:
    """A text's code points, and the classes of each."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.points: Points = np.frombuffer(
            text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32
        )
        self.classes: Classes = classes().take(self.points, mode="clip")

    def has(self, kind: int) -> Flags:
        """Per character: whether it is of a class, or one of several."""
        found: Flags = (self.classes & kind) != 0
        return found

    def places_of(self, characters: Iterable[str]) -> Ints:
        """Where one of a few characters stands; rising."""
        present = [one for one in characters if one in self.text]
        places: Ints = among(self.points, present).nonzero()[0]
        return places

    def cut(self) -> Cut | None:
        r"""The words, None where they are left to the patterns.

        >>> [edges.tolist() for edges in Characters("Don\u2019t stop_it, \u6d77!").cut()]
        [[0, 6, 15], [5, 13, 16]]
        """
        if self.has(ODD).any() or self.has_letters_above:
            return None
        inside = self.in_words()
        before = np.zeros(len(inside) + 1, dtype=bool)
        before[1:] = inside
        after = np.append(inside, False)
        begins, ends = after & ~before, before & ~after
        alone = self.has(CHARACTER)
        if alone.any():
            begins[:-1] |= alone
            ends[1:] |= alone
        return Cut(np.flatnonzero(begins), np.flatnonzero(ends))

    @property
    def has_letters_above(self) -> bool:
        """Whether a letter stands outside of the table."""
        above = map(chr, set(self.points[self.points >= PLANE].tolist()))
        return any(one.isalnum() or IS_CLUSTER.match(one) for one in above)

    def in_words(self) -> Flags:
        """Per character: whether it is a letter, or joins two (an apostrophe, low lines)."""
        letters = self.has(LETTER)
        inside: Flags = letters.copy()
        last = len(letters) - 1
        joiners = np.flatnonzero(self.has(JOINER))
        joiners = joiners[(joiners > 0) & (joiners < last)]
        inside[joiners[letters[joiners - 1] & letters[joiners + 1]]] = True
        low = np.flatnonzero(self.points == ord("_"))
        if len(low):
            breaks = np.flatnonzero(np.diff(low) != 1) + 1
            firsts, lasts = (
                low[np.concatenate(edges)] for edges in (([0], breaks), (breaks - 1, [-1]))
            )
            for first, end in zip(firsts.tolist(), lasts.tolist(), strict=True):
                if first > 0 and end < last and letters[first - 1] and letters[end + 1]:
                    inside[first : end + 1] = True
        return inside

    @cached_property
    def sentence_ends(self) -> Ints:
        """Where what ends a sentence ends, as SENTENCE_END finds it; rising.

        >>> Characters("Oh... no.5 (yes!)").sentence_ends.tolist()
        [5, 16]
        """
        following = np.append(self.classes, np.uint8(SPACE))
        places = np.flatnonzero(self.has(ENDING)) + 1
        ends: Ints = places[(following[places] & (CLOSING | SPACE)) != 0]
        if self.text.isascii():
            return ends
        places = np.flatnonzero(self.has(ENDING_EVERYWHERE)) + 1
        more = places[(following[places] & ENDING_EVERYWHERE) == 0]
        return ends if not len(more) else np.sort(np.concatenate((ends, more)))

    @cached_property
    def stops(self) -> tuple[Ints, Ints]:
        r"""From where to before where each run of STOPS reaches: what parts clauses, and lines.

        >>> [edges.tolist() for edges in Characters("Oh... no.5\nYes").stops]
        [[2, 8, 10], [5, 9, 11]]
        """
        others = [stop for stop in f"\n{STOPS_ELSEWHERE}" if stop in self.text]
        places = np.flatnonzero(self.has(ENDING) | among(self.points, others))
        breaks = np.flatnonzero(places[1:] - places[:-1] != 1) + 1
        return (
            places[np.concatenate(([0], breaks))[: len(places)]],
            places[np.concatenate((breaks - 1, [-1]))[: len(places)]] + 1,
        )


def among(points: npt.NDArray[np.integer], characters: Iterable[str]) -> Flags:
    """Per code point: whether it is one of a few characters; far faster than np.isin.

    >>> among(Characters("a-b_c").points, "-_").tolist()
    [False, True, False, True, False]
    """
    found = np.zeros(points.shape, dtype=bool)
    for one in characters:
        found |= points == ord(one)
    return found
