#!/usr/bin/env python3
"""Make two language models talk: one dialogue, streamed to stdout while it is written.

    python parrot.py [CONFIG]                    config.json by default
    python parrot.py --set sampler.temperature=0 --record greedy/1.jsonl
    python parrot.py --resume greedy/1.jsonl     goes on where it was cut off
    python parrot.py --doctor [CONFIG]           what the servers are and do
    python parrot.py --new mine.json 'Ada: It ticks.' 'Ben: Then run!'   a config to start from

stdout is the log (stream, then transcript), or on a terminal the dialogue in colours; everything
else goes to stderr. The lossless record goes to --record FILE. Exit codes: 0 done, 1 the dialogue
failed, 2 the config is wrong, 130 and 143 interrupted (129 by a terminal that was closed).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from broken_record.errors import ConfigError, ParrotError
from broken_record.scripts import (
    Parser,
    add_version,
    check_installed,
    log_to_stderr,
    open_stdout,
    stop_on_signals,
)
from broken_record.terminal import command_of, escape_controls, words_to_paste

# The rest is loaded by the function that uses it: --help is to answer at once.
if TYPE_CHECKING:
    from broken_record.config.load import Loaded
    from broken_record.config.schema import Config
    from broken_record.conversation.converse import Side
    from broken_record.conversation.recording import Recording
    from broken_record.conversation.showing import Showing
    from broken_record.data import Attempt, Chunk, End, Turn

log = logging.getLogger("parrot")


def make_parser() -> argparse.ArgumentParser:
    """Every option with its help text, which docs/commands.md has too (`make docs`)."""
    parser = Parser(
        description="Make two language models talk: one dialogue, streamed while it is written."
    )
    add = parser.add_argument
    add("config", nargs="?", type=Path, metavar="CONFIG",
        help="the config file (default: config.json; with --resume the record's own)")  # fmt: skip
    add("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE",
        help="set a config value, JSON or plain text: --set sampler.temperature=0.5; "
        "may be repeated")  # fmt: skip
    add("--seed", type=int, metavar="N",
        help="the dialogue's seed (default: the config's, or a drawn one); the same text again "
        "needs reproducible=true too")  # fmt: skip
    add("--record", type=Path, metavar="FILE.jsonl",
        help="write the lossless record to this new file: every turn with its tokens, times, "
        "finish reason and seed")  # fmt: skip
    add("--resume", type=Path, metavar="FILE.jsonl",
        help="go on with the dialogue of this record, to the turn; one that is done is "
        "left alone")  # fmt: skip
    add("--resume-anyway", action="store_true",
        help="resume although the config or a server is not what it was")  # fmt: skip
    add("--quiet", action="store_true",
        help="on a terminal: no lines on stderr about what is found while the dialogue goes "
        "on")  # fmt: skip
    add("--doctor", action="store_true",
        help="say what both servers are, how a request looks and what is wrong, and stop; 1 if "
        "anything is")  # fmt: skip
    add("--new", nargs=3, metavar=("FILE.json", "'NAME: LINE'", "'NAME: LINE'"),
        help="write a new config to start from, with what its keys mean, out of the two names and "
        "a line of each, the first of the assistant, and of --set")  # fmt: skip
    add("--print-config", action="store_true",
        help="show the effective config and where each value came from, and stop")  # fmt: skip
    add_version(parser)
    return parser


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.resume and (options.record or options.seed is not None):
        parser.error("argument --resume: the record has its own seed, and goes on itself")
    if options.resume and (options.doctor or options.print_config):
        parser.error("argument --resume: --doctor and --print-config look at a config")
    if options.seed is not None and options.seed < 0:
        parser.error(
            f"argument --seed: expected a whole number of at least 0, found {options.seed}"
        )
    return options


def print_config(loaded: Loaded) -> None:
    width = max(map(len, loaded.values))
    for key, value in loaded.values.items():
        shown = json.dumps(value, ensure_ascii=False)
        print(escape_controls(f"{key:{width}} = {shown}   ({loaded.origins[key]})"))


def show(text: str) -> None:
    """To stdout at once; model text must already be free of control characters."""
    sys.stdout.write(text)
    sys.stdout.flush()


def check_wishes(config: Config) -> None:
    """ConfigError where stop_on names a kind that does not exist, or where track's package or an
    embedded model's weights are missing.
    """
    from broken_record.engines.weights import check_weights

    check_weights([config])
    if config.stop_on:
        from broken_record.detectors.thresholds import check_kinds

        check_kinds(config.stop_on)
    if config.track:
        from broken_record.conversation.aim import check_track

        check_track(config.track)


def choose_showing(quiet: bool) -> Showing:
    """The log, or on a terminal a screen, with what is found unless `quiet`; NO_COLOR is
    honoured.
    """
    from broken_record.conversation.showing import Log, Screen

    if not sys.stdout.isatty():
        return Log()
    colour = not os.environ.get("NO_COLOR")
    if quiet:
        return Screen(colour)
    from broken_record.conversation.watch import Watch

    return Screen(colour, Watch())


def end_on_finding(recording: Recording) -> None:
    """Take in what the config's stop_on ends the dialogue for."""
    if not recording.dialogue.config["stop_on"]:
        return
    from broken_record.conversation.watch import find_reason_to_stop

    if finding := find_reason_to_stop(recording.dialogue):
        recording.finding = finding
        log.info("stopped: %s, %s", finding.kind, finding.explanation)


