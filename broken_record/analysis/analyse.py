"""One dialogue's file examined: read, detectors and metrics run, everything put into its report."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

from broken_record.analysis.metrics import measure_dialogue, tokens_before
from broken_record.analysis.penalties import diagnose
from broken_record.analysis.report import DialogueReport, Unreadable
from broken_record.data import OldNumbers
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LOOPS
from broken_record.errors import LogError
from broken_record.files.chats import what_is_missing
from broken_record.files.goal_counts import goal_of
from broken_record.files.read import read_dialogue
from broken_record.files.text_log import replies_of
from broken_record.text.transcript import Transcript

Thresholds = Mapping[str, Mapping[str, Any]]


def examine(
    path: Path, thresholds: Thresholds, assistant: str | None = None
) -> list[DialogueReport | Unreadable]:
    """Everything about one dialogue; what cannot be read becomes entries that say so."""
    try:
        dialogue, log_text = read_dialogue(path, assistant)
    except LogError as error:
        return [Unreadable(path.name, str(error))]
    left_out, bad_lines = what_is_missing(dialogue)
    transcript = Transcript(dialogue)
    found = find_loops_and_breaks(transcript, thresholds.keys(), thresholds)
    loops = [f for f in found.findings if f.kind in LOOPS and f.level != "info"]
    metrics = measure_dialogue(dialogue, replies_of(dialogue, log_text), transcript, loops)
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
        onset_tokens=tuple(tokens_before(dialogue, f.onset_turn) for f in found.findings),
        not_measurable=found.not_measurable if dialogue.turns else tuple(thresholds),
        left_out=left_out,
        seed=dialogue.seed,
        end_reason=dialogue.end_reason,
        diagnosis=diagnose(dialogue, found.findings),
        **goal_of(dialogue),
        **{name: getattr(metrics.old, name) for name in OldNumbers.__slots__},
    )
    return [report, *(Unreadable(path.name, line) for line in bad_lines)]


def examine_all(
    files: Sequence[Path], thresholds: Thresholds, assistant: str | None
) -> Iterator[list[DialogueReport | Unreadable]]:
    """All files on all cores, in their order."""
    workers = min(os.cpu_count() or 1, len(files))
    if workers < 2:
        yield from (examine(path, thresholds, assistant) for path in files)
        return
    size = max(1, min(16, len(files) // (workers * 4)))
    asked: deque[Future[list[list[DialogueReport | Unreadable]]]] = deque()
    with ProcessPoolExecutor(workers) as pool:
        try:
            for i in range(0, len(files), size):
                if len(asked) == 4 * workers:  # no more than these wait for a slow one
                    yield from asked.popleft().result()
                asked.append(pool.submit(examine_some, files[i : i + size], thresholds, assistant))
            while asked:
                yield from asked.popleft().result()
        except BrokenProcessPool as error:
            raise LogError("a process that reads dialogues was killed; is memory short?") from error


def examine_some(
    files: Sequence[Path], thresholds: Thresholds, assistant: str | None
) -> list[list[DialogueReport | Unreadable]]:
    """Some files, in a process of their own."""
    return [examine(path, thresholds, assistant) for path in files]
