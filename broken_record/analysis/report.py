"""What an analysis says of a run: an entry per dialogue, and what they come to.

The entries may be more than fit into memory (report_file.py reads them again each time), so they
are gone through once here, and nothing is kept of them but counts and onsets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from broken_record.data import Finding, Segment
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
    """

    run: str
    dialogues: Collection[DialogueReport]
    unreadable: tuple[Unreadable, ...] = ()
    thresholds: Mapping[str, Mapping[str, Any]] | None = None
    assistant: str | None = None


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
    median_onset_tokens: float | None
    recovered: int


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


AVERAGED = ("average_response_length", "loop_score", "loop_density", "loop_coverage")


def summarize(report: Report) -> Summary:
    """The summary, in one pass."""
    kinds = tuple(report.thresholds or ())
    sums: dict[str, float] = dict.fromkeys(AVERAGED, 0)
    reasons: Counter[str] = Counter()
    totals: dict[str, Counter[str]] = {}
    unmeasured, found, recovered = Counter[str](), Counter[str](), Counter[str]()
    onsets: dict[str, list[int]] = {kind: [] for kind in kinds}
    n = silent = 0
    for dialogue in report.dialogues:
        n += 1
        silent += not dialogue.turns
        for name in AVERAGED if dialogue.turns else ():
            sums[name] += getattr(dialogue, name)
        if dialogue.end_reason:
            reasons[dialogue.end_reason] += 1
        for role, counts in (dialogue.counters or {}).items():
            totals.setdefault(role, Counter()).update(counts)
        unmeasured.update(dialogue.not_measurable)
        for kind, (onset, ended) in kinds_in(dialogue):
            found[kind] += 1
            recovered[kind] += ended
            if kind in onsets and onset is not None:
                onsets[kind].append(onset)
    means = {name: total / (n - silent) if n > silent else None for name, total in sums.items()}
    return Summary(
        n,
        silent,
        **means,
        end_reasons=dict(reasons.most_common()),
        counters={role: dict(counts) for role, counts in totals.items()},
        kinds={
            kind: summary_of(n - unmeasured[kind], found[kind], onsets[kind], recovered[kind])
            for kind in kinds
        },
    )


def kinds_in(dialogue: DialogueReport) -> Iterable[tuple[str, tuple[int | None, bool]]]:
    """(kind, (tokens before its first onset, whether every finding of it ended)) of what was found,
    level info left out.
    """
    firsts: dict[str, tuple[int, int | None]] = {}
    ended: dict[str, bool] = {}
    for finding, tokens in zip(dialogue.findings, dialogue.onset_tokens, strict=True):
        if not finding.counts:
            continue
        kind = finding.kind
        if kind not in firsts or finding.onset_turn < firsts[kind][0]:
            firsts[kind] = (finding.onset_turn, tokens)
        ended[kind] = ended.get(kind, True) and finding.recovered
    return [(kind, (tokens, ended[kind])) for kind, (_, tokens) in firsts.items()]


def summary_of(measured: int, found: int, onsets: list[int], recovered: int) -> KindSummary:
    """One kind's summary from its counts."""
    interval = wilson_interval(found, measured)
    return KindSummary(
        measured=measured,
        dialogues=found,
        rate=interval.rate if interval else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        median_onset_tokens=median(onsets) if onsets else None,
        recovered=recovered,
    )