def show_and_record(
    event: Chunk | Turn | Attempt | End, recording: Recording, showing: Showing
) -> None:
    """Show and record one event of the conversation; a turn may be a reason to stop."""
    from broken_record.conversation.thoughts import thought_notice
    from broken_record.data import Attempt, Chunk, End

    if isinstance(event, End):
        recording.end_reason = event.reason
        if event.reason == "context":
            log.info("ended: the next prompt would not fit into the context")
        return
    show(showing.event(event, recording.tokens))
    if isinstance(event, Chunk):
        return
    if isinstance(event, Attempt):
        log.warning("%s: %s", event.role, event.error)
        recording.attempt(event)
        return
    recording.turn(event)
    if notice := thought_notice(event, recording.dialogue.prefixes[event.role]):
        log.warning("%s", notice)
    end_on_finding(recording)
    for line in showing.notices(recording.dialogue):
        log.info("%s", line)


def listen(
    config: Config,
    sides: tuple[Side, Side],
    recording: Recording,
    came: list[int],
    showing: Showing,
    *,
    anyway: bool,
) -> None:
    """Show and record what the two sides say, until it is to end."""
    from functools import partial
    from itertools import chain

    from broken_record.conversation.context import find_limits, find_user_limits
    from broken_record.conversation.converse import converse, mode_of, prompt_of
    from broken_record.conversation.resume import check_run, check_servers

    assistant, user = sides
    if not anyway:
        check_servers(recording.dialogue, assistant.info, user.info)
    if recording.record:
        check_run(recording.record.path, assistant.info, user.info, anyway=anyway)
    recording.meet(assistant.info, user.info)
    limits = find_limits(
        config, assistant.engine, assistant.template, assistant.prefix, (assistant.info, user.info)
    )
    asked = partial(prompt_of, mode_of(config, *sides), user)
    user_limits = find_user_limits(config, user.engine, user.info.n_ctx, asked)
    for sentence in chain(limits, user_limits):
        log.warning("%s", sentence)
    dialogue = recording.dialogue
    show(showing.begin(dialogue))
    said, tried = dialogue.turns, dialogue.attempts
    for event in converse(config, *sides, seed=dialogue.seed or 0, said=said, tried=tried):
        if came:
            raise KeyboardInterrupt
        show_and_record(event, recording, showing)
        if recording.finding:
            break


