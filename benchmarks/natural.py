"""Dialogues of the embedded models, labelled by reading, against what the detectors say of them.

    python -m benchmarks.natural --make      writes natural/dialogues.jsonl anew (minutes)

The grid: temperature 0, 0.5, 0.87, 1.3, each with repeat_penalty 1 and 1.1, seven or eight openings
drawn from the grammar; from the fifth seed on, temperature 1.3 comes without top_p and min_p, so
that breaks occur too.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from broken_record.config import Config, load
from broken_record.dialogue import converse, take_sides
from broken_record.engines.connect import connect
from broken_record.records import Message, Turn
from broken_record.tiny.corpus import scene_writer

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("detectors") / "natural"
TOKENS = 2048


def grid() -> list[tuple[str, int, dict[str, Any]]]:
    """(name, seed, what the sampler changes) of the sixty dialogues."""
    cells = []
    for temperature in (0, 0.5, 0.87, 1.3):
        for penalty in (1.0, 1.1):
            for seed in range(1, 9 if temperature in (0, 1.3) else 8):
                change = {"temperature": temperature, "repeat_penalty": penalty}
                if temperature == 1.3 and seed >= 5:
                    change.update(top_p=1.0, min_p=0.0)
                cells.append((f"t{temperature}_p{penalty}_{seed}", seed, change))
    return cells


def make_one(config: Config, name: str, seed: int, change: dict[str, Any]) -> dict[str, Any]:
    """One dialogue, from an opening of its own."""
    scene = scene_writer(9_000 + seed).scene(3)
    roles = {"Skye": "assistant", "Mark": "user"}
    opening = tuple(Message(roles[who], f"{who}: {said}") for who, said in scene)  # type: ignore[arg-type]
    opening = opening if opening[-1].role == "user" else opening[:-1]
    sampler = {**config.sampler, **change}
    own = replace(
        config,
        conversation=(config.conversation[0], *opening),
        total_tokens=TOKENS,
        sampler=sampler,
        user_sampler=sampler,
    )
    with connect(own) as engines:
        turns = [
            event
            for event in converse(own, *take_sides(own, *engines), seed=seed)
            if isinstance(event, Turn)
        ]
    return {
        "name": name,
        "seed": seed,
        "sampler": sampler,
        "turn_max_tokens": own.turn_max_tokens,
        "conversation": [[m.role, m.content] for m in own.conversation],
        "turns": [[t.role, t.content, t.tokens, t.finish_reason] for t in turns],
    }


def make() -> None:
    """Run the grid, two dialogues at a time."""
    config = load(ROOT / "config.json").config
    FOLDER.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        dialogues = pool.map(lambda cell: make_one(config, *cell), grid())
        lines = [json.dumps(dialogue, ensure_ascii=False) for dialogue in dialogues]
    (FOLDER / "dialogues.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Make the dialogues, or compare labels and findings."""
    parser = argparse.ArgumentParser(description="labelled dialogues against findings")
    parser.add_argument("--make", action="store_true", help="run the sixty dialogues anew")
    if parser.parse_args().make:
        make()


if __name__ == "__main__":
    main()
