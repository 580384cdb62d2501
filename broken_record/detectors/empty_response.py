"""Nothing to say: the reply is empty.

Premature end: nothing is left of the body but white space, what cannot be seen, quotation marks and
parentheses (square, curly and pointed ones can be an answer: `[]`, `{}`, `>_`). One is an event
(warn), two in a row or three of six own turns are a break. The cause is told as far as it is
known: the end token came first, or perhaps a stop string (which may be one token too), or the model
wrote nothing but its own prefix. A turn without a letter or digit ("...", an emoji), or of a single
word, is minimal: level info.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["Hello you.", "", "Are you there?", ' "" ', "Oh, well.", "I am."]
>>> found = detect(transcript_of(said))
>>> [(f.speaker, f.level, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('user', 'break', 1, 3, 2)]
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate, stretches, told_by
from broken_record.text.transcript import Transcript, quote

KIND = "empty_response"
SHORT_BODY = 40  # characters


def detect(
    transcript: Transcript, *, in_a_row: int = 2, several: int = 3, of_turns: int = 6
) -> list[Finding]:
    """Empty replies, those within `of_turns` own turns of one another as one finding.

    `in_a_row`, or `several` of `of_turns`, make it a break.
    """
    findings: list[Finding] = []
    short = set(np.flatnonzero(transcript.counts <= transcript.few).tolist())
    for role in ("assistant", "user"):
        own = transcript.own(role)
        few = [k for k, i in enumerate(own) if i in short] if short else []
        empty = [k for k in few if transcript.says_nothing(own[k])]
        minimal = [k for k in sorted(set(few) - set(empty)) if is_minimal(transcript, own[k])]
        empties = stretches(empty, of_turns)
        for stretch in empties:
            told = (told_by(stretch, in_a_row, in_a_row), told_by(stretch, several, of_turns))
            detected = min((place for place in told if place is not None), default=None)
            level = "warn" if detected is None else "break"
            positions = [own[k] for k in stretch]
            detect = own[stretch[0] if detected is None else detected]
            findings.append(
                report(transcript, positions, level, detect, cause(transcript, positions[0]))
            )
        for stretch in stretches_between(minimal, empties, of_turns):
            positions = [own[k] for k in stretch]
            said = f"minimal: {quote(transcript.said[positions[0]].body)}"
            findings.append(report(transcript, positions, "info", positions[0], said))
    return findings


def stretches_between(
    places: list[int], others: list[list[int]], apart: int
) -> Iterator[list[int]]:
    """Stretches of places, none inside one of `others` and none with one of them inside.

    >>> list(stretches_between([1, 3, 5], [[2, 4]], 6))
    [[1], [5]]
    """
    free = [place for place in places if not any(one[0] < place < one[-1] for one in others)]
    for _, between in groupby(free, lambda place: sum(one[0] < place for one in others)):
        yield from stretches(between, apart)


def is_minimal(transcript: Transcript, position: int) -> bool:
    """Whether a turn is a single word, or signs alone."""
    return (
        bool(transcript.sizes[position] <= 1)
        and len(transcript.said[position].body.strip()) <= SHORT_BODY
    )


def cause(transcript: Transcript, position: int) -> str:
    """Why a reply is empty, as far as the record tells."""
    one = transcript.said[position]
    if one.body.strip() and one.body.strip() == one.content[: one.begins].strip():
        return "empty: only the prefix, once more"
    if one.finish_reason == "length":
        return "empty: white space up to the token limit"
    if one.finish_reason is None:
        return "empty"
    sampler = transcript.config.get("sampler" if one.role == "assistant" else "user_sampler")
    has_stops = sampler is None or sampler.get("stop")
    if one.tokens is not None and one.tokens <= 1 and not has_stops:
        return "empty: the end token came first"
    return "empty: a stop string or the end token came first"


def report(
    transcript: Transcript, positions: list[int], level: str, detect: int, said: str
) -> Finding:
    """The finding of a stretch."""
    times = f", {len(positions)} turns" if len(positions) > 1 else ""
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level=level,
        origin=positions[0],
        onset=positions[0],
        detect=detect,
        copies=len(positions),
        strength=saturate([1.0] * len(positions)),
        spans=[transcript.whole(i) for i in positions],
        explanation=said + times,
    )
