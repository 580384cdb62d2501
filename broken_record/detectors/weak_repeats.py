"""Repeats inside turns that are too short to tell from one of them, and phrases in no row: what
intra_turn_repetition.py adds to its own rules.

A turn is weak where at least .2 of its windows of two different words, and .1 of those of three,
stood before in it: "I'm afraid of it. I'm afraid of it." Anybody says that once; a speaker who does
it in three turns running is stuck. No turn of .18 and more did so in the clean dialogues that were
read, none of .23 and less in those that were marked (benchmarks/truth_on_real_text.py). Longer
turns say words again anyhow, and have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.evidence import make_finding
from broken_record.detectors.repeats import Repeat, comes_again, tandem
from broken_record.text.layout import Layout
from broken_record.text.ngrams import distances, in_order, window_ends, window_hashes
from broken_record.text.transcript import Ints, Transcript
from broken_record.text.words import SENTENCE_END

SHORTEST, LONGEST = 6, 120  # words of a turn that is looked at
PAIRS, TRIPLES = 0.2, 0.1  # of the windows stood before in the turn
RUNNING = 3  # turns of a speaker
LEAST_SAID = 6  # words that are said twice at once
TIMES = 4  # a pair of words stands in a turn


class Weak(NamedTuple):
    """Which words of a turn stood in it before, and how much of it they are."""

    laid: Layout
    first: int
    last: int
    share: float


class Suspects(NamedTuple):
    """The turns in which repeated_phrase, said_at_once and weak_sign may find something."""

    phrase: set[int]
    at_once: set[int]
    weak: set[int]


def with_pairs_again(transcript: Transcript, least: float = 0.15) -> Suspects:
    """The turns, neither short nor long, in which so many pairs of words stand again: those with
    one that does so often enough, and those with enough of three words.
    """
    found = Suspects(set(), set(), set())
    if len(transcript.plain) < SHORTEST:
        return found
    ends = window_ends(transcript.worth, 2)
    sizes = transcript.sizes
    looked = (sizes >= SHORTEST) & (sizes <= LONGEST)
    looked[: transcript.given] = False
    turns = transcript.turn_of[: len(ends)]
    inside = np.flatnonzero(looked[turns] & (turns == transcript.turn_of[ends - 1]))
    turns = turns[inside]
    keys = window_hashes(transcript.plain, ends)[inside]
    keys += turns.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    order = in_order(keys)
    keys, of_turn = keys[order], turns[order]
    again = np.bincount(of_turn[1:][keys[1:] == keys[:-1]], minlength=len(transcript))
    windows = np.bincount(turns, minlength=len(transcript))
    often = set(of_turn[TIMES - 1 :][keys[TIMES - 1 :] == keys[: 1 - TIMES]].tolist())
    for i in np.flatnonzero((again >= 2) & (again >= least * windows)).tolist():
        if i in often:
            found.phrase.add(i)
        has_three = has_triples_again(transcript, i)
        if has_three and may_be_said_at_once(transcript, i):
            found.at_once.add(i)
        if has_three or i in often:
            found.weak.add(i)
    return found


def has_triples_again(transcript: Transcript, position: int) -> bool:
    """Whether enough windows of three words stand again in a turn for it to be weak, or for six
    words to be said twice at once; one of them is enough where not all of it need be talk.
    """
    begin, end = transcript.borders[position : position + 2]
    ends, hashes = transcript.triples
    windows = hashes[begin : ends.searchsorted(end, side="right")].tolist()
    is_plain = is_one_line(transcript, position)
    least = min(LEAST_SAID - 2, TRIPLES * len(windows)) if is_plain else 1
    return len(windows) - len(set(windows)) >= max(1, least)


def may_be_said_at_once(transcript: Transcript, position: int) -> bool:
    """Whether six words may be said twice at once in a turn that has three of them again."""
    return not is_one_line(transcript, position) or comes_again(transcript, position, LEAST_SAID)


def is_one_line(transcript: Transcript, position: int) -> bool:
    """Whether the words of a turn's layout are words in a row of its own: it is a line without an
    address.
    """
    body = transcript.bodies[position]
    return not ("\n" in body.strip() or "www." in body or "://" in body)


def in_a_row(transcript: Transcript, turns: set[int]) -> set[int]:
    """Those of turns that are one of RUNNING of their speaker's or more in a row."""
    found: set[int] = set()
    for own in transcript.of_role.values():
        for is_one, group in groupby(own, turns.__contains__):
            row = list(group)
            if is_one and len(row) >= RUNNING:
                found.update(row)
    return found


