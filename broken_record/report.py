"""analysis.json: what analyze.py found in a run, its schema, version, write and read. Version 1:

    {"version": 1, "run": "parrot_20260131_201500", "thresholds": null,
     "summary": {"dialogues": 3, "average_response_length", "loop_score", "loop_density",
                 "loop_coverage"},
     "dialogues": [{"name", "file", "status", "turns",
                    "characters", "loop_score", "loop_density", "loop_coverage",
                    "average_response_length", "response_lengths", "segments": [{"text", "count"}],
                    "speakers": {"assistant": {"turns", "characters", "average_response_length",
                                               "loop_coverage"}, "user": {...}},
                    "findings": null}],
     "unreadable": [{"file", "error"}]}

The numbers beside a dialogue's name are the assistant's old ones, from its text log's lines (and
its loop coverage); those under "speakers" are of whole replies. The summary holds means over
dialogues. Lengths are characters (code points), coverage lies in [0, 1], null is not measured.
response_length_vs_loop_density.json, beside it, is a list of [average length, density] pairs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from broken_record.errors import LogError
from broken_record.records import Segment

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
    characters: int
    loop_score: int
    loop_density: float
    loop_coverage: float
    average_response_length: float
    response_lengths: tuple[int, ...]
    segments: tuple[Segment, ...]
    speakers: Mapping[str, Mapping[str, Any]]
    findings: None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file of the run that could not be analysed, and why."""

    file: str
    error: str


@dataclass(frozen=True, slots=True)
class Report:
    """A run's report; dialogues stand in the order of their names."""

    run: str
    dialogues: tuple[DialogueReport, ...]
    unreadable: tuple[Unreadable, ...] = ()


def summarize(report: Report) -> dict[str, Any]:
    """The number of dialogues and the means over them; null where there is none."""
    n = len(report.dialogues)
    means = {
        name: sum(getattr(dialogue, name) for dialogue in report.dialogues) / n if n else None
        for name in AVERAGED
    }
    return {"dialogues": n, **means}


def write_report(report: Report, folder: Path) -> None:
    """Write both files into the run's folder, whole or not at all; LogError names the file."""
    value = asdict(report)
    value = {
        "version": VERSION,
        "run": value.pop("run"),
        "thresholds": None,
        "summary": summarize(report),
        **value,
    }
    pairs = [[d.average_response_length, d.loop_density] for d in report.dialogues]
    for name, content in ((FILE, value), (PAIRS_FILE, pairs)):
        temporary = folder / (name + ".tmp")
        try:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            temporary.replace(folder / name)
        except OSError as error:
            raise LogError(f"{folder / name}: cannot be written: {error.strerror}") from error


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
        return Report(value["run"], dialogues, unreadable)
    except FileNotFoundError as error:
        raise LogError(f"{folder}: not analysed yet; {remedy}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LogError(f"{path}: cannot be read as an analysis ({error}); {remedy}") from error


def read_dialogue(entry: Mapping[str, Any]) -> DialogueReport:
    """One entry; fields that this version does not know are passed over."""
    fields = {name: entry[name] for name in DialogueReport.__slots__ if name in entry}
    fields["response_lengths"] = tuple(entry["response_lengths"])
    fields["segments"] = tuple(Segment(s["text"], s["count"]) for s in entry["segments"])
    return DialogueReport(**fields)
