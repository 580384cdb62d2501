"""Any dialogue on disk, whatever its format: a record, a text log, or a chat from elsewhere."""

from __future__ import annotations

from pathlib import Path

from broken_record.data import Dialogue
from broken_record.errors import LogError
from broken_record.files.chats import holds_chats, read_chat, stands_alone
from broken_record.files.record import parse_record
from broken_record.files.text_log import parse_log, render_transcript
from broken_record.files.values import read_file
from broken_record.files.whole import check_regular

CHATS = ("*.json", "*.json.gz", "*.jsonl.gz")
OURS = frozenset(
    """analysis.json comparison.json response_length_vs_loop_density.json run.json
    sweep.json""".split()
)


def find_dialogues(run: Path) -> list[Path]:
    """The files of a run's dialogues by name: the record where there is one, else the text log;
    chats in other files only where the folder has neither.
    """
    files = {path.stem: path for path in run.glob("*.log")}
    files.update({path.stem: path for path in run.glob("*.jsonl")})
    if not files:
        chats = (path for pattern in CHATS for path in run.glob(pattern))
        files = {path.name: path for path in chats if path.name not in OURS}
    return [files[stem] for stem in sorted(files)]


def why_no_run(path: Path) -> str:
    """What is wrong with a path in which no dialogue was found."""
    if path.is_dir():
        return "holds no .jsonl record and no .log"
    return "is not a folder" if path.exists() else "there is no such file or folder"


def read_dialogue(path: Path, assistant: str | None = None) -> tuple[Dialogue, str]:
    """The dialogue of a record (.jsonl), a text log or a chat log with one conversation, and its
    text log (the transcript where it has none). `assistant` is chats.py's.

    LogError says why it cannot be read.
    """
    if path.suffix in (".json", ".gz"):
        return with_transcript(read_chat(read_file(path, stands_alone), path, assistant))
    text = read_utf8(path)
    if path.suffix == ".jsonl" and (text is None or holds_chats(text)):
        return with_transcript(read_chat(read_file(path, stands_alone), path, assistant))
    if text is None:
        raise LogError(f"{path.name}: is not UTF-8 text")
    if path.suffix != ".jsonl":
        return parse_log(text, path.name), text
    return with_transcript(parse_record(text.split("\n"), path.name))


def read_utf8(path: Path) -> str | None:
    r"""A file's text, \r and \r\n as \n; None where it is in another encoding."""
    try:
        check_regular(path)
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise LogError(f"{path.name}: cannot be read: {error.strerror}") from error


def with_transcript(dialogue: Dialogue) -> tuple[Dialogue, str]:
    """A dialogue that has no text log, with what it would say."""
    return dialogue, "".join(render_transcript(dialogue))
