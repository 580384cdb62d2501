"""The reply runs away, or turns into a salad of words.

Runaway (missing end token): cut at the token limit, or longer than 250 words and than 4 times the
median of the speaker's first 10 turns without an end of a sentence; twice in three own turns, or
once when it is also salad. Salad (high temperature): a window of 60 words with less than .10
function words and more than 45 words per end of sentence (0 of 4,590 clean turns; 1,128 of 1,197 at
temperature 1 and above), structure masked. Lists (a comma for every four words), notation, capitals
and other languages are left alone.

>>> from broken_record.detectors.examples import transcript_of
>>> salad = " ".join(["velvet ladder oxide tramway gusto ninety pelican"] * 9)
>>> found = detect(transcript_of(["Tell me more.", "I like the sea.", salad]))
>>> [(f.speaker, f.level, f.onset_turn) for f in found]
[('assistant', 'break', 2)]
"""

from __future__ import annotations

import re
from statistics import median
from typing import NamedTuple

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.evidence import make_finding, saturate, stretches
from broken_record.text.transcript import Ints, Transcript
from broken_record.text.words import (
    OTHER_FUNCTION_WORDS,
    Word,
    find_words,
    is_function_word,
    mask_structure,
)

KIND = "word_soup"
WINDOW = 60  # words
ENDS = re.compile(r"(?<![.!?\u2026])[.!?\u2026]+(?=[\s\"'*)\u201d\u2019]|$)")
PROPER_END = re.compile(
    r"[.!?\u2026\u2014\u2013\-*\"')\]\u201d\u2019\u3002\uff01\uff1f`|}>:;~]\s*$"
)


class Salad(NamedTuple):
    """Offsets in the body, and what was measured there."""

    start: int
    end: int
    function_share: float


def detect(
    transcript: Transcript,
    *,
    function_share: float = 0.10,
    words_per_end: float = 45,
    runaway_words: int = 250,
    runaway_medians: float = 4.0,
    runaways: int = 2,
    of_turns: int = 3,
    list_share: float = 0.25,
) -> list[Finding]:
    """One finding per speaker and stretch of turns that are salad or run away."""
    findings = []
    for role in ("assistant", "user"):
        own = transcript.own(role)
        usual = median(transcript.sizes[own[:10]].tolist()) if own else 0
        longest = max(runaway_medians * usual, runaway_words)
        salads: dict[int, Salad] = {}
        has_list = transcript.language in ("en", None)
        runs = []
        for k, i in enumerate(own):
            if has_list and transcript.sizes[i] >= WINDOW:
                salad = find_salad(
                    transcript.said[i].body, function_share, words_per_end, list_share
                )
                if salad is not None:
                    salads[k] = salad
            if runs_away(transcript, i, longest):
                runs.append(k)
        told = told_at(runs, runaways, of_turns) | {k: k for k in salads}
        for stretch in stretches(sorted(told), of_turns + 1):
            detected = min(told[k] for k in stretch)
            findings.append(report(transcript, own, stretch, salads, set(runs), detected))
    return findings


def runs_away(transcript: Transcript, position: int, longest: float) -> bool:
    """Whether a turn was cut at its limit, or is very long and does not end."""
    if transcript.was_cut(position):
        return True
    end = transcript.bodies[position].rstrip()[-1:]
    return bool(transcript.sizes[position] > longest) and not PROPER_END.search(end)


def told_at(runs: list[int], runaways: int, of_turns: int) -> dict[int, int]:
    """By place: where a runaway is one of `runaways` in `of_turns` turns in a row, it is told at
    the last of the first such.

    >>> told_at([0, 2, 4, 9, 10, 11], 3, 3)
    {9: 11, 10: 11, 11: 11}
    """
    told: dict[int, int] = {}
    for i, last in enumerate(runs[max(0, runaways - 1) :]):
        if last - runs[i] < of_turns:
            for k in runs[i : i + max(1, runaways)]:
                told.setdefault(k, last)
    return told


