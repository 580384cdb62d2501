"""analysis.json: what analyze.py found in a run, its schema, version, write and read. Version 1:

    {"version": 1, "run": "parrot_20260131_201500", "thresholds": {KIND: {NAME: VALUE}},
     "assistant": NAME,
     "summary": {"dialogues": 3, "average_response_length", "loop_score", "loop_density",
                 "loop_coverage", "end_reasons": {REASON: DIALOGUES},
                 "counters": {ROLE: {WHAT: COUNT}},
                 "kinds": {KIND: {"measured", "dialogues", "rate", "low", "high",
                                  "median_onset_tokens", "recovered"}}},
     "dialogues": [{"name", "file", "status", "turns", "tokens", "tokens_until_first_loop",
                    "characters", "loop_score", "loop_density", "loop_coverage",
                    "average_response_length", "response_lengths", "segments": [{"text", "count"}],
                    "speakers": {"assistant": {...}, "user": {...}},
                    "findings": [{"kind", "primary", "speaker", "level", "origin_turn",
                                  "onset_turn", "detect_turn", "end_turn", "period", "copies",
                                  "strength", "spans": [{"turn", "start", "end"}], "explanation",
                                  "flipped", "recovered", "onset_tokens"}],
                    "not_measurable": [KIND], "left_out": {WHAT: MESSAGES}, "seed",
                    "end_reason", "objective", "persona", "counters": {ROLE: {WHAT: COUNT}},
                    "diagnosis"}],
     "unreadable": [{"file", "error"}]}

The numbers beside a dialogue's name are the assistant's old ones, from its text log's lines (and
its loop coverage); those under "speakers" are metrics.SpeakerMetrics, of whole replies. The summary
holds means over dialogues, and of each kind that was looked for: in how many dialogues it could be
measured and was found (level info left out), that rate with its Wilson 95 % interval, the median of
the tokens said before its first onset, and in how many of them every finding of it ended. Lengths
are characters (code points), shares lie in [0, 1], turns are message indices, start and end offsets
in raw contents; null is not measured. "assistant" is the name that --assistant gave, "left_out"
says which messages of a chat log are in no turn; objective, persona and counters (goals.COUNTED)
belong to goal dialogues; "diagnosis" says why the repetition penalty missed the loop, null where
that cannot be told (diagnosis.py). Findings stand primary first, then by onset; spans are at most
200 a finding. response_length_vs_loop_density.json, beside it, is a list of [average length,
density] pairs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from broken_record.errors import LogError
from broken_record.records import Finding, Segment, Span
from broken_record.statistics import wilson_interval

VERSION = 1
FILE = "analysis.json"
PAIRS_FILE = "response_length_vs_loop_density.json"
AVERAGED = ("average_response_length", "loop_score", "loop_density", "loop_coverage")


@dataclass(frozen=True, slots=True)
class DialogueReport:
    """One dialogue's entry, with the fields of the schema."""

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
    dialogues: tuple[DialogueReport, ...]
    unreadable: tuple[Unreadable, ...] = ()
    thresholds: Mapping[str, Mapping[str, Any]] | None = None
    assistant: str | None = None


@dataclass(frozen=True, slots=True)
class KindSummary:
    """One kind over a run: dialogues where it could be measured, where it was found, and the rest
    of the schema.
    """

    measured: int
    dialogues: int
    rate: float | None
    low: float | None
    high: float | None
    median_onset_tokens: float | None
    recovered: int


def summarize(report: Report) -> dict[str, Any]:
    """The number of dialogues, the means over them (null where there is none), and every kind."""
    n = len(report.dialogues)
    means = {
        name: sum(getattr(dialogue, name) for dialogue in report.dialogues) / n if n else None
        for name in AVERAGED
    }
    kinds = {kind: asdict(summarize_kind(report, kind)) for kind in report.thresholds or ()}
    reasons = Counter(d.end_reason for d in report.dialogues if d.end_reason)
    totals: dict[str, Counter[str]] = {}
    for dialogue in report.dialogues:
        for role, counts in (dialogue.counters or {}).items():
            totals.setdefault(role, Counter()).update(counts)
    return {
        "dialogues": n,
        **means,
        "end_reasons": dict(reasons.most_common()),
        "counters": {role: dict(counts) for role, counts in totals.items()},
        "kinds": kinds,
    }


