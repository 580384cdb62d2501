"""Servers that went away: a dialogue that has not begun waits while one of its servers does not
answer, for as long as its config is patient (`retry_for_s`).

Those in flight wait by themselves (engines/retry.py); embedded servers are started again (jobs.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from broken_record.config.checks import EMBEDDED
from broken_record.config.schema import Config
from broken_record.engines.connect import is_up
from broken_record.engines.retry import patience_of

ASK_EVERY_S = 2.0


@dataclass(slots=True)
class Away:
    """The servers that do not answer and since when, and when each was last asked."""

    ask: Callable[[str, str | None], bool] = is_up
    clock: Callable[[], float] = time.monotonic
    since: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)

    def missing(self, config: Config) -> str | None:
        """The first server of a config that does not answer; each is asked every other second."""
        servers = ((config.api_url, config.api_key_env),
                   (config.user_api_url, config.user_api_key_env))  # fmt: skip
        for url, key in servers:
            if url.startswith(EMBEDDED):
                continue
            now = self.clock()
            if url not in self.asked or now - self.asked[url] >= ASK_EVERY_S:
                self.asked[url] = now
                if self.ask(url, key):
                    self.since.pop(url, None)
                else:
                    self.since.setdefault(url, now)
            if url in self.since:
                return url
        return None

    def too_long(self, url: str, config: Config) -> bool:
        """Whether a server has been away for longer than a config waits for it."""
        return self.clock() - self.since[url] > patience_of(config).seconds
