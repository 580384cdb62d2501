"""Reworded: turn after turn puts together anew the words that were said before.

Long, lyrical or praising turns have room for many words, and yet what they say was said: the same
thought in other words. A turn's own are its content words (stems) outside of what it copies word
for word, in runs of 5 or as a whole turn; news are those of them that did not stand in the 10 turns
before or, where those are long, in the last 800 words of them. A window of 8 turns is reworded if
less than half of what either side says of its own is news, half of the turns have 2 words of their
own and more (a few farewells before the same line for ever are none), nobody asks the other or
shows code or other work (work.py), hardly a number is new, and not much more than a third is
copied, which is what other loops are told by.

Either side for itself, because one that goes round in one thought may answer another that goes on.
800 words, because so news do not depend on how long turns are: of the windows of clean marked
dialogues one in 200 lies below .49 where turns have 16 to 64 words and below .50 where they have
more (.36 with all 10 turns). On the marked dialogues reaches from 600 to 1,000 words and memories
from 6 to 10 turns find the same, shares from .45 to .55 and windows of 7 to 10 turns give the same
F1 within .011, and each source left out, the others choose .5 but for one. What is clean and was
not marked begins at .50: talk that goes through a list in one frame.

Only English is told, because of other languages the function words are not known.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["A river remembers stones.", "Stones remember a river.", "A lamp, a river, a boat!"]
>>> measured = measure_rewording(transcript_of(said))
>>> measured.own.tolist(), measured.news.tolist(), measured.copied.tolist()
([3, 3, 3], [3, 0, 2], [0, 0, 0])
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from broken_record.detectors.courtesy import Courtesy
from broken_record.detectors.stretches import Stretch, running_sum, stretches_of
from broken_record.text.ngrams import SHORTEST, distances, inside, window_ends, window_hashes
from broken_record.text.transcript import Flags, Ints, Transcript

MEMORY = 10  # turns
REACH = 800  # words before a turn
CLOSE = 12  # words at the end of a turn in which a question is put to the other
FENCE = "```"
STATED = 2  # words of its own; one is "Goodbye."


@dataclass(frozen=True, slots=True)
class Rewording:
    """Per turn: its different content words that are not copied, how many of them are news, and how
    many words of all kinds are copied.
    """

    own: Ints
    news: Ints
    copied: Ints


def copied_words(transcript: Transcript, memory: int = MEMORY) -> Flags:
    """Per word, whether it stands in a run of words that was said before, at most `memory` turns
    ago.
    """
    ends = window_ends(transcript.worth, SHORTEST)
    turn_of, begins = transcript.turn_of, np.arange(len(ends))
    back = distances(window_hashes(transcript.words, ends))
    told = (back > 0) & (turn_of[begins] == turn_of[ends - 1])
    told &= turn_of[begins] - turn_of[begins - back] <= memory
    return inside(begins[told], ends[told], len(turn_of))


def are_copies(transcript: Transcript) -> Flags:
    """Per turn, whether the same words were a turn at most `MEMORY` turns ago, however few."""
    copies = np.zeros(len(transcript), dtype=bool)
    first = transcript.first.tolist()
    last: dict[bytes, int] = {}
    for i, (begin, end) in enumerate(pairwise(first)):
        words = transcript.plain[begin:end].tobytes()
        copies[i] = i - last.get(words, -MEMORY - 1) <= MEMORY
        last[words] = i
    return copies


def measure_rewording(transcript: Transcript) -> Rewording:
    """How much of each turn is copied, its own, and news."""
    n = len(transcript)
    copied = copied_words(transcript)
    copied_of = np.bincount(transcript.turn_of[copied], minlength=n)
    places = np.flatnonzero(transcript.is_content[transcript.plain])
    if not len(places):
        return Rewording(np.zeros(n, np.int64), np.zeros(n, np.int64), copied_of)
    stems = transcript.vocabulary.stem[transcript.plain[places]]
    keys = stems * (n + 1) + transcript.turn_of[places]
    order = np.argsort(keys, kind="stable")
    keys, places = keys[order], places[order]
    # a row for every stem and turn, by stem and then by turn
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    stem, turn = np.divmod(keys[first], n + 1)
    is_own = np.logical_or.reduceat(~copied[places], first) & ~are_copies(transcript)[turn]
    last_place = places[np.append(first[1:], len(places)) - 1]
    near = np.zeros(len(first), dtype=bool)
    apart = transcript.upto[transcript.first[turn[1:]]] - transcript.upto[last_place[:-1]]
    near[1:] = (stem[1:] == stem[:-1]) & (turn[1:] - turn[:-1] <= MEMORY) & (apart <= REACH)
    return Rewording(
        np.bincount(turn[is_own], minlength=n),
        np.bincount(turn[is_own & ~near], minlength=n),
        copied_of,
    )


def does_work(transcript: Transcript) -> Flags:
    """Per turn: whether it asks the other in its last words, or shows code."""
    asked = [body.rfind("?") for body in transcript.bodies]
    behind = np.searchsorted(transcript.starts, transcript.places + np.array(asked, dtype=np.int64))
    asks = (np.array(asked) >= 0) & (transcript.first[1:] - behind <= CLOSE)
    shows = np.array([FENCE in body for body in transcript.bodies], dtype=bool)
    works: Flags = asks | shows
    return works


def rewords(
    transcript: Transcript, said: Rewording, first: int, last: int, over: int, news: float,
    copied: float, least: int,
) -> bool:  # fmt: skip
    """Whether the turns from one to another are reworded, at least half of `over` of them in words
    of their own, whatever is asked in them.
    """
    turns = slice(first, last + 1)
    is_user = np.array([one.role == "user" for one in transcript.said[turns]], dtype=bool)
    own, fresh = said.own[turns], said.news[turns]
    return bool(
        own.sum() >= least
        and 2 * (own >= STATED).sum() >= over
        and said.copied[turns].sum() <= copied * transcript.counts[turns].sum()
        and all(
            fresh[theirs].sum() < news * max(own[theirs].sum(), 1) for theirs in (is_user, ~is_user)
        )
    )


def reworded_stretches(
    transcript: Transcript, measured: Courtesy, over: int, news: float, copied: float, least: int,
    figures: int,
) -> list[Stretch]:  # fmt: skip
    """Every stretch of windows of `over` turns that are reworded, and work on nothing."""
    told = running_sum(does_work(transcript) | measured.works, over) == 0
    told &= running_sum(measured.figures, over) <= figures
    if not told[transcript.given + over - 1 :].any() or transcript.language != "en":
        return []
    said = measure_rewording(transcript)
    told &= running_sum(said.own, over) >= least
    told &= 2 * running_sum(said.own >= STATED, over) >= over
    told &= running_sum(said.copied, over) <= copied * running_sum(transcript.counts, over)
    is_user = np.array([one.role == "user" for one in transcript.said], dtype=bool)
    for theirs in (is_user, ~is_user):
        own = running_sum(said.own * theirs, over)
        told &= running_sum(said.news * theirs, over) < news * np.maximum(own, 1)
    return stretches_of(told, transcript.given, over)
