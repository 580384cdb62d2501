"""Numbers per dialogue and speaker, beside the old ones.

The old numbers come from the text log's lines (the replies given here), everything else from the
whole replies as the detectors see them (transcript.py); this module reads no file.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from operator import attrgetter
from statistics import median

import numpy as np

from broken_record.analysis.segments import old_numbers
from broken_record.data import Dialogue, Finding, OldNumbers, Role, Turn
from broken_record.stats import slope_of_many
from broken_record.text.ngrams import covered_share, distinct, window_ends, window_hashes
from broken_record.text.transcript import Floats, Ints, Transcript

DISTINCT_WORDS = 500  # distinct-2 is compared at one length, because it falls with length


@dataclass(frozen=True, slots=True)
class SpeakerMetrics:
    """One speaker's generated turns; None where nothing was measured.

    turns: their number.
    characters: code points, prefix and outer white space off.
    average_response_length: characters per turn.
    loop_coverage: share of characters in repeated spans of 5 words or more, [0, 1].
    looped_token_share: share of tokens in turns between onset and end of a loop of theirs, [0, 1].
    seq_rep_4: share of 4-word windows said before by the same speaker, [0, 1] (Welleck et al.,
        2020, "Neural Text Generation with Unlikelihood Training", over the whole dialogue).
    distinct_2: distinct over all 2-word windows of the first 500 words, (0, 1] (Li et al., 2016, "A
        Diversity-Promoting Objective Function for Neural Conversation Models").
    zlib_ratio: bytes after over bytes before zlib, level 6; low is repetitive, short is high.
    length_drift: change of a turn's length, words per turn (Theil-Sen slope over up to 64 turns).
    cap_hit_rate: share of turns that ended at turn_max_tokens, [0, 1].
    empty_rate: share of turns that say nothing, [0, 1].
    ttft_s: median time to first token, seconds.
    tokens_per_second: tokens over generation time.
    surprisal: minus the mean log probability of a turn's tokens, mean of the turns, nats.
    """

    turns: int
    characters: int
    average_response_length: float
    loop_coverage: float
    looped_token_share: float | None
    seq_rep_4: float | None
    distinct_2: float | None
    zlib_ratio: float | None
    length_drift: float
    cap_hit_rate: float | None
    empty_rate: float | None
    ttft_s: float | None
    tokens_per_second: float | None
    surprisal: float | None


@dataclass(frozen=True, slots=True)
class DialogueMetrics:
    """The old numbers of the assistant, each speaker's own, and the clock: tokens said by both.

    tokens_until_first_loop: tokens said before the onset of the first loop; None without a loop.
    """

    old: OldNumbers
    assistant: SpeakerMetrics
    user: SpeakerMetrics
    tokens: int | None
    tokens_until_first_loop: int | None


def measure_dialogue(
    dialogue: Dialogue, replies: Sequence[str], transcript: Transcript, loops: Sequence[Finding]
) -> DialogueMetrics:
    """All numbers of a dialogue.

    `replies` are the assistant's lines of its text log, stripped; `loops` the findings that are
    loops.
    """
    counts = [turn.tokens for turn in dialogue.turns]
    known = [count for count in counts if count is not None]
    onset = min((loop.onset_turn for loop in loops), default=None)
    return DialogueMetrics(
        old=old_numbers(replies),
        assistant=measure_speaker(dialogue, transcript, "assistant", loops),
        user=measure_speaker(dialogue, transcript, "user", loops),
        tokens=sum(known) if len(known) == len(counts) else None,
        tokens_until_first_loop=None if onset is None else tokens_before(dialogue, [onset])[0],
    )


def tokens_before(dialogue: Dialogue, indices: Iterable[int]) -> tuple[int | None, ...]:
    """Tokens of all turns before each message index; None where one was not counted."""
    turns = sorted(dialogue.turns, key=lambda turn: turn.index)
    places = [turn.index for turn in turns]
    upto = [0, *accumulate(turn.tokens or 0 for turn in turns)]
    uncounted = next((turn.index for turn in turns if turn.tokens is None), None)
    return tuple(
        None if uncounted is not None and uncounted < index else upto[bisect_left(places, index)]
        for index in indices
    )


def measure_speaker(
    dialogue: Dialogue, transcript: Transcript, role: Role, loops: Sequence[Finding]
) -> SpeakerMetrics:
    """The numbers of one side's generated turns."""
    own = transcript.own(role)
    turns = [turn for turn in dialogue.turns if turn.role == role]
    bodies = [transcript.bodies[i] for i in own]
    stripped = [*map(str.strip, bodies)]
    characters = sum(map(len, stripped))
    text = "\n".join(stripped)
    raw = text.encode("utf-8", "surrogatepass")
    is_own = np.zeros(len(transcript), dtype=bool)
    is_own[own] = True
    places = is_own[transcript.turn_of].nonzero()[0]
    words, worths = transcript.plain[places], transcript.worth[places]
    begun = window_ends(worths, DISTINCT_WORDS)[:1]  # where the first 500 words end
    ttfts = [turn.ttft_s for turn in turns if turn.ttft_s is not None]
    sure = [turn.logprob_mean for turn in turns if turn.logprob_mean is not None]
    offsets = own_offsets(transcript, own, bodies, stripped, places)
    return SpeakerMetrics(
        turns=len(own),
        characters=characters,
        average_response_length=characters / len(own) if own else 0.0,
        loop_coverage=covered_share(words, worths, *offsets, len(text)),
        looped_token_share=looped_token_share(dialogue, role, loops),
        seq_rep_4=repeated_share(words, worths, 4),
        distinct_2=distinct_share(words[: begun[0]], worths[: begun[0]], 2) if len(begun) else None,
        zlib_ratio=len(zlib.compress(raw)) / len(raw) if raw else None,
        length_drift=length_drift(transcript.sizes[own]) if own else 0.0,
        cap_hit_rate=cap_hit_rate(transcript, own),
        empty_rate=empty_rate(transcript, own),
        ttft_s=median(ttfts) if ttfts else None,
        tokens_per_second=tokens_per_second(turns),
        surprisal=-sum(sure) / len(sure) if sure else None,
    )


def own_offsets(
    transcript: Transcript,
    own: Sequence[int],
    bodies: Sequence[str],
    stripped: Sequence[str],
    places: Ints,
) -> tuple[Ints, Ints]:
    """Starts and ends of a speaker's words in the speaker's stripped bodies, joined by newlines."""
    lengths = np.array([*map(len, stripped)], dtype=np.int64) + 1
    shifts = np.cumsum(lengths) - lengths - transcript.places[own]
    shifts += np.array([*map(len, map(str.lstrip, bodies))], dtype=np.int64)
    shifts -= transcript.lengths[own]
    moved = np.repeat(shifts, transcript.counts[own])
    return transcript.starts[places] + moved, transcript.ends[places] + moved


def cap_hit_rate(transcript: Transcript, own: Sequence[int]) -> float | None:
    """The share of turns that ended at their token limit, of those of which that can be told."""
    reasons = [transcript.said[i].finish_reason for i in own]
    if None not in reasons:
        return reasons.count("length") / len(reasons) if reasons else None
    cut = [hit for i in own if (hit := transcript.was_cut(i)) is not None]
    return sum(cut) / len(cut) if cut else None


def empty_rate(transcript: Transcript, own: Sequence[int]) -> float | None:
    """The share of turns that say nothing."""
    if not own:
        return None
    short = np.array(own)[transcript.counts[own] <= transcript.few].tolist()
    return sum(map(transcript.says_nothing, short)) / len(own)


def distinct_share(words: Ints, worths: Floats, n: int) -> float | None:
    """Distinct over all windows of n words."""
    hashes = window_hashes(words, window_ends(worths, n))
    return len(distinct(hashes)) / len(hashes) if len(hashes) else None


def repeated_share(words: Ints, worths: Floats, n: int) -> float | None:
    """The share of windows of n words that stood before."""
    distinct = distinct_share(words, worths, n)
    return None if distinct is None else 1 - distinct


def length_drift(sizes: Floats) -> float:
    """Words per turn and turn, over evenly spaced turns."""
    return slope_of_many(sizes.tolist())


def looped_token_share(dialogue: Dialogue, role: Role, loops: Sequence[Finding]) -> float | None:
    """The share of a speaker's tokens in turns between onset and end of one of the loops."""
    own = [turn for turn in dialogue.turns if turn.role == role]
    own.sort(key=attrgetter("index"))
    tokens = [turn.tokens for turn in own]
    known = [count for count in tokens if count is not None]
    if not own or len(known) < len(own):
        return None
    places = np.array([turn.index for turn in own])
    steps = np.zeros(len(own) + 1, dtype=np.int64)  # loops that begin at a turn, less those over
    for loop in loops:
        if loop.speaker in ("both", role):
            last = places[-1] if loop.end_turn is None else loop.end_turn
            begin, end = np.searchsorted(places, (loop.onset_turn, last + 1))
            if begin < end:
                steps[begin] += 1
                steps[end] -= 1
    is_looped = np.cumsum(steps)[:-1] > 0
    total = sum(known)
    return sum(compress(known, is_looped.tolist())) / total if total else None


def tokens_per_second(turns: Sequence[Turn]) -> float | None:
    """Tokens over the time they took: the engine's own, or from the first token to the end."""
    tokens = seconds = 0.0
    for turn in turns:
        taken = turn.generation_s
        if taken is None and turn.elapsed_s is not None and turn.ttft_s is not None:
            taken = turn.elapsed_s - turn.ttft_s
        if turn.tokens is not None and taken is not None:
            tokens += turn.tokens
            seconds += taken
    return tokens / seconds if seconds > 0 else None
