"""A file of conversations from elsewhere -> a run folder of records beside it.

chats.jsonl becomes chats/, with chats_0001.jsonl and so on in the order of the file, and run.json:
{"version", "imported_from" (the file's name), "sha256" (of its bytes), "assistant" (the name that
tells who that is, or null), "conversations"}. By that run.json the folder may be made again; any
other folder is left alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from broken_record.data import Dialogue
from broken_record.errors import ConfigError, LogError
from broken_record.files.chats import parse_chats
from broken_record.files.record import RecordWriter
from broken_record.files.whole import read_json, read_text

VERSION = 1


@dataclass(frozen=True, slots=True)
class Imported:
    """The folder that was made, how many conversations it holds, and which lines could not be
    read.
    """

    folder: Path
    conversations: int
    problems: tuple[str, ...]


def import_file(path: Path, assistant: str | None) -> Imported:
    """Make the run folder of a file; ConfigError where there may be none, LogError where something
    cannot be read or written.
    """
    folder = path.with_suffix("")
    check_folder(folder, path)
    text = read_text(path, newline="")
    if text.startswith('{"type": "dialogue"'):
        raise ConfigError([f"{path}: is a record; put it into a folder, and name that"])
    chats = parse_chats(text.split("\n"), path.name, assistant)
    run = {
        "version": VERSION, "imported_from": path.name,
        "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest(),
        "assistant": assistant, "conversations": len(chats.dialogues),
    }  # fmt: skip
    try:
        folder.mkdir(exist_ok=True)
        # first, so that a folder that was left half made can be made again
        (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="ascii")
        for old in folder.iterdir():
            if re.fullmatch(re.escape(folder.name) + r"_\d{4,}\.jsonl", old.name):
                old.unlink()
    except OSError as error:
        raise LogError(f"{folder}: cannot be written: {error.strerror}") from error
    for number, dialogue in enumerate(chats.dialogues, 1):
        write_record(folder / f"{folder.name}_{number:04}.jsonl", dialogue)
    return Imported(folder, len(chats.dialogues), chats.problems)


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


def write_record(path: Path, dialogue: Dialogue) -> None:
    """A whole dialogue as a record."""
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in dialogue.turns:
        writer.turn(turn)
    writer.end("done", tokens=None, turns=len(dialogue.turns), elapsed_s=None)
    writer.close()
