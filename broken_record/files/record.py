"""The record of one dialogue: JSON lines that lose nothing, written while it happens.

The record (.jsonl) is ASCII JSON, one object a line, appended and flushed a turn at a time. In
version 1 these lines, with these fields:

    type      dialogue (first): version, config, seed, assistant, user, packages, started
                  assistant, user: engine, build, model, n_ctx, template, template_sha256, ignored,
                  slots, digest, caching
                  packages: name -> version; started: ISO 8601 with the offset from UTC
                  of a branch also at (the turns before are its parent's, and stand here again) and
                  parent: run, name, sha256, within, kind, speaker, onset_turn
    type      turn: index, role, content, tokens, tokens_from (usage | timings | perf |
                  tokenizer | chunks),
                  finish_reason (stop | length | repetition), ttft_s, elapsed_s, prompt_tokens,
                  cached_tokens, prompt_s, generation_s, seed, trimmed, thought (only where
                  there is one), of goal dialogues extract, quoted, self_reply, noncoherent (start
                  and end in content), and where the config asks for logprobs logprob_mean,
                  logprob_min, entropy_mean (nats)
    type      attempt: index, role, content (what had been said), error, attempt (from 0),
                  elapsed_s, flaw (no_prompt | noncoherent | empty), tokens, seed; a request that
                  failed, or with a flaw a reply that was asked for again, never a turn
    type      resume: started; more turns follow, the last end counts; config, assistant, user where
                  they are others than before (--resume-anyway)
    type      track: run; the hash of its run in Aim, the last one counts (it may stand behind end)
    type      end (last): status (done | error | interrupted | looped), tokens, turns, error,
                  elapsed_s (of all runs), end_reason (total_tokens | context | looped | error, of
                  goal dialogues finished | max_turns | no_prompt | noncoherent | empty), counters
                  (of goal dialogues: role -> what happened -> how often), and of a dialogue that
                  the config's stop_on ended the finding: kind, speaker, onset_turn, explanation

`index` counts messages from 0 with the config's opening ones; those stand in the config alone. It
rises from turn to turn: where it does not, two processes wrote, and the record is refused.
`content` is raw, prefix included. `tokens` of the last line counts initial_tokens and all turns,
`turns` the generated ones. A field that is absent or null was not measured. A record may be written
by hand: it needs the first line's config and the turns. Readers keep header keys they do not know,
pass over line types they do not know, and refuse a higher version.

The text log that people read is text_log.py's; the record is the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TextIO, get_args

from broken_record.data import (
    Attempt,
    Branch,
    Dialogue,
    EndReason,
    EngineInfo,
    Finding,
    Status,
    Turn,
    is_amount,
    is_count,
    is_whole,
)
from broken_record.errors import LogError
from broken_record.files.record_lines import (
    IF_ANY,
    NO_LINE,
    Drafts,
    known,
    read_attempt,
    read_line,
    read_turn,
    scan_line,
)
from broken_record.files.whole import check_regular
from broken_record.files.whole import read_text as whole_text

VERSION = 1
PARENT_FIELDS = {field.name for field in fields(Branch)} - {"at"}
STATUSES = get_args(Status)
END_REASONS = get_args(EndReason)
CHANGEABLE = ("config", "assistant", "user")
HEADER_FIELDS = ("config", "seed", "assistant", "user", "packages", "started")
OF_BRANCHES = ("parent", "at")


def read_record(path: Path) -> Dialogue:
    """The dialogue of a record's file; LogError where it cannot be read."""
    return parse_record(whole_text(path, errors="surrogateescape").split("\n"), str(path))


