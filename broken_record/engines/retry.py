"""How long a request that failed, or a server that does not answer yet, is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from broken_record.config.schema import Config


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a failed request is tried again: `tries` within `seconds` of the first failure, or,
    with tries None, as long as that. Waits double from `first_s` to `longest_s`, with jitter.
    """

    tries: int | None = 3
    seconds: float = 20.0
    first_s: float = 0.5
    longest_s: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def begin(self) -> Tries:
        """For one request."""
        return Tries(self)


@dataclass(slots=True)
class Tries:
    """One request: how often it has failed, and when it first did."""

    patience: Patience
    failed: int = 0
    failed_at: float = 0.0

    def wait(self, asked_s: float | None = None) -> bool:
        """Behind a failure: wait before the next try, at least as long as the server asked; False
        when patience is at its end.
        """
        patience, now = self.patience, self.patience.clock()
        pause = patience.first_s * 2 ** min(self.failed, 30)  # a float holds no 2**1024
        pause = min(patience.longest_s, pause) * random.uniform(0.5, 1.0)
        pause = max(pause, asked_s or 0.0)
        self.failed_at = self.failed_at if self.failed else now
        self.failed += 1
        over = patience.tries is not None and self.failed >= patience.tries
        if over or now - self.failed_at + pause > patience.seconds:
            return False
        patience.sleep(pause)
        return True


def patience_of(config: Config) -> Patience:
    """Three tries within 20 s, or what the config's retry_for_s allows (0: none)."""
    if config.retry_for_s is None:
        return Patience()
    return Patience(tries=None, seconds=config.retry_for_s)
