"""A dialogue while it is held: what was said so far, and the record that is written of it.

The record's first line waits until the servers have said who they are; its last line is written
however the dialogue ends. record.py owns the lines; nothing is shown here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broken_record.conversation.goals import choose
from broken_record.data import Attempt, Dialogue, EndReason, EngineInfo, Finding, Status, Turn
from broken_record.errors import ConfigError, EngineError
from broken_record.files.goal_counts import count_events
from broken_record.files.record import RecordWriter

if TYPE_CHECKING:
    from broken_record.conversation.aim import Tracker


@dataclass(slots=True)
class Recording:
    """The dialogue so far, its record if one is kept, and the finding that it is ended for.

    `begun`: the record has its first line. `earlier` is the dialogue as its record has it, where it
    goes on and has not said so yet.
    """

    dialogue: Dialogue
    record: RecordWriter | None
    begun: bool = False
    earlier: Dialogue | None = None
    finding: Finding | None = None
    end_reason: EndReason | None = None
    tracker: Tracker | None = None

    @property
    def tokens(self) -> int:
        """Those of the config's initial_tokens and of all turns."""
        initial: int = self.dialogue.config.get("initial_tokens", 0)
        return initial + sum(turn.tokens or 0 for turn in self.dialogue.turns)

    def begin(self) -> None:
        """Write the first line, if it is not there; or that the dialogue goes on, and with what
        other config and servers.
        """
        if self.record and self.earlier:
            self.record.resume(now(), self.earlier, self.dialogue)
        elif self.record and not self.begun:
            self.record.header(self.dialogue)
        self.begun, self.earlier = True, None

    def meet(self, assistant: EngineInfo, user: EngineInfo) -> None:
        """Take in who speaks for each side."""
        self.dialogue = replace(self.dialogue, assistant=assistant, user=user)
        self.begin()
        self.track()

    def turn(self, turn: Turn) -> None:
        """Take in one turn."""
        self.dialogue = replace(self.dialogue, turns=(*self.dialogue.turns, turn))
        if self.record:
            self.record.turn(turn)
        self.track()

    def attempt(self, attempt: Attempt) -> None:
        """Take in a request that failed, or a reply that does not count."""
        self.dialogue = replace(self.dialogue, attempts=(*self.dialogue.attempts, attempt))
        if self.record:
            self.record.attempt(attempt)
        self.track()

    def track(self, *, last: bool = False, **params: Any) -> None:
        """Tell the tracker what is new, and the record which run that is."""
        if self.tracker is None:
            return
        run = self.tracker.follow(self.dialogue, params, last=last)
        if run != self.dialogue.aim_run:
            self.dialogue = replace(self.dialogue, aim_run=run)
            if self.record:
                self.record.track(run)

    def counters(self) -> dict[str, dict[str, int]] | None:
        """What a goal dialogue counts; None for a chat."""
        if self.dialogue.config.get("mode") != "goal":
            return None
        return count_events(self.dialogue)

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Write the last line on the way out: done, looped where there is a finding, interrupted,
        or error.
        """
        began = time.monotonic()
        status: Status = "error"
        error: str | None = None
        try:
            yield
            status = "looped" if self.finding else "done"
            self.end_reason = "looped" if self.finding else self.end_reason
        except (EngineError, ConfigError) as failure:
            error, self.end_reason = str(failure), "error"
            raise
        except (KeyboardInterrupt, BrokenPipeError):
            status = "interrupted"
            raise
        finally:
            self.begin()
            if self.record:
                self.record.end(
                    status,
                    tokens=self.tokens,
                    turns=len(self.dialogue.turns),
                    error=error,
                    elapsed_s=self.dialogue.elapsed_s + time.monotonic() - began,
                    finding=self.finding,
                    end_reason=self.end_reason,
                    counters=self.counters(),
                )
            try:
                self.track(
                    last=True,
                    status=status,
                    end_reason=self.end_reason,
                    error=error,
                    tokens=self.tokens,
                )
            finally:
                if self.record:
                    self.record.close()


def start(config: Mapping[str, Any], seed: int, path: Path | None) -> Recording:
    """A dialogue of which nothing is said, recorded in a new file if one is named (LogError where
    that cannot be).
    """
    packages = list_packages()
    record = RecordWriter(path) if path else None
    dialogue = Dialogue(
        choose(config), (), "unfinished", seed=seed, packages=packages, started=now()
    )
    return Recording(dialogue, record, tracker=open_tracker(config, path))


def list_packages() -> dict[str, str]:
    """The versions of the packages that matter to what is said."""
    packages = {"python": sys.version.split()[0]}
    for name in ("requests", "transformers", "xllamacpp"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return packages


def go_on(earlier: Dialogue, config: Mapping[str, Any], record: RecordWriter) -> Recording:
    """A dialogue that goes on in its record, which was read when this process held it, with this
    config.
    """
    dialogue = replace(earlier, config=config, status="unfinished")
    tracker = open_tracker(config, record.path, earlier.aim_run)
    return Recording(dialogue, record, begun=True, earlier=earlier, tracker=tracker)


def open_tracker(
    config: Mapping[str, Any], path: Path | None, run: str | None = None
) -> Tracker | None:
    """Whom the config wants told of the dialogue; `run` is what it was there before."""
    if not config.get("track"):
        return None
    from broken_record.conversation.aim import Tracker

    return Tracker(config, path, run)


def now() -> str:
    """ISO 8601 with the offset from UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
