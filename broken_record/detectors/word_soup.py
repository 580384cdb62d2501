"""The reply turns into a salad of words, or into a sentence that never ends.

Salad (high temperature): a window of 60 words with less than .10 function words, or of 30 with less
than .05, and more than 45 words per end of sentence, structure masked; English only. Lists (a comma
for every four words), notation, capitals and other languages are left alone.

Run-on (lost thread): the turn breaks off, and its last sentence had gone on for 60 words; a
coherent turn that is cut off has rarely more than 40 behind its last end of a sentence or line.
Runaway (missing end token): more than 250 words and 4 times the median of the speaker's first 10
turns, and cut at the limit or without a proper end, twice in three own turns. A loop that runs to
the limit, half of its word triples said before, is neither; nor is a speaker who never ends a
sentence.

>>> from broken_record.detectors.examples import transcript_of
>>> stems = "velvet ladder oxide tramway gusto ninety pelican".split()
>>> salad = " ".join(stem + end for end in "um el an or ax ig op ust ent".split() for stem in stems)
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
    SENTENCE_END,
    Word,
    find_words,
    is_function_word,
    mask_structure,
    worth,
)

KIND = "word_soup"
WINDOW = 60  # words
NARROW = 30  # words
BROKEN = re.compile(r"\w['\u2019](?!(?:s|t|d|m|ll|re|ve)\b)\w")  # apostrophe_break's
BREAK = re.compile(SENTENCE_END.pattern + r"|\n")
FENCED = re.compile(r"```[\s\S]*?(?:```|\Z)")
PROPER_END = re.compile(
    r"[.!?\u2026\u2014\u2013\-*\"')\]\u201d\u2019\u3002\uff01\uff1f`|}>:;~]\s*$"
)


class Soup(NamedTuple):
    """Offsets in the body, and what was measured there: the function words' share of a salad, of a
    sentence that runs on its words.
    """

    start: int
    end: int
    function_share: float | None
    words: int


def detect(
    transcript: Transcript,
    *,
    function_share: float = 0.10,
    narrow_share: float = 0.05,
    words_per_end: float = 45,
    run_on_words: int = 60,
    looping: float = 0.5,
    runaway_words: int = 250,
    runaway_medians: float = 4.0,
    runaways: int = 2,
    of_turns: int = 3,
    list_share: float = 0.25,
) -> list[Finding] | None:
    """One finding per speaker and stretch of turns that are salad, run on or run away.

    `function_share` is the most of a salad's WINDOW, `narrow_share` of NARROW words, `run_on_words`
    the least behind the last end of a sentence, `looping` the share of word triples that were said
    before from which on a turn is a loop. None where nothing is found in a language without a list
    of function words: salad cannot be told there.
    """
    findings = []
    has_list = transcript.language in ("en", None)
    for role in ("assistant", "user"):
        own = transcript.own(role)
        usual = median(transcript.sizes[own[:10]].tolist()) if own else 0
        longest = max(runaway_medians * usual, runaway_words)
        spans: dict[int, Soup] = {}
        runs = []
        for k, i in enumerate(own):
            soup = None
            looping_turn = is_loop(transcript, i, looping)
            if has_list and transcript.counts[i] >= NARROW and not looping_turn:
                soup = find_salad(
                    transcript.bodies[i], (function_share, narrow_share), words_per_end, list_share
                )
            if breaks_off(transcript, i) and not looping_turn:
                if soup is None and transcript.sizes[i] >= run_on_words:
                    soup = find_run_on(transcript, i, run_on_words, list_share)
                if transcript.sizes[i] > longest:
                    runs.append(k)
            if soup is not None:
                spans[k] = soup
        told = told_at(runs, runaways, of_turns) | {k: k for k in spans}
        for stretch in stretches(sorted(told), of_turns + 1):
            detected = min(told[k] for k in stretch)
            findings.append(report(transcript, own, stretch, spans, set(runs), detected))
    return findings if findings or has_list else None


def breaks_off(transcript: Transcript, position: int) -> bool:
    """Whether a turn was cut at its limit, or does not end like one."""
    if transcript.was_cut(position):
        return True
    return not PROPER_END.search(transcript.bodies[position].rstrip()[-1:])


def is_loop(transcript: Transcript, position: int, looping: float) -> bool:
    """Whether so many of a turn's word triples were said before in it."""
    words = transcript.plain[transcript.first[position] : transcript.first[position + 1]].tolist()
    triples = len(words) - 2
    different = len(set(zip(words, words[1:], words[2:], strict=False)))
    return triples > 0 and triples - different >= looping * triples


