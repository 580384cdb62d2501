"""What an analysis says of a run: an entry per dialogue, and what they come to.

The entries may be more than fit into memory (report_file.py reads them again each time), so they
are counted one by one, as they are written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from broken_record.analysis.escape import Escape
from broken_record.analysis.penalties import cures_of
from broken_record.data import Finding, Segment
from broken_record.detectors.registry import LOOPS
from broken_record.stats import wilson_interval


@dataclass(frozen=True, slots=True)
class DialogueReport:
    """One dialogue's entry, with the fields of the schema (report_file.py)."""

    name: str
    file: str
    status: str
    turns: int
    tokens: int | None
    tokens_until_first_loop: int | None
    characters: int
    loop_score: int
    loop_density: float
    loop_coverage: float
    average_response_length: float
    response_lengths: tuple[int, ...]
    segments: tuple[Segment, ...]
    speakers: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...] = ()
    onset_tokens: tuple[int | None, ...] = ()
    not_measurable: tuple[str, ...] = ()
    seed: int | None = None
    end_reason: str | None = None
    objective: str | None = None
    persona: str | None = None
    counters: Mapping[str, Mapping[str, int]] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    diagnosis: str | None = None
    escape: Escape | None = None


def time_until_loop(dialogue: DialogueReport) -> tuple[float, bool] | None:
    """(tokens watched, whether a loop began then); None where tokens were not counted."""
    if dialogue.tokens_until_first_loop is not None:
        return float(dialogue.tokens_until_first_loop), True
    return None if dialogue.tokens is None else (float(dialogue.tokens), False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of the run that could not be analysed, and why."""

    file: str
    error: str


@dataclass(frozen=True, slots=True)
class Report:
    """A run's report; dialogues stand in the order of their names.

    `thresholds` are those of the kinds that were looked for; None of a report that never looked.
    `counts` are there where the dialogues were counted as they were written; ask count_dialogues.
    """

    run: str
    dialogues: Collection[DialogueReport]
    unreadable: tuple[Unreadable, ...] = ()
    thresholds: Mapping[str, Mapping[str, Any]] | None = None
    assistant: str | None = None
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class KindSummary:
    """One kind over a run: dialogues where it could be measured and where it was found (level info
    left out), the rate with its Wilson interval, the median of the tokens before the first onset,
    and in how many every finding of it ended.
    """

    measured: int
    dialogues: int
    rate: float | None
    low: float | None
    high: float | None
    median_onset_turn: float | None
    median_onset_tokens: float | None
    recovered: int
    speakers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Summary:
    """A run: its dialogues, and those among them without a turn; the means over the others (None
    where there is none), what they add up to, and every kind that was looked for.
    """

    dialogues: int
    silent: int
    average_response_length: float | None
    loop_score: float | None
    loop_density: float | None
    loop_coverage: float | None
    end_reasons: Mapping[str, int]
    counters: Mapping[str, Mapping[str, int]]
    kinds: Mapping[str, KindSummary]


@dataclass(frozen=True, slots=True)
class Counts:
    """All that is counted of a run's dialogues: their summary, in how many something loops, breaks,
    or either, what would have helped in how many, how many of those with word soup only run to
    their limit, how they ended, how many are text logs, which messages of chat logs are in no turn,
    what became of branches, if any are, and how many different dialogues there are by their
    lengths, 0 where these are not known.
    """

    summary: Summary
    stuck: int
    broken: int
    faulty: int
    cures: Mapping[str, int]
    runaways: int
    statuses: Mapping[str, int]
    text_logs: int
    left_out: Mapping[str, int]
    branches: BranchCounts | None = None
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class BranchCounts:
    """The branches of a run: how many, of how many parents, for how many tokens at most; of how
    many it can be told whether they got out of the loop that they were begun for, and how many did;
    the same of any loop.
    """

    branches: int
    parents: int
    within: int
    told: int
    escaped: int
    told_any: int
    escaped_any: int


CUT = re.compile(r"runs away \(\d+ words, cut at the limit\)")
"""What word_soup says of replies that run to turn_max_tokens, and of which it says no more."""
AVERAGED = ("average_response_length", "loop_score", "loop_density", "loop_coverage")


class KindTally:
    """Counts one kind."""

    def __init__(self) -> None:
        self.unmeasured = self.found = self.recovered = 0
        self.onsets: list[int] = []
        self.turns: list[int] = []
        self.speakers = Counter[str]()

    def add(self, found: KindFound) -> None:
        """One more dialogue where it was found."""
        self.found += 1
        self.recovered += found.recovered
        self.turns.append(found.onset_turn)
        self.speakers[found.speaker] += 1
        if found.onset_tokens is not None:
            self.onsets.append(found.onset_tokens)

    def summary(self, dialogues: int) -> KindSummary:
        """What it comes to over so many dialogues."""
        measured = dialogues - self.unmeasured
        interval = wilson_interval(self.found, measured)
        return KindSummary(
            measured=measured,
            dialogues=self.found,
            rate=interval.rate if interval else None,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            median_onset_turn=median(self.turns) if self.turns else None,
            median_onset_tokens=median(self.onsets) if self.onsets else None,
            recovered=self.recovered,
            speakers=dict(self.speakers.most_common()),
        )


class Tally:
    """Counts dialogues one by one; nothing is kept of them but counts and onsets."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.kinds = {kind: KindTally() for kind in kinds}
        self.spoken = self.text_logs = self.runaways = 0
        self.stuck = self.broken = self.faulty = 0
        self.cures = Counter[str]()
        self.sums: dict[str, float] = dict.fromkeys(AVERAGED, 0)
        self.statuses, self.reasons, self.left_out = Counter[str](), Counter[str](), Counter[str]()
        self.events: dict[str, Counter[str]] = {}
        self.escapes = Counter[tuple[bool | None, bool | None]]()
        self.parents: set[tuple[str, int]] = set()
        self.within = 0
        self.shapes: set[int] = set()

    def add(self, dialogue: DialogueReport) -> None:
        """One more."""
        self.statuses[dialogue.status] += 1
        self.text_logs += dialogue.file.endswith(".log")
        self.left_out.update(dialogue.left_out)
        if dialogue.turns:
            self.spoken += 1
            if dialogue.response_lengths:
                self.shapes.add(hash((dialogue.turns, dialogue.tokens, dialogue.response_lengths)))
            for name in AVERAGED:
                self.sums[name] += getattr(dialogue, name)
        if dialogue.end_reason:
            self.reasons[dialogue.end_reason] += 1
        for role, counts in (dialogue.counters or {}).items():
            self.events.setdefault(role, Counter()).update(counts)
        for kind in self.kinds.keys() & dialogue.not_measurable:
            self.kinds[kind].unmeasured += 1
        if escape := dialogue.escape:
            self.escapes[escape.escaped, escape.escaped_any] += 1
            self.parents.add((escape.branch.sha256, escape.branch.at))
            self.within = max(self.within, escape.branch.within)
        kinds = [found for found in find_kinds(dialogue) if found.kind in self.kinds]
        for found in kinds:
            self.kinds[found.kind].add(found)
            self.runaways += found.runs_to_limit
        loops = sum(found.kind in LOOPS for found in kinds)
        self.stuck += loops > 0
        self.broken += loops < len(kinds)
        self.faulty += len(kinds) > 0
        self.cures.update(cures_of(dialogue.diagnosis) if dialogue.diagnosis else ())

    def counts(self) -> Counts:
        """What they come to so far."""
        n, spoken = self.statuses.total(), self.spoken
        means = {name: total / spoken if spoken else None for name, total in self.sums.items()}
        summary = Summary(
            n,
            n - spoken,
            **means,
            end_reasons=dict(self.reasons.most_common()),
            counters={role: dict(counts) for role, counts in self.events.items()},
            kinds={kind: tally.summary(n) for kind, tally in self.kinds.items()},
        )
        return Counts(
            summary,
            self.stuck,
            self.broken,
            self.faulty,
            dict(self.cures.most_common()),
            self.runaways,
            self.statuses,
            self.text_logs,
            self.left_out,
            self.branch_counts(),
            len(self.shapes),
        )

    def branch_counts(self) -> BranchCounts | None:
        """What became of the branches so far."""
        if not self.escapes:
            return None
        own, of_any = Counter[bool | None](), Counter[bool | None]()
        for (escaped, escaped_any), n in self.escapes.items():
            own[escaped] += n
            of_any[escaped_any] += n
        return BranchCounts(
            self.escapes.total(),
            len(self.parents),
            self.within,
            own[True] + own[False],
            own[True],
            of_any[True] + of_any[False],
            of_any[True],
        )


def count_dialogues(report: Report) -> Counts:
    """What a report's dialogues come to: as it was counted while they were written, else in one
    pass.
    """
    if report.counts is not None:
        return report.counts
    tally = Tally(report.thresholds or ())
    for dialogue in report.dialogues:
        tally.add(dialogue)
    return tally.counts()


def summarize(report: Report) -> Summary:
    """The summary of a report's dialogues."""
    return count_dialogues(report).summary


@dataclass(frozen=True, slots=True)
class KindFound:
    """A kind that was found in a dialogue: who, the turn of its first onset and the tokens before
    it, None if not counted, whether every finding of it ended, and whether it is nothing but
    replies that run to their limit.
    """

    kind: str
    speaker: str
    onset_turn: int
    onset_tokens: int | None
    recovered: bool
    runs_to_limit: bool


def find_kinds(dialogue: DialogueReport) -> list[KindFound]:
    """What was found in a dialogue, level info left out."""
    found: dict[str, list[tuple[Finding, int | None]]] = {}
    for finding, tokens in zip(dialogue.findings, dialogue.onset_tokens, strict=True):
        if finding.counts:
            found.setdefault(finding.kind, []).append((finding, tokens))
    return [find_kind(kind, own) for kind, own in found.items()]


def find_kind(kind: str, own: list[tuple[Finding, int | None]]) -> KindFound:
    """A kind of all its findings in a dialogue."""
    first, tokens = min(own, key=lambda pair: pair[0].onset_turn)
    speakers = {finding.speaker for finding, _ in own}
    return KindFound(
        kind,
        first.speaker if len(speakers) == 1 else "both",
        first.onset_turn,
        tokens,
        all(finding.recovered for finding, _ in own),
        all(CUT.fullmatch(finding.explanation) for finding, _ in own),
    )
