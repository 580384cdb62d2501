"""The dialogues of analysed runs, read once more for the page: what was said, which turns are alike
and how it goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from broken_record.analysis.course import Course, follow
from broken_record.analysis.report import Report, Unreadable
from broken_record.data import Dialogue
from broken_record.errors import LogError
from broken_record.files.read import read_dialogue
from broken_record.text.transcript import Transcript

MOST_PAIRS = 2000
Key = tuple[str, str]  # run, dialogue


@dataclass(frozen=True, slots=True)
class Text:
    """One dialogue, its turns that are alike as (message index, earlier one), and its course."""

    dialogue: Dialogue
    pairs: tuple[tuple[int, int], ...]
    course: Course


@dataclass(frozen=True, slots=True)
class Texts:
    """Those that are still there, and what could not be read, with the reason."""

    found: Mapping[Key, Text]
    lost: tuple[Unreadable, ...]


def read_texts(folders: Sequence[Path], reports: Sequence[Report]) -> Texts:
    """The dialogues of reports, each from its run's folder."""
    found: dict[Key, Text] = {}
    lost = []
    for folder, report in zip(folders, reports, strict=True):
        for entry in report.dialogues:
            try:
                found[report.run, entry.name] = read_text(folder / entry.file, report.assistant)
            except LogError as error:
                lost.append(Unreadable(entry.file, str(error)))
    return Texts(found, tuple(lost))


def read_text(path: Path, assistant: str | None = None) -> Text:
    """One dialogue's; LogError says why it cannot be read."""
    dialogue, _ = read_dialogue(path, assistant)
    transcript = Transcript(dialogue)
    return Text(
        dialogue, tuple(transcript.similar_pairs(MOST_PAIRS)), follow(transcript, dialogue.turns)
    )