def find_run_on(
    transcript: Transcript, position: int, least: int, list_share: float
) -> Soup | None:
    """What stands behind the last end of a sentence or line, where it has `least` words and its
    speaker ends sentences elsewhere; where characters stand for words, commas end them too.
    """
    body = FENCED.sub(lambda match: " " * len(match[0]), transcript.bodies[position]).rstrip()
    ends = [match.end() for match in BREAK.finditer(body)]
    start = ends[-1] if ends else 0
    tail = body[start:]
    said = list(find_words(tail))
    if len(said) < least or sum(worth(word.text) for word in said) < len(said):
        return None
    listed = len(re.findall(r"[,;/|=]", tail)) >= list_share * len(said)
    if listed or not (ends or ends_sentences(transcript, position)):
        return None
    return Soup(start + said[0].start, start + said[-1].end, None, len(said))


def ends_sentences(transcript: Transcript, position: int) -> bool:
    """Whether at least half of the speaker's last ten turns before this one end a sentence."""
    role = transcript.said[position].role
    before = [i for i in range(max(0, position - 20), position) if transcript.said[i].role == role]
    ending = sum(SENTENCE_END.search(transcript.bodies[i]) is not None for i in before)
    return bool(before) and 2 * ending >= len(before)


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
    body: str, least_function: tuple[float, float], words_per_end: float, list_share: float
) -> Soup | None:
    """From the first to the last window that is salad (every fourth of a window with few function
    words and few ends looked at), WINDOW words wide or NARROW.
    """
    masked = mask_structure(body)
    said = list(find_words(masked))
    function = running([is_function_word(word.text) for word in said])
    ends = running_between(said, [match.start() for match in SENTENCE_END.finditer(masked)])
    for n, least in zip((WINDOW, NARROW), least_function, strict=True):
        if len(said) < n:
            continue
        shares = (function[n:] - function[:-n]) / n
        few_ends = (ends[n:] - ends[:-n]) * words_per_end < n
        shares = np.where(few_ends, shares, 1.0)
        found: Soup | None = None
        for k in np.flatnonzero(shares < least)[:: n // 4].tolist():
            window = said[k : k + n]
            before = max(0, window[0].start - 200)
            is_behind = n == NARROW and BROKEN.search(masked, before, window[-1].end)
            if not is_behind and not is_otherwise(masked, window, list_share):
                first = window[0].start if found is None else found.start
                found = Soup(first, window[-1].end, float(shares[k]), n)
        if found is not None:
            return found
    return None


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
    transcript: Transcript, own: list[int], stretch: list[int], soups: dict[int, Soup],
    runs: set[int], detected: int,
) -> Finding:  # fmt: skip
    """The finding of a stretch of turns."""
    spans = []
    for k in stretch:
        one = transcript.said[own[k]]
        if k in soups:
            soup = soups[k]
            spans.append(Span(one.index, one.begins + soup.start, one.begins + soup.end))
        else:
            spans.append(transcript.whole(own[k]))
    reasons = []
    here = [soups[k] for k in stretch if k in soups]
    if salads := [soup for soup in here if soup.function_share is not None]:
        least = min(salads, key=lambda soup: soup.function_share or 0.0)
        reasons.append(f"salad ({least.function_share:.0%} function words in {least.words} words)")
    if run_ons := [soup.words for soup in here if soup.function_share is None]:
        reasons.append(f"a sentence runs on ({max(run_ons)} words) and breaks off")
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
