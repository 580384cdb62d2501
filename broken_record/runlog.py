r"""The log of one dialogue, twice: JSON lines that lose nothing, and a text for people and for old
analysis tools.

The record (.jsonl) is ASCII JSON, one object a line, appended and flushed a turn at a time. In
version 1 these lines, with these fields:

    type      dialogue (first): version, config, seed, assistant, user, packages, started
                  assistant, user: engine, build, model, n_ctx, template, template_sha256
                  packages: name -> version; started: ISO 8601 with the offset from UTC
    type      turn: index, role, content, tokens, tokens_from (usage | timings | chunks),
                  finish_reason (stop | length | repetition), ttft_s, elapsed_s, prompt_tokens,
                  cached_tokens, prompt_s, generation_s, seed
    type      end (last): status (done | error | interrupted | looped), tokens, turns, error

`index` counts messages from 0 with the config's opening ones; those stand in the config alone.
`content` is raw, prefix included. `tokens` of the last line counts initial_tokens and all turns,
`turns` the generated ones. A field that is absent or null was not measured. A record may be written
by hand: it needs the first line's config and the turns. Readers keep header keys they do not know,
pass over line types they do not know, and refuse a higher version.

The text (.log) is what parrot.py writes to stdout: the stream, then `--- DONE ---` and the
transcript. A reply may hold a line that looks like a header, so the text cannot hold every
dialogue; the record is the truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TextIO, get_args

from broken_record.errors import LogError
from broken_record.records import Dialogue, EngineInfo, Message, Status, Turn

VERSION = 1
DONE = "--- DONE ---"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
HEADER = re.compile(r"=== (system|user|assistant) @ (\d+) ===")
TOTALS = re.compile(r"--- (\d+) tokens, (\d+) turns ---")
TURN_FIELDS = {field.name for field in fields(Turn)}
INFO_FIELDS = {field.name for field in fields(EngineInfo)}
STATUSES = get_args(Status)
HEADER_FIELDS = ("config", "seed", "assistant", "user", "packages", "started")


def escape_controls(text: str) -> str:
    r"""Control characters (newline and tab excepted) and lone surrogates, escaped as in a Python
    string.

    Model text must not drive a terminal.

    >>> escape_controls("a\x1b[2Jb\n")
    'a\\x1b[2Jb\n'
    """
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class RecordWriter:
    """Appends a dialogue's record to a file, a line at a time."""

    def __init__(self, path: Path) -> None:
        """Create the file; LogError where it exists already or cannot be written."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: TextIO = path.open("x", encoding="ascii", newline="\n")
        except FileExistsError as error:
            raise LogError(f"{path}: exists already; name a new file or move it away") from error
        except OSError as error:
            raise LogError(f"{path}: cannot be written: {error.strerror}") from error

    def header(self, dialogue: Dialogue) -> None:
        """The first line: everything but the turns and how it ended."""
        fields_of_header = asdict(replace(dialogue, turns=()))
        kept = {name: fields_of_header[name] for name in HEADER_FIELDS}
        self.line({"type": "dialogue", "version": VERSION, **kept, **dialogue.unknown})

    def turn(self, turn: Turn) -> None:
        """One turn, as it ends."""
        self.line({"type": "turn", **asdict(turn)})

    def end(self, status: Status, *, tokens: int, turns: int, error: str | None = None) -> None:
        """The last line."""
        self.line(
            {"type": "end", "status": status, "tokens": tokens, "turns": turns, "error": error}
        )

    def line(self, value: Mapping[str, Any]) -> None:
        """Append one object and hand it to the operating system; LogError names the file."""
        try:
            self.file.write(json.dumps(value) + "\n")
            self.file.flush()
        except OSError as error:
            raise LogError(f"{self.path}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def known(value: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """The fields of a JSON object that this version knows."""
    return {name: value[name] for name in value if name in names}


def parse_record(lines: Iterable[str], file: str = "record") -> Dialogue:
    """The dialogue of a record's lines; one without an end line is `unfinished`.

    A last line that the writer could not finish is left out. LogError names the line that is wrong.
    """
    header: dict[str, Any] | None = None
    turns: list[Turn] = []
    end: dict[str, Any] = {}
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in numbered:
        try:
            value = json.loads(line)
            kind = value["type"]
        except (ValueError, TypeError, KeyError) as error:
            if number == numbered[-1][0] and header is not None:
                break
            raise LogError(f"{file}: line {number} is not a line of a record") from error
        if kind == "dialogue":
            header = check_header(value, file)
        elif kind == "turn":
            turns.append(read_turn(value, f"{file}: line {number}"))
        elif kind == "end":
            end = value
    if header is None:
        raise LogError(f'{file}: no line of type "dialogue"; this is no record')
    return Dialogue(
        config=header["config"],
        turns=tuple(turns),
        status=end["status"] if end.get("status") in STATUSES else "unfinished",
        seed=header.get("seed"),
        assistant=read_info(header.get("assistant")),
        user=read_info(header.get("user")),
        packages=header.get("packages") or {},
        started=header.get("started"),
        error=end.get("error"),
        unknown={
            key: value
            for key, value in header.items()
            if key not in ("type", "version", *HEADER_FIELDS)
        },
    )


def check_header(value: dict[str, Any], file: str) -> dict[str, Any]:
    """The first line, if this version can read it."""
    version = value.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise LogError(f"{file}: version {version}; this program reads up to {VERSION}")
    if not isinstance(value.get("config"), dict):
        raise LogError(f"{file}: the first line has no config")
    check_config(value["config"], file)
    return value


def check_config(config: Mapping[str, Any], file: str) -> None:
    """LogError where a recorded config has another form than readers count on."""
    messages = config.get("conversation") or []
    fits = isinstance(messages, list) and all(
        isinstance(message, dict)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
        for message in messages
    )
    prefixes = [config.get(name, "") for name in ("agent_prefix", "user_prefix")]
    if not fits or not all(isinstance(prefix, str) for prefix in prefixes):
        raise LogError(f"{file}: the config's conversation or prefixes are not texts")
    if not isinstance(config.get("initial_tokens", 0), int):
        raise LogError(f"{file}: the config's initial_tokens is no whole number")


def read_turn(value: Mapping[str, Any], where: str) -> Turn:
    """A turn's line."""
    try:
        turn = Turn(**known(value, TURN_FIELDS))
    except TypeError as error:
        raise LogError(f"{where}: a turn needs index, role and content") from error
    if not isinstance(turn.content, str) or not isinstance(turn.index, int):
        raise LogError(f"{where}: a turn needs a whole index and a text as content")
    if turn.role not in ("assistant", "user") or not isinstance(turn.tokens, int | None):
        raise LogError(f"{where}: a turn's role is assistant or user, its tokens a whole number")
    return turn


