"""An engine that says what it is told, for tests: no server, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from broken_record.data import Chunk, EngineInfo, Message, Usage
from broken_record.errors import EngineError


class ScriptedEngine:
    """Says its replies in turn, over and over, word by word; keeps the prompts and seeds it got.

    An EngineError among the replies is raised in place of one. `tokens` is what it reports for each
    reply; None reports nothing.
    """

    def __init__(self, *replies: str | EngineError, tokens: int | None = 3) -> None:
        self.replies = cycle(replies)
        self.usage = Usage() if tokens is None else Usage(tokens=tokens, tokens_from="usage")
        self.prompts: list[str] = []
        self.seeds: list[int] = []

    def info(self) -> EngineInfo:
        """A made-up engine."""
        return EngineInfo(engine="scripted", model="script")

    def ignored(self, sampler: Mapping[str, Any]) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def count_tokens(self, prompt: str) -> int | None:
        """A token a word."""
        return len(prompt.split())

    def adds_bos(self) -> bool:
        """It reads words, and no BOS."""
        return False

    def template(self, messages: Sequence[Message]) -> str:
        """`[role]content` for each message, then an open `[assistant]`."""
        spoken = "".join(f"[{message.role}]{message.content}" for message in messages)
        return spoken + "[assistant]"

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """The next reply."""
        self.prompts.append(prompt)
        self.seeds.append(seed)
        reply = next(self.replies)
        if isinstance(reply, EngineError):
            raise reply
        for word in reply.split(" ") if reply else ():
            yield Chunk(" " + word)
        yield Chunk("", "stop", self.usage)
