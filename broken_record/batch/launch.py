"""What parrot.sh starts: dialogues per config or per combination of a sweep, into run folders.

    python -m broken_record.batch.launch N [-j J] [--sweep AXIS] [--dry-run] [CONFIG ...] [-- WORDS]
    python -m broken_record.batch.launch N --branch RUN [--kind KIND] [--at PLACE] [-- WORDS]
    python -m broken_record.batch.launch --resume [-j J] FOLDER ...
    ... --slurm [--sbatch WORDS] [--wait]
    python -m broken_record.batch.launch --task K FOLDER ...      what a task of the Slurm job runs

WORDS are parrot.py's (--set, --seed). Exit codes as parrot.py's.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from broken_record.batch.branches import AT, Wanted, make_branches
from broken_record.batch.combinations import (
    combine,
    load_combinations,
    make_sweep,
    name_combinations,
)
from broken_record.batch.plan import check_needs, load_with, make_folder
from broken_record.batch.progress import most_tokens
from broken_record.config.checks import check_sweep
from broken_record.config.schema import Config
from broken_record.engines.registry import check_engines
from broken_record.errors import ConfigError, ParrotError
from broken_record.files.run_folder import config_of_run, pair_goals
from broken_record.files.sweep_folder import is_sweep, read_sweep
from broken_record.scripts import (
    Parser,
    add_version,
    check_installed,
    open_stdout,
    stop_on_signals,
    tell,
)
from broken_record.terminal import command_of, escape_controls

USAGE = """./parrot.sh N [-j J] [--sweep 'KEY=[V1,V2]' ...] [--dry-run] [CONFIG ...] [-- ARGUMENTS]
       ./parrot.sh N --branch RUN [--kind KIND] [--at onset-1|TURN|600tokens] [-- ARGUMENTS]
       ./parrot.sh --resume [-j J] FOLDER [FOLDER ...]
       ./parrot.sh ... --slurm [--sbatch 'OPTIONS'] [--wait]
