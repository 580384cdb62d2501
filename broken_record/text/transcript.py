"""A dialogue as the detectors see it: every turn cut into words once, with offsets back into its
raw content.

The opening messages of the config stand before the generated turns: they are history, and only
copies of them can be findings. Positions count what was said from 0 (system messages left out);
message indices, which findings use, are `said[position].index`. How alike turns are is
similarity.py's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from broken_record.data import Dialogue, FinishReason, Role, Span
from broken_record.text.characters import SPACE, Characters, Cut
from broken_record.text.language import Language, language_of
from broken_record.text.meaning import Meaning
from broken_record.text.ngrams import (
    Hashes,
    in_order,
    inside,
    run_starts,
    span_hashes,
    window_ends,
    window_hashes,
)
from broken_record.text.similarity import COMPARED, Band, compare_turns, pair_turns, write_words
from broken_record.text.words import (
    CURLY,
    LINE_BEGINS_BELOW,
    STRUCTURE,
    find_words,
    split_words,
    vocabulary,
    worth,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MARKS = re.compile(
    r"[\s\"'`()\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u200b-\u200f\u2060\ufeff"
    r"\u3008-\u3011\u3014-\u301b\uff08\uff09\uff3b\uff3d\uff5b\uff5d]+"
    r"|(?<![*_])[*_]{1,2}(?![*_])"
)  # three asterisks are a scene break


@dataclass(slots=True)  # not frozen: there are thousands of them
class Said:
    """One message; `begins` is where its body begins in the raw content, `given` marks openings."""

    index: int
    role: Role
    content: str
    begins: int
    given: bool
    tokens: int | None = None
    finish_reason: FinishReason | None = None
    logprob_mean: float | None = None

    @property
    def body(self) -> str:
        """What it says, without the speaker's prefix, white space kept."""
        return self.content[self.begins :]


def said_in(dialogue: Dialogue) -> tuple[list[Said], list[str]]:
    """The opening messages and the turns of a dialogue, in their order; and the body of each."""
    given, prefixes = len(dialogue.opening), dialogue.prefixes
    said, bodies = [], []
    for place, one in enumerate(dialogue.messages):
        role, content = one.role, one.content
        if role != "system":
            prefix = prefixes[role]
            begins = len(prefix) if prefix and content.startswith(prefix) else 0
            bodies.append(content[begins:])
            said.append(
                Said(
                    one.index, role, content, begins, place < given, one.tokens,
                    one.finish_reason, one.logprob_mean,
                )
            )  # fmt: skip
    return said, bodies


def cut_by_pattern(text: str) -> Cut:
    """The words of a text as the patterns find them."""
    borders = np.cumsum([0, *map(len, split_words(text))])
    return Cut(borders[1:-1:2], borders[2::2])


