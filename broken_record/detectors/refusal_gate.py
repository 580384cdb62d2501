r"""Which turns may refuse: of most it is proved, a whole dialogue at once, that no sentence of
theirs does anything that refusal.py weighs. Those that are left are read.

Every act asks for some words, or for some characters in a row. Of English it is known which
(refusal_words.py), and they are looked for between the stops of the raw text; where marks set
quotations and stage directions apart, which are not read, what stands around those may be one
sentence. Of the other languages the strings of which an act has one are read off its pattern.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["I can't. Help me *now*.", "I can't help.", "Could you help?", "I *sigh. I* help."]
>>> sorted(acting_in_english(transcript_of(said)))
[1]
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from broken_record.detectors.refusal_languages import ROWS, UNSPACED, patterns_of, wording_of
from broken_record.detectors.refusal_reading import (
    HEAD,
    SENTENCE_HEAD,
    TAIL,
    Sentence,
    bare,
    outside_of_quotations,
    read_body,
)
from broken_record.detectors.refusal_words import (
    ACTS,
    ALL_PARTS,
    DENIED,
    DENIES,
    FIRST_PERSON,
    MARKS,
    NEEDED,
    OF_MACHINES,
    OWN,
    PATTERNS,
)
from broken_record.text.characters import SPACE
from broken_record.text.held_strings import longest_word, one_of, strings_in
from broken_record.text.ngrams import run_starts
from broken_record.text.transcript import Flags, Ints, Transcript
from broken_record.text.words import normalize

APART = '"*\u00ab\u00bb\u201c\u201d\u201e\u300c\u300d\u300e\u300f'
"""Marks of quotations and stage directions."""
GLUED = re.compile(r"\w(?:\*\*|_)[*_]*\w")  # marks that reading takes out of the middle of a word
KEPT = 61  # bits of a word's marks; those beyond share bits with what is only asked of machines
SHARED = PATTERNS.index(re.compile(OF_MACHINES))
IS_OWN, IS_A = 1 << 61, 1 << 62
STEMS = (1 << len(ACTS)) - 1


def acting_in_english(transcript: Transcript) -> set[int]:
    """The turns of which a sentence, read in English, may do something."""
    bits = transcript.vocabulary.bits(bits_of)[transcript.plain]
    marks = transcript.characters.places_of(APART)
    articles = np.flatnonzero(bits & IS_A)
    bits[articles[~is_denied(transcript, articles, marks)]] &= ~IS_A
    begins, ends = transcript.characters.stops
    # the pieces between stops, and of those with a word: the bits of all its words
    first = np.concatenate(([0], transcript.starts.searchsorted(begins)))
    starts = np.concatenate(([0], ends))
    lengths = np.append(begins, len(transcript.text)) - starts
    said = np.flatnonzero(np.append(first[1:], len(bits)) > first)
    if not len(said):
        return set()
    first = first[said]
    of_piece = np.bitwise_or.reduceat(bits, first)
    of_piece[lengths[said] > SENTENCE_HEAD] |= folded(ALL_PARTS)
    is_marked = np.zeros(len(lengths), dtype=bool)
    is_marked[begins.searchsorted(marks)] = True
    is_marked = is_marked[said]
    acting = acting_among(of_piece)
    known: dict[str, bool] = {}
    turns = set()
    for k, turn in zip(acting.tolist(), transcript.turn_of[first[acting]].tolist(), strict=True):
        if not is_marked[k]:  # it is a sentence, or not read
            end = int(starts[said[k]] + lengths[said[k]])
            raw = transcript.text[starts[said[k]] : end]
            if raw not in known:
                known[raw] = Sentence(bare(raw), wording_of("en")).acts(*ACTS)
            if not known[raw]:
                continue
        turns.add(turn)
    if len(marks):
        acting = acting_among(glue(transcript, of_piece, first, is_marked))
        glued = set(transcript.turn_of[first[acting]].tolist())
        # where all is set apart all is read, piece by piece
        turns |= {i for i in glued - turns if not read_body(transcript.bodies[i]).is_quoted}
    return turns | {
        i for i in read_in_part(transcript) | with_glued_words(transcript)
        if (bits[transcript.borders[i] : transcript.borders[i + 1]] & STEMS).any()
    }  # fmt: skip


def is_denied(transcript: Transcript, words: Ints, marks: Ints) -> Flags:
    """Per word, by its place: whether "not" stands right before it, or before it what is set apart
    may end.
    """
    before = np.maximum(words - 1, 0)
    denied = transcript.vocabulary.flags(is_denial)[transcript.plain[before]]
    last = marks.searchsorted(transcript.starts[words])
    return denied | (last > marks.searchsorted(transcript.ends[before]))


def is_denial(word: str) -> bool:
    """Whether a word ends on "not"."""
    return word.endswith(("not", "n't"))


def acting_among(of_piece: Ints) -> Ints:
    """The places of pieces that may act by their bits."""
    possible = np.flatnonzero(of_piece & STEMS)
    has_all = of_piece[possible][:, None] & ASKED_FOR == ASKED_FOR
    acting: Ints = possible[has_all.any(axis=1)]
    return acting


def glue(transcript: Transcript, of_piece: Ints, first: Ints, is_marked: Flags) -> Ints:
    """The bits of pieces with marks, given the first word of each, as if all those that stand in
    one line were one.
    """
    line_ends = transcript.line_breaks
    lines = line_ends.searchsorted(transcript.starts[first])
    begins = run_starts(lines)
    of_line = np.bitwise_or.reduceat(np.where(is_marked, of_piece, 0), begins)
    long = np.diff(line_ends, prepend=-1, append=len(transcript.text)) > SENTENCE_HEAD
    of_line[long[lines[begins]]] |= folded(ALL_PARTS)
    counts = np.diff(begins, append=len(first))
    glued: Ints = np.where(is_marked, np.repeat(of_line, counts), 0)
    return glued


def read_in_part(transcript: Transcript) -> set[int]:
    """The turns of which the ends alone are read: there words may be cut, and quotations opened."""
    return set(np.flatnonzero(transcript.lengths > HEAD + TAIL).tolist())


def with_glued_words(transcript: Transcript) -> set[int]:
    """The turns in which reading takes marks out of words."""
    if "_" not in transcript.text and "**" not in transcript.text:
        return set()
    places = [match.start() for match in GLUED.finditer(transcript.text)]
    return set(transcript.turn_at(np.array(places, dtype=np.int64)).tolist())


def folded(marks: int) -> int:
    """Marks of a word, or those needed, in KEPT bits: what had all of those needed still has."""
    return marks & (1 << KEPT) - 1 | marks >> KEPT << SHARED


def bits_of(word: str) -> int:
    """What acts ask for and a word has; an apostrophe before it may count to it ('m)."""
    marks = MARKS[word] | (MARKS[f"'{word}"] if word[0] == "m" else 0)
    is_own = FIRST_PERSON.search(word) or DENIES.search(word)
    return folded(marks) | (IS_OWN if is_own else 0) | (IS_A if word == "a" else 0)


ASKED_FOR = np.array(
    [folded(marks) | (IS_OWN if act in OWN else 0) for act, marks in NEEDED]
    + [IS_A | IS_OWN | DENIED]
)
"""What a sentence has that may act, as acts_in_english says: all bits of one of these."""


def acting_elsewhere(transcript: Transcript, language: str) -> set[int]:
    """The turns that may do something in a language whose words have no blanks between them in the
    normal form, by the strings that its patterns ask for.
    """
    text = bare(transcript.text)
    has_blanks = np.count_nonzero(transcript.characters.has(SPACE)) > len(transcript.line_breaks)
    pattern = held_in(language)
    found: set[int] = set()
    for one in dict.fromkeys((text, outside_of_quotations(text))):
        lowered = one.lower()
        if has_blanks or one is not text:
            lowered = "\n".join("".join(line.split()) for line in lowered.split("\n"))
        if pattern.search(lowered):
            found |= {k for k, line in enumerate(lowered.split("\n")) if pattern.search(line)}
    begins = np.concatenate(([0], transcript.line_breaks + 1))[sorted(found)]
    return set(transcript.turn_at(begins).tolist()) | read_in_part(transcript)


def acting_in_words(transcript: Transcript) -> set[int]:
    """The turns that may do something in a language with blanks between words."""
    acting = transcript.vocabulary.flags(is_held)[transcript.plain]
    return set(transcript.turn_of[acting].tolist()) | with_glued_words(transcript)


def is_held(word: str) -> bool:
    """Whether a word has what an act of such a language asks for."""
    return bits_of(word) & STEMS != 0 or held_in_words().search(word) is not None


@cache
def held_in(language: str) -> re.Pattern[str]:
    """What finds one of the strings that every act of a language asks for."""
    return one_of(
        string
        for name, pattern in patterns_of(language).items()
        if name in ACTS
        for string in strings_in(pattern)
    )


@cache
def held_in_words() -> re.Pattern[str]:
    """The same of all languages with blanks but English, as parts of words."""
    return one_of(
        normalize(longest_word(string))
        for language in ROWS
        if language not in ("en", *UNSPACED)
        for name, pattern in patterns_of(language).items()
        if name in ACTS
        for string in strings_in(pattern)
    )
