"""analysis.json: what analyze.py found in a run, its schema, version, write and read. Version 1:

    {"version": 1, "run": "parrot_20260131_201500", "thresholds": {KIND: {NAME: VALUE}},
     "assistant": NAME,
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
                    "diagnosis", "escape": {...}}],
     "unreadable": [{"file", "error"}],
     "summary": {"dialogues": 3, "silent": 0, "average_response_length", "loop_score",
                 "loop_density", "loop_coverage", "end_reasons": {REASON: DIALOGUES},
                 "counters": {ROLE: {WHAT: COUNT}},
                 "kinds": {KIND: {"measured", "dialogues", "rate", "low", "high",
                                  "median_onset_tokens", "recovered"}}}}

The numbers beside a dialogue's name are the assistant's old ones, from its text log's lines (and
its loop coverage); those under "speakers" are metrics.SpeakerMetrics, of whole replies. The summary
holds means over dialogues that have a turn (silent ones have none), and of each kind that was
looked for report.KindSummary. Lengths are characters (code points), shares lie in [0, 1], turns are
message indices, start and end offsets in raw contents; null is not measured. "assistant" is the
name that --assistant gave, "left_out" says which messages of a chat log are in no turn; objective,
persona and counters (goals.COUNTED) belong to goal dialogues; "diagnosis" says why the repetition
penalty missed the loop, null where that cannot be told (penalties.py); "escape", of branches alone,
is escape.Escape. Findings stand primary first, then by onset; spans are at most 200 a finding.

A dialogue is a line of the file, written as soon as it is known, so a run may be larger than the
memory. response_length_vs_loop_density.json, beside it, is a list of [average length, density]
pairs.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from broken_record.analysis.escape import Escape
from broken_record.analysis.report import DialogueReport, Report, Tally, Unreadable
from broken_record.data import Branch, Finding, Segment, Span
from broken_record.errors import LogError
from broken_record.files.whole import read_json, reading, write_whole, written_whole
from broken_record.terminal import command_of, words_to_paste

VERSION = 1
FILE = "analysis.json"
PAIRS_FILE = "response_length_vs_loop_density.json"


class EntryLines(Collection[DialogueReport]):
    """The dialogues of a file that was just written, read from their lines each time they are gone
    through; `places` are the lines' offsets, in bytes.
    """

    def __init__(self, path: Path, places: array[int]) -> None:
        self.path = path
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, entry: object) -> bool:
        return any(entry == own for own in self)

    def __iter__(self) -> Iterator[DialogueReport]:
        with reading(self.changed), self.path.open("rb") as file:
            for place in self.places:
                file.seek(place)
                yield read_entry(json.loads(file.readline().rstrip(b",\n")))

    def changed(self, error: Exception) -> str:
        """What to say where the lines are no longer those that were written."""
        return f"{self.path}: another process has written it anew meanwhile ({error})"


def write_report(
    folder: Path,
    run: str,
    entries: Iterable[DialogueReport | Unreadable],
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
    assistant: str | None = None,
) -> Report:
    """Write both files into the run's folder, each whole or not at all, while the entries come; the
    report, counted, which reads its dialogues from there. LogError names the file.
    """
    path = folder / FILE
    places = array("Q")
    pairs = array("d")
    tally = Tally(thresholds or ())
    unreadable = []
    head = {"version": VERSION, "run": run, "thresholds": thresholds, "assistant": assistant}
    with written_whole(path) as file:
        file.write(json.dumps(head, indent=1).removesuffix("\n}").encode("ascii"))
        file.write(b',\n "dialogues": [')
        for entry in entries:
            if isinstance(entry, Unreadable):
                unreadable.append(entry)
                continue
            file.write(b",\n" if places else b"\n")
            places.append(file.tell())
            file.write(json.dumps(as_entry(entry)).encode("ascii"))
            tally.add(entry)
            if entry.turns:
                pairs.extend((entry.average_response_length, entry.loop_density))
        counts = tally.counts()
        tail = {"unreadable": list(map(asdict, unreadable)), "summary": asdict(counts.summary)}
        file.write(f"\n ],{json.dumps(tail, indent=1).removeprefix('{')}\n".encode("ascii"))
    listed = list(zip(pairs[::2], pairs[1::2], strict=True))
    write_whole(folder / PAIRS_FILE, [(json.dumps(listed, indent=1) + "\n").encode("ascii")])
    lines = EntryLines(path, places)
    return Report(run, lines, tuple(unreadable), thresholds, assistant, counts)


def as_entry(dialogue: DialogueReport) -> dict[str, Any]:
    """One dialogue's entry."""
    entry = {name: getattr(dialogue, name) for name in DialogueReport.__slots__}
    tokens = entry.pop("onset_tokens")
    if (escape := entry.pop("escape")) is not None:
        entry["escape"] = asdict(escape)
    entry["segments"] = list(map(asdict, dialogue.segments))
    entry["findings"] = [
        {**asdict(finding), "recovered": finding.recovered, "onset_tokens": before}
        for finding, before in zip(dialogue.findings, tokens, strict=True)
    ]
    return entry


def read_report(folder: Path) -> Report:
    """The report of a run folder; LogError names the command that makes one."""
    path = folder / FILE
    remedy = f"run: {command_of('analyze.py')} {words_to_paste([folder])}"
    if not folder.is_dir():
        raise LogError(f"{folder}: there is no such file or folder")
    if not path.exists():
        raise LogError(f"{folder}: not analysed yet; {remedy}")
    with reading(lambda error: f"{path}: cannot be read as an analysis ({error}); {remedy}"):
        value = read_json(path, VERSION)
        dialogues = tuple(read_entry(entry) for entry in value["dialogues"])
        unreadable = tuple(Unreadable(**entry) for entry in value.get("unreadable", ()))
        found = (value.get("thresholds"), value.get("assistant"))
        return Report(value["run"], dialogues, unreadable, *found)


def read_entry(entry: Mapping[str, Any]) -> DialogueReport:
    """One dialogue's; fields that this version does not know are passed over."""
    fields = {name: entry[name] for name in DialogueReport.__slots__ if name in entry}
    fields["response_lengths"] = tuple(entry["response_lengths"])
    fields["segments"] = tuple(Segment(s["text"], s["count"]) for s in entry["segments"])
    fields["findings"] = tuple(read_finding(value) for value in entry.get("findings") or ())
    fields["onset_tokens"] = tuple(v.get("onset_tokens") for v in entry.get("findings") or ())
    fields["not_measurable"] = tuple(entry.get("not_measurable") or ())
    if escape := entry.get("escape"):
        fields["escape"] = Escape(**{**escape, "branch": Branch(**escape["branch"])})
    return DialogueReport(**fields)


def read_finding(value: Mapping[str, Any]) -> Finding:
    """One finding."""
    known = {name: value[name] for name in Finding.__slots__ if name in value}
    known["spans"] = tuple(Span(s["turn"], s["start"], s["end"]) for s in value["spans"])
    return Finding(**known)
