"""Any dialogue on disk, whatever its format: a record, a text log, or a chat from elsewhere."""

from __future__ import annotations

from pathlib import Path

from broken_record.data import Dialogue
from broken_record.files.chats import holds_chats, parse_chat
from broken_record.files.record import parse_record
from broken_record.files.text_log import parse_log, render_transcript
from broken_record.files.whole import read_text


def find_dialogues(run: Path) -> list[Path]:
    """The files of a run's dialogues by name: the record where there is one, else the text log."""
    files = {path.stem: path for path in run.glob("*.log")}
    files.update({path.stem: path for path in run.glob("*.jsonl")})
    return [files[stem] for stem in sorted(files)]


def read_dialogue(path: Path, assistant: str | None = None) -> tuple[Dialogue, str]:
    """The dialogue of a record (.jsonl), a text log or a chat log with one conversation, and its
    text log (the transcript where it has none). `assistant` is chats.py's.

    LogError says why it cannot be read.
    """
    text = read_text(path, path.name)
    if path.suffix != ".jsonl":
        return parse_log(text, path.name), text
    lines = text.split("\n")
    if holds_chats(lines):
        dialogue = parse_chat(lines, path, assistant)
    else:
        dialogue = parse_record(lines, path.name)
    return dialogue, "".join(render_transcript(dialogue))
