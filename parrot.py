#!/usr/bin/env python3
"""Make two language models talk: one dialogue, streamed to stdout while it is written.

    python parrot.py [CONFIG]                    config.json by default
    python parrot.py --set sampler.temperature=0 --record greedy/1.jsonl
    python parrot.py --resume greedy/1.jsonl     goes on where it was cut off
    python parrot.py --doctor [CONFIG]           what the servers are and do

stdout is the log (stream, then transcript); everything else goes to stderr. The lossless record
goes to --record FILE. Exit codes: 0 done, 1 the dialogue failed, 2 the config is wrong, 130 and 143
interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from broken_record.config import Config, Loaded, load, parse
from broken_record.errors import ConfigError, ContextFull, EngineError, LogError, ParrotError
from broken_record.records import Attempt, Chunk, Dialogue, EngineInfo, Finding, Status, Turn
from broken_record.runlog import RecordWriter, parse_record
from broken_record.textlog import escape_controls, render_stream, render_transcript, stream_header

if TYPE_CHECKING:
    from broken_record.dialogue import Side

log = logging.getLogger("parrot")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Make two language models talk: one dialogue, streamed while it is written."
    )
    add = parser.add_argument
    add(
        "config",
        nargs="?",
        type=Path,
        metavar="CONFIG",
        help="the config file (default: config.json; with --resume the record's own)",
    )
    add(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="set a config value, as JSON: sampler.temperature=0.5; may be repeated",
    )
    add(
        "--seed",
        type=int,
        metavar="N",
        help="the dialogue's seed (default: the config's, or a drawn one)",
    )
    add(
        "--record",
        type=Path,
        metavar="FILE.jsonl",
        help="write the lossless record to this new file",
    )
    add(
        "--resume",
        type=Path,
        metavar="FILE.jsonl",
        help="go on with the dialogue of this record; one that is done is left alone",
    )
    add(
        "--resume-anyway",
        action="store_true",
        help="resume although the config or a server is not what it was",
    )
    add(
        "--doctor",
        action="store_true",
        help="ask both servers what they are, and try them, and stop",
    )
    add(
        "--print-config",
        action="store_true",
        help="show the effective config and where each value came from, and stop",
    )
    options = parser.parse_args(arguments)
    if options.resume and (options.record or options.seed is not None):
        parser.error("argument --resume: the record has its own seed, and goes on itself")
    if options.seed is not None and options.seed < 0:
        parser.error(
            f"argument --seed: expected a whole number of at least 0, found {options.seed}"
        )
    return options


def print_config(loaded: Loaded) -> None:
    width = max(map(len, loaded.values))
    for key, value in loaded.values.items():
        print(f"{key:{width}} = {json.dumps(value, ensure_ascii=False)}   ({loaded.origins[key]})")


def show(text: str) -> None:
    """To stdout at once; model text must already be free of control characters."""
    sys.stdout.write(text)
    sys.stdout.flush()


def stop_on_signals() -> list[int]:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt; the list says which came.

    An exception that a handler raises is lost when it strikes in a finaliser, so the loop looks at
    the list too.
    """
    came: list[int] = []

    def stop(number: int, frame: object) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    return came