def talk(
    config: Config, recording: Recording, came: list[int], showing: Showing, *, anyway: bool = False
) -> None:
    """The whole run: connect, listen, then how it ends; what is interrupted can be resumed."""
    from broken_record.conversation.converse import take_sides
    from broken_record.engines.connect import connect
    from broken_record.engines.retry import patience_of

    with recording.ended():
        try:
            with connect(config, patience_of(config)) as engines:
                sides = take_sides(config, *engines)
                listen(config, sides, recording, came, showing, anyway=anyway)
            for line in showing.notices(recording.dialogue, last=True):
                log.info("%s", line)
            show(showing.end(recording.dialogue))
        except (KeyboardInterrupt, BrokenPipeError):
            if recording.record:
                command = words_to_paste(["--resume", recording.record.path])
                log.warning("go on with: %s %s", command_of("parrot.py"), command)
            raise


def resume(options: argparse.Namespace, came: list[int]) -> None:
    """Go on with a record, if it is not done: held first, then read, so that no other process says
    the same turns.
    """
    from broken_record.conversation.recording import go_on
    from broken_record.conversation.resume import load_to_resume
    from broken_record.engines.registry import check_engines
    from broken_record.files.record import RecordWriter

    anyway = options.resume_anyway
    with closing(RecordWriter(options.resume, resume=True)) as record:
        loaded, earlier = load_to_resume(
            options.resume, options.config, options.settings, anyway=anyway
        )
        check_engines(loaded.config, str(options.config or options.resume))
        if earlier.status in ("done", "looped"):
            log.info("%s: %s already", options.resume, earlier.status)
            return
        check_wishes(loaded.config)
        recording, showing = go_on(earlier, loaded.values, record), choose_showing(options.quiet)
        talk(loaded.config, recording, came, showing, anyway=anyway)


def diagnose(config: Config, seed: int) -> int:
    """Show what the doctor finds; 1 if something is wrong."""
    from broken_record.conversation.doctor import examine_servers
    from broken_record.conversation.doctor_remarks import put_in_order

    if sys.stderr.isatty():
        log.info("asking the servers ...")
    remarks = list(examine_servers(config, seed))
    for line in put_in_order(remarks, shutil.get_terminal_size().columns):
        show(escape_controls(line) + "\n")
    return int(any(remark.is_wrong for remark in remarks))


def write_new(file: Path, lines: list[str], settings: list[str]) -> None:
    """A config to start from, into a file that there is not yet."""
    from broken_record.config.new import new_config

    text = new_config(lines[0], lines[1], settings)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise ConfigError([f"--new {file}: cannot be written: {error.strerror}"]) from error
    log.info("next: python parrot.py %s", file)


def run(options: argparse.Namespace, came: list[int]) -> int:
    """What the options ask for; the exit code."""
    from broken_record.config.load import load
    from broken_record.conversation.recording import start
    from broken_record.engines.registry import check_engines

    if options.new:
        file, *lines = options.new
        write_new(Path(file), lines, options.settings)
        return 0
    check_installed("requests")
    if options.resume:
        resume(options, came)
        return 0
    file = options.config or Path("config.json")
    loaded = load(file, options.settings)
    check_engines(loaded.config, str(file))
    for warning in loaded.warnings:
        log.warning("%s", warning)
    if options.print_config:
        print_config(loaded)
        return 0
    if loaded.config.sweep:
        many = f"{command_of('parrot.sh')} N CONFIG"
        raise ConfigError([f"sweep: parrot.py holds one dialogue; run: {many}"])
    check_wishes(loaded.config)
    seeds = (options.seed, loaded.config.seed, secrets.randbits(31))
    seed = next(seed for seed in seeds if seed is not None)
    if options.doctor:
        return diagnose(loaded.config, seed)
    recording = start(loaded.values, seed, options.record)
    talk(loaded.config, recording, came, choose_showing(options.quiet))
    return 0


def attempt(options: argparse.Namespace, came: list[int]) -> int:
    """As run; what goes wrong is told."""
    try:
        open_stdout()
        return run(options, came)
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", escape_controls(problem))
        return 2
    except ParrotError as error:
        log.error("\n%s", error)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:  # the log's disk is full
        log.error("the log cannot be written: %s", error.strerror or error)
        return 1


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    log_to_stderr()
    came: list[int] = []
    try:
        stop_on_signals(came)
        return attempt(options, came)
    except KeyboardInterrupt:
        return 128 + came[0]


if __name__ == "__main__":
    sys.exit(main())