def find_salad(
    body: str, least_function: float, words_per_end: float, list_share: float
) -> Salad | None:
    """From the first to the last window that is salad (every 15th with few function words and few
    ends looked at).
    """
    masked = mask_structure(body)
    said = list(find_words(masked))
    if len(said) < WINDOW:
        return None
    function = running([is_function_word(word.text) for word in said])
    ends = running_between(said, [match.start() for match in ENDS.finditer(masked)])
    n = WINDOW
    shares = (function[n:] - function[:-n]) / n
    few_ends = (ends[n:] - ends[:-n]) * words_per_end < n
    shares = np.where(few_ends, shares, 1.0)
    found: Salad | None = None
    for k in np.flatnonzero(shares < least_function)[:: n // 4].tolist():
        window = said[k : k + n]
        if not is_otherwise(masked, window, list_share):
            first = window[0].start if found is None else found.start
            found = Salad(first, window[-1].end, float(shares[k]))
    return found


def running(flags: list[bool]) -> Ints:
    """Running counts from 0."""
    return np.concatenate(([0], np.cumsum(np.array(flags, dtype=np.int64))))


def running_between(said: list[Word], places: list[int]) -> Ints:
    """How many of the places (offsets, rising) lie before the end of each word's gap."""
    borders = [0, *(word.start for word in said[1:]), len(said) and said[-1].end + 1]
    return np.searchsorted(np.array(places, dtype=np.int64), np.array(borders))


def is_otherwise(masked: str, window: list[Word], list_share: float) -> bool:
    """Whether few function words are natural here: a list, notation, capitals, another language."""
    text = masked[window[0].start : window[-1].end]
    letters = [c for c in text if c.isalpha()]
    listed = len(re.findall(r"[,;/|=]|\n", text)) >= list_share * len(window)
    signs = len(
        re.findall(r"[^\w\s,.;!?'\"*()\u2019\u201c\u201d-]|[./:](?=\w)", text)
    ) >= 0.15 * len(window)
    coded = signs or sum(not word.text.replace("'", "").isalpha() for word in window) >= 0.2 * len(
        window
    )
    capitals = sum(c.isupper() for c in letters) >= 0.5 * len(letters)
    foreign = sum(not word.text.isascii() for word in window) >= 0.15 * len(window)
    other = sum(word.text in OTHER_FUNCTION_WORDS for word in window) >= 0.10 * len(window)
    return listed or coded or capitals or foreign or other


def report(
    transcript: Transcript, own: list[int], stretch: list[int], salads: dict[int, Salad],
    runs: set[int], detected: int,
) -> Finding:  # fmt: skip
    """The finding of a stretch of turns."""
    spans = []
    for k in stretch:
        one = transcript.said[own[k]]
        if k in salads:
            salad = salads[k]
            spans.append(Span(one.index, one.begins + salad.start, one.begins + salad.end))
        else:
            spans.append(transcript.whole(own[k]))
    reasons = []
    if salad_turns := [k for k in stretch if k in salads]:
        least = min(salads[k].function_share for k in salad_turns)
        reasons.append(f"salad ({least:.0%} function words in {WINDOW} words)")
    if run_turns := [k for k in stretch if k in runs]:
        most = max(int(transcript.sizes[own[k]]) for k in run_turns)
        cut = any(transcript.was_cut(own[k]) for k in run_turns)
        reasons.append(f"runs away ({most} words{', cut at the limit' if cut else ''})")
    return make_finding(
        transcript,
        kind=KIND,
        positions=[own[k] for k in stretch],
        level="break",
        origin=own[stretch[0]],
        onset=own[stretch[0]],
        detect=own[detected],
        copies=len(stretch),
        strength=saturate([1.0] * len(stretch)),
        spans=spans,
        explanation=" and ".join(reasons),
    )