def parse_record(lines: Iterable[str], file: str = "record") -> Dialogue:
    """The dialogue of a record's lines; one without an end line is `unfinished`.

    A last line that the writer could not finish is left out. LogError names the line that is wrong.
    All turns are checked at once; only where something is wrong with one, each is on its own.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    drafts = Drafts()
    try:
        dialogue = put_together(numbered, file, scan_line, drafts.turn)
        if drafts.are_sound():
            return dialogue
    except (LogError, TypeError):
        pass
    return put_together(numbered, file, read_line, read_turn)


def put_together(
    numbered: Sequence[tuple[int, str]],
    file: str,
    read: Callable[[str], dict[str, Any]],
    turn_of: Callable[[dict[str, Any], str, int], Turn],
) -> Dialogue:
    """The dialogue of numbered lines, each read by one function and a turn made by another."""
    header: dict[str, Any] | None = None
    turns: list[Turn] = []
    attempts: list[Attempt] = []
    end: dict[str, Any] = {}
    run: str | None = None
    for number, line in numbered:
        try:
            value = read(line)
        except NO_LINE as error:
            if number == numbered[-1][0] and header is not None:
                break
            raise LogError(f"{file}: line {number} is not a line of a record") from error
        kind = value["type"]
        if kind == "dialogue":
            header = check_header(value, file)
        elif kind == "turn":
            turns.append(turn_of(value, file, number))
            if len(turns) > 1 and turns[-2].index >= turns[-1].index:
                raise LogError(f"{file}: line {number}: the index does not rise from turn to turn")
        elif kind == "attempt":
            attempts.append(read_attempt(value, f"{file}: line {number}"))
        elif kind == "end":
            end = value
        elif kind == "track":
            run = value["run"] if isinstance(value.get("run"), str) else None
        elif kind == "resume":
            end = {"elapsed_s": end.get("elapsed_s")}
            header = check_header({**(header or {}), **known(value, set(CHANGEABLE))}, file)
    if header is None:
        raise LogError(f'{file}: no line of type "dialogue"; this is no record')
    branch = read_branch(header)
    return Dialogue(
        config=header["config"],
        turns=tuple(turns),
        status=end["status"] if end.get("status") in STATUSES else "unfinished",
        seed=header.get("seed"),
        assistant=read_info(header.get("assistant")),
        user=read_info(header.get("user")),
        packages=names if isinstance(names := header.get("packages"), dict) else {},
        started=began if isinstance(began := header.get("started"), str) else None,
        error=end["error"] if isinstance(end.get("error"), str) else None,
        elapsed_s=took if is_amount(took := end.get("elapsed_s")) else 0.0,
        unknown={
            key: value
            for key, value in header.items()
            if key not in ("type", "version", *HEADER_FIELDS, *(OF_BRANCHES if branch else ()))
        },
        attempts=tuple(attempts),
        end_reason=end["end_reason"] if end.get("end_reason") in END_REASONS else None,
        counters=counted if isinstance(counted := end.get("counters"), dict) else {},
        aim_run=run,
        branch=branch,
    )


def check_header(value: dict[str, Any], file: str) -> dict[str, Any]:
    """The first line, if this version can read it."""
    version = value.get("version", VERSION)
    if not is_whole(version) or version > VERSION:
        raise LogError(f"{file}: version {version}; this program reads up to {VERSION}")
    if not isinstance(value.get("config"), dict):
        raise LogError(f"{file}: the first line has no config")
    if value.get("seed") is not None and not is_whole(value["seed"]):
        raise LogError(f"{file}: the seed is no whole number")
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
    samplers = [config.get(name) for name in ("sampler", "user_sampler")]
    if not all(sampler is None or isinstance(sampler, dict) for sampler in samplers):
        raise LogError(f"{file}: the config's samplers are not objects")
    if not is_count(config.get("initial_tokens", 0)):
        raise LogError(f"{file}: the config's initial_tokens is no whole number")


def read_info(value: Any) -> EngineInfo | None:
    """What a record says of one side's engine, if it says anything."""
    if not isinstance(value, dict):
        return None
    ignored = value.get("ignored")
    names = ignored if isinstance(ignored, list) else []
    texts = {name: value[name] for name in ("engine", "build", "model", "template",
             "template_sha256", "digest") if isinstance(value.get(name), str)}  # fmt: skip
    counts = {name: value[name] for name in ("n_ctx", "slots") if is_count(value.get(name))}
    caching = value.get("caching")
    return EngineInfo(**{"engine": "unknown", **texts}, **counts,
                      caching=caching if isinstance(caching, bool) else None,
                      ignored=tuple(name for name in names if isinstance(name, str)))  # fmt: skip


def read_branch(header: Mapping[str, Any]) -> Branch | None:
    """Where a record says that it was begun again from another."""
    parent = header.get("parent")
    if not isinstance(parent, dict) or "at" not in header:
        return None
    try:
        branch = Branch(**known(parent, PARENT_FIELDS), at=header["at"])
    except TypeError:  # what another program calls a parent
        return None
    texts = (branch.run, branch.name, branch.sha256, branch.kind or "", branch.speaker or "")
    counts = (branch.at, branch.within, branch.onset_turn or 0)
    fits = all(isinstance(text, str) for text in texts) and all(map(is_count, counts))
    return branch if fits else None


