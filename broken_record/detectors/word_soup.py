"""The reply turns into a salad of words, or into a sentence that never ends.

Salad (salad.py): few function words and few ends of sentences, words glued together, function words
dropped over a long sentence (English only), or a jumble of words that were said before.

Run-on (lost thread): the turn breaks off, and its last sentence had gone on for 60 words; a
coherent turn that is cut off has rarely more than 40 behind its last end of a sentence or line.
Runaway (missing end token): more than 250 words and 4 times the median of the speaker's first 10
turns, and cut at the limit or without a proper end, twice in three own turns; or once, cut at the
limit, with more than 200 words and 10 times the median of the speaker's opening lines. A loop that
runs to the limit, half of its word triples said before, is neither; nor is a speaker who never ends
a sentence.

Unlikely words (unlikely_words.py): turns that the model itself held for unlikely, where the record
tells log probabilities; less unlikely where they run into their limit. In every language.

>>> from broken_record.detectors.examples import transcript_of
>>> stems = "velvet ladder oxide tramway gusto ninety pelican".split()
>>> salad = " ".join(stem + end for end in "um el an or ax ig op ust ent".split() for stem in stems)
>>> found = detect(transcript_of(["Tell me more.", "I like the sea.", salad]))
>>> [(f.speaker, f.level, f.onset_turn) for f in found]
[('assistant', 'break', 2)]
"""

from __future__ import annotations

import re
from itertools import chain
from statistics import median

import numpy as np

from broken_record.data import Finding, Role, Span
from broken_record.detectors.evidence import make_finding, saturate, stretches
from broken_record.detectors.salad import BREAK, SHORT, Salad, Salads, blank_code
from broken_record.detectors.unlikely_words import Unlikely, find_unlikely
from broken_record.text.transcript import Transcript
from broken_record.text.words import SENTENCE_END, find_words, worth

KIND = "word_soup"
PROPER_END = re.compile(
    r"[.!?\u2026\u2014\u2013\-*\"')\]\u201d\u2019\u3002\uff01\uff1f`|}>:;~]\s*$"
)


def detect(
    transcript: Transcript,
    *,
    function_share: float = 0.10,
    narrow_share: float = 0.05,
    words_per_end: float = 45,
    dropped_words: int = 55,
    dropped_share: float = 0.4,
    jumbled_words: int = 40,
    jumbled_share: float = 0.6,
    jumbled_pairs: float = 0.15,
    run_on_words: int = 60,
    looping: float = 0.5,
    runaway_words: int = 250,
    runaway_medians: float = 4.0,
    runaways: int = 2,
    of_turns: int = 3,
    habit_words: int = 200,
    habit_times: float = 10.0,
    list_share: float = 0.25,
    surprisal: float = 2.7,
    surprised_tokens: int = 60,
    cut_surprisal: float = 2.0,
    cut_tokens: int = 120,
) -> list[Finding] | None:
    """One finding per speaker and stretch of turns that are salad, run on or away, or are unlikely.

    Shares of function words are the most that a salad has (of WINDOW and of NARROW words),
    `dropped_share` the least of a sentence that stands in runs of content words, `jumbled_share`
    and `jumbled_pairs` what of a jumble was said before, `run_on_words` the least behind the last
    end of a sentence, `looping` the share of word triples that were said before from which on a
    turn is a loop, `surprisal` (nats a token, over `surprised_tokens` of a speaker or more) how
    unlikely its words were to the model, `cut_surprisal` and `cut_tokens` the same of turns that
    ran into their limit. None where nothing is found in a language without a list of function
    words: salad cannot be told there.
    """
    findings = []
    has_list = transcript.language in ("en", None)
    salads = Salads(
        transcript,
        (function_share, narrow_share, words_per_end),
        (dropped_words, dropped_share),
        (jumbled_words, jumbled_share, jumbled_pairs),
        has_list=has_list,
        list_share=list_share,
    )
    has_probabilities = any(one.logprob_mean is not None for one in transcript.said)
    for role in ("assistant", "user"):
        own = transcript.own(role)
        usual = median(transcript.sizes[own[:10]].tolist()) if own else 0
        longest = max(runaway_medians * usual, runaway_words)
        unheard_of = max(habit_times * opening_size(transcript, role), habit_words)
        least_run = min(run_on_words, longest, unheard_of)
        spans: dict[int, Salad] = {}
        runs, at_once = [], set()
        looked_at = salads.suspect | (transcript.sizes >= least_run)
        looked_at &= transcript.counts >= SHORT
        some = set(np.flatnonzero(looked_at).tolist())
        for k, i in [one for one in enumerate(own) if one[1] in some] if some else ():
            may_run = transcript.sizes[i] >= least_run and breaks_off(transcript, i)
            if not (salads.suspect[i] or may_run) or is_loop(transcript, i, looping):
                continue
            soup = salads.find(i)
            if may_run:
                if soup is None and transcript.sizes[i] >= run_on_words:
                    soup = find_run_on(transcript, i, run_on_words, list_share)
                if transcript.sizes[i] > longest:
                    runs.append(k)
                if transcript.was_cut(i) and transcript.sizes[i] > unheard_of:
                    at_once.add(k)
            if soup is not None:
                spans[k] = soup
        unlikely: dict[int, Unlikely] = {}
        adrift: dict[int, Unlikely] = {}
        if has_probabilities:
            unlikely = find_unlikely(transcript, own, surprisal, surprised_tokens)
            adrift = find_unlikely(transcript, own, cut_surprisal, cut_tokens, cut=True)
        told: dict[int, int] = {}
        for k, last in chain(
            told_at(runs, runaways, of_turns).items(),
            ((k, k) for k in (*spans, *at_once)),
            ((k, one.last) for found in (unlikely, adrift) for k, one in found.items()),
        ):
            told[k] = min(last, told.get(k, last))
        for stretch in stretches(sorted(told), of_turns + 1):
            detected = min(told[k] for k in stretch)
            doubts = [one[k].nats for one in (unlikely, adrift) for k in stretch if k in one]
            runaway = {*runs, *at_once}
            findings.append(report(transcript, own, stretch, spans, runaway, doubts, detected))
    return findings if findings or has_list else None


