#!/usr/bin/env python3
"""Say of every dialogue of a run what loops and what breaks, from which turn, and how often.

    python analyze.py RUN [RUN ...]
    python analyze.py RUN --only single_turn_loop,multi_turn_loop --verbose
    python analyze.py RUN --fail-on refusal,empty_response

RUN is a folder of records (.jsonl) or text logs (.log, also those of the old tool). Writes
analysis.json and response_length_vs_loop_density.json into it. Exit codes: 0 done, 1 some file
could not be read, 2 nothing to analyse, 3 a kind of --fail-on was found.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from broken_record.detectors import KINDS, LOOPS, find_loops_and_breaks
from broken_record.errors import ConfigError, LogError
from broken_record.metrics import measure_dialogue, tokens_before
from broken_record.records import OldNumbers
from broken_record.report import DialogueReport, Report, Unreadable, as_json, write_report
from broken_record.tables import run_lines
from broken_record.talk import Talk
from broken_record.textlog import escape_controls, read_dialogue, replies_of
from broken_record.thresholds import check_kinds, load_thresholds

log = logging.getLogger("analyze")
WHOLE = 10_000  # columns of what is no terminal
Thresholds = Mapping[str, Mapping[str, Any]]


def kinds_of(text: str) -> list[str]:
    """KIND[,KIND ...] of the command line."""
    return [kind.strip() for kind in text.split(",") if kind.strip()]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="What loops, what breaks, from which turn, how often.",
        epilog=f"KIND is one of {', '.join(KINDS)}.",
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    some: dict[str, Any] = {"type": kinds_of, "default": [], "metavar": "KIND[,KIND]"}
    add("--only", **some, help="look for these kinds only")
    add("--skip", **some, help="do not look for these kinds")
    add("--thresholds", type=Path, metavar="FILE", help="JSON that changes thresholds")
    add("--fail-on", **some, help="exit with 3 when one of these is found (level info left out)")
    add("--verbose", action="store_true", help="show evidence spans and repeated segments too")
    add("--json", action="store_true", help="print the analysis as JSON, one line a run")
    return parser.parse_args(arguments)


def find_files(run: Path) -> list[Path]:
    """The run's dialogues by name: the record where there is one, else the text log."""
    files = {path.stem: path for path in run.glob("*.log")}
    files.update({path.stem: path for path in run.glob("*.jsonl")})
    return [files[stem] for stem in sorted(files)]


def examine(path: Path, thresholds: Thresholds) -> DialogueReport | Unreadable:
    """Everything about one dialogue; what cannot be read becomes an entry that says so."""
    try:
        dialogue, log_text = read_dialogue(path)
    except LogError as error:
        return Unreadable(path.name, str(error))
    except UnicodeDecodeError:
        return Unreadable(path.name, f"{path.name}: is not UTF-8 text")
    except OSError as error:
        return Unreadable(path.name, f"{path.name}: cannot be read: {error.strerror}")
    talk = Talk(dialogue)
    found = find_loops_and_breaks(talk, thresholds.keys(), thresholds)
    loops = [f for f in found.findings if f.kind in LOOPS and f.level != "info"]
    replies = replies_of(dialogue, log_text)
    metrics = measure_dialogue(dialogue, replies, talk, loops)
    return DialogueReport(
        name=path.stem,
        file=path.name,
        status=dialogue.status,
        turns=len(dialogue.turns),
        tokens=metrics.tokens,
        tokens_until_first_loop=metrics.tokens_until_first_loop,
        loop_coverage=metrics.assistant.loop_coverage,
        speakers={"assistant": asdict(metrics.assistant), "user": asdict(metrics.user)},
        findings=found.findings,
        onset_tokens=tuple(tokens_before(dialogue, f.onset_turn) for f in found.findings),
        not_measurable=found.not_measurable,
        **{name: getattr(metrics.old, name) for name in OldNumbers.__slots__},
    )


def examine_all(
    files: Sequence[Path], thresholds: Thresholds
) -> Iterator[DialogueReport | Unreadable]:
    """All files on all cores, in their order."""
    work = partial(examine, thresholds=thresholds)
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2:
        yield from map(work, files)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(work, files, chunksize=max(1, min(16, len(files) // (workers * 4))))


def with_progress(
    entries: Iterator[DialogueReport | Unreadable], count: int
) -> Iterator[DialogueReport | Unreadable]:
    """The entries, with a bar on stderr where that is a terminal."""
    from tqdm import tqdm

    yield from tqdm(entries, total=count, unit=" dialogues", disable=None, leave=False)


def analyze_run(run: Path, thresholds: Thresholds, options: argparse.Namespace) -> int:
    """Analyse one run folder, print and write its report; the exit code."""
    files = find_files(run) if run.is_dir() else []
    if not files:
        why = "holds no .jsonl record and no .log" if run.is_dir() else "is not a folder"
        log.error("%s: %s; a run folder is made by: ./parrot.sh 3", run, why)
        return 2
    entries = list(with_progress(examine_all(files, thresholds), len(files)))
    unreadable = tuple(entry for entry in entries if isinstance(entry, Unreadable))
    dialogues = tuple(entry for entry in entries if isinstance(entry, DialogueReport))
    report = Report(run.resolve().name, dialogues, unreadable, thresholds)
    if options.json:
        print(json.dumps(as_json(report)))
    elif dialogues:
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else WHOLE
        colour = terminal and not os.environ.get("NO_COLOR")
        print(*run_lines(report, width=width, colour=colour, verbose=options.verbose), sep="\n")
    for entry in unreadable:
        log.error("%s", escape_controls(entry.error))
    write_report(report, run)
    found = {f.kind for d in dialogues for f in d.findings if f.level != "info"}
    if named := sorted(found & set(options.fail_on)):
        log.error("%s: found %s", run, ", ".join(named))
        return 3
    return 1 if unreadable else 0


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        check_kinds([*options.only, *options.skip, *options.fail_on])
        wanted = set(options.only or KINDS) - set(options.skip)
        loaded = load_thresholds(options.thresholds)
        thresholds = {kind: loaded[kind] for kind in KINDS if kind in wanted}
        if unlooked := sorted(set(options.fail_on) - wanted):
            raise ConfigError([f"--fail-on {kind}: is not looked for" for kind in unlooked])
    except ConfigError as error:
        for problem in error.problems:
            log.error("%s", problem)
        return 2
    codes = []
    for run in options.runs:
        try:
            codes.append(analyze_run(run, thresholds, options))
        except LogError as error:
            log.error("%s", error)
            codes.append(1)
    if min(codes) < 2:
        log.info("Next: python view.py %s", " ".join(map(str, options.runs)))
    return max(codes)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
