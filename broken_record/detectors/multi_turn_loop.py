"""A passage of several turns comes again, and again: the talk goes round in a circle.

A cycle (maximal repetition) with a period of 3 to 16 turns, odd ones included, where the speakers
have exchanged their lines. The turns of a copy are like those a period before (similarity.py, and
of up to 24 words those with .75 of their characters alike: "Im happy to help", "I am happy to
help"); one turn may be changed, inserted or missing, because the path may leave its diagonal of
the similarity matrix for the next one. A finding needs two whole copies, or five turns of a longer
round, and 12 repeated words that are more than greetings; it is a break from the third. The longest
path wins, so the smallest period stands for its multiples. A passage that comes again from farther
away is looked for by restarts.py, rounds of the same steps in other words are told by rounds.py. It
differs from single_turn_loop by the period.

>>> from broken_record.detectors.examples import transcript_of
>>> verse = ["Shall we go for a walk by the river?", "I would rather stay inside with you tonight.",
...          "Then let me make us a pot of tea.", "Tea sounds very good to me right now."]
>>> found = detect(transcript_of(["Hello there.", *verse, *verse]))
>>> [(f.origin_turn, f.onset_turn, f.detect_turn, f.period, f.copies) for f in found]
[(1, 5, 8, 4, 2)]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate
from broken_record.detectors.paths import Path, Reach, find_alike, find_paths, repeating_last
from broken_record.detectors.restarts import Restart, find_restarts
from broken_record.detectors.rounds import (
    LEAST_TURNS,
    Rounds,
    find_rounds,
    most_of_a_turn,
    nearest_before,
)
from broken_record.detectors.single_turn_loop import has_new_slot
from broken_record.text.similarity import (
    WIDEST,
    Band,
    compare_pairs,
)
from broken_record.text.transcript import Transcript, quote

KIND = "multi_turn_loop"
NEAR = 0.8  # of the likeness a period apart
MOST_STEPS = 12  # turns of a round in other words


def detect(
    transcript: Transcript,
    *,
    least_period: int = 3,
    most_period: int = 16,
    words: int = 12,
    matched: float = 0.75,
    passage: int = 5,
    formats: float = 0.3,
    break_copies: int = 3,
    round_evidence: float = 8.0,
) -> list[Finding]:
    """Cycles of `least_period` to `most_period` turns, at least two copies of each.

    `matched` is the share of a copy's turns that must be like their originals, `words` how many
    words these hold at least; of a longer period `passage` turns are enough;
    where in the share `formats` of its turns only one slot is filled anew, from copy to copy, it is
    a quiz, a list or a game.
    `round_evidence` is the log-likelihood ratio from which on steps go in rounds.
    """
    findings = []
    alike = find_alike(transcript, matched)
    reach = Reach(transcript, matched)
    for path in find_paths(transcript, alike, reach):
        period = path.period
        if not least_period <= period <= most_period:
            continue
        enough = min(period - (period > 5), passage)
        if path.length < enough:
            continue
        turns = [i for _, i in path.cells]
        if transcript.sizes[turns[:period]].sum() < words:
            continue
        if len({transcript.codes[i] for i in turns}) < 3 or is_template(transcript, path):
            continue
        if reach.is_taken(path.origin, path.first, path.last):
            continue
        reach.cover(path.origin, path.last)
        if is_quiz(transcript, path, formats):
            continue
        reach.repeat(path.first, path.last)
        findings.append(report(transcript, alike, path, period, break_copies))
    for restart in find_restarts(transcript, repeating_last(alike), WIDEST):
        if is_passage(transcript, restart, passage, words, matched) and not reach.is_taken(
            restart.first - restart.apart, restart.first, restart.last
        ):
            reach.repeat(restart.first, restart.last)
            findings.append(report_restart(transcript, restart, passage))
    rounds = rounds_of(transcript, alike, least_period, round_evidence)
    if rounds is not None and not reach.covered[rounds.first : rounds.last + 1].any():
        findings.append(report_rounds(transcript, rounds))
    return findings


def is_passage(
    transcript: Transcript, restart: Restart, passage: int, words: int, matched: float
) -> bool:
    """Whether so much comes again from far away that nobody says it twice by chance."""
    turns = [*restart.turns]
    return (
        len(turns) >= max(passage, matched * (restart.last - restart.first + 1))
        and transcript.sizes[turns].sum() >= words
        and len({transcript.codes[i] for i in turns}) >= 3
    )


def is_template(transcript: Transcript, path: Path) -> bool:
    """Whether the speakers' neighbouring turns are about as alike as those a period apart: what
    comes again is then a form that every turn has, and no passage.
    """
    codes = transcript.codes
    turns = [(p, i) for p, i in path.cells if i >= 2]
    far, near = (
        float(compare_pairs([codes[i] for _, i in turns], [codes[k] for k in back], 0.0).sum())
        for back in ([i - p for p, i in turns], [i - 2 for _, i in turns])
    )
    return path.period % 2 == 0 and near >= NEAR * far


def is_quiz(transcript: Transcript, path: Path, formats: float) -> bool:
    """Whether so many turns of three copies or more are frames with a slot filled anew."""
    period = path.period
    if path.length < 2 * period:
        return False
    steps = [range(path.origin + k, path.last + 1, period) for k in range(period)]
    return sum(has_new_slot(transcript, step) for step in steps) >= formats * period


def rounds_of(
    transcript: Transcript, alike: Band, least_period: int, evidence: float
) -> Rounds | None:
    """The rounds outside loops of period 1 or 2; where every other turn counts something in digits
    it is a task.
    """
    if len(transcript) < LEAST_TURNS:
        return None
    stuck = repeating_last(alike)
    if np.count_nonzero(~stuck) * most_of_a_turn(MOST_STEPS) < evidence:
        return None
    lags = np.where(stuck, 0, nearest_before(transcript))
    rounds = find_rounds(lags, least=least_period, most=MOST_STEPS, evidence=evidence)
    if rounds is None:
        return None
    counting = sum(any(map(str.isdigit, transcript.bodies[i])) for i in rounds.hits)
    return None if 2 * counting >= len(rounds.hits) else rounds


def report(
    transcript: Transcript, similarity: Band, path: Path, period: int, break_copies: int
) -> Finding:
    """The finding of a path."""
    copies = 1 + max(1, round(path.length / period - 0.25))
    positions = sorted({i for p, i in path.cells} | {i - p for p, i in path.cells})
    alike = [float(similarity[p, i]) / period for p, i in path.cells]
    detect = next((i for _, i in path.cells if i - path.first + 1 >= period), path.last)
    opening = transcript.said[path.origin].body
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="break" if copies >= break_copies else "warn",
        origin=path.origin,
        onset=path.first,
        detect=detect,
        period=period,
        copies=copies,
        strength=saturate(alike),
        spans=[transcript.whole(i) for i in positions],
        explanation=f"{period} turns from {quote(opening)} on, {copies} times",
        pairs=[(i, i - p) for p, i in path.cells if p % 2],
    )


def report_restart(transcript: Transcript, restart: Restart, passage: int) -> Finding:
    """The finding of a passage that comes again from far away."""
    turns, apart = restart.turns, restart.apart
    positions = sorted({*turns, *(i - apart for i in turns)})
    opening = quote(transcript.said[restart.first - apart].body)
    found = make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="warn",
        origin=restart.first - apart,
        onset=restart.first,
        detect=turns[passage - 1],
        copies=2,
        strength=saturate([1 / apart] * len(turns)),
        spans=[transcript.whole(i) for i in positions],
        explanation=f"{len(turns)} turns from {opening} on come again {apart} turns later",
        pairs=[(i, i - apart) for i in turns if apart % 2],
    )
    return replace(found, period=apart)  # it is over when the next turn is another


def report_rounds(transcript: Transcript, rounds: Rounds) -> Finding:
    """The finding of steps that come again in other words."""
    period, hits = rounds.period, rounds.hits
    copies = 1 + (rounds.last - rounds.first + 1) // period
    opening = quote(transcript.said[rounds.first - period].body)
    return make_finding(
        transcript,
        kind=KIND,
        positions=range(rounds.first - period, rounds.last + 1),
        level="warn",
        origin=rounds.first - period,
        onset=rounds.first,
        detect=rounds.told,
        period=period,
        copies=copies,
        strength=saturate([0.5 / period] * len(hits)),
        spans=[transcript.whole(i) for i in hits],
        explanation=f"rounds of {period} steps in other words from {opening} on, {copies} times",
    )
