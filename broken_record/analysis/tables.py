"""What analyze.py shows on a terminal, as lines: a run's answer, its kinds, its dialogues.

Model text is escaped here. Nothing is printed here, and nothing is computed but widths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
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
from broken_record.analysis.verdict import count, tell
from broken_record.data import Finding, Level, Segment
from broken_record.detectors.registry import KINDS
from broken_record.files.chats import in_words
from broken_record.terminal import align, escape_controls

Told = tuple[Finding, int | None]  # a finding, and the tokens before its onset

MOST_SEGMENTS = 20
MOST_DIALOGUES = 20
MOST_NAMES = 6
MOST_STRETCHES = 3
PROSE = 100  # columns
WIDE = 108  # columns: there is room for what people call a kind
ENDED = ("done", "looped")
COLOURS: dict[Level, str] = {"break": "31", "warn": "33", "info": "2"}
SEVERITY: dict[Level, int] = {"break": 0, "warn": 1, "info": 2}


def run_lines(report: Report, *, width: int, colour: bool, verbose: bool) -> Iterator[str]:
    """A run: the answer, its kinds, its dialogues, worst first; verbose: all of them by name, and
    histograms.
    """
    summary = summarize(report)
    yield f"=== {escape_controls(report.run)} ==="
    for sentence in tell(report):
        yield from wrap(escape_controls(sentence), min(width, PROSE), subsequent_indent="  ")
    yield ""
    yield from kind_lines(summary.kinds, width)
    yield from wrap(mean_line(summary), min(width, PROSE), subsequent_indent="  ")
    yield from goal_lines(summary)
    densities: Counter[float] = Counter()
    lengths: Counter[int] = Counter()
    for dialogue in report.dialogues if verbose else ():
        yield ""
        yield from dialogue_lines(dialogue, width=width, colour=colour, verbose=True)
        if dialogue.turns:
            densities[dialogue.loop_density] += 1
            lengths.update(dialogue.response_lengths)
    if verbose:
        yield from histogram_lines("loop density, dialogues", count_densities(densities))
        yield from histogram_lines("response length in characters, replies", count_lengths(lengths))
    else:
        yield from worst_lines(report.dialogues, width=width, colour=colour)
    yield ""


def worst_lines(dialogues: Iterable[DialogueReport], *, width: int, colour: bool) -> Iterator[str]:
    """The worst dialogues; how many more there are, and in which nothing was found."""
    clean, faulty = 0, 0
    names: list[str] = []

    def told() -> Iterator[DialogueReport]:
        nonlocal clean, faulty
        for dialogue in dialogues:
            found = any(finding.counts for finding in dialogue.findings)
            if found or dialogue.status not in ENDED or not dialogue.turns:
                faulty += 1
                yield dialogue
                continue
            clean += 1
            if len(names) < MOST_NAMES:
                names.append(dialogue.name)

    for dialogue in nsmallest(MOST_DIALOGUES, told(), key=badness):
        yield ""
        yield from dialogue_lines(dialogue, width=width, colour=colour, verbose=False)
    if faulty > MOST_DIALOGUES:
        yield ""
        yield f"and {faulty - MOST_DIALOGUES} more: --verbose shows all, dialogues.csv lists them"
    if clean:
        more = f" and {clean - len(names)} more" if clean > len(names) else ""
        yield ""
        said = f"nothing found in {count(clean, 'dialogue')}: {', '.join(names)}{more}"
        yield from wrap(escape_controls(said), min(width, PROSE), subsequent_indent="  ")


def badness(dialogue: DialogueReport) -> tuple[int, int, int]:
    """What sorts dialogues, worst first: the gravest level, how many findings, how early."""
    counted = [finding for finding in dialogue.findings if finding.counts]
    level = min((SEVERITY[finding.level] for finding in counted), default=len(SEVERITY))
    first = min((finding.onset_turn for finding in counted), default=0)
    return level, -sum(finding.primary for finding in counted), first


def mean_line(summary: Summary) -> str:
    """The numbers the suite has always told, over the dialogues that have a turn."""
    silent = f", {summary.silent} without a turn" if summary.silent else ""
    return f"{count(summary.dialogues, 'dialogue')}{silent}" + (
        "" if summary.average_response_length is None else
        f": average response length {summary.average_response_length:.1f} "
        "characters, "
        f"loop density {summary.loop_density:.4f}, "
        f"loop coverage {summary.loop_coverage:.4f}"
    )  # fmt: skip


def left_out_line(report: Report) -> str | None:
    """Which messages of the run's chat logs, and parts of messages, are in no turn, and how many;
    None where all are.
    """
    counts = count_dialogues(report).left_out
    return escape_controls(f"left out of the chats: {in_words(counts)}") if counts else None


def goal_lines(summary: Summary) -> Iterator[str]:
    """How goal dialogues ended, and what their rules counted in each side's replies."""
    if not summary.counters:
        return
    ended = ", ".join(f"{why} {n}" for why, n in summary.end_reasons.items())
    yield escape_controls(f"ended: {ended}")
    for role, counts in summary.counters.items():
        said = ", ".join(f"{what} {n}" for what, n in counts.items() if n)
        yield f"{role}: {said or 'nothing to count'}"


