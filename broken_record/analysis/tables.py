"""What analyze.py shows on a terminal, as lines: the kinds of a run, its findings, its lengths.

Model text is escaped here. Nothing is printed here, and nothing is computed but widths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap

from broken_record.analysis.histograms import Histogram, count_densities, count_lengths
from broken_record.analysis.report import (
    DialogueReport,
    KindSummary,
    Report,
    Summary,
    count_dialogues,
    summarize,
)
from broken_record.data import Finding, Level, Segment
from broken_record.terminal import align, escape_controls

MOST_SEGMENTS = 20
COLOURS: dict[Level, str] = {"break": "31", "warn": "33", "info": "2"}
SEVERITY: dict[Level, int] = {"break": 0, "warn": 1, "info": 2}


def run_lines(report: Report, *, width: int, colour: bool, verbose: bool) -> Iterator[str]:
    """A run: kinds, dialogues, histograms, means."""
    summary = summarize(report)
    yield f"=== {escape_controls(report.run)} ==="
    yield from kind_lines(summary.kinds)
    densities: Counter[float] = Counter()
    lengths: Counter[int] = Counter()
    for dialogue in report.dialogues:
        yield ""
        yield from dialogue_lines(dialogue, width=width, colour=colour, verbose=verbose)
        if dialogue.turns:
            densities[dialogue.loop_density] += 1
            lengths.update(dialogue.response_lengths)
    yield from histogram_lines("loop density, dialogues", count_densities(densities))
    yield from histogram_lines("response length in characters, replies", count_lengths(lengths))
    yield ""
    silent = f", {summary.silent} without a turn" if summary.silent else ""
    yield f"{summary.dialogues} dialogues{silent}" + (
        "" if summary.average_response_length is None else
        f": average response length {summary.average_response_length:.1f}, "
        f"loop density {summary.loop_density:.4f}, "
        f"loop coverage {summary.loop_coverage:.4f}"
    )  # fmt: skip
    yield from goal_lines(summary)
    yield ""


def left_out_line(report: Report) -> str | None:
    """Which messages of the run's chat logs are in no turn, and how many; None where all are."""
    counts = count_dialogues(report).left_out
    if not counts:
        return None
    named = ", ".join(f"{what} {counts[what]}" for what in sorted(counts))
    return escape_controls(f"messages left out: {named}")


def goal_lines(summary: Summary) -> Iterator[str]:
    """How goal dialogues ended, and what their rules counted in each side's replies."""
    if not summary.counters:
        return
    ended = ", ".join(f"{why} {n}" for why, n in summary.end_reasons.items())
    yield escape_controls(f"ended: {ended}")
    for role, counts in summary.counters.items():
        said = ", ".join(f"{what} {n}" for what, n in counts.items() if n)
        yield f"{role}: {said or 'nothing to count'}"


def kind_lines(kinds: Mapping[str, KindSummary]) -> Iterator[str]:
    """A line per kind: in how many dialogues, with the interval, how soon, how many got out."""
    head = ["", "dialogues", "share (95 % interval)", "median onset", "recovered"]
    rows = ([kind, *kind_cells(one)] for kind, one in kinds.items())
    yield from align(head, rows, left=(0, 2), first_gap=2)


def kind_cells(one: KindSummary) -> Iterator[str]:
    """One kind's row."""
    if one.rate is None or one.low is None or one.high is None:
        yield "not measurable"
        return
    yield f"{one.dialogues} of {one.measured}"
    yield f"{one.rate:4.0%} ({one.low:.0%} - {one.high:.0%})"
    median = one.median_onset_tokens
    yield "-" if median is None else f"{median:,.0f} tokens"
    yield f"{one.recovered} of {one.dialogues}" if one.dialogues else "-"


def dialogue_lines(
    dialogue: DialogueReport, *, width: int, colour: bool, verbose: bool
) -> Iterator[str]:
    """One dialogue: its numbers, a line per finding, worst first, why the penalty missed its loop;
    verbose: spans and segments.
    """
    unfinished = "" if dialogue.status == "done" else f" ({dialogue.status})"
    tokens = "" if dialogue.tokens is None else f", {dialogue.tokens:,} tokens"
    yield f"{escape_controls(dialogue.name)}{unfinished}: {dialogue.turns} turns{tokens}"
    if not dialogue.turns:
        return
    yield (
        f"  loop density {dialogue.loop_density:.4f}, coverage {dialogue.loop_coverage:.4f}, "
        f"{dialogue.average_response_length:.1f} characters a reply"
    )
    ordered = sorted(
        zip(dialogue.findings, dialogue.onset_tokens, strict=True),
        key=lambda pair: (SEVERITY[pair[0].level], -pair[0].strength, pair[0].onset_turn),
    )
    for finding, before in ordered:
        yield finding_line(finding, before, width=width, colour=colour)
        if verbose:
            yield from span_lines(finding, width)
    if not dialogue.findings:
        yield "  nothing found"
    if dialogue.diagnosis is not None:
        why = escape_controls(f"why the penalty missed it: {dialogue.diagnosis}")
        yield from wrap(why, width, initial_indent="  ", subsequent_indent="    ")
    if dialogue.not_measurable:
        yield f"  not measurable: {', '.join(dialogue.not_measurable)}"
    if verbose:
        for segment, longer in group_segments(dialogue.segments):
            yield f"  {segment.count:5} x {escape_controls(segment.text)}"
            for extension in longer:
                yield f"          {extension.count} x {escape_controls(extension.text)}"


def finding_line(finding: Finding, before: int | None, *, width: int, colour: bool) -> str:
    """Level, kind, who, from which turn (and after how many tokens) to which, and the words."""
    end = "end" if finding.end_turn is None else str(finding.end_turn)
    turns = f"turn {finding.onset_turn}"
    if end != str(finding.onset_turn):
        turns += f"-{end}"
    clock = "" if before is None else f" ({before:,} tokens)"
    meets = "" if finding.primary else " +"
    flipped = ", flipped" if finding.flipped else ""
    text = (
        f"  {finding.level:5} {finding.kind}{meets} {finding.speaker}, {turns}{clock}: "
        f"{escape_controls(finding.explanation)}{flipped}"
    )
    if len(text) > width:
        text = text[: max(1, width - 1)] + "\u2026"
    return f"\x1b[{COLOURS[finding.level]}m{text}\x1b[0m" if colour else text


def span_lines(finding: Finding, width: int) -> Iterator[str]:
    """Where the evidence stands, as turn:start-end, wrapped."""
    line = "       "
    for span in finding.spans:
        word = f" {span.turn}:{span.start}-{span.end}"
        if len(line) + len(word) > width and line.strip():
            yield line
            line = "       "
        line += word
    yield line


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
        if len(groups) == MOST_SEGMENTS:
            break
    return groups


def histogram_lines(title: str, histogram: Histogram) -> Iterator[str]:
    """A title and a bar per bucket."""
    yield ""
    yield title
    widest = max(histogram.counts, default=0) or 1
    for label, count in zip(histogram.labels, histogram.counts, strict=True):
        yield f"  {label:>11} {count:6} {'#' * round(40 * count / widest)}".rstrip()
