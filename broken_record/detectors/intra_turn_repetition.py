"""One turn stutters: words, characters or sentences come over and over inside it.

Degenerate repetition within a turn, any of: a tandem run of words (a period of up to 20 words, at
least 3 times, over 12 words; 24 for interjections); a character 8 times, or a period of 2 to 6
characters 5 times over 20 characters (24 when it is laughter, 40 when it is a divider); at least
.20 of the 4-word windows said before in the same turn of 40 words or more (seq-rep-4 of Welleck et
al., 2020; the clean p99.9 of 4,900 turns is .155); a sentence of 4 words or more three times.
Code, tables, lists, headings and addresses are set aside (words.py's structure mask); runs of
characters count inside one word only.

>>> from broken_record.detectors.examples import transcript_of
>>> found = detect(transcript_of(["Well.", "and so it goes " * 5]))
>>> [(f.speaker, f.onset_turn, f.copies, f.explanation) for f in found]
[('user', 1, 5, '"and so it goes" 5 times in a row')]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.evidence import make_finding
from broken_record.text.ngrams import window_ends, window_hashes
from broken_record.text.transcript import Ints, Transcript, quote
from broken_record.text.words import Word, find_words, mask_structure, worth

KIND = "intra_turn_repetition"
LONGEST_PERIOD = 40
FOUR_TRUE = 0x01010101
INTERJECTIONS = frozenset(
    "ah ha haha he heh hey hm hmm ho la na no oh ooh please shh so stop uh um very wait yeah "
    "yes".split()
)
DIVIDERS = frozenset("-_=*.~#+0123456789\u2026\u2013\u2014\u2500\u2022|/\\")
SENTENCE = re.compile(r"[^.!?\u2026\n\u3002\uff01\uff1f\u061f\u06d4\u0964\u0965\u104b\u17d4]+")
RUN = re.compile(r"(\S)\1{7,}|(\S{2,6}?)\2{4,}")


class Evidence(NamedTuple):
    """What repeats in a body: from where to where, how often, how much of the turn, in words."""

    start: int
    end: int
    copies: int
    share: float
    explanation: str


def detect(
    transcript: Transcript,
    *,
    copies: int = 3,
    words: int = 12,
    interjections: int = 24,
    characters: int = 8,
    pattern_characters: int = 20,
    laughter_characters: int = 24,
    divider_characters: int = 40,
    repeated_windows: float = 0.20,
    windows_from_words: int = 40,
    break_share: float = 0.5,
) -> list[Finding]:
    """One finding per turn that repeats inside itself, by its strongest evidence.

    `copies` and `words` bound runs of words (`interjections`: of one interjection) and sentences,
    the next four runs of characters, the two after that seq-rep-4. A break covers `break_share` of
    its turn.
    """
    findings = []
    for i in sorted(with_repeated_windows(transcript) | with_character_runs(transcript)):
        body = mask_structure(transcript.said[i].body)
        said = list(find_words(body))
        found = [
            *word_runs(said, copies, words, interjections),
            *character_runs(
                body, characters, pattern_characters, laughter_characters, divider_characters
            ),
            *repeated_sentences(body, copies),
            *repeated_share(said, repeated_windows, windows_from_words),
        ]
        if not found:
            continue
        best = max(found, key=lambda evidence: (evidence.share, evidence.copies))
        one = transcript.said[i]
        findings.append(
            make_finding(
                transcript,
                kind=KIND,
                positions=[i],
                level="break" if best.share >= break_share else "warn",
                origin=i,
                onset=i,
                detect=i,
                copies=best.copies,
                strength=best.share,
                spans=[Span(one.index, one.begins + best.start, one.begins + best.end)],
                explanation=best.explanation,
            )
        )
    return findings


def with_repeated_windows(transcript: Transcript) -> set[int]:
    """The turns in which some window of 4 words stands three times, or two stand twice."""
    ends = window_ends(transcript.worth, 4)
    hashes = window_hashes(transcript.plain, ends)
    turns = transcript.turn_of[: len(hashes)]
    inside = turns == transcript.turn_of[ends - 1]
    inside &= turns >= transcript.given
    keys = hashes[inside] + turns[inside].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return set()
    counts = Counter(turns[inside][np.isin(keys, repeated)].tolist())
    return {turn for turn, count in counts.items() if count >= 3}


def with_character_runs(transcript: Transcript) -> set[int]:
    """The turns in which four neighbours in a row equal those 1 to 6 characters before.

    Looked for at every fourth place, which meets every run that is long enough.
    """
    points = np.frombuffer(transcript.text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    found: set[int] = set()
    for period in range(1, 7):
        length = (len(points) - period) // 4 * 4
        equal = points[:length] == points[period : length + period]
        places = np.flatnonzero(equal.view(np.uint32) == FOUR_TRUE) * 4
        found.update((np.searchsorted(transcript.places, places, side="right") - 1).tolist())
    return {i for i in found if i >= transcript.given}


def word_runs(
    said: Sequence[Word], copies: int, least: int, interjections: int
) -> Iterator[Evidence]:
    """Tandem runs: the same words, `copies` times or more, right after one another."""
    numbers: dict[str, int] = {}
    ids: Ints = np.array([numbers.setdefault(word.text, len(numbers)) for word in said], np.int64)
    for period in range(1, min(LONGEST_PERIOD, len(said) // copies) + 1):
        other = np.flatnonzero(np.append(ids[period:] != ids[:-period], True))
        before = np.concatenate(([-1], other[:-1]))
        for stop, start in zip(other.tolist(), (before + 1).tolist(), strict=True):
            length = stop - start + period
            single = period == 1 and said[start].text in INTERJECTIONS
            if length < copies * period or length < least:
                continue
            size = sum(worth(word.text) for word in said[start : start + period]) * length / period
            if size >= (interjections if single else least):
                unit = " ".join(word.text for word in said[start : start + period])
                count = length // period
                yield Evidence(
                    said[start].start,
                    said[start + length - 1].end,
                    count,
                    length / len(said),
                    f"{quote(unit)} {count} times in a row",
                )


def character_runs(
    body: str, single: int, pattern: int, laughter: int, divider: int
) -> Iterator[Evidence]:
    """Runs of a character, or of a pattern of 2 to 6, inside one word."""
    for match in RUN.finditer(body):
        unit = match[1] or match[2]
        length = len(match[0])
        needed = single if match[1] else pattern
        if DIVIDERS.issuperset(unit):
            needed = divider
        elif "h" in unit.lower() and set(unit.lower()) <= set("haeiou"):
            needed = laughter
        if length >= needed:
            count = length // len(unit)
            yield Evidence(
                match.start(),
                match.end(),
                count,
                length / len(body.strip()),
                f"{quote(unit)} {count} times in a row",
            )


def repeated_sentences(body: str, copies: int) -> Iterator[Evidence]:
    """A sentence of 4 words or more that stands `copies` times."""
    places: dict[tuple[str, ...], list[re.Match[str]]] = {}
    for match in SENTENCE.finditer(body):
        said = tuple(word.text for word in find_words(match[0]))
        if sum(map(worth, said)) >= 4:
            places.setdefault(said, []).append(match)
    for matches in places.values():
        if len(matches) >= copies:
            covered = sum(len(match[0]) for match in matches)
            yield Evidence(
                matches[0].start(),
                matches[-1].end(),
                len(matches),
                covered / len(body.strip()),
                f"{quote(matches[0][0])} {len(matches)} times",
            )


def repeated_share(said: Sequence[Word], least: float, from_words: int) -> Iterator[Evidence]:
    """seq-rep-4: the share of 4-word windows that stood before in the turn."""
    worths = np.array([worth(word.text) for word in said])
    if worths.sum() < from_words:
        return
    ends = window_ends(worths, 4).tolist()
    windows = [said[start:end] for start, end in enumerate(ends)]
    counts: Counter[tuple[str, ...]] = Counter()
    repeated = []
    for window in windows:
        texts = tuple(word.text for word in window)
        counts[texts] += 1
        if counts[texts] > 1:
            repeated.append(window)
    share = len(repeated) / len(windows)
    if share >= least:
        texts, count = counts.most_common(1)[0]
        yield Evidence(
            repeated[0][0].start,
            repeated[-1][-1].end,
            count,
            share,
            f"{share:.0%} of its 4-word windows said before, "
            f"{quote(' '.join(texts))} {count} times",
        )
