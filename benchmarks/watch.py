"""What the detectors cost beside a dialogue that goes on, and how soon they tell.

    python -m benchmarks.watch

400 turns of the embedded models' talk, of sane and of greedy dialogues one after another. Times
are of the processor, milliseconds a turn: of what a person is told (`Watch`) where turns take no
time and where they take a second, of what stop_on asks with two kinds and with all but
semantic_repetition, over the first and the last 100 turns; beside each what the whole dialogue
examined at every turn takes there. `late` is how many turns pass from where analyze.py could tell a
finding to where the Watch looks, at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks.analyze_speed import samples
from broken_record.conversation.watch import Watch, find_reason_to_stop
from broken_record.data import Dialogue
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS
from broken_record.text.transcript import Transcript

TURNS = 400
EACH = 5  # every fifth turn is measured where nothing is saved up
TWO = ["single_turn_loop", "multi_turn_loop"]
MOST = [kind for kind in KINDS if kind != "semantic_repetition"]


def prefix(dialogue: Dialogue, turns: int) -> Dialogue:
    """Its first turns."""
    return replace(dialogue, turns=dialogue.turns[:turns])


def watch_all(dialogue: Dialogue, elapsed_s: float) -> tuple[float, int]:
    """(milliseconds a turn, the most turns between two looks)."""
    said = tuple(replace(turn, elapsed_s=elapsed_s) for turn in dialogue.turns)
    dialogue = replace(dialogue, turns=said)
    watch, latest, late = Watch(), 0, 0
    began = time.process_time()
    for n in range(1, TURNS + 1):
        watch.turn(prefix(dialogue, n))
        if watch.turns != latest:
            late, latest = max(late, watch.turns - latest - 1), watch.turns
    return (time.process_time() - began) / TURNS * 1e3, late


def per_turn(work: Callable[[Dialogue], object], dialogue: Dialogue, first: int) -> float:
    """Milliseconds a turn over the 100 turns from `first` on."""
    turns = range(first, first + 100, EACH)
    began = time.process_time()
    for n in turns:
        work(prefix(dialogue, n))
    return (time.process_time() - began) / len(turns) * 1e3


def main() -> None:
    """Print a row a dialogue and a way."""
    talk = samples(120_000)
    for name in ("talk of the embedded models", "greedy, looping talk"):
        dialogue = prefix(talk[name], TURNS)
        find_loops_and_breaks(Transcript(dialogue))  # imports
        print(f"{name}, {len(dialogue.turns)} turns")
        for elapsed_s in (0.0, 1.0):
            price, late = watch_all(dialogue, elapsed_s)
            print(f"  watch, turns of {elapsed_s:.0f} s: {price:.2f} ms a turn, {late} turns late")
        for words, kinds in (("two kinds", TWO), ("all but one", MOST)):
            asked = replace(dialogue, config={**dialogue.config, "stop_on": kinds})
            ways: dict[str, Callable[[Dialogue], object]] = {
                "stop_on": find_reason_to_stop,
                "the whole": lambda one, kinds=kinds: find_loops_and_breaks(  # type: ignore[misc]
                    Transcript(one), kinds
                ),
            }
            for way, work in ways.items():
                times = [per_turn(work, asked, first) for first in (1, TURNS - 99)]
                print(f"  {way}, {words}: {times[0]:.1f} then {times[1]:.1f} ms a turn")


if __name__ == "__main__":
    main()
