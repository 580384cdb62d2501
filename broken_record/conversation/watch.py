"""The detectors beside a dialogue that goes on: what is to end it, and what a person is told of it.

What ends it must not depend on a clock: `find_reason_to_stop` looks at every turn, and at the last
TAIL turns at most, so that its price stays the same. A person can wait a little: `Watch` looks at
the whole dialogue as often as it can pay for it, out of LEAST_S a turn, or SHARE of the time that
the turns take, where that is more. What it tells is what analyze.py would, of the dialogue so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from broken_record.data import Dialogue, Finding
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.terminal import one_line
from broken_record.text.transcript import Transcript

TAIL = 64  # turns
LEAST_S = 0.0008
SHARE = 0.02
FIRST_S, FIRST_TURNS = 0.02, 64  # what a first look at so many turns may cost
SETTLED = 6  # turns without it


def find_reason_to_stop(dialogue: Dialogue, tail: int = TAIL) -> Finding | None:
    """What the config's stop_on is to end the dialogue for, if the turns so far show it; not what
    was over before a branch began.

    Nothing was found a turn ago, so what is told now shows in the last turns; only drift into other
    words (semantic_repetition) is judged by what is usual in the whole dialogue.
    """
    kinds = dialogue.config["stop_on"]
    if not kinds:
        return None
    if "semantic_repetition" not in kinds and len(dialogue.turns) > tail:
        config = {**dialogue.config, "conversation": ()}
        dialogue = replace(dialogue, config=config, turns=dialogue.turns[-tail:])
    found = find_loops_and_breaks(Transcript(dialogue), kinds)
    at = dialogue.branch.at if dialogue.branch else 0
    return next((one for one in found.findings if one.counts and one.reaches(at)), None)


def loops(dialogue: Dialogue) -> bool:
    """Whether a dialogue repeats itself so far, in any way that counts."""
    found = find_loops_and_breaks(Transcript(dialogue), LOOPS).findings
    return any(finding.counts for finding in found)


@dataclass(slots=True)
class Watch:
    """What was told of a dialogue, and what is saved up for the next look, in seconds.

    `going` is what was told and is not over, by kind; `ended` the last turn of what is over.
    """

    clock: Callable[[], float] = time.process_time
    saved: float = 0.0
    price: float = FIRST_S
    turns: int = FIRST_TURNS  # that it was the price of
    going: dict[str, Finding] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def turn(self, dialogue: Dialogue) -> list[str]:
        """What is to be said after one more turn, a line each."""
        self.saved += max(LEAST_S, SHARE * (dialogue.turns[-1].elapsed_s or 0.0))
        expected = self.price * max(1.0, len(dialogue.turns) / self.turns)
        return self.look(dialogue) if self.saved >= expected else []

    def look(self, dialogue: Dialogue) -> list[str]:
        """What is to be said of the dialogue so far, whatever it costs."""
        if not dialogue.turns:
            return []
        began = self.clock()
        found = find_loops_and_breaks(Transcript(dialogue)).findings
        lines = list(self.tell(found, dialogue))
        self.price, self.turns = self.clock() - began, max(1, len(dialogue.turns))
        self.saved -= self.price
        return lines

    def tell(self, found: tuple[Finding, ...], dialogue: Dialogue) -> Iterator[str]:
        """What is new in what was found: what goes on, and what the dialogue went on without."""
        last = dialogue.messages[-1].index
        for finding in sorted(found, key=lambda one: one.onset_turn):
            kind = finding.kind
            if not finding.counts or not finding.primary:
                continue
            if finding.onset_turn <= self.ended.get(kind, -1):
                continue
            if kind not in self.going:
                yield describe(finding, dialogue)
            self.going[kind] = finding
            if finding.end_turn is not None and last - finding.end_turn >= SETTLED:
                del self.going[kind]
                self.ended[kind] = finding.end_turn
                yield (f"turn {finding.end_turn + 1}: over: {KINDS[kind].words}, "
                       f"since turn {finding.onset_turn}")  # fmt: skip


def describe(finding: Finding, dialogue: Dialogue) -> str:
    """A finding in one line: from which turn, who, what.

    >>> one = Finding("refusal", "user", "break", 3, 3, 3, None, None, 1, 1.0, (), "")
    >>> describe(one, Dialogue({"user_prefix": "Mark:"}, (), "unfinished"))
    'turn 3: Mark: refuses (refusal)'
    """
    who: str = finding.speaker
    if finding.speaker != "both":
        who = one_line(dialogue.prefixes[finding.speaker]).strip(": ") or who
    return f"turn {finding.onset_turn}: {who}: {KINDS[finding.kind].words} ({finding.kind})"
