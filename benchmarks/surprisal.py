"""Does a model grow surer of itself before it loops? Its surprisal before, at and after the onset.

    python -m benchmarks.surprisal [--write] [--smollm2 MODEL] [--folder build/surprisal]

Holds dialogues with "logprobs": true (those whose records are in the folder already are read):
skye and mark at low temperatures without a repetition penalty and at the shipped sampler, and with
--smollm2 (embedded:smollm2 or embedded:FILE.gguf) that model in ready scenes. --write puts the
tables into docs/findings.md.

Surprisal of a turn: minus the mean log probability of its tokens, before sampling, in nats; here of
a turn and the one before it, so that both speakers are in it. The onset is that of the first loop
that is told by words; an onset within the first EARLY turns leaves nothing to foretell from and is
left out. A turn *before* is one of the AHEAD turns before an onset; *others* are turns more than
twice as far from it, and those of dialogues without a loop. AUC: how often a turn before is less
surprised than one of the others of the same model, .5 is chance. Cooler samplers loop more and are
surer everywhere, which AUC cannot tell from a warning; so *change* compares a dialogue with itself:
its surprisal at a lag less that of its own turns up to BASE turns before the onset, of dialogues
with LEAST such turns. Intervals: bootstrap over dialogues.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LEXICAL_LOOPS
from broken_record.files.record import read_record
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "findings.md"
BEGIN, END = "<!-- surprisal: begin -->", "<!-- surprisal: end -->"
AHEAD, EARLY, DRAWS = 4, 10, 1000
BASE, LEAST = 9, 6
STUCK = ((0, 1), (2, 5), (6, 9), (10, 13))
LOOSE = ["sampler.repeat_penalty=1.0"]
SCENES = ["lighthouse", "detective", "porch"]
LAGS = ((-8, -5), (-4, -3), (-2, -1), (0, 1), (2, 5))


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


def plans(smollm2: str | None) -> Iterator[Plan]:
    """What is held."""
    for warmth, dialogues in ((0.0, 1), (0.2, 10), (0.3, 5)):
        for seed in range(1, 1 + dialogues):
            settings = (*LOOSE, f"sampler.temperature={warmth}", "total_tokens=1200")
            yield Plan("skye and mark", f"t{warmth}_{seed}", "config.json", seed, settings)
    for seed in range(1, 5):
        settings = ("total_tokens=1200",)
        yield Plan("skye and mark", f"shipped_{seed}", "config.json", seed, settings)
    for scene in SCENES if smollm2 else ():
        short = ("total_tokens=700", "turn_max_tokens=30", "embedded.threads=1")
        settings = (*LOOSE, "sampler.temperature=0.3", *short, f"api_url={smollm2}")
        yield Plan("SmolLM2-135M", scene, f"scenes/{scene}.json", 1, settings)


def load(plan: Plan, folder: Path) -> Held:
    """A dialogue, and where its first loop begins."""
    dialogue = read_record(plan.hold(folder))
    found = find_loops_and_breaks(Transcript(dialogue), LEXICAL_LOOPS).findings
    first = min((finding.onset_turn for finding in found if finding.counts), default=None)
    own = [-turn.logprob_mean for turn in dialogue.turns if turn.logprob_mean is not None]
    assert len(own) == len(dialogue.turns), "a turn without its log probability"
    both = [mean(own[max(0, i - 1) : i + 1]) for i in range(len(own))]
    return Held(plan.model, tuple(both), None if first is None else first - len(dialogue.opening))


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
    if held.onset is None or not (values := turns(held, first, last)):
        return None
    earlier = held.surprisal[1 : max(1, held.onset - BASE + 1)]
    return mean(values) - mean(earlier) if len(earlier) >= LEAST else None


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
    yield "| turns from the onset | dialogues | surprisal (nats) | AUC | change (nats) |"
    yield "|---|---|---|---|---|"
    yield f"| others | {sum(bool(others(h)) for h in dialogues)} | {mean(usual):.2f} | | |"
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
        yield f"| {lag} | {number} | {mean(values):.2f} | {words} | {in_words(changes)} |"


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


def report(held: Sequence[Held]) -> Iterator[str]:
    """All tables, a model each."""
    for model in dict.fromkeys(one.model for one in held):
        own = [one for one in held if one.model == model]
        usable = [one for one in own if one.onset is None or one.onset >= EARLY]
        loops = sum(one.onset is not None for one in usable)
        early = len(own) - len(usable)
        yield (f"{model}: {len(own)} dialogues; {loops} loop from turn {EARLY} on or later, "
               f"{early} before it (left out), {len(usable) - loops} do not.")  # fmt: skip
        yield from course_of(own)
        yield ""
        if loops:
            yield from table(usable)
            yield ""


def main() -> None:
    """Hold what is not held, and print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--smollm2", metavar="MODEL")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "surprisal")
    options = parser.parse_args()
    held = [load(plan, options.folder.resolve()) for plan in plans(options.smollm2)]
    text = "\n".join(report(held))
    if not options.write:
        print(text)
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
