"""What a reasoning model thinks aloud, kept apart from what it says: blocks of <think>.

Templates are told not to ask for thoughts (engines/sandbox.py), and render() closes a block that a
template leaves open all the same. What a model writes nevertheless is cut here, as it streams in:
it is in the record as the turn's `thought`, and nobody hears it. Other models' marks are not known.
"""

from __future__ import annotations

from broken_record.data import Turn

OPEN, CLOSE = "<think>", "</think>"


def close_thoughts(prompt: str) -> str:
    r"""The prompt; a block of thoughts that it leaves open at its end closed, as Qwen3 closes it.

    >>> close_thoughts("[assistant]<think>\n")
    '[assistant]<think>\n\n</think>\n\n'
    """
    ended = prompt.rstrip()
    return f"{ended}\n\n{CLOSE}\n\n" if ended.endswith(OPEN) else prompt


class Thoughts:
    r"""A reply as it streams in, its thoughts and the newlines behind them taken out.

    >>> reply = Thoughts()
    >>> [reply.speech(text) for text in (" Hm", ", <th", "ink>a", "b</think", ">\n", "\nyes")]
    [' Hm', ', ', '', '', '', 'yes']
    >>> reply.thought
    'ab'
    """

    def __init__(self) -> None:
        self.thought: str | None = None
        self.held = ""
        self.is_open = False
        self.is_behind = False

    def speech(self, text: str, *, is_last: bool = False) -> str:
        """What of the reply so far may be said now; a block that never closes is all thought."""
        self.held += text
        said = ""
        while (place := self.held.find(mark := CLOSE if self.is_open else OPEN)) >= 0:
            said += self.take(place)
            self.held = self.held.removeprefix(mark)
            self.is_open, self.is_behind = not self.is_open, self.is_open
            self.thought = self.thought or ""
        begun = 0 if is_last else may_begin(self.held, mark)
        return said + self.take(len(self.held) - begun)

    def take(self, length: int) -> str:
        """The next characters, where they are speech."""
        text, self.held = self.held[:length], self.held[length:]
        if self.is_open:
            self.thought = (self.thought or "") + text
            return ""
        if self.is_behind:
            text = text.lstrip("\n")
            self.is_behind = not text
        return text


def may_begin(text: str, mark: str) -> int:
    """How many characters at the end of a text may be the beginning of a mark."""
    lengths = range(min(len(mark) - 1, len(text)), 0, -1)
    return next((n for n in lengths if mark.startswith(text[-n:])), 0)


def thought_notice(turn: Turn, prefix: str) -> str | None:
    """What to say of a turn that was thought alone; None of others."""
    if turn.thought is None or turn.content.removeprefix(prefix).strip():
        return None
    return (
        f"{turn.role}: thought, and said nothing ({turn.tokens} tokens, finish_reason "
        f"{turn.finish_reason}): keep the model from thinking where its server is started "
        "(llama-server: --reasoning-budget 0), or raise turn_max_tokens"
    )
