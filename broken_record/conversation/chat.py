"""The chat mode: two speakers in character, the assistant with the whole conversation, the user
with a window of it.

The rules that dialogue.converse() asks for; goals.py has those of the other mode. Every reply
counts as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broken_record.config.schema import Config
from broken_record.conversation.prompts import user_view
from broken_record.data import EndReason, Flaw, Message, Role, Turn


class Chat:
    """The rules of a config's chat."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def speaker(self, turns: Sequence[Turn]) -> Role:
        """The assistant begins, unless it has said the opening's last message."""
        spoken = [m.role for m in self.config.conversation if m.role != "system"]
        last = turns[-1].role if turns else spoken[-1] if spoken else "user"
        return "user" if last == "assistant" else "assistant"

    def over(self, turns: Sequence[Turn]) -> EndReason | None:
        """Once initial_tokens and the tokens of all turns are total_tokens or more."""
        tokens = self.config.initial_tokens + sum(turn.tokens or 0 for turn in turns)
        return "total_tokens" if tokens >= self.config.total_tokens else None

    def messages(self, role: Role, turns: Sequence[Turn]) -> tuple[list[Message], int]:
        """(the whole conversation, how many messages are its opening)."""
        opening = self.config.conversation
        return [*opening, *(Message(turn.role, turn.content) for turn in turns)], len(opening)

    def window(self, role: Role, messages: Sequence[Message]) -> Sequence[Message]:
        """The assistant sees all of it, the user the last of it with the roles flipped."""
        config = self.config
        if role == "assistant":
            return messages
        return user_view(messages, config.user_system, config.user_memory, config.user_memory_step)

    def take(self, turn: Turn) -> Turn:
        """The reply as it is."""
        return turn

    def asks_again(self, turn: Turn, tried: int) -> Flaw | None:
        """Never."""
        return None

    def sampler(self, sampler: Mapping[str, Any], tried: int, seed: int) -> Mapping[str, Any]:
        """The config's."""
        return sampler
