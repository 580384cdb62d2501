"""How far a batch is: the tokens that its records have come to, and how long the rest takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from broken_record.config.schema import Config

SILENT_S = 5.0


def most_tokens(config: Config) -> int:
    """How many tokens one dialogue can come to."""
    if config.mode == "goal":
        return 2 * config.max_turns * config.turn_max_tokens
    return config.total_tokens - config.initial_tokens + config.turn_max_tokens


@dataclass(slots=True)
class Progress:
    """The tokens of a batch's dialogues, read from their records as these grow.

    `most` says what each record can come to. What stood in one before counts for no speed.
    """

    most: Mapping[Path, int] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    before: dict[Path, int] = field(default_factory=dict)
    said: dict[Path, int] = field(default_factory=dict)
    read_to: dict[Path, int] = field(default_factory=dict)  # bytes
    over: set[Path] = field(default_factory=set)
    done: list[int] = field(default_factory=list)  # what each that is done came to
    grew: float = field(init=False)  # when something was last said

    def __post_init__(self) -> None:
        self.began = self.grew = self.clock()

    def start(self, record: Path) -> None:
        """A dialogue begins, or goes on."""
        self.before[record], self.said[record] = self.read_new(record), 0

    def look(self, record: Path) -> None:
        """Take in what was recorded since the last look."""
        if tokens := self.read_new(record):
            self.said[record] += tokens
            self.grew = self.clock()

    def silent(self) -> bool:
        """Whether nothing has been said for so long that a server may be away."""
        return self.clock() - self.grew > SILENT_S

    def end(self, record: Path, *, done: bool) -> None:
        """A dialogue is over."""
        self.look(record)
        self.over.add(record)
        if done:
            self.done.append(self.before[record] + self.said[record])

    def read_new(self, record: Path) -> int:
        """The tokens in the lines that a record has got since it was last read."""
        tokens, place = 0, self.read_to.get(record, 0)
        with suppress(OSError), record.open("rb") as file:
            file.seek(place)
            lines = file.read().rpartition(b"\n")[0]
            self.read_to[record] = place + len(lines) + bool(lines)
            for line in lines.split(b"\n"):
                if b'"type": "turn"' in line[:40]:
                    tokens += json.loads(line).get("tokens") or 0
        return tokens

    def left_s(self) -> float | None:
        """How long the rest takes at the speed so far; None while that cannot be told.

        A dialogue is taken to come to what those that are done came to, or else to its most.
        """
        if not self.tokens or not self.most:
            return None
        usual = sum(self.done) / len(self.done) if self.done else None
        left = sum(
            max(0.0, (usual or most) - self.before.get(record, 0) - self.said.get(record, 0))
            for record, most in self.most.items()
            if record not in self.over
        )
        return left / self.per_second()

    @property
    def tokens(self) -> int:
        """What was said in this batch."""
        return sum(self.said.values())

    def per_second(self) -> float:
        """Tokens per second since the batch began."""
        return self.tokens / max(1e-9, self.clock() - self.began)

    def words(self) -> str:
        """Tokens, their speed, the time left."""
        left = self.left_s()
        rest = "" if left is None else f", about {in_words(left)} left"
        return f"{self.tokens:,} tokens, {self.per_second():.0f} tokens/s{rest}"


def in_words(seconds: float) -> str:
    """A time, as exactly as one asks.

    >>> in_words(80), in_words(720), in_words(11_400)
    ('80 s', '12 min', '3 h 10 min')
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
