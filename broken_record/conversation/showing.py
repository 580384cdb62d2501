"""What a person sees of a dialogue while it is held: on a terminal a Screen, anywhere else the Log.

Both turn what happens into text; nothing is printed here. The log is text_log.py's, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from broken_record.data import Attempt, Chunk, Dialogue, EngineInfo, Role, Turn
from broken_record.files.text_log import render_stream, render_transcript, stream_header
from broken_record.terminal import escape_controls, one_line

if TYPE_CHECKING:
    from broken_record.conversation.watch import Watch

DIM = "2"
COLOURS: dict[Role, str] = {"system": DIM, "assistant": "36", "user": "35"}
"""Cyan and magenta, which can be read on black and on white."""


class Showing(Protocol):
    """How a dialogue is shown; every text is free of the controls that a model may have said."""

    def begin(self, dialogue: Dialogue) -> str:
        """What stands before the first reply, of a dialogue that goes on all that was said."""

    def event(self, event: Chunk | Turn | Attempt, tokens: int) -> str:
        """What is new; `tokens` were said before it."""

    def notices(self, dialogue: Dialogue, *, last: bool = False) -> list[str]:
        """What is to be said on stderr after a turn, the `last` or not."""

    def end(self, dialogue: Dialogue) -> str:
        """What stands behind the last reply."""


class Log:
    """The text log: the stream, then the transcript."""

    def begin(self, dialogue: Dialogue) -> str:
        """What was said so far."""
        return "".join(render_stream(dialogue))

    def event(self, event: Chunk | Turn | Attempt, tokens: int) -> str:
        """A piece of a reply, the tokens before an assistant's; the end of its line."""
        if not isinstance(event, Chunk):
            return "\n"
        header = stream_header(tokens) if event.begins == "assistant" else ""
        return header + escape_controls(event.text)

    def notices(self, dialogue: Dialogue, *, last: bool = False) -> list[str]:
        """Nothing: analyze.py says it."""
        return []

    def end(self, dialogue: Dialogue) -> str:
        """The transcript."""
        return "".join(render_transcript(dialogue))


@dataclass(slots=True)
class Screen:
    """What runs in one line, the opening, every speaker in a colour; no transcript.

    Speakers without a prefix are called by their role.
    """

    colour: bool = True
    watch: Watch | None = None
    prefixes: dict[Role, str] = field(default_factory=dict)
    role: Role = "assistant"

    def paint(self, text: str, code: str) -> str:
        r"""A text in a colour, which ends with it: whatever cuts in leaves the terminal as it was.

        >>> Screen().paint("hi", "36"), Screen(colour=False).paint("hi", "36")
        ('\x1b[36mhi\x1b[0m', 'hi')
        """
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def speaker(self, role: Role) -> str:
        """What stands before a message that does not name its speaker."""
        return "" if self.prefixes.get(role, "").strip() else f"{role}: "

    def begin(self, dialogue: Dialogue) -> str:
        """What runs, the opening, what was said so far."""
        self.prefixes = dialogue.prefixes
        lines = [self.paint(describe(dialogue), DIM) + "\n"]
        for message in dialogue.messages:
            if message.role == "assistant":
                lines.append("\n")
            said = self.speaker(message.role) + escape_controls(message.content)
            lines.append(self.paint(said, COLOURS[message.role]) + "\n")
        return "".join(lines)

    def event(self, event: Chunk | Turn | Attempt, tokens: int) -> str:
        """A piece of a reply in its speaker's colour, the tokens before an assistant's; what does
        not count is marked so.
        """
        if isinstance(event, Attempt):
            return self.paint("  [does not count]", DIM) + "\n"
        if isinstance(event, Turn):
            return "\n"
        header, text = "", escape_controls(event.text)
        if event.begins:
            self.role = event.begins
            text = self.speaker(self.role) + text
            if self.role == "assistant":
                header = self.paint(stream_header(tokens).rstrip("\n"), DIM) + "\n"
        return header + self.paint(text, COLOURS[self.role])

    def notices(self, dialogue: Dialogue, *, last: bool = False) -> list[str]:
        """What the watch has found, or found to be over."""
        if self.watch is None:
            return []
        return self.watch.look(dialogue) if last else self.watch.turn(dialogue)

    def end(self, dialogue: Dialogue) -> str:
        """The totals."""
        tokens = sum(turn.tokens or 0 for turn in dialogue.turns)
        tokens += dialogue.config.get("initial_tokens", 0)
        said = len(dialogue.messages)
        return self.paint(f"\n--- {tokens} tokens, {said} turns ---", DIM) + "\n"


def describe(dialogue: Dialogue) -> str:
    """One line: who speaks for whom, how each samples, from which seed.

    >>> one = Dialogue({"agent_prefix": "A:", "user_prefix": "B:", "sampler": {"top_k": 0}}, (),
    ...                "done", seed=7, assistant=EngineInfo("vllm", model="m"))
    >>> describe(one)
    'A: m on vllm; B: unknown; top_k=0; seed 7'
    """
    config = dialogue.config
    first = config.get("sampler", {})
    second = config.get("user_sampler", first)
    also = {name: value for name, value in second.items() if name not in first}
    if {**first, **also} == second:
        second = first
    else:
        also = {}
    sampler, other = name_values(first), name_values(second)
    infos: dict[Role, EngineInfo | None] = {"assistant": dialogue.assistant, "user": dialogue.user}
    sides = [
        f"{dialogue.prefixes[role].strip(': ') or role}: {name_model(info)}"
        for role, info in infos.items()
    ]
    if sampler != other:
        sides = [f"{side}, {how}" for side, how in zip(sides, (sampler, other), strict=True)]
    if also:
        sides[1] += f" with {name_values(also)}"
    words = [*sides, *([sampler] if sampler == other and sampler else [])]
    if config.get("mode") == "goal":
        words.append(f"objective {config['objective']}, persona {config['persona']}")
    return one_line("; ".join([*words, f"seed {dialogue.seed}"]))


def name_model(info: EngineInfo | None) -> str:
    """The model and what serves it."""
    return f"{info.model_name or 'a model'} on {info.engine}" if info else "unknown"


def name_values(sampler: Mapping[str, Any]) -> str:
    """Sampling parameters as --set takes them."""
    return " ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sampler.items()
    )
