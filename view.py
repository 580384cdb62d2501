#!/usr/bin/env python3
"""Compare up to 10 analysed runs, or all runs of a sweep, in one HTML page that works offline.

    python view.py RUN [RUN ...]                 writes results.html and opens the browser
    python view.py RUN -o page.html --no-show
    python view.py SWEEP [--transcripts]
    python view.py RUN/1.jsonl                   one dialogue, analysed first
    python view.py --live RUN                    serves the page while the run is held; Ctrl-C ends

Exit codes: 0 done, 1 a run cannot be read (the message names the command to run), 2 too many runs.
"""

from __future__ import annotations

import argparse
import logging
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broken_record.errors import ConfigError, LogError
from broken_record.scripts import (
    Parser,
    add_version,
    check_installed,
    log_to_stderr,
    open_stdout,
    path_of,
)
from broken_record.terminal import command_of, words_to_paste

# What needs numpy or bokeh is loaded by the function that uses it: --help is to answer at once.
if TYPE_CHECKING:
    from broken_record.analysis.report import Report
    from broken_record.analysis.texts import Key
    from broken_record.views.live import LivePage
    from broken_record.views.shown import Shown

log = logging.getLogger("view")
MOST_RUNS = 10  # as many as there are colours


def make_parser() -> argparse.ArgumentParser:
    """Every option with its help text, which docs/commands.md has too (`make docs`)."""
    parser = Parser(
        description=f"Compare up to {MOST_RUNS} analysed runs, or a sweep, in one HTML page."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN",
                        help="an analysed run folder, or one sweep's; or one file (a record, a "
                        "text log, chats), which is analysed first")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("results.html"), metavar="FILE",
                        help="the page to write (default: results.html)")  # fmt: skip
    parser.add_argument("--no-transcripts", action="store_true",
                        help="leave the dialogues' texts out of the page")  # fmt: skip
    parser.add_argument("--transcripts", action="store_true",
                        help="put the dialogues' texts into the page of a sweep, too")  # fmt: skip
    parser.add_argument("--cdn", action="store_true",
                        help="load Bokeh from its CDN: small, but needs the network")  # fmt: skip
    parser.add_argument("--export", type=Path, metavar="DIR",
                        help="write the figures as PNG and SVG too; needs a browser")  # fmt: skip
    parser.add_argument("--live", action="store_true",
                        help="write no page: serve it on 127.0.0.1 while the runs are held; what "
                        "is said and found appears as the records grow, until Ctrl-C")  # fmt: skip
    parser.add_argument("--no-show", action="store_true", help="do not open the browser")
    add_version(parser)
    return parser


def folder_of_run(run: Path) -> Path:
    """A run folder; of a single file the one that analyze.py makes of it, and analyses, now."""
    if not run.is_file():
        return run
    import subprocess

    from broken_record.files.import_chats import folder_of

    command = [sys.executable, str(path_of("analyze.py")), "--json", "--", str(run)]
    subprocess.run(command, stdout=subprocess.DEVNULL)
    return folder_of(run)


def read_runs(folders: list[Path]) -> list[Report]:
    """The reports, their names made distinct; every run that cannot be read is named in one
    LogError.
    """
    from dataclasses import replace

    from broken_record.analysis.report_file import read_report

    reports: list[Report] = []
    problems = []
    for folder in folders:
        try:
            report = read_report(folder)
        except LogError as error:
            problems.append(str(error))
            continue
        spoken = tuple(dialogue for dialogue in report.dialogues if dialogue.turns)
        if silent := len(report.dialogues) - len(spoken):
            log.warning("%s: dialogues without a turn, left out: %d", folder, silent)
        name = distinct(report.run, folder, [other.run for other in reports])
        reports.append(replace(report, run=name, dialogues=spoken))
    if problems:
        raise LogError("\n".join(problems))
    return reports


def distinct(name: str, folder: Path, taken: Sequence[str]) -> str:
    """A run's name, if no other has it; else its folder's."""
    name = name if name not in taken else str(folder)
    while name in taken:
        name += "'"
    return name


def read_again(
    folders: Sequence[Path], reports: Sequence[Report], *, transcripts: bool
) -> Mapping[Key, Shown]:
    """What the page shows of the dialogues of runs; what is no longer there or readable is named
    and left out.
    """
    from functools import partial

    from broken_record.analysis.report import Unreadable
    from broken_record.analysis.texts import read_texts
    from broken_record.views.shown import keep

    shown: dict[Key, Shown] = {}
    for key, made in read_texts(folders, reports, partial(keep, transcripts=transcripts)):
        if isinstance(made, Unreadable):
            log.warning("%s: no transcript: %s", made.file, made.error)
        else:
            shown[key] = made
    return shown


