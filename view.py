#!/usr/bin/env python3
"""Compare up to 10 analysed runs in one HTML page that works offline.

    python view.py RUN [RUN ...]                 writes results.html and opens the browser
    python view.py RUN -o page.html --no-show

Exit codes: 0 done, 1 a run cannot be read (the message names the command to run), 2 too many runs.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from broken_record.errors import LogError
from broken_record.records import Dialogue
from broken_record.report import Report, read_report
from broken_record.textlog import read_dialogue

if TYPE_CHECKING:
    from broken_record.talk import Talk
    from broken_record.views.drift import Course

log = logging.getLogger("view")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare up to 10 analysed runs in one HTML page.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="an analysed run folder")
    parser.add_argument("-o", "--output", type=Path, default=Path("results.html"), metavar="FILE",
                        help="the page to write (default: results.html)")  # fmt: skip
    parser.add_argument("--no-transcripts", action="store_true",
                        help="leave the dialogues' texts out of the page")  # fmt: skip
    parser.add_argument("--cdn", action="store_true",
                        help="load Bokeh from its CDN: small, but needs the network")  # fmt: skip
    parser.add_argument("--png", type=Path, metavar="DIR",
                        help="write the figures as PNG too; needs a browser")  # fmt: skip
    parser.add_argument("--no-show", action="store_true", help="do not open the browser")
    return parser.parse_args(arguments)


def read_runs(folders: list[Path]) -> list[Report]:
    """The reports, their names made distinct; every run that cannot be read is named in one
    LogError.
    """
    reports: list[Report] = []
    problems = []
    for folder in folders:
        try:
            report = read_report(folder)
        except LogError as error:
            problems.append(str(error))
            continue
        names = [other.run for other in reports]
        name = report.run if report.run not in names else str(folder)
        while name in names:
            name += "'"
        reports.append(replace(report, run=name))
    if problems:
        raise LogError("\n".join(problems))
    return reports


def read_transcripts(folder: Path, report: Report) -> dict[tuple[str, str], Dialogue]:
    """The dialogues of a run by (run, name); what is no longer there or readable is left out."""
    found = {}
    for entry in report.dialogues:
        try:
            found[report.run, entry.name] = read_dialogue(folder / entry.file)[0]
        except (LogError, OSError, UnicodeDecodeError) as error:
            log.warning("%s: no transcript: %s", entry.file, error)
    return found


def course_of(talk: Talk) -> Course:
    """How a dialogue goes over its generated turns."""
    from broken_record.detectors.semantic_repetition import measure
    from broken_record.views.drift import Course

    content = measure(talk)
    own = range(talk.given, len(talk))
    novelty = tuple(float(content.new[i] / max(1, content.words[i])) for i in own)
    return Course(tuple(len(talk.bodies[i].strip()) for i in own), novelty)


def export_figures(
    reports: list[Report], courses: dict[tuple[str, str], Course], folder: Path
) -> None:
    """Every figure as a PNG, by a browser that is installed; LogError where there is none."""
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    from broken_record.views.page import figures

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LogError(
            f"--png needs one of {', '.join(BROWSERS)}; install one (apt install chromium)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, plot in figures(reports, courses).items():
            source = Path(scratch) / f"{name}.html"
            source.write_text(file_html(plot, INLINE, name), encoding="utf-8")
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                       f"--user-data-dir={scratch}/profile", "--virtual-time-budget=4000",
                       "--window-size=1280,640", f"--screenshot={folder / name}.png",
                       source.as_uri()]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise LogError(f"{browser} could not draw {name}: {done.stderr.strip()[-300:]}")


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if len(options.runs) > 10:
        log.error("view.py compares up to 10 runs, found %d; run: python view.py %s",
                  len(options.runs), " ".join(map(str, options.runs[:10])))  # fmt: skip
        return 2
    try:
        reports = read_runs(options.runs)
        transcripts = {}
        for folder, report in zip(options.runs, reports, strict=True):
            if not options.no_transcripts:
                transcripts.update(read_transcripts(folder, report))
        from broken_record.talk import Talk
        from broken_record.views.page import make_page
        from broken_record.views.recurrence import MOST_PAIRS

        version = metadata.version("bokeh")
        made = f"{len(reports)} runs, {len(transcripts)} transcripts, Bokeh {version}"
        talks = {key: Talk(said) for key, said in transcripts.items()}
        pairs = {key: talk.similar_pairs(MOST_PAIRS) for key, talk in talks.items()}
        courses = {key: course_of(talk) for key, talk in talks.items()}
        page = make_page(
            reports, transcripts, made=made, pairs=pairs, courses=courses, cdn=options.cdn
        )
        if options.png:
            export_figures(reports, courses, options.png)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(page, encoding="utf-8", errors="replace")
    except LogError as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        log.error("%s: cannot be written: %s", options.output, error.strerror)
        return 1
    log.info("Wrote %s", options.output)
    if not options.no_show:
        webbrowser.open(options.output.resolve().as_uri())
    return 0


if __name__ == "__main__":
    sys.exit(main())
