"""Does a model grow surer of itself before it loops? Its surprisal before, at and after the onset.

    python -m benchmarks.surprisal [--write] [--marked] [--folder build/surprisal]

Holds dialogues of skye and mark with "logprobs": true (those whose records are in the folder
already are read), at low temperatures without a repetition penalty and at the shipped sampler;
those of SmolLM2-135M are the marked ones that have log probabilities (benchmarks/real). --marked
looks at these alone and holds nothing. --write puts the tables into docs/findings.md.

Surprisal of a turn: minus the mean log probability of its tokens, before sampling, in nats; here of
a turn and the one before it, so that both speakers are in it. The onset is that of the first loop
that is told by words; of SmolLM2 where the first of two readers saw one begin, who often do so a
turn or two before the detectors. An onset within the first turns leaves nothing to foretell from
and is left out (RULES has how many turns: SmolLM2 loops soon). A turn *before* is one of the AHEAD
turns before an onset; *others* are turns more than twice as far from it, and those of dialogues
without a loop. AUC: how often a turn before is less surprised than one of the others of the same
model, .5 is chance. Cooler samplers loop more and are surer everywhere, which AUC cannot tell from
a warning; so *change* compares a dialogue with itself: its surprisal at a lag less that of its own
turns up to some turns before the onset, of dialogues with enough of them. Talk may grow surer
anyhow; so *of others* is the same of dialogues without a loop, as if they had begun to loop where
those did. Intervals: bootstrap over dialogues.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.truth_on_real_text import ANY_LOOP, put, read_marked
from broken_record.data import Dialogue
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LEXICAL_LOOPS, LOOPS
from broken_record.files.record import read_record
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "findings.md"
AHEAD, DRAWS = 4, 1000
STUCK = ((0, 1), (2, 5), (6, 9), (10, 13))
LOOSE = ["sampler.repeat_penalty=1.0"]
LAGS = ((-8, -5), (-4, -3), (-2, -1), (0, 1), (2, 5))


@dataclass(frozen=True)
class Rule:
    """Of a model: an onset before turn `early` is left out; a dialogue is compared with its own
    turns up to `base` before the onset, if there are `least`.
    """

    early: int
    base: int
    least: int


RULES = {"skye and mark": Rule(10, 9, 6), "SmolLM2-135M": Rule(5, 4, 1)}
PLACES = {"skye and mark": "surprisal", "SmolLM2-135M": "surprisal of smollm2"}


@dataclass(frozen=True)
class Plan:
    """One dialogue to hold."""

    model: str
    name: str
    config: str
    seed: int
    settings: tuple[str, ...]

    def hold(self, folder: Path) -> Path:
        """Its record, made if it is not there."""
        record = folder / f"{self.name}.jsonl"
        if not record.exists():
            words = [word for one in self.settings for word in ("--set", one)]
            command = [sys.executable, "parrot.py", self.config, "--seed", str(self.seed)]
            command += ["--record", str(record), "--set", "logprobs=true", *words]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return record


@dataclass(frozen=True)
class Held:
    """One dialogue: the surprisal of its turns, and the place of its onset among them."""

    model: str
    surprisal: tuple[float, ...]
    onset: int | None


def plans() -> Iterator[Plan]:
    """What is held."""
    for warmth, dialogues in ((0.0, 1), (0.2, 10), (0.3, 5)):
        for seed in range(1, 1 + dialogues):
            settings = (*LOOSE, f"sampler.temperature={warmth}", "total_tokens=1200")
            yield Plan("skye and mark", f"t{warmth}_{seed}", "config.json", seed, settings)
    for seed in range(1, 5):
        settings = ("total_tokens=1200",)
        yield Plan("skye and mark", f"shipped_{seed}", "config.json", seed, settings)


def look(model: str, dialogue: Dialogue, onset: int | None) -> Held:
    """A dialogue whose turns all have a log probability."""
    own = [-turn.logprob_mean for turn in dialogue.turns if turn.logprob_mean is not None]
    assert len(own) == len(dialogue.turns), "a turn without its log probability"
    both = [mean(own[max(0, i - 1) : i + 1]) for i in range(len(own))]
    return Held(model, tuple(both), None if onset is None else onset - len(dialogue.opening))


def look_at_held(folder: Path) -> Iterator[Held]:
    """The dialogues of skye and mark, and where a loop is first told by words."""
    for plan in plans():
        dialogue = read_record(plan.hold(folder))
        found = find_loops_and_breaks(Transcript(dialogue), LEXICAL_LOOPS).findings
        onset = min((finding.onset_turn for finding in found if finding.counts), default=None)
        yield look(plan.model, dialogue, onset)


def look_at_marked() -> Iterator[Held]:
    """The marked dialogues of SmolLM2 that have log probabilities, and where the first of two
    readers saw a loop begin; without those on which they differ.
    """
    for marked in read_marked(None):
        there = marked.is_there(ANY_LOOP)
        if marked.source != "gold_logprobs" or there is None:
            continue
        seen = [m["onset"] for marks in marked.readers for m in marks if m["kind"] in LOOPS]
        yield look("SmolLM2-135M", marked.dialogue, min(seen) if there else None)


def turns(held: Held, first: int, last: int) -> list[float]:
    """The surprisal from lag `first` to `last` of the onset, both included."""
    if held.onset is None:
        return []
    begin = max(1, held.onset + first)
    return list(held.surprisal[begin : max(begin, held.onset + last + 1)])


def others(held: Held) -> list[float]:
    """The turns that are no warning: far before the onset, or of a dialogue without one."""
    if held.onset is None:
        return list(held.surprisal[1:])
    return list(held.surprisal[1 : max(1, held.onset - 2 * AHEAD)])


def change(held: Held, first: int, last: int) -> float | None:
    """How much more surprised a dialogue is at a lag than in its own turns before."""
    rule = RULES[held.model]
    if held.onset is None or first <= -rule.base or not (values := turns(held, first, last)):
        return None
    earlier = held.surprisal[1 : max(1, held.onset - rule.base + 1)]
    return mean(values) - mean(earlier) if len(earlier) >= rule.least else None


def changes_of_others(dialogues: Sequence[Held], first: int, last: int) -> list[float]:
    """The same of every dialogue without a loop, the mean over the onsets of the others."""
    onsets = [held.onset for held in dialogues if held.onset is not None]
    found = (
        [one for onset in onsets if (one := change(replace(held, onset=onset), first, last))]
        for held in dialogues
        if held.onset is None
    )
    return [mean(changes) for changes in found if changes]


def area(few: Sequence[float], many: Sequence[float]) -> float | None:
    """How often one of `few` is smaller than one of `many`, ties counted half (Mann-Whitney).

    >>> area([1.0, 2.0], [2.0, 3.0])
    0.875
    """
    if not few or not many:
        return None
    a, b = np.array(few)[:, None], np.array(many)[None, :]
    return float((a < b).mean() + (a == b).mean() / 2)


def separation(dialogues: Sequence[Held], first: int, last: int) -> float | None:
    """AUC of the turns from lag `first` to `last` against all others."""
    few = [value for held in dialogues for value in turns(held, first, last)]
    return area(few, [value for held in dialogues for value in others(held)])


def interval(dialogues: Sequence[Held], first: int, last: int) -> tuple[float, float] | None:
    """95 % of the AUCs of dialogues drawn anew, looping ones and others apart."""
    rng = random.Random(1)
    loops = [held for held in dialogues if held.onset is not None]
    rest = [held for held in dialogues if held.onset is None]
    drawn = (
        separation([*rng.choices(loops, k=len(loops)), *rng.choices(rest or loops, k=len(rest))],
                   first, last)
        for _ in range(DRAWS)
    )  # fmt: skip
    areas = [one for one in drawn if one is not None]
    return (float(np.quantile(areas, 0.025)), float(np.quantile(areas, 0.975))) if areas else None


def table(dialogues: Sequence[Held]) -> Iterator[str]:
    """The rows of one model: how surprised at which lag, and how well that separates."""
    usual = [value for held in dialogues for value in others(held)]
    yield "| turns from the onset | dialogues | surprisal (nats) | AUC | change | of others |"
    yield "|---|---|---|---|---|---|"
    yield f"| others | {sum(bool(others(h)) for h in dialogues)} | {mean(usual):.2f} | | | |"
    for first, last in (*LAGS, (-AHEAD, -1)):
        values = [value for held in dialogues for value in turns(held, first, last)]
        auc, limits = separation(dialogues, first, last), interval(dialogues, first, last)
        if not values or auc is None or limits is None:
            continue
        number = sum(bool(turns(held, first, last)) for held in dialogues)
        words = f"{auc:.2f} ({limits[0]:.2f} - {limits[1]:.2f})"
        changes = [one for held in dialogues if (one := change(held, first, last)) is not None]
        bold = "**" if (first, last) == (-AHEAD, -1) else ""
        lag = f"{bold}{first} to {last}{bold}"
        apart = f"{in_words(changes)} | {in_words(changes_of_others(dialogues, first, last))}"
        yield f"| {lag} | {number} | {mean(values):.2f} | {words} | {apart} |"


def in_words(changes: Sequence[float]) -> str:
    """Their mean with its interval, and of how many."""
    if len(changes) < 2:
        return ""
    rng = random.Random(1)
    means = [mean(rng.choices(changes, k=len(changes))) for _ in range(DRAWS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{mean(changes):+.2f} ({low:+.2f} to {high:+.2f}; n {len(changes)})"


def course_of(dialogues: Sequence[Held]) -> Iterator[str]:
    """How surprised the dialogues that loop are from the onset on, those that loop early too."""
    words = []
    for first, last in STUCK:
        if values := [value for held in dialogues for value in turns(held, first, last)]:
            words.append(f"{mean(values):.2f} at turns {first} to {last}")
    if words:
        yield f"Surprisal from the onset on, of all that loop: {', '.join(words)}."


def report(model: str, own: Sequence[Held]) -> Iterator[str]:
    """The table of a model."""
    early = RULES[model].early
    usable = [one for one in own if one.onset is None or one.onset >= early]
    loops = sum(one.onset is not None for one in usable)
    left_out = len(own) - len(usable)
    yield (f"{model}: {len(own)} dialogues; {loops} loop from turn {early} on or later, "
           f"{left_out} before it (left out), {len(usable) - loops} do not.")  # fmt: skip
    yield from course_of(own)
    yield ""
    if loops:
        yield from table(usable)


def main() -> None:
    """Hold what is not held, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--marked", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "surprisal")
    options = parser.parse_args()
    held = {"SmolLM2-135M": [*look_at_marked()]}
    if not options.marked:
        held["skye and mark"] = [*look_at_held(options.folder.resolve())]
    for model, own in held.items():
        text = "\n".join(report(model, own))
        print(f"{text}\n")
        if options.write:
            put(PAGE, PLACES[model], text)


if __name__ == "__main__":
    main()