class RecordWriter:
    """Appends a dialogue's record to a file, a line at a time."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Create the file, or hold one that is to go on, which may be read from now on; LogError
        where it exists already, cannot be written, or is being written by another process.
        """
        self.path = path
        try:
            if resume:
                check_regular(path)
                path.stat()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file: TextIO = path.open("a" if resume else "x", encoding="ascii", newline="\n")
            lock(self.file)
        except FileExistsError as error:
            raise LogError(f"{path}: exists already; name a new file or move it away") from error
        except BlockingIOError as error:
            self.file.close()
            raise LogError(f"{path}: another process is writing it; try again when it is done"
                           ) from error  # fmt: skip
        except OSError as error:
            raise LogError(f"{path}: cannot be written: {error.strerror}") from error

    def header(self, dialogue: Dialogue) -> None:
        """The first line: everything but the turns and how it ended."""
        fields_of_header = asdict(replace(dialogue, turns=()))
        kept = {name: fields_of_header[name] for name in HEADER_FIELDS}
        if dialogue.branch:
            parent = asdict(dialogue.branch)
            kept |= {"at": parent.pop("at"), "parent": parent}
        self.line({"type": "dialogue", "version": VERSION, **kept, **dialogue.unknown})

    def turn(self, turn: Turn) -> None:
        """One turn, as it ends."""
        values = ((name, getattr(turn, name)) for name in Turn.__slots__)
        kept = {name: value for name, value in values if value is not None or name not in IF_ANY}
        self.line({"type": "turn", **kept})

    def attempt(self, attempt: Attempt) -> None:
        """A request that failed."""
        self.line({"type": "attempt", **asdict(attempt)})

    def resume(self, started: str, earlier: Dialogue, now: Dialogue) -> None:
        """More turns follow, made with what differs from before; what could not be read of the
        last line is set aside.
        """
        try:
            end_last_line(self.path)
        except OSError as error:
            raise LogError(f"{self.path}: cannot be written: {error.strerror}") from error
        before, after = asdict(replace(earlier, turns=())), asdict(replace(now, turns=()))
        changed = {name: after[name] for name in CHANGEABLE
                   if json.dumps(before[name]) != json.dumps(after[name])}  # fmt: skip
        self.line({"type": "resume", "started": started, **changed})

    def track(self, run: str | None) -> None:
        """What the dialogue is called in Aim."""
        self.line({"type": "track", "run": run})

    def end(
        self,
        status: Status,
        *,
        tokens: int | None,
        turns: int,
        error: str | None = None,
        elapsed_s: float | None = 0.0,
        finding: Finding | None = None,
        end_reason: EndReason | None = None,
        counters: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """The last line."""
        line: dict[str, Any] = {"type": "end", "status": status, "tokens": tokens, "turns": turns}
        took = None if elapsed_s is None else round(elapsed_s, 3)
        line.update(error=error, elapsed_s=took, end_reason=end_reason)
        if counters:
            line["counters"] = counters
        if finding is not None:
            names = ("kind", "speaker", "onset_turn", "explanation")
            line["finding"] = {name: getattr(finding, name) for name in names}
        self.line(line)

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


def lock(file: TextIO) -> None:
    """Keep a file to this process until it is closed, where the system can; BlockingIOError where
    another has it.

    A dialogue outlives a batch that was killed, and must not be resumed beside itself.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return


def is_written(path: Path) -> bool:
    """Whether another process is writing a record."""
    try:
        check_regular(path)
        with path.open(encoding="ascii") as file:
            lock(file)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def end_last_line(path: Path) -> None:
    """End a last line that lacks its newline; one that parse_record passes over, because it is no
    line of a record, is moved into FILE.torn.
    """
    raw = path.read_bytes()
    start = raw.rstrip().rfind(b"\n") + 1
    try:
        read_line(raw[start:].decode("utf-8-sig"))
        if not raw.endswith(b"\n"):
            with path.open("ab") as file:
                file.write(b"\n")
    except NO_LINE:
        with path.with_name(path.name + ".torn").open("ab") as torn:
            torn.write(raw[start:].rstrip() + b"\n")
        with path.open("r+b") as file:
            file.truncate(start)
