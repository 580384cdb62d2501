"""A file of conversations -> a run folder of records beside it.

chats.jsonl becomes chats/, with chats_0001.jsonl and so on in the order of the file, and run.json:
{"version", "imported_from" (the file's name), "sha256" (of its bytes), "assistant" (the name that
tells who that is, or null), "conversations"}, and "reasoning": true where what was thought was read
too. By that run.json the folder may be made again; any other folder is left alone. A conversation
is written as soon as it is read, so that a file may be larger than the memory. A record, or a text
log, becomes a folder that holds it alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue
from broken_record.errors import ConfigError, LogError
from broken_record.files.chats import (
    Reading,
    count_messages,
    one_sided,
    read_chats,
    stands_alone,
)
from broken_record.files.record import RecordWriter
from broken_record.files.text_log import parse_log
from broken_record.files.values import read_file
from broken_record.files.whole import read_json, write_whole

VERSION = 1
MOST_OF_A_LINE = 2**24  # characters of a record's first line, which holds a config


@dataclass(frozen=True, slots=True)
class Imported:
    """The folder that was made, how many conversations it holds, which lines could not be read, and
    what became of the messages, a sentence each.
    """

    folder: Path
    conversations: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def import_file(
    path: Path,
    assistant: str | None,
    *,
    reasoning: bool = False,
    progress: Callable[[int], object] = lambda size: None,
) -> Imported:
    """Make the run folder of a file; ConfigError where there may be none, LogError where something
    cannot be read or written. `progress` is told how many bytes were read.
    """
    folder = folder_of(path)
    check_folder(folder, path)
    alone = is_dialogue(path)
    run: dict[str, Any] = {
        "version": VERSION, "imported_from": path.name, "sha256": hash_file(path),
        "assistant": assistant, "conversations": 0,
    }  # fmt: skip
    if reasoning:
        run["reasoning"] = True
    if alone:
        empty_folder(folder, run)
        write_whole(folder / f"{folder.name}_0001{path.suffix}", [path.read_bytes()])
        write_run(folder, {**run, "conversations": 1})
        return Imported(folder, 1, (), ())
    reading = Reading(path.name, assistant, reasoning)
    dialogues = read_chats(read_file(path, stands_alone, progress), reading)
    first = next(dialogues, None)
    if first is None:
        raise reading.failure()
    empty_folder(folder, run)
    counts = write_records(folder, chain([first], dialogues))
    write_run(folder, {**run, "conversations": counts["conversations"]})
    return Imported(folder, counts["conversations"], tuple(reading.problems), notes_of(counts))


def folder_of(path: Path) -> Path:
    """Where the records of a file go."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).with_suffix("")


def is_dialogue(path: Path) -> bool:
    """Whether a file is a record or a text log of ours."""
    try:
        with path.open(encoding="utf-8") as file:
            if path.suffix == ".jsonl":
                first = json.loads(file.readline(MOST_OF_A_LINE))
                return isinstance(first, dict) and first.get("type") == "dialogue"
            return path.suffix == ".log" and bool(parse_log(file.read(), path.name))
    except (OSError, ValueError, RecursionError, LogError):
        return False


def hash_file(path: Path) -> str:
    """The hash of a file's bytes."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def check_folder(folder: Path, path: Path) -> None:
    """ConfigError where the folder exists and was not made from this file."""
    if folder == path:
        raise ConfigError([f"{path}: expected a run folder, or a chat log named like {path}.jsonl"])
    if not folder.exists():
        return
    try:
        if read_json(folder / "run.json", VERSION).get("imported_from") == path.name:
            return
    except (OSError, ValueError):
        pass
    raise ConfigError([f"{folder}: exists and was not made from {path.name}; rename one of them"])


def empty_folder(folder: Path, run: dict[str, Any]) -> None:
    """Make the folder, or take the records of an earlier import out of it."""
    try:
        folder.mkdir(exist_ok=True)
        write_run(folder, run)  # first, so that a folder that was left half made can be made again
        for old in folder.iterdir():
            if re.fullmatch(re.escape(folder.name) + r"_\d{4,}\.(jsonl|log)", old.name):
                old.unlink()
    except OSError as error:
        raise LogError(f"{folder}: cannot be written: {error.strerror}") from error


def write_run(folder: Path, run: dict[str, Any]) -> None:
    """Say where the folder came from."""
    (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="ascii")


def write_records(folder: Path, dialogues: Iterator[Dialogue]) -> Counter[str]:
    """Write every dialogue, and count what became of their messages."""
    counts: Counter[str] = Counter()
    for number, dialogue in enumerate(dialogues, 1):
        write_record(folder / f"{folder.name}_{number:04}.jsonl", dialogue)
        counts["conversations"] += 1
        counts["one-sided"] += one_sided(dialogue)
        count_messages(dialogue.unknown["imported"], counts)
    return counts


def notes_of(counts: Counter[str]) -> tuple[str, ...]:
    """What became of the messages; nothing where each is a turn.

    >>> notes_of(Counter({"messages": 6, "joined": 5}))
    ('messages: 6, joined to the one before: 5, left out: 0',)
    """
    notes = []
    if counts["joined"] or counts["left out"]:
        notes.append(
            f"messages: {counts['messages']}, joined to the one before: {counts['joined']}, "
            f"left out: {counts['left out']}"
        )
    if counts["one-sided"]:
        notes.append(
            f"conversations in which every message has the same role: {counts['one-sided']}; who "
            "speaks cannot be told there, and each message is a turn"
        )
    return tuple(notes)


def write_record(path: Path, dialogue: Dialogue) -> None:
    """A whole dialogue as a record."""
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in dialogue.turns:
        writer.turn(turn)
    writer.end("done", tokens=None, turns=len(dialogue.turns), elapsed_s=None)
    writer.close()
