"""A run that is still being held, examined as it grows: what of it has changed is read again, and
nothing is written.

A dialogue whose record is older than the run's analysis.json is taken from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broken_record.analysis.analyse import Thresholds, examine
from broken_record.analysis.report import DialogueReport, Report, Unreadable
from broken_record.analysis.report_file import FILE, read_report
from broken_record.analysis.texts import Text, read_text
from broken_record.errors import LogError
from broken_record.files.read import find_dialogues


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was last seen, and its dialogue; None where that cannot be read or has no turn
    yet.
    """

    stamp: tuple[int, int]  # when it was written, in ns, and its size
    dialogue: tuple[DialogueReport, Text] | None


class Growing:
    """A run folder; look() again and again."""

    def __init__(self, folder: Path, thresholds: Thresholds) -> None:
        self.folder = folder
        self.thresholds = thresholds
        self.seen: dict[Path, Seen] = {}
        self.told = tell_before(folder, thresholds)

    def look(self) -> bool:
        """Examine what is new or has grown; whether anything was."""
        files = find_dialogues(self.folder)
        stamps = {path: stamp_of(path) for path in files}
        changed = [path for path, stamp in stamps.items()
                   if path not in self.seen or self.seen[path].stamp != stamp]  # fmt: skip
        gone = self.seen.keys() - stamps.keys()
        for path in gone:
            del self.seen[path]
        for path in changed:
            self.seen[path] = Seen(stamps[path], self.examine(path, stamps[path]))
        return bool(changed or gone)

    def examine(self, path: Path, stamp: tuple[int, int]) -> tuple[DialogueReport, Text] | None:
        """A file's dialogue, as far as it goes."""
        before = self.told.get(path.name)
        known = before is not None and stamp[0] < before[0]
        entry: DialogueReport | Unreadable
        entry = before[1] if before and known else examine(path, self.thresholds)[0]
        if isinstance(entry, Unreadable) or not entry.turns:
            return None
        try:
            return entry, read_text(path)
        except LogError:
            return None

    def report(self, name: str) -> Report:
        """What is known so far."""
        found = [self.seen[path].dialogue for path in sorted(self.seen)]
        dialogues = tuple(one[0] for one in found if one)
        return Report(name, dialogues, thresholds=self.thresholds)

    def texts(self) -> dict[str, Text]:
        """The dialogues' texts by name."""
        return {one.dialogue[0].name: one.dialogue[1] for one in self.seen.values() if one.dialogue}


def tell_before(folder: Path, thresholds: Thresholds) -> dict[str, tuple[int, DialogueReport]]:
    """What the run's analysis says of each file, and when it was written, in ns; nothing if it is
    not there or looked with other thresholds.
    """
    try:
        report = read_report(folder)
        written = stamp_of(folder / FILE)[0]
    except LogError:
        return {}
    if report.thresholds != thresholds:
        return {}
    return {dialogue.file: (written, dialogue) for dialogue in report.dialogues}


def stamp_of(path: Path) -> tuple[int, int]:
    """When a file was written, and its size."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
