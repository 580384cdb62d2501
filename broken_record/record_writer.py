"""Writes the record of one dialogue, a line at a time as it happens; runlog.py owns the lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

from broken_record.data import Attempt, Dialogue, EndReason, Finding, Status, Turn
from broken_record.errors import LogError
from broken_record.runlog import CHANGEABLE, HEADER_FIELDS, OF_GOALS, VERSION


class RecordWriter:
    """Appends a dialogue's record to a file, a line at a time."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Create the file, or go on with one; LogError where it exists already, cannot be
        written, or is being written by another process.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: TextIO = path.open("a" if resume else "x", encoding="ascii", newline="\n")
            lock(self.file)
            if resume:
                end_last_line(path)
        except FileExistsError as error:
            raise LogError(f"{path}: exists already; name a new file or move it away") from error
        except BlockingIOError as error:
            self.file.close()
            raise LogError(f"{path}: another process is writing it; try again when it is done"
                           ) from error  # fmt: skip
        except OSError as error:
            raise LogError(f"{path}: cannot be written: {error.strerror}") from error

    def header(self, dialogue: Dialogue) -> None:
        """The first line: everything but the turns and how it ended."""
        fields_of_header = asdict(replace(dialogue, turns=()))
        kept = {name: fields_of_header[name] for name in HEADER_FIELDS}
        self.line({"type": "dialogue", "version": VERSION, **kept, **dialogue.unknown})

    def turn(self, turn: Turn) -> None:
        """One turn, as it ends."""
        values = asdict(turn).items()
        kept = {name: value for name, value in values if value is not None or name not in OF_GOALS}
        self.line({"type": "turn", **kept})

    def attempt(self, attempt: Attempt) -> None:
        """A request that failed."""
        self.line({"type": "attempt", **asdict(attempt)})

    def resume(self, started: str, earlier: Dialogue, now: Dialogue) -> None:
        """More turns follow, made with what differs from before."""
        before, after = asdict(replace(earlier, turns=())), asdict(replace(now, turns=()))
        changed = {name: after[name] for name in CHANGEABLE
                   if json.dumps(before[name]) != json.dumps(after[name])}  # fmt: skip
        self.line({"type": "resume", "started": started, **changed})

    def track(self, run: str | None) -> None:
        """What the dialogue is called in Aim."""
        self.line({"type": "track", "run": run})

    def end(
        self,
        status: Status,
        *,
        tokens: int | None,
        turns: int,
        error: str | None = None,
        elapsed_s: float | None = 0.0,
        finding: Finding | None = None,
        end_reason: EndReason | None = None,
        counters: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """The last line."""
        line: dict[str, Any] = {"type": "end", "status": status, "tokens": tokens, "turns": turns}
        took = None if elapsed_s is None else round(elapsed_s, 3)
        line.update(error=error, elapsed_s=took, end_reason=end_reason)
        if counters:
            line["counters"] = counters
        if finding is not None:
            names = ("kind", "speaker", "onset_turn", "explanation")
            line["finding"] = {name: getattr(finding, name) for name in names}
        self.line(line)

    def line(self, value: Mapping[str, Any]) -> None:
        """Append one object and hand it to the operating system; LogError names the file."""
        try:
            self.file.write(json.dumps(value) + "\n")
            self.file.flush()
        except OSError as error:
            raise LogError(f"{self.path}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def lock(file: TextIO) -> None:
    """Keep a file to this process until it is closed, where the system can; BlockingIOError where
    another has it.

    A dialogue outlives a batch that was killed, and must not be resumed beside itself.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return


def is_written(path: Path) -> bool:
    """Whether another process is writing a record."""
    try:
        with path.open(encoding="ascii") as file:
            lock(file)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def end_last_line(path: Path) -> None:
    """End a last line that lacks its newline; one that the writer could not finish is moved into
    FILE.torn.
    """
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole == len(raw):
        return
    try:
        json.loads(raw[whole:])
        with path.open("ab") as file:
            file.write(b"\n")
    except ValueError:
        with path.with_name(path.name + ".torn").open("ab") as torn:
            torn.write(raw[whole:] + b"\n")
        with path.open("r+b") as file:
            file.truncate(whole)
