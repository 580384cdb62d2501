#!/usr/bin/env python3
"""Make two language models talk: one dialogue, streamed to stdout while it is written.

    python parrot.py [CONFIG]                    config.json by default
    python parrot.py --set sampler.temperature=0 --record greedy/1.jsonl

stdout is the log (stream, then transcript); everything else goes to stderr. The lossless record
goes to --record FILE. Exit codes: 0 done, 1 the dialogue failed, 2 the config is wrong, 130 and 143
interrupted.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from broken_record.config import Loaded, load
from broken_record.errors import ConfigError, EngineError, ParrotError
from broken_record.records import Chunk, Dialogue, Finding, Status, Turn
from broken_record.runlog import RecordWriter
from broken_record.textlog import escape_controls, render_transcript, stream_header

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
        default=Path("config.json"),
        metavar="CONFIG",
        help="the config file (default: config.json)",
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
        "--print-config",
        action="store_true",
        help="show the effective config and where each value came from, and stop",
    )
    options = parser.parse_args(arguments)
    if options.seed is not None and options.seed < 0:
        parser.error(
            f"argument --seed: expected a whole number of at least 0, found {options.seed}"
        )
    return options


def print_config(loaded: Loaded) -> None:
    from json import dumps

    width = max(map(len, loaded.values))
    for key, value in loaded.values.items():
        print(f"{key:{width}} = {dumps(value, ensure_ascii=False)}   ({loaded.origins[key]})")


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


def talk(loaded: Loaded, seed: int, record: RecordWriter | None, came: list[int]) -> None:
    """The whole run: connect, converse, show and record every turn, then the transcript."""
    from broken_record.dialogue import converse, take_sides
    from broken_record.engines.connect import connect

    config = loaded.config
    dialogue = new_dialogue(loaded, seed)
    turns: list[Turn] = []
    tokens = config.initial_tokens
    status: Status = "error"
    error: str | None = None
    finding: Finding | None = None
    try:
        with connect(config) as engines:
            assistant, user = take_sides(config, *engines)
            dialogue = replace(dialogue, assistant=assistant.info, user=user.info)
            if record:
                record.header(dialogue)
            for event in converse(config, assistant, user, seed=seed):
                if came:
                    raise KeyboardInterrupt
                if isinstance(event, Chunk):
                    if event.begins == "assistant":
                        show(stream_header(tokens))
                    show(escape_controls(event.text))
                else:
                    show("\n")
                    turns.append(event)
                    tokens += event.tokens or 0
                    if record:
                        record.turn(event)
                    if finding := find_reason_to_stop(dialogue, turns):
                        log.info(
                            "stopped: %s, %s", finding.kind, escape_controls(finding.explanation)
                        )
                        break
        dialogue = replace(dialogue, turns=tuple(turns))
        show("".join(render_transcript(dialogue)))
        status = "looped" if finding else "done"
    except EngineError as failure:
        error = str(failure)
        raise
    except (KeyboardInterrupt, BrokenPipeError):
        status = "interrupted"
        raise
    finally:
        if record:
            if dialogue.assistant is None:
                record.header(dialogue)
            record.end(status, tokens=tokens, turns=len(turns), error=error, finding=finding)
            record.close()


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    came = stop_on_signals()
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        loaded = load(options.config, options.settings)
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
        record = RecordWriter(options.record) if options.record else None
        talk(loaded, seed, record, came)
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