def new_dialogue(loaded: Loaded, seed: int) -> Dialogue:
    """The dialogue before anything is said: what the record's first line holds."""
    packages = {"python": sys.version.split()[0]}
    for name in ("requests", "transformers", "xllamacpp"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Dialogue(loaded.values, (), "unfinished", seed=seed, packages=packages, started=started)


def find_reason_to_stop(dialogue: Dialogue, turns: Sequence[Turn]) -> Finding | None:
    """What the config's stop_on is to end the dialogue for, if the turns so far show it."""
    kinds = dialogue.config["stop_on"]
    if not kinds:
        return None
    from broken_record.detectors import find_loops_and_breaks
    from broken_record.talk import Talk

    found = find_loops_and_breaks(Talk(replace(dialogue, turns=tuple(turns))), kinds)
    return next((finding for finding in found.findings if finding.level != "info"), None)


def load_to_resume(options: argparse.Namespace) -> tuple[Loaded, Dialogue]:
    """The config and the dialogue so far; ConfigError lists the keys that changed."""
    try:
        lines = options.resume.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LogError(f"{options.resume}: cannot be read: {error}") from error
    earlier = parse_record(lines, str(options.resume))
    if options.config is None and not options.settings:
        return parse(json.dumps(dict(earlier.config)), str(options.resume)), earlier
    loaded = load(options.config or Path("config.json"), options.settings)
    drifted = [
        f"{key}: {json.dumps(earlier.config[key])} was recorded, now {json.dumps(value)}"
        for key, value in loaded.values.items()
        if key in earlier.config and earlier.config[key] != value
    ]
    if drifted and not options.resume_anyway:
        raise ConfigError([*drifted, "the config is another one; --resume-anyway goes on with it"])
    return loaded, earlier


def check_servers(earlier: Dialogue, assistant: EngineInfo, user: EngineInfo) -> None:
    """ConfigError where a side has another model or template than the record says."""
    drifted = []
    for role, was, now in (
        ("assistant", earlier.assistant, assistant),
        ("user", earlier.user, user),
    ):
        for name in ("engine", "model", "template_sha256"):
            before, after = getattr(was, name, None), getattr(now, name)
            if before is not None and before != after:
                drifted.append(f"{role}: {name} {before} was recorded, now {after}")
    if drifted:
        raise ConfigError([*drifted, "a server is another one; --resume-anyway goes on with it"])


def say_what_will_not_be(config: Config, assistant: Side, user: Side) -> None:
    """Names of the sampler that a server ignores, and a context that will be full: said once."""
    from broken_record.context import WAYS_OUT, forecast

    for side in (assistant, user):
        if side.info.ignored:
            names = ", ".join(side.info.ignored)
            log.warning("%s: %s does not honour %s", side.role, side.info.engine, names)
    expected = forecast(
        config, assistant.engine, assistant.template, assistant.prefix, assistant.info.n_ctx
    )
    if expected is not None and config.context is None:
        raise ContextFull(f"{expected.sentence()}: {WAYS_OUT}")
    if expected is not None:
        log.warning("%s; then it will %s", expected.sentence(), config.context)


def talk(
    loaded: Loaded,
    dialogue: Dialogue,
    record: RecordWriter | None,
    came: list[int],
    *,
    resumed: bool = False,
    anyway: bool = False,
) -> None:
    """The whole run: connect, converse, show and record every turn, then the transcript."""
    from broken_record.dialogue import converse, patience_of, take_sides
    from broken_record.engines.connect import connect

    config = loaded.config
    turns = list(dialogue.turns)
    tokens = config.initial_tokens + sum(turn.tokens or 0 for turn in turns)
    began = time.monotonic()
    status: Status = "error"
    error: str | None = None
    finding: Finding | None = None
    known = resumed
    try:
        with connect(config, patience_of(config)) as engines:
            assistant, user = take_sides(config, *engines)
            if resumed and not anyway:
                check_servers(dialogue, assistant.info, user.info)
            dialogue = replace(dialogue, assistant=assistant.info, user=user.info)
            if record and not resumed:
                record.header(dialogue)
                known = True
            say_what_will_not_be(config, assistant, user)
            show("".join(render_stream(dialogue)))
            for event in converse(config, assistant, user, seed=dialogue.seed or 0, said=turns):
                if came:
                    raise KeyboardInterrupt
                if isinstance(event, Chunk):
                    if event.begins == "assistant":
                        show(stream_header(tokens))
                    show(escape_controls(event.text))
                elif isinstance(event, Attempt):
                    show("\n")
                    log.warning("%s", escape_controls(event.error))
                    if record:
                        record.attempt(event)
                else:
                    show("\n")
                    turns.append(event)
                    tokens += event.tokens or 0
                    if record:
                        record.turn(event)
                    if finding := find_reason_to_stop(dialogue, turns):
                        said = escape_controls(finding.explanation)
                        log.info("stopped: %s, %s", finding.kind, said)
                        break
        dialogue = replace(dialogue, turns=tuple(turns))
        show("".join(render_transcript(dialogue)))
        status = "looped" if finding else "done"
    except (EngineError, ConfigError) as failure:
        error = str(failure)
        raise
    except (KeyboardInterrupt, BrokenPipeError):
        status = "interrupted"
        if record:
            log.warning("go on with: python parrot.py --resume %s", record.path)
        raise
    finally:
        if record:
            if not known:
                record.header(dialogue)
            elapsed = dialogue.elapsed_s + time.monotonic() - began
            record.end(
                status, tokens=tokens, turns=len(turns), error=error, elapsed_s=elapsed,
                finding=finding,
            )  # fmt: skip
            record.close()


def resume(options: argparse.Namespace, came: list[int]) -> None:
    """Go on with a record, if it is not done."""
    loaded, earlier = load_to_resume(options)
    if earlier.status in ("done", "looped"):
        log.info("%s: %s already", options.resume, earlier.status)
        return
    record = RecordWriter(options.resume, resume=True)
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record.resume(started)
    dialogue = replace(earlier, config=loaded.values, status="unfinished")
    talk(loaded, dialogue, record, came, resumed=True, anyway=options.resume_anyway)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    came = stop_on_signals()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        if options.resume:
            resume(options, came)
            return 0
        loaded = load(options.config or Path("config.json"), options.settings)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        if options.print_config:
            print_config(loaded)
            return 0
        if loaded.config.stop_on:
            from broken_record.thresholds import check_kinds

            check_kinds(loaded.config.stop_on)
        seed = next(
            s for s in (options.seed, loaded.config.seed, secrets.randbits(31)) if s is not None
        )
        if options.doctor:
            from broken_record.doctor import examine_servers

            for line in examine_servers(loaded.config, seed):
                show(escape_controls(line) + "\n")
            return 0
        record = RecordWriter(options.record) if options.record else None
        talk(loaded, new_dialogue(loaded, seed), record, came)
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return 2
    except ParrotError as error:
        log.error("\n%s", escape_controls(str(error)))
        return 1
    except KeyboardInterrupt:
        return 128 + came[0]
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:  # the log's disk is full
        log.error("the log cannot be written: %s", error.strerror or error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
