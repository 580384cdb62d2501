"""An exported file and its dataset card: Markdown with the head that Hugging Face reads, every
number counted from the samples and from the reports of the runs they came from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from broken_record.analysis_file import write_whole
from broken_record.errors import ConfigError
from broken_record.exports import Sample, Selection, encode, open_with_human
from broken_record.report import Report, summarize

SIZES = (  # samples below which a category holds
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)  # fmt: skip


def check_target(file: Path, runs: Sequence[Path]) -> None:
    """ConfigError where FILE is what is to be read, or would be read with it the next time."""
    target = file.resolve()
    for run in runs:
        source = run.resolve()
        folder = source.with_suffix("") if run.is_file() else source
        if target == source or (target.parent == folder and target.suffix in (".jsonl", ".log")):
            raise ConfigError(
                [f"-o {file}: would stand among the chats of {run}; put it elsewhere"]
            )


def write_dataset(
    file: Path, name: str, made: str, selection: Selection, reports: Sequence[Report]
) -> Path:
    """Write FILE in the format `name` and its card beside it, each whole or not at all; the card's
    path. LogError names what cannot be written.
    """
    write_whole(file, [encode(name, selection.samples)])
    card = file.with_name(f"{file.stem}.card.md")
    text = make_card(file.name, name, made, selection, reports)
    write_whole(card, [text.encode("utf-8", "backslashreplace")])
    return card


def make_card(
    file: str, name: str, made: str, selection: Selection, reports: Sequence[Report]
) -> str:
    """The card of FILE in the format `name`; `made` says with which options."""
    samples = selection.samples
    size = next((label for most, label in SIZES if len(samples) < most), "10M<n<100M")
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
        *(f"| {label} | {count:,} |" for label, count in count_all(name, selection, reports)),
        "\n## Where it comes from\n",
        "| run | sha256 of the config | assistant | user | samples |\n|---|---|---|---|---|",
        *origin_lines(samples),
    ]
    for report in reports:
        lines += [
            f"\n## Findings in {one_cell(report.run)}, before anything was left out\n",
            "| kind | dialogues | measured in | share (95 % interval) |\n|---|---|---|---|",
            *rate_lines(report),
        ]
    return "\n".join(lines) + "\n"


def count_all(
    name: str, selection: Selection, reports: Sequence[Report]
) -> Iterator[tuple[str, int]]:
    """(what, how many), from the runs to the characters."""
    samples = selection.samples
    dialogues = [dialogue for report in reports for dialogue in report.dialogues]
    learnt = [m.content for sample in samples for m in sample.messages if m.role == "assistant"]
    yield "dialogues in the runs", len(dialogues)
    statuses = Counter(dialogue.status for dialogue in dialogues)
    for status in sorted(statuses):
        yield f"of these {status}", statuses[status]
    logs = sum(dialogue.file.endswith(".log") for dialogue in dialogues)
    yield "of these from text logs, outer white space lost", logs
    yield "problems of files that could not be read", sum(len(r.unreadable) for r in reports)
    yield "dialogues left out because they loop", selection.dropped
    yield "samples left out because the side to be learnt says nothing", selection.silent
    yield "samples", len(samples)
    cut = sum(sample.metadata["trimmed_at"] is not None for sample in samples)
    yield "of these cut at the onset of a finding", cut
    strict = sum(alternates(sample, name) for sample in samples)
    yield "of these alternating, the other side first, the learnt one last", strict
    yield "messages", sum(len(sample.messages) for sample in samples)
    yield "messages to learn", len(learnt)
    yield "characters to learn", sum(map(len, learnt))


def alternates(sample: Sample, name: str) -> bool:
    """Whether the sides take turns from the other one to the learnt one, as LLaMA-Factory wants."""
    messages = open_with_human(sample.messages) if name == "sharegpt" else sample.messages
    roles = [message.role for message in messages if message.role != "system"]
    whole = roles[0] == "user" and roles[-1] == "assistant"
    return whole and all(one != other for one, other in pairwise(roles))


def origin_lines(samples: Sequence[Sample]) -> Iterator[str]:
    """A row per run, config and models."""
    names = ("run", "config_sha256", "assistant_model", "user_model")
    origins = Counter(tuple(sample.metadata[name] for name in names) for sample in samples)
    for origin, count in origins.items():
        cells = (one_cell(value or "unknown") for value in origin)
        yield f"| {' | '.join(cells)} | {count:,} |"


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
