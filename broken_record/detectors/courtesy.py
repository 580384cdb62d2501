"""Courtesy: how much of a turn is thanks, farewell, praise, agreement, good wishes, readiness to go
on, or a gesture.

A turn is cut into sentences, in Chinese into clauses. A sentence is courtesy if it holds one of the
phrases of courtesy_phrases.py, of whatever language. What share of a stretch such sentences may
fill is semantic_repetition.py's to say.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["Thank you, my dear friend! The train leaves at nine.", "Take care."]
>>> measured = measure_courtesy(transcript_of(said))
>>> measured.courteous.tolist(), measured.letters.tolist()
([20, 8], [40, 8])
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from broken_record.detectors.courtesy_phrases import phrase_starts
from broken_record.detectors.work import shows_work
from broken_record.text.characters import among
from broken_record.text.ngrams import distinct, first_of_each, inside
from broken_record.text.transcript import Flags, Floats, Ints, Transcript

GESTURE_WORD = re.compile(
    r"\b(?:smil|nod|bow|wav(?:e|ing)|grin|beam|chuckl|laugh|hug|wink|sigh|silen"
    r"|quiet|pause|glass|still|breath|rest)",
    re.IGNORECASE,
)
HAND = re.compile(r"\bhand", re.IGNORECASE)
BESIDE = 60  # characters that may stand before such a word, and behind
GESTURE = re.compile(
    rf"[*(\[][^*()\[\]\n]{{0,{BESIDE}}}(?:{GESTURE_WORD.pattern}|{HAND.pattern} on)"
    rf"[^*()\[\]\n]{{0,{BESIDE}}}[*)\]]",
    re.IGNORECASE,
)
SHORTEST = 3  # characters of such a word that tell it
GESTURE_MARKS = "*()[]\n"
"""A gesture stands between two of them, of which each is right before the next."""
NUMBER = 2.0  # words that a new number stands for
OPENING = 4  # a question is courtesy if its first words are


@dataclass(frozen=True, slots=True)
class Courtesy:
    """Per turn: the letters of its sentences that are courtesy, all its letters, the sentences that
    ask something else, how many words are news, how many numbers and identifiers are new, whether
    it holds anything at all, and whether it shows work (work.py).
    """

    courteous: Ints
    letters: Ints
    asked: Ints
    news: Floats
    figures: Ints
    spoken: Flags
    works: Flags


def has_digit(word: str) -> bool:
    """Whether a word is a number, or holds one."""
    return any(map(str.isdigit, word))


def news_of(transcript: Transcript, is_courtesy: Flags, is_new_figure: Flags) -> Floats:
    """Per word, how much of it is new in the dialogue: 1 of a content word that is no courtesy and
    whose stem was not said before; where characters stand for words, what two of them in a row are
    worth that did not stand so before. A new number or identifier is NUMBER wherever it stands.
    """
    plain = transcript.plain
    first = is_first(transcript.vocabulary.stem[plain])
    news: Floats = (first & transcript.is_content[plain] & ~is_courtesy).astype(np.float64)
    parts = transcript.worth < 1
    if parts.any():
        places = np.flatnonzero(parts[1:] & parts[:-1]) + 1
        places = places[transcript.starts[places] == transcript.ends[places - 1]]
        keys = plain[places] * len(transcript.vocabulary.texts) + plain[places - 1]
        places = places[first_of_each(keys)]
        news[parts] = 0.0
        places = places[~is_courtesy[places]]
        news[places] = transcript.worth[places]
    news[is_new_figure] = NUMBER
    return news


def new_figures(transcript: Transcript) -> Flags:
    """Per word, whether it is a number, or holds one, that was not said before."""
    plain = transcript.plain
    figures = np.flatnonzero(transcript.vocabulary.flags(has_digit)[plain])
    new = np.zeros(len(plain), dtype=bool)
    new[figures[first_of_each(plain[figures])]] = True
    return new


def is_first(numbers: Ints) -> Flags:
    """Per place, whether its number, from 0 on, did not stand before."""
    places = np.arange(len(numbers))
    first = np.empty(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    first[numbers[::-1]] = places[::-1]  # the last one written stays
    flags: Flags = first[numbers] == places
    return flags


def is_gesture(word: str) -> bool:
    """Whether a word tells a gesture by how it begins."""
    return GESTURE_WORD.match(word) is not None


def may_be_gesture(word: str) -> bool:
    """Whether a gesture may be told by a word: a hand does so on something."""
    return GESTURE_WORD.search(word) is not None or HAND.search(word) is not None


def find_gestures(transcript: Transcript) -> list[tuple[int, int]]:
    """From where to before where each gesture reaches, as GESTURE finds them: looked for where a
    word of one stands, from the mark before it to the next.
    """
    flags, plain, text = transcript.vocabulary.flags, transcript.plain, transcript.text
    words = np.flatnonzero(flags(may_be_gesture)[plain])
    if not len(words):
        return []
    starts = transcript.starts[words]
    marks = transcript.characters.places_of(GESTURE_MARKS)
    place = marks.searchsorted(starts)
    inside = np.flatnonzero((place > 0) & (place < len(marks)))
    words, starts, place = words[inside], starts[inside], place[inside]
    before, behind = marks[place - 1], marks[place]
    points = transcript.characters.points
    fits = among(points[before], "*([") & among(points[behind], "*)]")
    is_sure = flags(is_gesture)[plain[words]]
    is_sure &= (starts - before - 1 <= BESIDE) & (behind - starts - SHORTEST <= BESIDE)
    is_plain = text.isascii() and "_" not in text  # or a word may be none for the pattern
    found = []
    reached = 0
    columns = (column[fits].tolist() for column in (before, behind, is_sure))
    for begin, end, sure in zip(*columns, strict=True):
        if begin >= reached and ((sure and is_plain) or GESTURE.match(text, begin)):
            reached = end + 1
            found.append((begin, reached))
    return found


def measure_courtesy(transcript: Transcript) -> Courtesy:
    """How much of each turn is courtesy."""
    n = len(transcript)
    begins, ends = transcript.characters.stops
    # per sentence: its first word, whether it is courtesy, whether it asks; per word: its sentence
    first_words = np.concatenate(([0], transcript.starts.searchsorted(ends)))
    sentence = np.repeat(
        np.arange(len(first_words)), np.diff(first_words, append=len(transcript.starts))
    )
    is_courtesy = np.zeros(len(ends) + 1, dtype=bool)
    opens_so = is_courtesy.copy()
    phrases_at = phrase_starts(transcript)
    is_courtesy[sentence[phrases_at]] = True
    early = phrases_at - first_words[sentence[phrases_at]] < OPENING
    opens_so[sentence[phrases_at[early]]] = True
    points = transcript.characters.points
    questions = np.flatnonzero((points == ord("?")) | (points == ord("\uff1f")))
    asks = np.append(np.searchsorted(questions, begins) < np.searchsorted(questions, ends), False)
    kind, opens = is_courtesy[sentence], opens_so[sentence]
    if gestures := find_gestures(transcript):
        first, last = transcript.starts.searchsorted(np.array(gestures).T)
        within = inside(first, last, len(kind))
        kind |= within
        opens |= within
    letters = transcript.ends - transcript.starts
    turn = transcript.turn_of
    figures = new_figures(transcript)
    news = news_of(transcript, kind, figures)
    asking = distinct(sentence[asks[sentence] & ~opens])
    turns_asking = turn[np.searchsorted(sentence, asking)] if len(asking) else turn[:0]
    return Courtesy(
        np.bincount(turn[kind], letters[kind], minlength=n).astype(np.int64),
        np.bincount(turn, letters, minlength=n).astype(np.int64),
        np.bincount(turns_asking, minlength=n),
        np.bincount(turn, news, minlength=n).astype(np.float64),
        np.bincount(turn[figures], minlength=n),
        np.greater(*transcript.bounds[::-1]),
        shows_work(transcript.bodies),
    )
