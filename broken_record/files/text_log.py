"""The text log of one dialogue (.log): what parrot.py writes to stdout, for people and old tools.

First the stream, with the tokens so far before each assistant turn; then `--- DONE ---` and the
transcript: config, models, every message under a header, totals. A reply may hold a line that looks
like a header, so the text cannot hold every dialogue; the record (record.py) is the truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from broken_record.data import Dialogue, Turn
from broken_record.errors import LogError
from broken_record.files.record import check_config
from broken_record.terminal import escape_controls

DONE = "--- DONE ---"
BEGINS = f"\n{DONE}\nFull Config:\n{{".encode()  # the transcript
HEADER = re.compile(r"=== (system|user|assistant) @ (\d{1,15}) ===")
TOTALS = re.compile(r"--- (\d{1,15}) tokens, (\d+) turns ---")


def stream_header(tokens: int) -> str:
    """What stands before an assistant turn in the stream."""
    return f"\n--- {tokens} ---\n\n"


def render_stream(dialogue: Dialogue) -> Iterator[str]:
    """What parrot.py streams to stdout, turn by turn."""
    tokens = dialogue.config.get("initial_tokens", 0)
    for turn in dialogue.turns:
        if turn.role == "assistant":
            yield stream_header(tokens)
        yield escape_controls(turn.content) + "\n"
        tokens += turn.tokens or 0


def render_transcript(dialogue: Dialogue) -> Iterator[str]:
    """What follows the stream at the end: config, models, every message with the tokens before it,
    totals.
    """
    yield escape_controls("".join(transcript_pieces(dialogue)))


def transcript_pieces(dialogue: Dialogue) -> Iterator[str]:
    """The pieces of it as they were said."""
    models = [
        info.model if info and info.model else "unknown"
        for info in (dialogue.assistant, dialogue.user)
    ]
    yield f"\n{DONE}\nFull Config:\n{json.dumps(dict(dialogue.config))}\n"
    yield f"Assistant Model: {models[0]}\nUser Model: {models[1]}\n"
    tokens = dialogue.config.get("initial_tokens", 0)
    messages = dialogue.messages
    for message in messages:
        yield f"\n=== {message.role} @ {tokens} ===\n{message.content}\n"
        tokens += message.tokens or 0
    yield f"\n--- {tokens} tokens, {len(messages)} turns ---\n"


def render_log(dialogue: Dialogue) -> str:
    """The whole text log of a finished dialogue, as stdout shows it."""
    return "".join([*render_stream(dialogue), *render_transcript(dialogue)])


@dataclass(slots=True)
class BeforeTranscript:
    r"""What stands before the transcript of a log that comes in pieces; an end that may begin the
    transcript is held until it is known.

    >>> stream, begins = BeforeTranscript(), [b"\n--- DONE --", b"-\nFull Config:\n{"]
    >>> [stream.take(piece) for piece in (b"A: hi\n", *begins, b"}")]
    [b'A: hi', b'\n', b'', b'']
    """

    held: bytes = b""
    over: bool = False

    def take(self, piece: bytes) -> bytes:
        """What of the log can be shown with this piece of it."""
        if self.over:
            return b""
        said, found, _ = (self.held + piece).partition(BEGINS)
        self.over = bool(found)
        kept = 0 if found else max(k for k in range(len(BEGINS)) if said.endswith(BEGINS[:k]))
        self.held = said[len(said) - kept :]
        return said[: len(said) - kept]


def parse_log(text: str, file: str = "log") -> Dialogue:
    """The dialogue of a text log, as far as the text tells; lines end at newlines only.

    A turn's tokens come from the counters. LogError says what is wrong: no transcript, no config.
    """
    before, found, after = text.partition(DONE)
    if not found:
        started = (
            "holds a dialogue that did not finish" if "\n--- " in before else "holds no dialogue"
        )
        raise LogError(
            f"{file}: {started} (no line {DONE}); "
            "run it again, or analyse its .jsonl record if there is one"
        )
    lines = after.split("\n")[1:]
    config = find_config(lines, file)
    blocks: list[tuple[str, int, list[str]]] = []
    total: int | None = None
    for line in lines:
        if header := HEADER.fullmatch(line):
            blocks.append((header[1], int(header[2]), []))
        elif totals := TOTALS.fullmatch(line):
            total = int(totals[1])
        elif blocks:
            blocks[-1][2].append(line)
    counters = [*(tokens for _, tokens, _ in blocks[1:]), total][: len(blocks)]
    skipped = len(config.get("conversation") or [])
    turns = tuple(
        Turn(
            index=index,
            role=role,  # type: ignore[arg-type]
            content="\n".join(content).rstrip("\n"),
            tokens=None if following is None else following - tokens,
            tokens_from=None if following is None else "log",
        )
        for index, ((role, tokens, content), following) in enumerate(
            zip(blocks, counters, strict=True)
        )
        if index >= skipped
    )
    return Dialogue(
        config=config,
        turns=turns,
        status="done" if total is not None else "unfinished",
        verbatim=False,
    )


def agent_replies(log_text: str, prefix: str) -> list[str]:
    r"""The assistant's replies as the old numbers read them, stripped of prefix and outer white
    space.

    Every line with the prefix behind the first line that holds `--- DONE ---`; the further lines of
    a reply were never read. Lines end as in text mode, at \n, \r\n or \r.

    >>> agent_replies("A: no\n--- DONE ---\nA:  yes \nmore\nA:\n", "A:")
    ['yes', '']
    """
    if "\n" in prefix or "\r" in prefix:
        return []
    text = log_text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in log_text else log_text
    _, _, behind = text.partition(DONE)
    _, newline, lines = behind.partition("\n")
    _, *begun = (newline + lines).split("\n" + prefix)
    return [line.partition("\n")[0].strip() for line in begun]


def find_replies(dialogue: Dialogue, log_text: str) -> list[str]:
    """The assistant's replies as the old numbers read them in its text log; whole replies where
    there is no prefix to tell a reply's line from others, and of a chat from elsewhere.
    """
    prefix = dialogue.prefixes["assistant"]
    if prefix and "imported" not in dialogue.unknown:
        return agent_replies(log_text, prefix)
    return [said.content.strip() for said in dialogue.messages if said.role == "assistant"]


def find_config(lines: Sequence[str], file: str) -> dict[str, Any]:
    """The JSON object behind `Full Config:`."""
    for line in lines:
        if line.startswith("{"):
            try:
                config = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise LogError(f"{file}: the line behind Full Config: is not JSON") from error
            if isinstance(config, dict):
                check_config(config, file)
                return config
    raise LogError(f"{file}: no config behind Full Config:")
