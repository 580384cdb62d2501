"""A speaker opens turn after turn with the same words and then goes on differently.

Opening-template repetition: the longest common word prefix with any of the speaker's last 3 turns,
at least 6 words in at least 3 of 4 consecutive own turns (at 6 words 7 of 120 clean dialogues had
one, those read were all genuine; at 4 words 16, with false ones), and less than .8 of the turn.
From 9 words on one of them may be another, from 12 on two. A leading stage direction may be
passed over. It differs from single_turn_loop by how the turns end.

>>> from broken_record.detectors.examples import transcript_of
>>> opening = "I can almost see it from here."
>>> rests = ["The sea is so calm today.", "Where did you learn that?",
...          "My own kitchen is small and dark.", "Tell me what you would cook first."]
>>> said = [f"{opening} {rest}" for rest in rests]
>>> found = detect(transcript_of([said[0], "A.", said[1], "B.", said[2], "C.", said[3]]))
>>> [(f.speaker, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 2, 6, 4)]
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate, stretches, told_by
from broken_record.stats import slope_of_many
from broken_record.text.transcript import Transcript, quote

KIND = "prefix_repetition"
COMPARED = 40  # words
LAST = 3  # own turns
ALLOWED = np.array([0] * 8 + [1] * 3 + [2] * (COMPARED - 11))  # other words in a prefix of 1, 2 ...
STAGE_DIRECTION = re.compile(r'\s*["\u201c]?\*[^*]*\*')


class Opening(NamedTuple):
    """A turn that opens like an earlier one: positions, words in common, words passed over."""

    position: int
    like: int
    words: int
    skipped: int
    share: float


def detect(
    transcript: Transcript,
    *,
    words: int = 6,
    hits: int = 3,
    of_turns: int = 4,
    most_share: float = 0.8,
    break_copies: int = 6,
) -> list[Finding]:
    """Stretches where `hits` of `of_turns` own turns open with `words` words said before there."""
    findings = []
    for role in ("assistant", "user"):
        own = [
            i
            for i in range(len(transcript))
            if transcript.said[i].role == role and not (i > 1 and transcript.similarity[2, i])
        ]  # a turn that is like the last one as a whole is another kind
        openings = find_openings(transcript, own, words, most_share)
        for stretch in stretches(sorted(openings), of_turns - hits + 2):
            detected = told_by(stretch, hits, of_turns)
            if detected is not None:
                found = [openings[k] for k in stretch]
                findings.append(report(transcript, found, own[detected], break_copies))
    return findings


def find_openings(
    transcript: Transcript, own: list[int], words: int, most_share: float
) -> dict[int, Opening]:
    """By place among a speaker's turns: the generated ones that open like one of the last three."""
    best: dict[int, Opening] = {}
    if not own:
        return best
    padded = np.append(transcript.words, -1)
    upto = np.concatenate(([0.0], np.cumsum(transcript.worth)))
    directions = [stage_direction_words(transcript, i) for i in own]
    for skipped in ([0] * len(own), directions) if any(directions) else ([0] * len(own),):
        begins = transcript.first[own] + np.array(skipped)
        places = begins[:, None] + np.arange(COMPARED)
        inside = places < transcript.first[np.array(own) + 1][:, None]
        rows = np.where(inside, padded[np.where(inside, places, 0)], -1)
        for lag in range(1, min(LAST, len(own) - 1) + 1):
            same = (rows[lag:] == rows[:-lag]) & (rows[lag:] >= 0)
            fits = same & (np.cumsum(~same, axis=1) <= ALLOWED)
            lengths = np.where(fits.any(axis=1), COMPARED - np.argmax(fits[:, ::-1], axis=1), 0)
            worths = upto[begins[lag:] + lengths] - upto[begins[lag:]]
            for j in np.flatnonzero(worths >= words).tolist():
                k, length = j + lag, int(lengths[j])
                share = length / max(1, int(transcript.counts[own[k]]) - skipped[k])
                fitting = own[k] >= transcript.given and share < most_share
                if fitting and (k not in best or length > best[k].words):
                    best[k] = Opening(own[k], own[j], length, skipped[k], share)
    return best


def stage_direction_words(transcript: Transcript, position: int) -> int:
    """How many words the stage direction holds that a turn begins with."""
    match = STAGE_DIRECTION.match(transcript.said[position].body)
    if match is None:
        return 0
    begin, end = transcript.first[position], transcript.first[position + 1]
    return int(
        np.searchsorted(transcript.starts[begin:end], transcript.places[position] + match.end())
    )


def report(transcript: Transcript, found: list[Opening], detect: int, break_copies: int) -> Finding:
    """The finding of a stretch of alike openings; the spans are the openings."""
    copies = len(found) + 1
    first = found[0]
    growth = slope_of_many([opening.words for opening in found])
    shape = "growing" if growth >= 0.5 else "not growing"
    span = transcript.span(first.position, first.skipped, first.skipped + first.words - 1)
    said = transcript.said[first.position].content[span.start : span.end]
    return make_finding(
        transcript,
        kind=KIND,
        positions=[first.like, *(opening.position for opening in found)],
        level="break" if copies >= break_copies else "warn",
        origin=first.like,
        onset=first.position,
        detect=detect,
        period=2,
        copies=copies,
        strength=saturate(opening.share for opening in found),
        spans=[
            transcript.span(
                first.like, 0, min(first.words, int(transcript.counts[first.like])) - 1
            ),
            *(transcript.span(o.position, o.skipped, o.skipped + o.words - 1) for o in found),
        ],
        explanation=f"{copies} turns open with {quote(said)}, {shape}",
    )