def kind_lines(kinds: Mapping[str, KindSummary], width: int = WIDE) -> Iterator[str]:
    """A line per kind that was found: in how many dialogues, with the interval, how soon, how many
    got out; then, in a line each, those that were not, and those that could not be told.
    """
    found = [(kind, one) for kind, one in kinds.items() if one.dialogues]
    head = ["", "dialogues", "share (95 %)", "median onset", "recovered"]
    rows = [[kind, *kind_cells(one)] for kind, one in found]
    if width >= WIDE:
        head.insert(1, "in words")
        rows = [[kind, KINDS[kind].words, *cells] for kind, *cells in rows]
    if found:
        yield from align(head, rows, left=(0, 1, 3) if width >= WIDE else (0, 2), first_gap=2)
    lists = {
        "in none": [kind for kind, one in kinds.items() if one.measured and not one.dialogues],
        "not measurable": [kind for kind, one in kinds.items() if not one.measured],
    }
    for what, listed in lists.items():
        if listed:
            said = f"{what}: {', '.join(listed)}"
            yield from wrap(said, min(width, PROSE), subsequent_indent="  ")


def kind_cells(one: KindSummary) -> Iterator[str]:
    """One kind's row."""
    yield f"{one.dialogues} of {one.measured}"
    yield f"{one.rate or 0:4.0%} ({one.low or 0:.0%} - {one.high or 0:.0%})"
    median = one.median_onset_tokens
    yield "-" if median is None else f"{median:,.0f} tokens"
    yield f"{one.recovered} of {one.dialogues}"


def dialogue_lines(
    dialogue: DialogueReport, *, width: int, colour: bool, verbose: bool
) -> Iterator[str]:
    """One dialogue: a line per kind and speaker, worst first, why the penalty missed its loop;
    verbose: a line per finding, its spans, the dialogue's numbers and segments.
    """
    unfinished = "" if dialogue.status == "done" else f" ({dialogue.status})"
    tokens = "" if dialogue.tokens is None else f", {dialogue.tokens:,} tokens"
    covered = f", loop coverage {dialogue.loop_coverage:.0%}" if dialogue.turns else ""
    yield (
        f"{escape_controls(dialogue.name)}{unfinished}: {count(dialogue.turns, 'turn')}"
        f"{tokens}{covered}"
    )
    if not dialogue.turns:
        return
    if verbose:
        yield (
            f"  loop density {dialogue.loop_density:.4f}, coverage {dialogue.loop_coverage:.4f}, "
            f"{dialogue.average_response_length:.1f} characters a reply"
        )
    ordered = sorted(
        zip(dialogue.findings, dialogue.onset_tokens, strict=True),
        key=lambda pair: (SEVERITY[pair[0].level], -pair[0].strength, pair[0].onset_turn),
    )
    groups: dict[object, list[Told]] = {}
    for number, pair in enumerate(ordered):
        one = number if verbose else (pair[0].kind, pair[0].speaker)
        groups.setdefault(one, []).append(pair)
    for group in groups.values():
        yield finding_line(group, width=width, colour=colour)
        if verbose:
            yield from span_lines(group[0][0], width)
    if not dialogue.findings:
        yield "  nothing found" + ("" if dialogue.status in ENDED else " as far as it got")
    if dialogue.diagnosis is not None:
        why = escape_controls(f"why the penalty missed it: {dialogue.diagnosis}")
        yield from wrap(why, width, initial_indent="  ", subsequent_indent="    ")
    if dialogue.not_measurable:
        said = f"not measurable: {', '.join(dialogue.not_measurable)}"
        yield from wrap(said, width, initial_indent="  ", subsequent_indent="    ")
    if verbose:
        for segment, longer in group_segments(dialogue.segments):
            yield f"  {segment.count:5} x {escape_controls(segment.text)}"
            for extension in longer:
                yield f"          {extension.count} x {escape_controls(extension.text)}"


def finding_line(group: Sequence[Told], *, width: int, colour: bool) -> str:
    """Level, kind, who, from which turn (and after how many tokens) to which, and the words: of the
    gravest finding of a kind and speaker, and the turns of the others.
    """
    (finding, before), *others = group
    clock = "" if before is None else f" ({before:,} tokens)"
    again = sorted((other for other, _ in others), key=lambda other: other.onset_turn)
    also = "".join(f", {turns_of(other)}" for other in again[:MOST_STRETCHES])
    if len(again) > MOST_STRETCHES:
        also += f" and {len(again) - MOST_STRETCHES} times more"
    meets = "" if finding.primary else " +"
    flipped = ", flipped" if finding.flipped else ""
    text = (
        f"  {finding.level:5} {finding.kind}{meets} {finding.speaker}, turn {turns_of(finding)}"
        f"{clock}{also}: {escape_controls(finding.explanation)}{flipped}"
    )
    if len(text) > width:
        text = text[: max(1, width - 1)] + "\u2026"
    return f"\x1b[{COLOURS[finding.level]}m{text}\x1b[0m" if colour else text


def turns_of(finding: Finding) -> str:
    """`5`, `5-9` or `5-end`."""
    first = str(finding.onset_turn)
    end = "end" if finding.end_turn is None else str(finding.end_turn)
    return first if end == first else f"{first}-{end}"


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
    for label, n in zip(histogram.labels, histogram.counts, strict=True):
        yield f"  {label:>11} {n:6} {'#' * round(40 * n / widest)}".rstrip()
