"""One dialogue examined: detectors and metrics run. Of a file: read, examined, made an entry of the
report; and all files of a run on all cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from broken_record.analysis.escape import find_escape
from broken_record.analysis.metrics import DialogueMetrics, measure_dialogue, tokens_before
from broken_record.analysis.penalties import diagnose
from broken_record.analysis.report import DialogueReport, Unreadable
from broken_record.analysis.vectors import read_meaning
from broken_record.analysis.workers import work_through
from broken_record.data import Dialogue, Finding, OldNumbers
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LOOPS
from broken_record.errors import LogError
from broken_record.files.chats import what_is_missing
from broken_record.files.goal_counts import describe_goal
from broken_record.files.read import read_dialogue
from broken_record.files.text_log import find_replies
from broken_record.text.meaning import Meaning
from broken_record.text.transcript import Transcript

Thresholds = Mapping[str, Mapping[str, Any]]
Kept = tuple[Path, str]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in one dialogue, primary findings first, then by onset; what was measured; and
    the kinds that could not be told from it.
    """

    findings: tuple[Finding, ...]
    metrics: DialogueMetrics
    not_measurable: tuple[str, ...]

    @property
    def coverage(self) -> dict[str, float]:
        """Of each speaker, the share of characters in repeated spans of 5 words or more, [0, 1]."""
        return {
            "assistant": self.metrics.assistant.loop_coverage,
            "user": self.metrics.user.loop_coverage,
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain dicts, ready for JSON."""
        return {
            "findings": [{**asdict(f), "recovered": f.recovered} for f in self.findings],
            "metrics": asdict(self.metrics),
            "coverage": self.coverage,
            "not_measurable": self.not_measurable,
        }


def examine_dialogue(
    dialogue: Dialogue, log_text: str, thresholds: Thresholds, meaning: Meaning | None = None
) -> Analysis:
    """Look for the kinds of `thresholds` in a dialogue and measure it; the old numbers come from
    its text log.
    """
    transcript = Transcript(dialogue, meaning)
    found = find_loops_and_breaks(transcript, thresholds.keys(), thresholds)
    loops = [f for f in found.findings if f.kind in LOOPS and f.counts]
    metrics = measure_dialogue(dialogue, find_replies(dialogue, log_text), transcript, loops)
    not_measurable = found.not_measurable if dialogue.turns else tuple(thresholds)
    return Analysis(found.findings, metrics, not_measurable)


def examine(
    path: Path, thresholds: Thresholds, assistant: str | None = None, vectors: Kept | None = None
) -> list[DialogueReport | Unreadable]:
    """Everything about one dialogue; what cannot be read becomes entries that say so. `vectors` are
    the file of its sentences' vectors, and their model.
    """
    meaning = read_meaning(*vectors) if vectors else None
    try:
        dialogue, log_text = read_dialogue(path, assistant)
    except LogError as error:
        return [Unreadable(path.name, str(error))]
    left_out, bad_lines = what_is_missing(dialogue)
    found = examine_dialogue(dialogue, log_text, thresholds, meaning)
    metrics = found.metrics
    report = DialogueReport(
        name=path.stem,
        file=path.name,
        status=dialogue.status,
        turns=len(dialogue.turns),
        tokens=metrics.tokens,
        tokens_until_first_loop=metrics.tokens_until_first_loop,
        loop_coverage=metrics.assistant.loop_coverage,
        speakers={"assistant": asdict(metrics.assistant), "user": asdict(metrics.user)},
        findings=found.findings,
        onset_tokens=tokens_before(dialogue, (f.onset_turn for f in found.findings)),
        not_measurable=found.not_measurable,
        left_out=left_out,
        seed=dialogue.seed,
        end_reason=dialogue.end_reason,
        diagnosis=diagnose(dialogue, found.findings),
        escape=find_escape(dialogue, found.findings, thresholds.keys() - {*found.not_measurable}),
        **describe_goal(dialogue),
        **{name: getattr(metrics.old, name) for name in OldNumbers.__slots__},
    )
    return [report, *(Unreadable(path.name, line) for line in bad_lines)]


def examine_all(
    files: Sequence[Path],
    thresholds: Thresholds,
    assistant: str | None,
    vectors: Kept | None = None,
) -> Iterator[list[DialogueReport | Unreadable]]:
    """All files on all cores, in their order."""
    some = partial(examine, thresholds=thresholds, assistant=assistant, vectors=vectors)
    return work_through(some, files, files)