def page_of_runs(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """(the page of some runs, its figures)."""
    from importlib import metadata

    from broken_record.views.page import figures, make_page

    reports = read_runs(options.runs)
    texts = read_again(options.runs, reports, transcripts=not options.no_transcripts)
    version = metadata.version("bokeh")
    made = f"runs: {len(reports)}, dialogues: {len(texts)}, Bokeh {version}"
    page = make_page(reports, texts, made=made, cdn=options.cdn)
    courses = {key: text.course for key, text in texts.items()}
    return page, figures(reports, courses) if options.export else {}


def page_of_sweep(options: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """(the page of a sweep, its figures); with --transcripts it has a reader."""
    from importlib import metadata

    from broken_record.comparison.report import read_comparison
    from broken_record.views.sweep_page import figures_of_sweep, make_sweep_page

    folder = options.runs[0]
    comparison = read_comparison(folder)
    texts: dict[str, Any] = {}
    if options.transcripts:
        folders = [folder / one.name for one in comparison.combinations]
        reports = read_runs(folders)
        texts = {"reports": reports, "texts": read_again(folders, reports, transcripts=True)}
    count = sum(one.dialogues for one in comparison.combinations)
    made = f"{folder.resolve().name}, {len(comparison.combinations)} combinations"
    made += f", {count} dialogues, Bokeh {metadata.version('bokeh')}"
    page = make_sweep_page(comparison, made=made, cdn=options.cdn, **texts)
    return page, figures_of_sweep(comparison) if options.export else {}


def begin_live(folders: Sequence[Path]) -> LivePage:
    """The page of runs that may still be held; nothing is read yet."""
    from broken_record.analysis.growing import Growing
    from broken_record.detectors.thresholds import load_thresholds
    from broken_record.views.live import LivePage

    thresholds = load_thresholds(None)
    runs: dict[str, Growing] = {}
    for folder in folders:
        if not folder.is_dir():
            raise LogError(f"{folder}: there is no such run folder")
        runs[distinct(folder.resolve().name, folder, list(runs))] = Growing(folder, thresholds)
    return LivePage(runs)


def serve(options: argparse.Namespace) -> None:
    """Serve the page of runs that may still be held, until Ctrl-C."""
    from broken_record.views.live import Server

    with Server(begin_live(options.runs)) as server:
        log.info("%s shows the runs while they are held; Ctrl-C ends it", server.url)
        if not options.no_show:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def write_page(page: str, path: Path) -> None:
    """Write a page whole or not at all; LogError names what cannot be written."""
    from broken_record.files.whole import write_whole

    content = page.encode("utf-8", errors="replace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # such as /dev/stdout, which has to stay
            path.write_bytes(content)
            return
    except OSError as error:
        raise LogError(f"{path}: cannot be written: {error.strerror}") from error
    write_whole(path.resolve(), [content])


def run(options: argparse.Namespace) -> None:
    """Write the page of some runs, or of one sweep, and its figures where that is asked for; or
    serve it.
    """
    check_installed("numpy", "rapidfuzz", "bokeh")
    from broken_record.files.sweep_folder import is_sweep
    from broken_record.views.export_figures import export_figures

    here = command_of("view.py")
    options.runs = [folder_of_run(run) for run in options.runs]
    sweeps = [run for run in options.runs if is_sweep(run)]
    if sweeps and len(options.runs) > 1:
        first = words_to_paste(sweeps[:1])
        raise ConfigError([f"a sweep has a page of its own; run: {here} {first}"])
    if sweeps and options.live:
        raise ConfigError(["--live shows runs; name those of the sweep that you want to watch"])
    if len(options.runs) > MOST_RUNS:
        first = words_to_paste(options.runs[:MOST_RUNS])
        raise ConfigError([f"view.py compares up to {MOST_RUNS} runs, found {len(options.runs)}; "
                           f"run: {here} {first}"])  # fmt: skip
    if options.live:
        serve(options)
        return
    page, plots = page_of_sweep(options) if sweeps else page_of_runs(options)
    if options.export:
        export_figures(plots, options.export)
    write_page(page, options.output)


def main(arguments: list[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    log_to_stderr()
    try:
        open_stdout()
        run(options)
    except ConfigError as error:
        log.error("%s", error)
        return 2
    except (LogError, OSError) as error:
        log.error("%s", error)
        return 1
    if options.live:
        return 0
    log.info("Wrote %s", options.output)
    if not options.no_show:
        webbrowser.open(options.output.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
