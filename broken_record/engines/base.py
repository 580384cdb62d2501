"""The seam between a dialogue and an inference server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from broken_record.data import Chunk, EngineInfo, Message

Template = Callable[[Sequence[Message]], str]
"""Messages -> prompt with the generation prompt; raises TemplateRefused."""


class Engine(Protocol):
    """One inference server, as a dialogue sees it."""

    def info(self) -> EngineInfo:
        """What the server said of itself when it was connected."""

    def ignored(self, sampler: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of a sampler that the engine is known not to honour."""

    def count_tokens(self, prompt: str) -> int | None:
        """The tokens of a prompt by the server's own tokenizer; None where it cannot be asked."""

    def adds_bos(self) -> bool:
        """Whether the server begins a prompt with a BOS token of its own."""

    def template(self, messages: Sequence[Message]) -> str:
        """The chat prompt that ends where the next reply begins; raises TemplateRefused."""

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """The reply, piece by piece; the last chunk has a finish_reason. Raises EngineError, never
        ends without one.
        """
