"""The seam between a dialogue and an inference server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from broken_record.records import Chunk, EngineInfo, Message


class Engine(Protocol):
    """One inference server, as a dialogue sees it."""

    def info(self) -> EngineInfo:
        """What the server said of itself when it was connected."""

    def template(self, messages: Sequence[Message]) -> str:
        """The chat prompt that ends where the next reply begins; raises TemplateRefused."""

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """The reply, piece by piece; the last chunk has a finish_reason. Raises EngineError, never
        ends without one.
        """
