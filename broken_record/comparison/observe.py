"""What the dialogues of one run of a sweep show, by measure, as far as they may be compared.

A dialogue counts that ran to its end ("done" or "looped"). Dialogues are paired by seed, objective
and persona (Key), branches by seed and parent, turn included: those of one parent say nothing of
others, so together they are one unit. A run is gone through once, and nothing of a dialogue is kept
but its values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from broken_record.analysis.report import DialogueReport, Report, time_until_loop
from broken_record.comparison.report import (
    ANY_FAULT,
    ANY_LOOP,
    COVERAGE,
    ESCAPED,
    ESCAPED_ANY,
    TOKENS,
)
from broken_record.files.sweep_folder import SweptRun
from broken_record.stats import pseudo_values

ENDED = ("done", "looped")
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """A run's dialogues: how many there are, ended and are different, the keys that may have
    partners, and what those that ended show, by measure and key.
    """

    run: SweptRun
    found: int
    ended: int
    distinct: int
    keys: frozenset[Key]
    times: Mapping[Key, tuple[float, bool]]
    values: Mapping[str, Mapping[Key, float]]
    parents: Mapping[Key, Key]

    def unit(self, key: Key) -> Key:
        """What of a key is independent of all others: the whole, of a branch its parent."""
        return self.parents.get(key, key)


def observe(
    run: SweptRun, report: Report, measures: Sequence[str], loops: Collection[str]
) -> Observed:
    """What every dialogue of a run shows, in one pass. Dialogues are paired by seed, objective and
    persona; one that can have no partner gets a key of its own.
    """
    keys: set[Key] = set()
    texts: set[int] = set()
    times: dict[Key, tuple[float, bool]] = {}
    values: dict[str, dict[Key, float]] = {measure: {} for measure in measures}
    used: set[Key] = set()
    parents: dict[Key, Key] = {}
    for dialogue in report.dialogues:
        key: Key = (dialogue.seed, dialogue.objective, dialogue.persona)
        if dialogue.escape:
            branch = dialogue.escape.branch
            key = (*key, branch.sha256, branch.at)
            parents[key] = (branch.sha256, branch.at)
        if dialogue.seed is not None:
            keys.add(key)
        if dialogue.status not in ENDED:
            continue
        if dialogue.seed is None or key in used:
            key = (report.run, dialogue.name)
        used.add(key)
        shown = (dialogue.turns, dialogue.tokens, dialogue.response_lengths, dialogue.segments)
        texts.add(hash(shown))
        if time := time_until_loop(dialogue):
            times[key] = time
        for measure in measures:
            kinds = loops if measure == ANY_LOOP else (measure,)
            value = None if measure == TOKENS else observe_measure(measure, dialogue, kinds)
            if value is not None:
                values[measure][key] = value
    found = len(report.dialogues)
    return Observed(run, found, len(used), len(texts), frozenset(keys), times, values, parents)


def watched(one: Observed, until: float) -> Observed:
    """With the tokens until a loop, up to `until`."""
    told = [time for time, _ in one.times.values()], [looped for _, looped in one.times.values()]
    tokens = dict(zip(one.times, pseudo_values(*told, until), strict=True))
    return replace(one, values={**one.values, TOKENS: tokens})


def observe_measure(measure: str, dialogue: DialogueReport, kinds: Collection[str]) -> float | None:
    """The coverage; or 1 where anything, or one of `kinds`, was found, else 0, None where the kinds
    cannot be told. Of a branch whether it got out.
    """
    if measure == COVERAGE:
        return dialogue.loop_coverage
    if measure in (ESCAPED, ESCAPED_ANY):
        out = getattr(dialogue.escape, measure, None)
        return None if out is None else float(out)
    if measure == ANY_FAULT:
        return float(any(found.counts for found in dialogue.findings))
    if any(found.kind in kinds and found.counts for found in dialogue.findings):
        return 1.0
    return None if any(kind in dialogue.not_measurable for kind in kinds) else 0.0
