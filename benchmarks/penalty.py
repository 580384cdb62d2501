"""At which turn the shipped scene loops at temperature 0, without and with a repetition penalty.

    python -m benchmarks.penalty

A loop is the first window of four turns that was said before, word for word.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.model_card import first_repeat
from broken_record.analysis.metrics import measure_speaker
from broken_record.config.load import load
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Dialogue, Turn
from broken_record.engines.connect import connect
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
SAMPLERS: dict[str, dict[str, float]] = {
    "temperature 0, no penalty": {"temperature": 0, "repeat_penalty": 1.0},
    "temperature 0, penalty 1.1 on 64 tokens": {"temperature": 0, "repeat_last_n": 64},
    "temperature 0, penalty 1.1 on 2048 tokens": {"temperature": 0},
    "as shipped (0.87, penalty 1.1 on 2048)": {},
}


def main() -> None:
    """Print the table: one dialogue of 8,192 tokens a row."""
    shipped = load(ROOT / "config.json")
    print(f"{'':44}{'turns':>7}{'loops at turn':>15}{'loop coverage':>15}")
    for label, changes in SAMPLERS.items():
        sampler = {**shipped.config.sampler, **changes}
        config = replace(shipped.config, sampler=sampler, user_sampler=sampler)
        with connect(config) as engines:
            events = converse(config, *take_sides(config, *engines), seed=1)
            turns = tuple(event for event in events if isinstance(event, Turn))
        dialogue = Dialogue(shipped.values, turns, "done")
        coverage = measure_speaker(dialogue, Transcript(dialogue), "assistant", ()).loop_coverage
        print(f"{label:44}{len(turns):7}{first_repeat(turns) or 'never':>15}{coverage:15.3f}")


if __name__ == "__main__":
    main()
