"""Whether a branch got out: of the loop that it was begun for, and of any.

A branch falls in again where a finding that counts, of that kind and of a speaker that it had,
begins at the branch's first new turn or later, or began before and goes on there, less than
`within` tokens after the branch began. (A loop counts from its onset, which is its first repeat:
what was said before the branch and is said again after it is one.) It got out where that did not
happen and so many tokens were said, or the dialogue came to its end. What was cut off before, was
not looked for or cannot be told is None. Nothing is compared here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from broken_record.data import Branch, Dialogue, Finding
from broken_record.detectors.registry import LOOPS


@dataclass(frozen=True, slots=True)
class Escape:
    """A branch and what became of it.

    branch: the record's `parent` and `at`
    tokens: of its own turns
    fell_after: tokens from its begin to the first repeat of that loop within reach, if it fell
    fell_into_any_after: the same of any loop
    escaped: whether it got out of that loop; null where it was begun for none, or it cannot be told
    escaped_any: whether it kept out of every loop
    """

    branch: Branch
    tokens: int | None
    fell_after: int | None
    fell_into_any_after: int | None
    escaped: bool | None
    escaped_any: bool | None


def find_escape(
    dialogue: Dialogue, findings: Collection[Finding], told: Collection[str]
) -> Escape | None:
    """What became of a branch, None of another dialogue; `told` are the kinds that were looked for
    and could be told.
    """
    branch = dialogue.branch
    if branch is None:
        return None
    falls = [
        (finding, after)
        for finding in findings
        if finding.counts and finding.reaches(branch.at)
        if (after := count_tokens(dialogue, branch.at, finding.onset_turn)) is not None
        and after < branch.within
    ]
    tokens = count_tokens(dialogue, branch.at)
    own = [after for finding, after in falls if is_that_loop(finding, branch)]
    every = {*LOOPS, *([branch.kind] if branch.kind else [])}
    of_any = [after for finding, after in falls if finding.kind in every]
    ended = dialogue.status == "done" and dialogue.end_reason != "context"
    watched = tokens is not None and (ended or tokens >= branch.within)
    return Escape(
        branch,
        tokens,
        min(own, default=None),
        min(of_any, default=None),
        verdict(own, branch.kind in told and watched),
        verdict(of_any, every <= {*told} and watched),
    )


def count_tokens(dialogue: Dialogue, first: int, until: float = inf) -> int | None:
    """Tokens of the turns from one to before another; None where one was not counted."""
    counts = [turn.tokens for turn in dialogue.turns if first <= turn.index < until]
    return None if None in counts else sum(count for count in counts if count is not None)


def is_that_loop(finding: Finding, branch: Branch) -> bool:
    """Whether it is of the branch's kind, and of one of its speakers."""
    alike = finding.speaker == branch.speaker or "both" in (finding.speaker, branch.speaker)
    return finding.kind == branch.kind and alike


def verdict(falls: Collection[int], can_be_told: bool) -> bool | None:
    """Whether it got out."""
    return False if falls else True if can_be_told else None
