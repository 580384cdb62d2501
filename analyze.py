#!/usr/bin/env python3
"""Find repeated segments in what the assistant said, in every dialogue of a run.

    python analyze.py RUN [RUN ...]

RUN is a folder of records (.jsonl) or text logs (.log, also those of the old tool). Writes
analysis.json and response_length_vs_loop_density.json into it. Exit codes: 0 done, 1 some file
could not be read, 2 nothing to analyse.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from broken_record.errors import LogError
from broken_record.metrics import measure_dialogue
from broken_record.records import Segment
from broken_record.report import DialogueReport, Report, Unreadable, summarize, write_report
from broken_record.runlog import parse_record
from broken_record.textlog import agent_replies, escape_controls, parse_log, render_log

log = logging.getLogger("analyze")
MOST_SHOWN = 20
DENSITY_STEP, DENSITY_TOP = 0.05, 0.8
LENGTH_STEP, LENGTH_TOP = 100, 2000


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find what repeats in the dialogues of a run.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    return parser.parse_args(arguments)


def find_files(run: Path) -> list[Path]:
    """The run's dialogues by name: the record where there is one, else the text log."""
    files = {path.stem: path for path in run.glob("*.log")}
    files.update({path.stem: path for path in run.glob("*.jsonl")})
    return [files[stem] for stem in sorted(files)]


def examine(path: Path) -> DialogueReport | Unreadable:
    """Everything about one dialogue; what cannot be read becomes an entry that says so."""
    try:
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").split("\n")
            dialogue = parse_record(lines, path.name)
            log_text = render_log(dialogue)
        else:
            log_text = path.read_text(encoding="utf-8")  # text mode: \r and \r\n become \n
            dialogue = parse_log(log_text, path.name)
    except LogError as error:
        return Unreadable(path.name, str(error))
    except UnicodeDecodeError:
        return Unreadable(path.name, f"{path.name}: is not UTF-8 text")
    except OSError as error:
        return Unreadable(path.name, f"{path.name}: cannot be read: {error.strerror}")
    replies = agent_replies(log_text, dialogue.config.get("agent_prefix", "Skye:"))
    metrics = measure_dialogue(dialogue, replies)
    return DialogueReport(
        name=path.stem,
        file=path.name,
        status=dialogue.status,
        turns=len(dialogue.turns),
        loop_coverage=metrics.assistant.loop_coverage,
        speakers={"assistant": asdict(metrics.assistant), "user": asdict(metrics.user)},
        **asdict(metrics.old) | {"segments": metrics.old.segments},
    )


def examine_all(files: Sequence[Path]) -> list[DialogueReport | Unreadable]:
    """All files on all cores, in their order."""
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2:
        return [examine(path) for path in files]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(examine, files, chunksize=max(1, len(files) // (workers * 8))))


def print_dialogue(dialogue: DialogueReport) -> None:
    unfinished = "" if dialogue.status == "done" else f" ({dialogue.status})"
    print(f"\n{escape_controls(dialogue.name)}{unfinished}")
    print(f"  {dialogue.characters} characters in {len(dialogue.response_lengths)} replies")
    print(f"  loop score {dialogue.loop_score}")
    print(f"  loop density {dialogue.loop_density:.4f}")
    print(f"  loop coverage {dialogue.loop_coverage:.4f}")
    print(f"  average response length {dialogue.average_response_length:.1f}")
    for segment, longer in group_segments(dialogue.segments):
        print(f"  {segment.count:5} x {escape_controls(segment.text)}")
        for extension in longer:
            print(f"          {extension.count} x {escape_controls(extension.text)}")


def group_segments(segments: Sequence[Segment]) -> list[tuple[Segment, list[Segment]]]:
    """The most frequent segments, each with the longer ones that start with it (which then do not
    lead).
    """
    ordered = sorted(segments, key=lambda segment: (-segment.count, len(segment.text)))
    groups: list[tuple[Segment, list[Segment]]] = []
    grouped: set[str] = set()
    for segment in ordered:
        if segment.text in grouped:
            continue
        longer = [
            other
            for other in ordered
            if other.text.startswith(segment.text) and len(other.text) > len(segment.text)
        ]
        grouped.update(other.text for other in longer)
        groups.append((segment, longer))
        if len(groups) == MOST_SHOWN:
            break
    return groups


def print_histogram(title: str, labels: Sequence[str], counts: Sequence[int]) -> None:
    print(f"\n{title}")
    widest = max(counts, default=0) or 1
    for label, count in zip(labels, counts, strict=True):
        print(f"  {label:>11} {count:6} {'#' * round(40 * count / widest)}".rstrip())


def density_histogram(densities: Sequence[float]) -> tuple[list[str], list[int]]:
    """Labels and counts: 0 to 0.8 in steps of 0.05, and above."""
    steps = round(DENSITY_TOP / DENSITY_STEP)
    counts = [0] * (steps + 1)
    for density in densities:
        counts[min(int(density / DENSITY_STEP + 1e-9), steps)] += 1
    borders = [f"{i * DENSITY_STEP:.2f}-{(i + 1) * DENSITY_STEP:.2f}" for i in range(steps)]
    return [*borders, f"above {DENSITY_TOP:.2f}"], counts


def length_histogram(lengths: Sequence[int]) -> tuple[list[str], list[int]]:
    """Labels and counts: 0-1, then hundreds to 2000, and above."""
    steps = LENGTH_TOP // LENGTH_STEP
    counts = [0] * (steps + 2)
    for length in lengths:
        counts[0 if length <= 1 else min(1 + length // LENGTH_STEP, steps + 1)] += 1
    hundreds = [f"{max(2, i * LENGTH_STEP)}-{(i + 1) * LENGTH_STEP - 1}" for i in range(steps)]
    return ["0-1", *hundreds, f"{LENGTH_TOP} and up"], counts


def print_run(report: Report) -> None:
    print(f"=== {escape_controls(report.run)} ===")
    for dialogue in report.dialogues:
        print_dialogue(dialogue)
    print_histogram(
        "loop density, dialogues", *density_histogram([d.loop_density for d in report.dialogues])
    )
    lengths = [length for d in report.dialogues for length in d.response_lengths]
    print_histogram("response length in characters, replies", *length_histogram(lengths))
    summary = summarize(report)
    print(
        f"\n{summary['dialogues']} dialogues: "
        f"average response length {summary['average_response_length']:.1f}, "
        f"loop density {summary['loop_density']:.4f}, "
        f"loop coverage {summary['loop_coverage']:.4f}\n"
    )


def analyze_run(run: Path) -> int:
    """Analyse one run folder, print and write its report; the exit code."""
    files = find_files(run) if run.is_dir() else []
    if not files:
        why = "holds no .jsonl record and no .log" if run.is_dir() else "is not a folder"
        log.error("%s: %s; a run folder is made by: ./parrot.sh 3", run, why)
        return 2
    entries = examine_all(files)
    unreadable = tuple(entry for entry in entries if isinstance(entry, Unreadable))
    dialogues = tuple(entry for entry in entries if isinstance(entry, DialogueReport))
    report = Report(run.resolve().name, dialogues, unreadable)
    if dialogues:
        print_run(report)
    for entry in unreadable:
        log.error("%s", escape_controls(entry.error))
    write_report(report, run)
    return 1 if unreadable else 0


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    codes = []
    for run in options.runs:
        try:
            codes.append(analyze_run(run))
        except LogError as error:
            log.error("%s", error)
            codes.append(1)
    if 0 in codes or 1 in codes:
        log.info("Next: python view.py %s", " ".join(map(str, options.runs)))
    return max(codes)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