def opening_size(transcript: Transcript, role: Role) -> float:
    """The median size of what a speaker says in the opening; without end where it says nothing."""
    said = [i for i in range(transcript.given) if transcript.said[i].role == role]
    return median(transcript.sizes[said].tolist()) if said else float("inf")


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
) -> Salad | None:
    """What stands behind the last end of a sentence or line, where it has `least` words and its
    speaker ends sentences elsewhere; where characters stand for words, commas end them too.
    """
    body = blank_code(transcript.bodies[position]).rstrip()
    ends = [match.end() for match in BREAK.finditer(body)]
    start = ends[-1] if ends else 0
    tail = body[start:]
    said = list(find_words(tail))
    if len(said) < least or sum(worth(word.text) for word in said) < len(said):
        return None
    listed = len(re.findall(r"[,;/|=]", tail)) >= list_share * len(said)
    if listed or not (ends or ends_sentences(transcript, position)):
        return None
    how = f"a sentence runs on ({len(said)} words) and breaks off"
    return Salad(start + said[0].start, start + said[-1].end, how)


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


def report(
    transcript: Transcript, own: list[int], stretch: list[int], soups: dict[int, Salad],
    runs: set[int], doubts: list[float], detected: int,
) -> Finding:  # fmt: skip
    """The finding of a stretch of turns; `doubts` are the surprisals of its unlikely ones."""
    spans = []
    for k in stretch:
        one = transcript.said[own[k]]
        if k in soups:
            soup = soups[k]
            spans.append(Span(one.index, one.begins + soup.start, one.begins + soup.end))
        else:
            spans.append(transcript.whole(own[k]))
    reasons = list(dict.fromkeys(soups[k].how for k in stretch if k in soups))[:2]
    if run_turns := [k for k in stretch if k in runs]:
        most = max(int(transcript.sizes[own[k]]) for k in run_turns)
        cut = any(transcript.was_cut(own[k]) for k in run_turns)
        reasons.append(f"runs away ({most} words{', cut at the limit' if cut else ''})")
    if doubts:
        reasons.append(f"its own words are unlikely to the model ({max(doubts):.1f} nats a token)")
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