class Transcript:
    """What was said in a dialogue, as words and numbers; what a detector does not use is not made.

    Per turn: `said` and `bodies`. Per word, over all turns: `plain` (numbers of normal forms),
    `words` (numbers of forms that are the same for both speakers), `starts` and `ends` (offsets in
    `text`, the bodies joined by newlines). `first[i]` to before `first[i + 1]` are those of turn i,
    `counts[i]` of them. Where characters stand for words they are worth less than words: `worth`
    says how much each, `sizes[i]` how many words a turn is worth. Thresholds in words are compared
    with sizes, places are counted with counts; of text with blanks both are equal. `meaning` is
    what a model of sentences says of them, where one was asked.
    """

    def __init__(self, dialogue: Dialogue, meaning: Meaning | None = None) -> None:
        self.meaning = meaning
        self.said, self.bodies = said_in(dialogue)
        self.config: dict[str, Any] = dict(dialogue.config)
        self.prefixes = tuple(dialogue.prefixes.values())
        self.verbatim = dialogue.verbatim
        self.given = sum(one.role != "system" for one in dialogue.opening)
        self.text = "\n".join(self.bodies)
        self.lengths: Ints = np.fromiter(map(len, self.bodies), np.int64, len(self.bodies))
        self.places: Ints = np.cumsum(self.lengths + 1) - self.lengths - 1
        self.characters = Characters(self.text)
        self.starts, self.ends = self.characters.cut() or cut_by_pattern(self.text)
        self.first: Ints = np.searchsorted(
            self.starts, np.append(self.places, len(self.text) + 1)
        ).astype(np.int64)
        self.counts: Ints = np.diff(self.first)
        self.vocabulary = vocabulary()
        self.plain: Ints = self.vocabulary.numbers_of(
            span_hashes(self.characters.points, self.starts, self.ends),
            self.ends - self.starts,
            lambda i: self.text[self.starts[i] : self.ends[i]],
        )

    def __len__(self) -> int:
        return len(self.said)

    @cached_property
    def worth(self) -> Floats:
        """Per word: how much of a word it is."""
        much: Floats = self.vocabulary.worth[self.plain]
        return much

    @cached_property
    def worth_of_all(self) -> float | None:
        """How much of a word each is; None where words differ, or there are none."""
        much = float(self.worth[0]) if len(self.worth) else None
        return much if (self.worth == much).all() else None

    @cached_property
    def upto(self) -> Floats:
        """Before each word, and behind the last: how many words those before are worth."""
        return np.concatenate(([0.0], np.cumsum(self.worth)))

    @cached_property
    def sizes(self) -> Floats:
        """Per turn: how many words it is worth."""
        sizes: Floats = self.upto[self.first[1:]] - self.upto[self.first[:-1]]
        return sizes

    @cached_property
    def borders(self) -> list[int]:
        """`first` as a list: of single turns that is sooner asked."""
        borders: list[int] = self.first.tolist()
        return borders

    @cached_property
    def language(self) -> Language | None:
        """What language most of it is in; None where that cannot be told."""
        return self.language_of(self.plain)

    def language_at(self, position: int) -> Language | None:
        """The language of a turn."""
        return self.language_of(self.plain[self.first[position] : self.first[position + 1]])

    def language_of(self, words: Ints) -> Language | None:
        """The language of some of the words."""
        known = self.vocabulary
        rising = np.sort(words)
        first = run_starts(rising)
        numbers, counts = rising[first], np.diff(first, append=len(words))
        return language_of(
            known.script[numbers], known.common[numbers], counts * known.worth[numbers]
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The words of both prefixes that can be names, in normal form; a character is none."""
        words = {word.text for prefix in self.prefixes for word in find_words(prefix)}
        return frozenset(word for word in words if not word.isdigit() and worth(word) == 1)

    @cached_property
    def few(self) -> int:
        """As many words as a turn that says nothing can have: those of the longer prefix."""
        return max(2, *(len(list(find_words(prefix))) for prefix in self.prefixes))

    def neutral(self, words: Ints) -> Ints:
        """The numbers of the forms of words that are the same for both speakers.

        Names and genders are exchanged: a speaker's name is <name>, whoever says it.
        """
        exchanged = self.name_numbers  # this may lengthen the columns
        numbers: Ints = self.vocabulary.neutral[words]
        for name, stands_for_it in exchanged.items():
            numbers[words == name] = stands_for_it
        return numbers

    @cached_property
    def name_numbers(self) -> dict[int, int]:
        """The numbers of the speakers' names, with and without 's, and of what stands for them."""
        known = self.vocabulary
        return {
            known.number(name + ending): known.number("<name>" + ending)
            for name in sorted(self.names)
            for ending in ("", "'s")
        }

    @cached_property
    def words(self) -> Ints:
        """Per word: the number of its neutral form."""
        return self.neutral(self.plain)

    @cached_property
    def written(self) -> str:
        """The neutral forms as text, a character a word."""
        return write_words(self.words)

    @cached_property
    def triples(self) -> tuple[Ints, Hashes]:
        """Of each word with three words from it on: where those end, and a hash of them, neutral to
        who speaks; they may reach into the next turn.
        """
        ends = window_ends(self.worth, 3)
        return ends, window_hashes(self.words, ends)

    @cached_property
    def triples_again(self) -> Ints:
        """The words from which on three stand that do so elsewhere as well: those with the same
        three next to each other, rising.
        """
        hashes = self.triples[1]
        places = in_order(hashes)
        keys = hashes[places]
        same = np.zeros(len(keys) + 1, dtype=bool)
        same[1:-1] = keys[1:] == keys[:-1]
        again: Ints = places[same[1:] | same[:-1]]
        return again

    @cached_property
    def is_function(self) -> Flags:
        """By number: whether it is an English function word (or a name)."""
        return self.without_names("function", True)

    @cached_property
    def is_content(self) -> Flags:
        """By number: whether it is a content word."""
        return self.without_names("content", False)

    def without_names(self, column: str, value: bool) -> Flags:
        """A column of the vocabulary with another value for the speakers' names."""
        numbers = list(self.name_numbers)  # this may lengthen the columns
        changed: Flags = getattr(self.vocabulary, column).copy()
        changed[numbers] = value
        return changed

    @cached_property
    def turn_of(self) -> Ints:
        """Per word: the position of its turn."""
        return np.repeat(np.arange(len(self)), self.counts)

    def turn_at(self, places: Ints) -> Ints:
        """The positions of the turns in which places of `text` lie."""
        turns: Ints = np.searchsorted(self.places, places, side="right") - 1
        return turns

    @cached_property
    def line_breaks(self) -> Ints:
        """The places of `text` at which one stands, those between turns as well; rising."""
        places: Ints = np.flatnonzero(self.characters.points == ord("\n"))
        return places

    @cached_property
    def bounds(self) -> tuple[Ints, Ints]:
        """Per turn: from where to before where its body without outer white space stands in `text`;
        equal where nothing is left of it.
        """
        said = np.flatnonzero(~self.characters.has(SPACE))
        first, last = said.searchsorted((self.places, self.places + self.lengths))
        is_empty = first == last
        said = np.append(said, len(self.text))
        begins = np.where(is_empty, self.places, said[first])
        return begins, np.where(is_empty, begins, said[last - 1] + 1)

    @cached_property
    def apostrophes(self) -> list[int]:
        """The places of `text` at which one stands, straight or curly."""
        points = self.characters.points
        places: list[int] = np.flatnonzero((points == ord("'")) | (points == ord(CURLY))).tolist()
        return places

    @property
    def structured(self) -> set[int]:
        """The turns in which STRUCTURE may find something (may_be_structured)."""
        text = self.text
        places = [match.start() for match in LINE_BEGINS_BELOW.finditer(f"\n{text}")]
        turns = set(self.turn_at(np.array(places, dtype=np.int64)).tolist())
        if "```" in text or "http" in text:
            turns |= {i for i, body in enumerate(self.bodies) if "```" in body or "http" in body}
        return turns

    @cached_property
    def unstructured(self) -> tuple[Flags, frozenset[int]]:
        """Per word: whether it stands outside of what mask_structure blanks; and the turns in which
        a border of that cuts through a word.
        """
        spans = [
            (match.start() + int(self.places[i]), match.end() + int(self.places[i]))
            for i in sorted(self.structured)
            for match in STRUCTURE.finditer(self.bodies[i])
        ]
        if not spans:
            return np.ones(len(self.plain), dtype=bool), frozenset()
        begin, end = np.array(spans, dtype=np.int64).T
        first = np.searchsorted(self.ends, begin, side="right")
        last = np.searchsorted(self.starts, end)
        kept = ~inside(first, last, len(self.plain))
        cut = first < last
        cut[cut] &= (self.starts[first[cut]] < begin[cut]) | (self.ends[last[cut] - 1] > end[cut])
        return kept, frozenset(self.turn_at(begin[cut]).tolist())

    @cached_property
    def codes(self) -> list[str]:
        """Per turn: its first COMPARED words, a character each; a turn without words is one word of
        its own, equal to the same signs only, and an empty one has none.
        """
        kept = self.written
        codes = [kept[begin : min(end, begin + COMPARED)] for begin, end in pairwise(self.borders)]
        wordless: dict[str, int] = {}
        for i in np.flatnonzero(self.counts <= self.few).tolist():
            if not codes[i]:
                body = self.bodies[i].strip()
                number = wordless.setdefault(body, len(wordless))
                codes[i] = f"\U0010ffff{chr(number)}" if body else ""  # short: alike when equal
            elif self.says_nothing(i):
                codes[i] = ""
        return codes

    @cached_property
    def similarity(self) -> Band:
        """[p, i]: how alike the turns i and i - p are, neutral to who speaks (compare_turns)."""
        return compare_turns(self.codes, self.sizes)

    def says_nothing(self, position: int) -> bool:
        """Whether a turn is empty but for marks, or nothing but its speaker's prefix once more."""
        one = self.said[position]
        body = self.bodies[position].strip()
        return body == one.content[: one.begins].strip() != "" or not MARKS.sub("", body)

    def was_cut(self, position: int) -> bool | None:
        """Whether a turn ended at its token limit; None where nothing tells."""
        one = self.said[position]
        if one.finish_reason is not None:
            return one.finish_reason == "length"
        limit = self.config.get("turn_max_tokens")
        if one.tokens is None or not isinstance(limit, int):
            return None
        return one.tokens >= 0.98 * limit

    def similar_pairs(self, most: int) -> list[tuple[int, int]]:
        """(message index, earlier one) of turns that are alike (pair_turns); the first `most`."""
        pairs = pair_turns(self.codes, self.similarity, most)
        return [(self.said[i].index, self.said[k].index) for i, k in pairs]

    @cached_property
    def of_role(self) -> dict[Role, list[int]]:
        """By role: the positions of a speaker's turns."""
        places: dict[Role, list[int]] = {"assistant": [], "user": []}
        for i, one in enumerate(self.said):
            places[one.role].append(i)
        return places

    def own(self, role: Role) -> list[int]:
        """The positions of a speaker's generated turns."""
        places = self.of_role[role]
        return places[bisect_left(places, self.given) :]

    @cached_property
    def wholes(self) -> dict[int, Span]:
        """Those that were asked for: findings that meet ask for the same ones."""
        return {}

    def whole(self, position: int) -> Span:
        """A turn's body without outer white space."""
        if position not in self.wholes:
            one, body = self.said[position], self.bodies[position].lstrip()
            start = len(one.content) - len(body)
            self.wholes[position] = Span(one.index, start, start + len(body.rstrip()))
        return self.wholes[position]

    def span(self, position: int, first: int, last: int) -> Span:
        """From a turn's first-th to its last-th word, both included."""
        one = self.said[position]
        shift = one.begins - int(self.places[position])
        at = int(self.first[position])
        return Span(
            one.index, int(self.starts[at + first]) + shift, int(self.ends[at + last]) + shift
        )

    def is_flipped(self, position: int, other: int) -> bool:
        """Whether two alike turns are so only with names and genders exchanged."""
        if self.bodies[position] == self.bodies[other]:
            return False
        mine = self.plain[self.first[position] : self.first[position + 1]]
        theirs = self.plain[self.first[other] : self.first[other + 1]]
        if len(mine) != len(theirs):
            return False
        return bool(((mine != theirs) & (self.neutral(mine) == self.neutral(theirs))).any())


def quote(text: str, longest: int = 60) -> str:
    """A text on one line, shortened at the end.

    >>> quote("one  two three", 9)
    '"one two\u2026"'
    """
    line = " ".join(text.split()).strip('"\u201c\u201d ')
    return f'"{line}"' if len(line) <= longest else f'"{line[: longest - 1].rstrip()}\u2026"'