def repeated_windows(laid: Layout, n: int) -> tuple[Ints, Ints]:
    """Of the windows of n words in talk: how far before it the last one like it begins (0 of those
    that hold nothing but numbers or one word), and where each ends.
    """
    own = laid.written & (laid.listed % 2 == 0)
    ids = np.where(own, laid.ids, -1 - np.arange(len(laid.ids)))
    ends = window_ends(laid.worths, n)
    if not len(ends):
        return np.zeros(0, dtype=np.int64), ends
    back = distances(window_hashes(ids, ends))
    if back.any():
        one = np.concatenate(([0], np.cumsum(ids[1:] != ids[:-1])))
        back[one[ends - 1] <= one[: len(ends)]] = 0
    return back, ends


def weak_sign(laid: Layout) -> Weak | None:
    """What is said again in a turn, if it is enough to count with that of other turns."""
    if laid.is_verse:
        return None
    triples, _ = repeated_windows(laid, 3)
    if not len(triples) or np.count_nonzero(triples) < TRIPLES * len(triples):
        return None
    pairs, ends = repeated_windows(laid, 2)
    share = np.count_nonzero(pairs) / len(pairs)
    again = np.flatnonzero(pairs)
    if share < PAIRS or not len(again):
        return None
    first = int(again[0] - pairs[again[0]])
    return Weak(laid, first, int(ends[again[-1]]), share)


def find_running(
    transcript: Transcript, weak: Mapping[int, Weak], told: dict[int, Finding], break_share: float
) -> Iterator[Finding]:
    """A finding of each stretch of a speaker's turns that are all weak or `told` already, RUNNING
    or more: of those that are not told already, and those between them, which are told no more.
    """
    for role in ("assistant", "user"):
        own = [i for i, one in enumerate(transcript.said) if one.role == role]
        for is_weak, group in groupby(own, lambda i: i in weak or i in told):
            run = list(group)
            positions = [i for i in run if i not in told]
            if not is_weak or len(run) < RUNNING:
                continue
            enough = run[RUNNING - 1]
            if not positions or positions[-1] < enough:
                continue
            run = [i for i in run if positions[0] <= i <= positions[-1]]
            between = {i: told.pop(i) for i in run if i in told}
            share = sum(weak[i].share for i in positions) / len(positions)
            strength = max([share, *(one.strength for one in between.values())])
            spans: list[Span] = []
            for i in run:
                if i in between:
                    spans += between[i].spans
                    continue
                laid, first, last, _ = weak[i]
                one = transcript.said[i]
                start, end = int(laid.starts[first]), int(laid.ends[last - 1])
                spans.append(Span(one.index, one.begins + start, one.begins + end))
            laid, first, last, _ = weak[positions[0]]
            yield make_finding(
                transcript,
                kind="intra_turn_repetition",
                positions=run,
                level="break" if strength >= break_share else "warn",
                origin=run[0],
                onset=run[0],
                detect=next(i for i in run if i >= enough),
                copies=len(run),
                strength=strength,
                spans=spans,
                explanation=f"in {len(run)} turns running words come again at once: "
                f"{laid.quoted(first, last)}",
            )


def repeated_phrase(
    laid: Layout, times: int = TIMES, least: float = 0.4, words: int = 16
) -> Iterator[Repeat]:
    """Two words that stand so often in a turn, in a row or not, and are so much of it."""
    if laid.size < words or laid.size > LONGEST or laid.is_verse:
        return
    back, ends = repeated_windows(laid, 2)
    again = np.flatnonzero(back)
    if not len(again):
        return
    hashes = window_hashes(laid.ids, ends)
    _, first_of, counts = np.unique(hashes[again], return_index=True, return_counts=True)
    most = again[first_of[counts == counts.max()].min()]  # the first of those, or chance would say
    places = np.flatnonzero(hashes == hashes[most])
    copies = len(places)
    share = 2 * copies / laid.size
    if copies >= times and share >= least:
        first, last = int(places[0]), int(ends[places[-1]])
        said = f"{laid.quoted(first, int(ends[first]))} {copies} times, {share:.0%} of the turn"
        yield Repeat(int(laid.starts[first]), int(laid.ends[last - 1]), copies, share, said)


def said_at_once(laid: Layout, least: int = LEAST_SAID, share: float = 0.3) -> Iterator[Repeat]:
    """The same words twice in one sentence, right after one another: so many, and so much of the
    turn. Sentences and chants are said twice for effect or to explain oneself.
    """
    if laid.is_verse or laid.size > LONGEST:
        return
    for first, length, period in tandem(laid.ids, len(laid.ids) // 2, 2):
        last = first + length
        size = float(laid.upto[last] - laid.upto[first])
        one = laid.upto[first + period] - laid.upto[first]
        own = laid.written[first:last].all() and not (laid.listed[first:last] % 2).any()
        own = own and not SENTENCE_END.search(
            laid.body, int(laid.starts[first]), int(laid.ends[last - 1])
        )
        if own and one >= least and size >= share * laid.size:
            said = f"{laid.quoted(first, first + period)} twice at once"
            yield Repeat(
                int(laid.starts[first]), int(laid.ends[last - 1]), 2, size / laid.size, said
            )
