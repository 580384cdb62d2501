"""An exported file and its dataset card: Markdown with the head that Hugging Face reads, every
number counted from the samples and from the reports of the runs they came from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from broken_record.analysis.report import Report, count_dialogues, summarize
from broken_record.conversation.prompts import open_with_user
from broken_record.errors import ConfigError
from broken_record.export.samples import LOOPED, SILENT, Sample, write_samples
from broken_record.files.whole import write_whole, written_whole

ORIGIN = ("run", "config_sha256", "assistant_model", "user_model")
SIZES = (  # samples below which a category holds
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)  # fmt: skip


def check_target(file: Path, runs: Sequence[Path]) -> None:
    """ConfigError where FILE is what is to be read, or would stand in a run's or sweep's folder:
    there it would be read with it the next time, or replace what describes it.
    """
    target = file.resolve()
    for run in runs:
        source = run.resolve()
        folder = source.with_suffix("") if run.is_file() else source
        inside = folder in target.parents and target.suffix in (".jsonl", ".log", ".json")
        if target == source or inside:
            raise ConfigError(
                [f"-o {file}: would stand among the files of {run}; put it elsewhere"]
            )


@dataclass(frozen=True, slots=True)
class Tally:
    """What went into a file: how many of what, and the samples by run, config and models."""

    counts: Counter[str] = field(default_factory=Counter)
    origins: Counter[tuple[str | None, ...]] = field(default_factory=Counter)


def write_dataset(
    file: Path,
    name: str,
    made: str,
    samples: Iterable[Sample],
    left_out: Mapping[str, int],
    reports: Sequence[Report],
) -> tuple[Path, int]:
    """Write FILE in the format `name` and its card beside it, each whole or not at all, as the
    samples come (and `left_out` counts); (the card's path, the number of samples). LogError names
    what cannot be written.
    """
    tally = Tally()
    with written_whole(file) as out:
        write_samples(name, count(samples, name, tally), out)
    tally.counts.update(left_out)
    card = file.with_name(f"{file.stem}.card.md")
    text = make_card(file.name, name, made, tally, reports)
    write_whole(card, [text.encode("utf-8", "backslashreplace")])
    return card, tally.counts["samples"]


def count(samples: Iterable[Sample], name: str, tally: Tally) -> Iterator[Sample]:
    """The samples, counted as they pass."""
    for sample in samples:
        learnt = [m.content for m in sample.messages if m.role == "assistant"]
        tally.counts.update({
            "samples": 1,
            "cut": sample.metadata["trimmed_at"] is not None,
            "alternating": alternates(sample, name),
            "messages": len(sample.messages),
            "messages to learn": len(learnt),
            "characters to learn": sum(map(len, learnt)),
        })  # fmt: skip
        tally.origins[tuple(sample.metadata[column] for column in ORIGIN)] += 1
        yield sample


def make_card(file: str, name: str, made: str, tally: Tally, reports: Sequence[Report]) -> str:
    """The card of FILE in the format `name`; `made` says with which options."""
    samples = tally.counts["samples"]
    size = next((label for most, label in SIZES if samples < most), "10M<n<100M")
    lines = [
        "---",
        f"pretty_name: {json.dumps(file)}",
        f"size_categories: [{json.dumps(size)}]",
        "task_categories: [text-generation]",
        "tags: [conversational, synthetic]",
        f"configs: [{{config_name: default, data_files: {json.dumps(file)}}}]",
        "---",
        f"\n# {one_cell(file)}\n",
        f"Dialogues exported by Broken Record Parrot as {name}, {made}.",
        "\n## What is in it\n",
        "| | |\n|---|---|",
        *(f"| {label} | {number:,} |" for label, number in count_all(tally.counts, reports)),
        "\n## Where it comes from\n",
        "| run | sha256 of the config | assistant | user | samples |\n|---|---|---|---|---|",
        *origin_lines(tally.origins),
    ]
    for report in reports:
        lines += [
            f"\n## Findings in {one_cell(report.run)}, before anything was left out\n",
            "| kind | dialogues | measured in | share (95 % interval) |\n|---|---|---|---|",
            *rate_lines(report),
        ]
    return "\n".join(lines) + "\n"


def count_all(counts: Counter[str], reports: Sequence[Report]) -> Iterator[tuple[str, int]]:
    """(what, how many), from the runs to the characters."""
    counted = [count_dialogues(report) for report in reports]
    statuses = sum((Counter(one.statuses) for one in counted), Counter[str]())
    yield "dialogues in the runs", statuses.total()
    for status in sorted(statuses):
        yield f"of these {status}", statuses[status]
    yield "of these from text logs, outer white space lost", sum(one.text_logs for one in counted)
    yield "problems of files that could not be read", sum(len(r.unreadable) for r in reports)
    yield "dialogues left out because they loop", counts[LOOPED]
    yield "samples left out because the side to be learnt says nothing", counts[SILENT]
    yield "samples", counts["samples"]
    yield "of these cut at the onset of a finding", counts["cut"]
    alternating = "of these alternating, the other side first, the learnt one last"
    yield alternating, counts["alternating"]
    for what in ("messages", "messages to learn", "characters to learn"):
        yield what, counts[what]


def alternates(sample: Sample, name: str) -> bool:
    """Whether the sides take turns from the other one to the learnt one, as LLaMA-Factory wants."""
    messages = open_with_user(sample.messages) if name == "sharegpt" else sample.messages
    roles = [message.role for message in messages if message.role != "system"]
    whole = roles[0] == "user" and roles[-1] == "assistant"
    return whole and all(one != other for one, other in pairwise(roles))


def origin_lines(origins: Mapping[tuple[str | None, ...], int]) -> Iterator[str]:
    """A row per run, config and models."""
    for origin, samples in origins.items():
        cells = (one_cell(value or "unknown") for value in origin)
        yield f"| {' | '.join(cells)} | {samples:,} |"


def rate_lines(report: Report) -> Iterator[str]:
    """A row per kind that was looked for."""
    for kind, one in summarize(report).kinds.items():
        share = "not measurable"
        if one.rate is not None:
            share = f"{one.rate:.0%} ({one.low:.0%} - {one.high:.0%})"
        yield f"| {kind} | {one.dialogues:,} | {one.measured:,} | {share} |"


def one_cell(text: str) -> str:
    r"""A text that stays inside its cell of a Markdown table.

    >>> one_cell("a|b\n<c>")
    'a\\|b\ufffd&lt;c>'
    """
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown.replace("|", r"\|").replace("<", "&lt;")