def summarize_kind(report: Report, kind: str) -> KindSummary:
    """How often a kind happens in a run, and how soon."""
    measured = [d for d in report.dialogues if kind not in d.not_measurable]
    onsets: list[int] = []
    found = recovered = 0
    for dialogue in measured:
        own = [
            (finding, tokens)
            for finding, tokens in zip(dialogue.findings, dialogue.onset_tokens, strict=True)
            if finding.kind == kind and finding.level != "info"
        ]
        if own:
            found += 1
            recovered += all(finding.recovered for finding, _ in own)
            first = min(own, key=lambda pair: pair[0].onset_turn)[1]
            if first is not None:
                onsets.append(first)
    interval = wilson_interval(found, len(measured))
    return KindSummary(
        measured=len(measured),
        dialogues=found,
        rate=interval.rate if interval else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        median_onset_tokens=median(onsets) if onsets else None,
        recovered=recovered,
    )


def entry_of(dialogue: DialogueReport) -> dict[str, Any]:
    """One dialogue's entry."""
    entry = asdict(dialogue)
    tokens = entry.pop("onset_tokens")
    for finding, value, before in zip(dialogue.findings, entry["findings"], tokens, strict=True):
        value.update(recovered=finding.recovered, onset_tokens=before)
    return entry


def as_json(report: Report) -> dict[str, Any]:
    """The schema's value."""
    return {**head_of(report), "dialogues": [entry_of(dialogue) for dialogue in report.dialogues]}


def head_of(report: Report) -> dict[str, Any]:
    """The schema's value but for the dialogues."""
    return {
        "version": VERSION,
        "run": report.run,
        "thresholds": report.thresholds,
        "assistant": report.assistant,
        "summary": summarize(report),
        "unreadable": [asdict(entry) for entry in report.unreadable],
    }


def report_lines(report: Report) -> Iterator[str]:
    """analysis.json, a line a dialogue, so that no run is too large to be written."""
    yield json.dumps(head_of(report), indent=1).removesuffix("\n}") + ',\n "dialogues": [\n'
    last = len(report.dialogues) - 1
    for k, dialogue in enumerate(report.dialogues):
        yield f"  {json.dumps(entry_of(dialogue))}{',' if k < last else ''}\n"
    yield " ]\n}\n"


def write_report(report: Report, folder: Path) -> None:
    """Write both files into the run's folder, whole or not at all; LogError names the file."""
    write_whole(folder / FILE, (line.encode("ascii") for line in report_lines(report)))
    pairs = [[d.average_response_length, d.loop_density] for d in report.dialogues]
    write_whole(folder / PAIRS_FILE, [(json.dumps(pairs, indent=1) + "\n").encode("ascii")])


def write_whole(path: Path, content: Iterable[bytes]) -> None:
    """Write a file under a temporary name and rename it; LogError names what cannot be written."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(content)
        temporary.replace(path)
    except OSError as error:
        raise LogError(f"{path}: cannot be written: {error.strerror}") from error


def read_report(folder: Path) -> Report:
    """The report of a run folder; LogError names the command that makes one."""
    path = folder / FILE
    remedy = f"run: python analyze.py {folder}"
    if not folder.is_dir():
        raise LogError(f"{folder}: there is no such run folder")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["version"] > VERSION:
            raise LogError(f"{path}: version {value['version']} is newer than this program reads")
        dialogues = tuple(read_dialogue(entry) for entry in value["dialogues"])
        unreadable = tuple(Unreadable(**entry) for entry in value.get("unreadable", ()))
        found = (value.get("thresholds"), value.get("assistant"))
        return Report(value["run"], dialogues, unreadable, *found)
    except FileNotFoundError as error:
        raise LogError(f"{folder}: not analysed yet; {remedy}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LogError(f"{path}: cannot be read as an analysis ({error}); {remedy}") from error


def read_dialogue(entry: Mapping[str, Any]) -> DialogueReport:
    """One entry; fields that this version does not know are passed over."""
    fields = {name: entry[name] for name in DialogueReport.__slots__ if name in entry}
    fields["response_lengths"] = tuple(entry["response_lengths"])
    fields["segments"] = tuple(Segment(s["text"], s["count"]) for s in entry["segments"])
    fields["findings"] = tuple(read_finding(value) for value in entry.get("findings") or ())
    fields["onset_tokens"] = tuple(v.get("onset_tokens") for v in entry.get("findings") or ())
    fields["not_measurable"] = tuple(entry.get("not_measurable") or ())
    return DialogueReport(**fields)


def read_finding(value: Mapping[str, Any]) -> Finding:
    """One finding."""
    known = {name: value[name] for name in Finding.__slots__ if name in value}
    known["spans"] = tuple(Span(s["turn"], s["start"], s["end"]) for s in value["spans"])
    return Finding(**known)
