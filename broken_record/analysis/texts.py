"""The dialogues of analysed runs, read once more for the page: what was said, which turns are alike
and how it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from broken_record.analysis.course import Course, follow
from broken_record.analysis.report import DialogueReport, Report, Unreadable
from broken_record.analysis.workers import work_through
from broken_record.data import Dialogue
from broken_record.errors import LogError
from broken_record.files.read import read_dialogue
from broken_record.text.transcript import Transcript

MOST_PAIRS = 2000
Key = tuple[str, str]  # run, dialogue
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Text:
    """One dialogue, its turns that are alike as (message index, earlier one), and its course."""

    dialogue: Dialogue
    pairs: tuple[tuple[int, int], ...]
    course: Course


class Wanted(NamedTuple):
    """A dialogue of a report, where it stands, and who is the assistant in it."""

    path: Path
    assistant: str | None
    entry: DialogueReport


def read_texts(
    folders: Sequence[Path], reports: Sequence[Report], make: Callable[[Text, DialogueReport], Made]
) -> Iterator[tuple[Key, Made | Unreadable]]:
    """What `make` makes of the dialogues of reports, each read from its run's folder, on all cores;
    or why one cannot be read.
    """
    keys: list[Key] = []
    wanted = []
    for folder, report in zip(folders, reports, strict=True):
        for entry in report.dialogues:
            keys.append((report.run, entry.name))
            wanted.append(Wanted(folder / entry.file, report.assistant, entry))
    made = work_through(partial(read_wanted, make=make), wanted, [one.path for one in wanted])
    return zip(keys, made, strict=True)


def read_wanted(one: Wanted, make: Callable[[Text, DialogueReport], Made]) -> Made | Unreadable:
    """What `make` makes of one of them."""
    try:
        return make(read_text(one.path, one.assistant), one.entry)
    except LogError as error:
        return Unreadable(one.entry.file, str(error))


def read_text(path: Path, assistant: str | None = None) -> Text:
    """One dialogue's; LogError says why it cannot be read."""
    dialogue, _ = read_dialogue(path, assistant)
    transcript = Transcript(dialogue)
    return Text(
        dialogue, tuple(transcript.similar_pairs(MOST_PAIRS)), follow(transcript, dialogue.turns)
    )
