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
    with tries None, as long as that. Waits grow from half a second to ten, with jitter.
    """

    tries: int | None = 3
    seconds: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, attempt: int, failed_at: float) -> bool:
        """Wait before the next try; False when patience is at its end."""
        pause = min(10.0, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)
        spent = self.clock() - failed_at
        if (self.tries is not None and attempt + 1 >= self.tries) or spent + pause > self.seconds:
            return False
        self.sleep(pause)
        return True


def patience_of(config: Config) -> Patience:
    """Three tries within 20 s, or what the config's retry_for_s allows (0: none)."""
    if config.retry_for_s is None:
        return Patience()
    return Patience(tries=None, seconds=config.retry_for_s)