N dialogues per config, or per combination of a sweep; ./parrot.sh 3"""


def make_parser() -> Parser:
    """The command line of parrot.sh; what stands behind `--` is cut off before."""
    here = command_of("parrot.sh")
    parser = Parser(prog=here, usage=USAGE.replace("./parrot.sh", here))
    add = parser.add_argument
    add("-j", type=positive, default=1, dest="at_once", metavar="J",
        help="keep J dialogues in flight (default: 1)")  # fmt: skip
    add("--resume", action="store_true",
        help="finish what a restart, a full disk or a closed laptop cut off in these run or sweep "
        "folders; repeat it until all are done")  # fmt: skip
    add("--sweep", action="append", default=[], metavar="KEY=[V1,V2]",
        help="vary a setting, as JSON: --sweep 'sampler.temperature=[0.7,1.0]'; may be repeated, "
        "and every combination becomes a run, with the same seeds")  # fmt: skip
    add("--branch", action="append", default=[], type=Path, metavar="RUN",
        help="begin the dialogues of this run (or sweep) again, N times each, with other seeds and "
        "what is set, from the turn before a loop began; may be repeated")  # fmt: skip
    add("--kind", type=kinds_of, default=(), metavar="KIND[,KIND]",
        help="with --branch: for a finding of this kind (default: of any loop), the first that "
        "did not end, else the first")  # fmt: skip
    add("--at", type=place_of, metavar="PLACE",
        help="with --branch: the first turn that is new: onset-1 (the default; or onset, "
        "onset+8 ...), a turn's number, or 600tokens, the first after so many")  # fmt: skip
    add("--within", type=positive, metavar="TOKENS",
        help="with --branch: go on for so many tokens (default: 800), within which analyze.py asks "
        "whether it got out")  # fmt: skip
    add("--dry-run", action="store_true",
        help="list what would be run, and how long that takes, judged by one turn")  # fmt: skip
    add("--slurm", action="store_true",
        help="hand the dialogues to Slurm as one job array, J at a time")  # fmt: skip
    add("--sbatch", type=shlex.split, action="extend", default=[], metavar="OPTIONS",
        help="options for sbatch: --sbatch '--partition=gpu --time=4:00:00'")  # fmt: skip
    add("--wait", action="store_true", help="with --slurm: stay until the job is over")
    add_version(parser)
    add("--task", type=positive, help=argparse.SUPPRESS)
    add("names", nargs="*", help=argparse.SUPPRESS)
    return parser


def parse_words(words: list[str]) -> argparse.Namespace:
    """What parrot.sh was asked for; `arguments` go to parrot.py."""
    cut = words.index("--") if "--" in words else len(words)
    parser = make_parser()
    options, unknown = parser.parse_known_intermixed_args(bind_value("--sbatch", words[:cut]))
    if unknown:
        parser.refuse(unknown[0], "what goes to parrot.py stands behind --")
    options.arguments = words[cut + 1 :]
    if (options.sbatch or options.wait) and not options.slurm:
        parser.error("--sbatch and --wait go with --slurm")
    options.n = 0
    if not options.resume and not options.task:
        try:
            options.n = positive(options.names.pop(0))
        except (IndexError, ValueError):
            parser.error(
                f"expected N, how many dialogues per config, first: {command_of('parrot.sh')} 3"
            )
    elif not options.names or options.arguments or options.sweep or options.dry_run:
        parser.error("--resume takes run or sweep folders, -j and --slurm")
    if options.branch and (options.names or options.resume or options.dry_run):
        parser.error("--branch takes N and no CONFIG: a branch's config is its parent's, and what "
                     "is to be another stands behind --; it goes with neither --resume nor "
                     "--dry-run")  # fmt: skip
    if (options.kind or options.at or options.within) and not options.branch:
        parser.error("--kind, --at and --within go with --branch")
    options.names = options.names or ["config.json"]
    return options


def bind_value(option: str, words: list[str]) -> list[str]:
    """The words with an option's value bound to it, which may begin with a hyphen then.

    >>> bind_value("--sbatch", ["3", "--sbatch", "--partition=gpu"])
    ['3', '--sbatch=--partition=gpu']
    """
    if option not in words[:-1]:
        return words
    k = words.index(option)
    return [*words[:k], f"{option}={words[k + 1]}", *bind_value(option, words[k + 2 :])]


def positive(word: str) -> int:
    """A whole number above 0; ValueError for others."""
    if not re.fullmatch("[1-9][0-9]{0,8}", word):
        raise ValueError(word)
    return int(word)


def kinds_of(text: str) -> tuple[str, ...]:
    """KIND[,KIND ...] of the command line."""
    return tuple(kind.strip() for kind in text.split(",") if kind.strip())


def place_of(word: str) -> str:
    """Where branches begin, as branches.AT has it; ArgumentTypeError for others."""
    if not AT.fullmatch(word):
        raise argparse.ArgumentTypeError(
            f"expected onset-1, onset+8, a turn's number or 600tokens, found {word}"
        )
    return word


def parse_axes(words: Sequence[str]) -> dict[str, Any]:
    """The axes of --sweep, KEY=[V1,V2] each; the key "zip" takes an object."""
    axes: dict[str, Any] = {}
    for word in words:
        path, equals, text = word.partition("=")
        try:
            axes[path] = json.loads(text)
        except ValueError:
            equals = ""
        if not equals or check_sweep({path: axes[path]}):
            raise ConfigError(
                [f"--sweep {word}: expected KEY=[V1,V2], JSON: sampler.temperature=[0.7,1.0]"]
            )
    return axes


def show_plan(options: argparse.Namespace) -> int:
    """What would be run, and how long that would take, judged by one turn."""
    total = seconds = 0.0
    for file in options.names:
        loaded, _ = load_with(file, options.arguments)
        sweep = {**loaded.config.sweep, **parse_axes(options.sweep)}
        configs = [loaded.config]
        names = [file]
        if sweep:
            configs = [one.config for one in load_combinations(file, options.arguments, sweep)]
            names = name_combinations(combine(sweep))
        speed = probe(configs[0])
        for name, config in zip(names, configs, strict=True):
            dialogues = options.n * max(1, len(pair_goals(config)))
            tokens = dialogues * most_tokens(config)
            print(escape_controls(f"{name}: {dialogues} dialogues, up to {tokens:,} tokens"))
            total += tokens
            seconds += tokens / speed
    minutes = seconds / 60
    words = f"{minutes:.1f} minutes one after the other"
    if options.at_once > 1:
        words += f", at best {minutes / options.at_once:.1f} with -j {options.at_once}"
    each = f"{total / seconds:.0f} tokens/s"
    print(f"in all up to {total:,.0f} tokens; one turn went at {each}: {words}")
    return 0


def probe(config: Config) -> float:
    """Tokens per second of one turn, the time of reading its prompt included."""
    from broken_record.conversation.converse import converse, take_sides
    from broken_record.data import Turn
    from broken_record.engines.connect import connect

    with connect(config) as engines:
        sides = take_sides(config, *engines)
        started = time.perf_counter()
        for event in converse(config, *sides, seed=0):
            if isinstance(event, Turn):
                return (event.tokens or 1) / (time.perf_counter() - started)
    return 1.0


def folders_to_resume(names: Sequence[str | Path]) -> list[Path]:
    """The run folders named, those of a sweep folder one by one."""
    found: list[Path] = []
    for folder in map(Path, names):
        runs = read_sweep(folder).runs if is_sweep(folder) else ()
        found += [folder / run.name for run in runs] or [folder]
    return found


def make_folders(options: argparse.Namespace) -> tuple[list[Path], list[Config], list[Path]]:
    """(run folders, their configs, the folders to speak of: of a sweep the one that holds them)."""
    wanted = []
    for file in options.names:
        loaded, _ = load_with(file, options.arguments)
        tell("".join(f"{warning}\n" for warning in loaded.warnings))
        sweep = {**loaded.config.sweep, **parse_axes(options.sweep)}
        if sweep:
            load_combinations(file, options.arguments, sweep)
        wanted.append((file, loaded.config, sweep))
    check_needs([config for _, config, _ in wanted])
    folders: list[Path] = []
    configs: list[Config] = []
    named: list[Path] = []
    now = datetime.now()  # noqa: DTZ005
    for file, config, sweep in wanted:
        if sweep:
            whole, made, own = make_sweep(options.n, file, options.arguments, sweep, now)
        else:
            whole = make_folder(options.n, file, options.arguments, now)
            made, own = [whole], [config]
        folders += made
        configs += own
        named.append(whole)
    return folders, configs, named


def make_folders_of_branches(
    options: argparse.Namespace,
) -> tuple[list[Path], list[Config], list[Path]]:
    """As make_folders, of branches."""
    check_installed("numpy", "rapidfuzz")
    from broken_record.detectors.thresholds import check_kinds

    check_kinds(options.kind)
    wanted = Wanted(
        tuple(folders_to_resume(options.branch)),
        options.kind,
        options.at or "onset-1",
        options.within or 800,
    )
    now = datetime.now()  # noqa: DTZ005
    whole, folders, configs, sentence = make_branches(
        wanted, options.n, options.arguments, parse_axes(options.sweep), now
    )
    tell(f"parrot.sh: {sentence}\n")
    return folders, configs, [whole]


def launch(options: argparse.Namespace, came: list[int]) -> int:
    """New run folders, or old ones to finish; the exit code. `came` is told of signals."""
    check_installed("requests")
    from broken_record.batch.jobs import run_folders
    from broken_record.batch.slurm import check_slurm, hold_task, submit

    if options.dry_run:
        return show_plan(options)
    if options.task:
        return hold_task(folders_to_resume(options.names), options.task)
    if options.slurm:
        check_slurm()
    if options.resume:
        folders = folders_to_resume(options.names)
        configs, named = list(map(config_of_run, folders)), list(map(Path, options.names))
        for folder, config in zip(folders, configs, strict=True):
            check_engines(config, str(folder / "run.json"))
        check_needs(configs)
    else:
        make = make_folders_of_branches if options.branch else make_folders
        folders, configs, named = make(options)
    if options.slurm:
        return submit(
            folders,
            configs,
            named,
            at_once=options.at_once,
            given=options.sbatch,
            wait=options.wait,
            resumed=options.resume,
        )
    return run_folders(folders, configs, options.at_once, named, came)


def main(words: list[str] | None = None) -> int:
    """What the command line asks for; problems become lines and an exit code."""
    came: list[int] = []
    try:
        stop_on_signals(came)
        return attempt(parse_words(sys.argv[1:] if words is None else words), came)
    except KeyboardInterrupt:  # before any dialogue: run_jobs passes signals on
        return 128 + came[0]


def attempt(options: argparse.Namespace, came: list[int]) -> int:
    """As launch; what goes wrong is told."""
    try:
        open_stdout()
        return launch(options, came)
    except ConfigError as error:
        tell(f"{error}\n")
        return 2
    except ParrotError as error:
        tell(f"{error}\n")
        return 1
    except OSError as error:
        tell(f"parrot.sh: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
