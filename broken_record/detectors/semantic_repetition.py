"""The talk stagnates: for eight turns and more nothing new is said or done.

Four faces, told by words; the last also by meaning, where a model of sentences was asked. In none
may a turn show work: a formula, or a form that is filled in anew (work.py).

*The talk is spent* (spent.py): the matter is settled, and courtesies go on. A question in the first
half of the window is work: 8 turns must come after it.

*Each echoes the other* (echo.py): turn after turn opens with words that the other was first to say.

*Most of what either says was said shortly before* (reworded.py), however long turns are. This tells
best where a stagnation begins: another finding that it meets begins there.

*The same again in other words*, a lexical proxy: it sees that content words come back, not that
meanings do. Novelty is the share of content words (stems of words.py, function words and names left
out) that were not said in the 10 turns before, pooled over both speakers and 6 turns, every new
number counted as such a word; closeness is the cosine of a turn's content words with the nearest of
those 10 turns, averaged over the same 6 by their number of content words. No sentence asks
something, or at most .75 words a turn are news: whoever asks works on a task. A finding needs
novelty below .15 (1 of 120 clean dialogues; clean p1 = .205), or below .55 of the dialogue's own
start with closeness of .50 (the clean carriers of benchmarks' tuning half stay below .30, clean
dialogues of the embedded models below .48). It begins where the stretch of turns close to one
another begins, and must not already be one of the other loops (find.py takes those out).

*By meaning* (text/meaning.py): the turns of a window of 8 are as near one another as .80 of the way
from unrelated sentences to paraphrases, no sentence asks something, and at most 2 numbers are new.
Each source of marked dialogues left out, the others choose .78 to .93 (benchmarks.embeddings). What
the window has more than the dialogue's first 8 turns, which was tried first, tells less: who goes
round in one thought often does so from the beginning.

>>> from broken_record.detectors.examples import transcript_of
>>> a = ["The harbour lights look lovely tonight.", "How lovely the lights of the harbour are."]
>>> b = ["My boat needs a coat of paint soon.", "Soon I must paint my old boat again."]
>>> start = ["Did you sell the green bicycle?", "Yes, Tuesday, to a dentist from Lyon.",
...          "Was he pleased with the saddle?", "He wanted leather and a brass bell."]
>>> found = detect(transcript_of([*start, *(2 * [a[0], b[0], a[1], b[1]])]))
>>> [(f.speaker, f.origin_turn, f.onset_turn) for f in found]
[('both', 4, 6)]
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from broken_record.data import Finding
from broken_record.detectors.courtesy import Courtesy, measure_courtesy
from broken_record.detectors.echo import echo_stretches
from broken_record.detectors.evidence import MOST_SPANS, make_finding, saturate
from broken_record.detectors.reworded import reworded_stretches
from broken_record.detectors.spent import has_few_news, spent_stretches
from broken_record.detectors.stretches import Stretch, running_sum, runs_of, stretches_of
from broken_record.text.ngrams import distinct, run_starts
from broken_record.text.transcript import Flags, Floats, Ints, Transcript, quote

KIND = "semantic_repetition"
MEMORY = 10  # turns
START = 12  # turns whose novelty a dialogue is compared with


class Content:
    """The different stems of each turn's content words, rising, and the turns, rising with each.

    Per turn: how many they are, how many of them new, whether one is shared with the turn before.
    """

    def __init__(self, transcript: Transcript) -> None:
        self.count = n = len(transcript)
        kept = transcript.is_content[transcript.plain]
        stem = transcript.vocabulary.stem[transcript.plain[kept]]
        bits = n.bit_length()
        keys = distinct(stem << bits | transcript.turn_of[kept])
        self.stems, self.turns = keys >> bits, keys & (1 << bits) - 1
        self.words = np.bincount(self.turns, minlength=n)
        apart = np.full(len(self.turns), MEMORY + 1)
        same = self.stems[1:] == self.stems[:-1]
        np.copyto(apart[1:], self.turns[1:] - self.turns[:-1], where=same)
        self.new = np.bincount(self.turns[apart > MEMORY], minlength=n)
        self.shares = np.zeros(n, dtype=bool)
        self.shares[self.turns[apart == 1]] = True

    @cached_property
    def close(self) -> Floats:
        """[apart, i]: the cosine of the turns i and i - apart; 0 if they share only one word."""
        stems, turns = self.stems, self.turns
        cells = []
        for step in range(1, MEMORY + 1):
            apart = turns[step:] - turns[:-step]
            near = ((stems[step:] == stems[:-step]) & (apart <= MEMORY)).nonzero()[0]
            if not len(near):
                break
            cells.append(turns[near + step] * (MEMORY + 1) + apart[near])
        places = np.concatenate([*cells, turns[:0]])
        shared = np.bincount(places, minlength=self.count * (MEMORY + 1))
        roots = np.sqrt(np.maximum(self.words, 1))
        close: Floats = np.zeros((self.count, MEMORY + 1))
        alike = np.flatnonzero(shared >= 2)  # one word in common says little
        place, apart = np.divmod(alike, MEMORY + 1)
        close.reshape(-1)[alike] = shared[alike] / (roots[place] * roots[place - apart])
        turned: Floats = close.T
        return turned

    @cached_property
    def before(self) -> Floats:
        """How close the closest turn before is."""
        most: Floats = self.close.max(axis=0)
        return most


def detect(
    transcript: Transcript,
    *,
    spent_turns: int = 8,
    news: float = 2.5,
    news_share: float = 0.35,
    courteous: float = 0.5,
    some_courtesy: float = 0.1,
    questions: int = 1,
    idle_questions: int = 0,
    idle_news: float = 0.75,
    novelty: float = 0.15,
    start_share: float = 0.55,
    word_share: float = 0.08,
    closeness: float = 0.50,
    over_turns: int = 6,
    content_words: int = 18,
    linked: float = 0.35,
    least_turns: int = 8,
    break_turns: int = 20,
    echoed: int = 6,
    echo_turns: int = 8,
    framed: float = 0.08,
    echo_questions: int = 2,
    reworded: float = 0.50,
    reworded_turns: int = 8,
    reworded_copied: float = 0.35,
    own_words: int = 24,
    meaning: float = 0.80,
    meaning_turns: int = 8,
    new_figures: int = 2,
) -> list[Finding]:
    """Stretches of at least `least_turns` turns in which nothing new is said.

    `linked` is the closeness from which a turn belongs to the stretch; the last three are of what
    is told by meaning.
    """
    if len(transcript) - transcript.given < least_turns:
        return []
    courtesy = measure_courtesy(transcript)
    bare = has_few_news(transcript, courtesy, spent_turns, word_share)
    spent = [
        report_whole(transcript, stretch, break_turns, "nothing asked and next to nothing new")
        for stretch in spent_stretches(
            courtesy, bare, transcript.given, spent_turns, news, news_share, courteous,
            some_courtesy, questions, new_figures,
        )
    ]  # fmt: skip
    content = Content(transcript)
    fresh = over_last(content.new + courtesy.figures, content.words + courtesy.figures, over_turns)
    enough = running_sum(content.words, over_turns) >= content_words
    start = float(content.new[:START].sum()) / max(1, int(content.words[:START].sum()))
    idle = running_sum(courtesy.asked, over_turns) <= idle_questions
    idle |= running_sum(courtesy.news, over_turns) <= idle_news * over_turns
    idle &= running_sum(courtesy.works, over_turns) == 0
    stagnant = (fresh < max(novelty, start_share * start)) & enough & idle
    stagnant[: transcript.given + over_turns - 1] = False
    findings: list[Finding] = []
    if stagnant.any():
        close = over_last(content.before * content.words, content.words, over_turns)
        stagnant &= (fresh < novelty) | (close >= closeness)
        near = (content.before >= linked).tolist()
    reached = -1
    for i, run_last in runs_of(stagnant):
        if i > reached + over_turns:
            first, reached = stretch_around(content, near, i, linked, over_turns, courtesy.works)
            if reached - first + 1 >= least_turns:
                sure = min(reached, max(i, first + least_turns - 1))
                findings.append(
                    report(transcript, content, first, reached, sure, linked, fresh, break_turns)
                )
        reached = max(reached, run_last)
    told = merge(spent, findings)
    echo = echo_stretches(
        transcript, courtesy, content.shares, echo_turns, echoed, framed, echo_questions,
        new_figures,
    )  # fmt: skip
    again = reworded_stretches(
        transcript, courtesy, reworded_turns, reworded, reworded_copied, own_words, new_figures
    )
    alike = alike_stretches(transcript, courtesy, meaning_turns, meaning, new_figures)
    model = transcript.meaning.model if transcript.meaning else ""
    for stretches, how in (
        (echo, "turn after turn opens with the other's words"),
        (again, "most of their own words were said shortly before"),
        (alike, f"alike in meaning by {model}"),
    ):
        for stretch in stretches:
            finding = report_whole(transcript, stretch, break_turns, how)
            meeting = [other for other in told if do_meet(finding, other)]
            if not meeting:
                told.append(finding)
            elif stretches is again:
                earliest = min(meeting, key=lambda other: other.origin_turn)
                told[told.index(earliest)] = begin_earlier(earliest, finding)
    return sorted(told, key=lambda finding: finding.origin_turn)


def alike_stretches(
    transcript: Transcript, measured: Courtesy, over: int, closeness: float, figures: int
) -> list[Stretch]:
    """Every stretch of windows of `over` turns that are alike in meaning; none without a model."""
    if transcript.meaning is None:
        return []
    alike = transcript.meaning.closeness(transcript.bodies, transcript.language, over) >= closeness
    alike &= running_sum(measured.asked + measured.works, over) == 0
    alike &= running_sum(measured.figures, over) <= figures
    return stretches_of(alike, transcript.given, over)


def report_whole(transcript: Transcript, stretch: Stretch, break_turns: int, how: str) -> Finding:
    """The finding of a stretch of which all turns are the evidence."""
    first, last = stretch.first, stretch.last
    positions = range(first, last + 1)
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="break" if len(positions) >= break_turns else "warn",
        origin=first,
        onset=first + 1,
        detect=stretch.told,
        copies=len(positions),
        strength=saturate([0.5] * len(positions)),
        spans=[transcript.whole(i) for i in positions[:MOST_SPANS]],
        explanation=explain(transcript, transcript.said[first].index, transcript.said[last].index)
        + f", {how}",
    )


def merge(spent: list[Finding], stale: list[Finding]) -> list[Finding]:
    """The findings of both faces. Where two meet it is one, as long as the spent talk; it begins
    where words came back, which is told to the turn.
    """
    merged = []
    for one in spent:
        meeting = [other for other in stale if do_meet(one, other)]
        stale = [other for other in stale if other not in meeting]
        if meeting:
            first = meeting[0]
            one = replace(
                one,
                origin_turn=first.origin_turn,
                onset_turn=first.onset_turn,
                detect_turn=max(first.onset_turn, min(one.detect_turn, first.detect_turn)),
                spans=(
                    *(span for span in first.spans if span.turn < one.origin_turn),
                    *(span for span in one.spans if span.turn >= first.origin_turn),
                ),
            )
        merged.append(one)
    return [*merged, *stale]


def begin_earlier(later: Finding, finding: Finding) -> Finding:
    """A finding that begins where another does that it meets, if that is earlier."""
    if finding.origin_turn >= later.origin_turn:
        return later
    added = tuple(span for span in finding.spans if span.turn < later.origin_turn)
    return replace(
        later,
        origin_turn=finding.origin_turn,
        onset_turn=finding.onset_turn,
        detect_turn=min(finding.detect_turn, later.detect_turn),
        copies=later.copies + len(added),
        spans=(*added, *later.spans),
        explanation=finding.explanation,
    )


def do_meet(one: Finding, other: Finding) -> bool:
    """Whether two findings share a turn."""
    ends = [float("inf") if f.end_turn is None else f.end_turn for f in (one, other)]
    return one.origin_turn <= ends[1] and other.origin_turn <= ends[0]


def over_last(parts: npt.NDArray[np.generic], wholes: Ints, n: int) -> Floats:
    """Per turn, the share that the last n turns have together; 1 where they say nothing."""
    whole = running_sum(wholes, n)
    share: Floats = np.where(whole > 0, running_sum(parts, n) / np.maximum(whole, 1), 1.0)
    return share


def stretch_around(
    content: Content, near: list[bool], place: int, linked: float, over: int, works: Flags
) -> tuple[int, int]:
    """The first and last turn of the stretch around a place whose turns are close to one another;
    `near` says of every turn whether it is close to one before.

    Fewer than `over` turns in a row may be close to none: a speaker says other things in between.
    A turn that shows work ends it.
    """
    first = last = place
    for i in range(place - 1, -1, -1):
        if first - i > over or works[i]:
            break
        later = range(max(min(first, place - over), i) + 1, min(place, i + MEMORY) + 1)
        if any(content.close[k - i, k] >= linked for k in later):
            first = i
    for i in range(place + 1, len(near)):
        if i - last > over or works[i]:
            break
        if near[i]:
            last = i
    return first, last


def first_repeat(content: Content, given: int, first: int, place: int) -> int:
    """The first turn of a stretch with a content word of its earlier turns that was new in it."""
    inside = (content.turns >= first - 30) & (content.turns < place)
    stems, turns = content.stems[inside], content.turns[inside]
    begins = run_starts(stems)
    origin = np.repeat(turns[begins], np.diff(begins, append=len(stems)))
    again = turns[(origin >= first) & (turns > origin) & (turns >= given)]
    return int(again.min(initial=place))


def report(
    transcript: Transcript, content: Content, first: int, last: int, detect: int, linked: float,
    fresh: Floats, break_turns: int,
) -> Finding:  # fmt: skip
    """The finding of a stretch: its turns that are close to an earlier one are the evidence."""
    begin = max(first + 1, transcript.given)
    close = (np.flatnonzero(content.before[begin : last + 1] >= linked) + begin).tolist()
    onset = first_repeat(content, transcript.given, first, detect)
    positions = sorted({first, onset, *close})
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="break" if last - first + 1 >= break_turns else "warn",
        origin=first,
        onset=onset,
        detect=detect,
        copies=len(close) + 1,
        strength=saturate(content.before[close].tolist()),
        spans=[transcript.whole(i) for i in positions[:MOST_SPANS]],
        explanation=explain(transcript, transcript.said[first].index, transcript.said[last].index)
        + f", down to {np.min(fresh[first : last + 1]):.0%} new content words in six turns",
    )


def explain(transcript: Transcript, first: int, last: int) -> str:
    """What is said of a stretch from one message index to another."""
    body = transcript.bodies[bisect_left(transcript.said, first, key=lambda one: one.index)]
    return f"{last - first + 1} turns with little new from turn {first} on, {quote(body)}"