def read_info(value: Any) -> EngineInfo | None:
    """What a record says of one side's engine, if it says anything."""
    if not isinstance(value, dict):
        return None
    return EngineInfo(**{"engine": "unknown", **known(value, INFO_FIELDS)})


def opening(dialogue: Dialogue) -> list[Message]:
    """The config's opening messages."""
    return [
        Message(message["role"], message["content"])
        for message in dialogue.config.get("conversation", [])
    ]


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
    models = [
        info.model if info and info.model else "unknown"
        for info in (dialogue.assistant, dialogue.user)
    ]
    yield f"\n{DONE}\nFull Config:\n{json.dumps(dict(dialogue.config))}\n"
    yield escape_controls(f"Assistant Model: {models[0]}\nUser Model: {models[1]}\n")
    tokens = dialogue.config.get("initial_tokens", 0)
    messages: Sequence[Message] = opening(dialogue)
    for message in messages:
        yield f"\n=== {message.role} @ {tokens} ===\n{escape_controls(message.content)}\n"
    for turn in dialogue.turns:
        yield f"\n=== {turn.role} @ {tokens} ===\n{escape_controls(turn.content)}\n"
        tokens += turn.tokens or 0
    yield f"\n--- {tokens} tokens, {len(messages) + len(dialogue.turns)} turns ---\n"


def render_log(dialogue: Dialogue) -> str:
    """The whole text log of a finished dialogue, as stdout shows it."""
    return "".join([*render_stream(dialogue), *render_transcript(dialogue)])


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
    counters = [tokens for _, tokens, _ in blocks[1:]] + [total]
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
        config=config, turns=turns, status="done" if total is not None else "unfinished"
    )


def agent_replies(log_text: str, prefix: str) -> list[str]:
    r"""The assistant's replies as the old numbers read them, stripped of prefix and outer white
    space.

    Every line with the prefix behind the first line that holds `--- DONE ---`; the further lines of
    a reply were never read. Lines end as in text mode, at \n, \r\n or \r.

    >>> agent_replies("A: no\n--- DONE ---\nA:  yes \nmore\nA:\n", "A:")
    ['yes', '']
    """
    lines = log_text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    done = next((i for i, line in enumerate(lines) if DONE in line), len(lines))
    return [
        line.removeprefix(prefix).strip() for line in lines[done + 1 :] if line.startswith(prefix)
    ]


def find_config(lines: Sequence[str], file: str) -> dict[str, Any]:
    """The JSON object behind `Full Config:`."""
    for line in lines:
        if line.startswith("{"):
            try:
                config = json.loads(line)
            except ValueError as error:
                raise LogError(f"{file}: the line behind Full Config: is not JSON") from error
            if isinstance(config, dict):
                check_config(config, file)
                return config
    raise LogError(f"{file}: no config behind Full Config:")
