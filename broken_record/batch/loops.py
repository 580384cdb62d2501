"""Which dialogues of a batch loop so far, for its status line.

A record is examined again when it has grown by half, and when its dialogue is over: the whole costs
a few times what the last examination does.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from broken_record.errors import ParrotError
from broken_record.files.record import parse_record

LEAST_BYTES = 8192
GROWTH = 1.5


@dataclass(slots=True)
class Loops:
    """The records in which a loop was found, and how long each was when it was last examined."""

    looping: set[Path] = field(default_factory=set)
    examined: dict[Path, int] = field(default_factory=dict)  # bytes

    def look(self, record: Path, *, over: bool = False) -> None:
        """Examine a record if that is due; what cannot be read is left for the next time."""
        from broken_record.conversation.watch import loops  # brings the detectors along

        with suppress(OSError, ParrotError):
            size = record.stat().st_size
            before = self.examined.get(record, 0)
            if record in self.looping or size == before:
                return
            if over or size >= max(LEAST_BYTES, GROWTH * before):
                self.examined[record] = size
                if loops(parse_record(record.read_text(encoding="utf-8").split("\n"))):
                    self.looping.add(record)
