"""Dialogues of the embedded models, labelled by reading, against what the detectors say of them.

    python -m benchmarks.natural             agreement by kind, and every disagreement
    python -m benchmarks.natural --make      writes natural/dialogues.jsonl anew (minutes)

natural/labels.jsonl holds what was found by reading, before any detector had seen the dialogues and
without their settings in sight: kind, speaker, origin, onset, end, confidence from 1 (borderline)
to 3 (anyone would agree). Compared are labels of 2 and 3; a finding agrees with a label of its kind
in the same dialogue whose turns it meets. natural/verdicts.json says of a disagreement, after both
were read again, who was right.

The grid: temperature 0, 0.5, 0.87, 1.3, each with repeat_penalty 1 and 1.1, seven or eight openings
drawn from the grammar; from the fifth seed on, temperature 1.3 comes without top_p and min_p, so
that breaks occur too.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from broken_record.config.load import load
from broken_record.config.schema import Config
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Dialogue, Finding, Message, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS
from broken_record.engines.connect import connect
from broken_record.text.transcript import Transcript
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


def make_one(
    config: Config, name: str, seed: int, change: dict[str, Any], tokens: int = TOKENS
) -> dict[str, Any]:
    """One dialogue, from an opening of its own."""
    scene = scene_writer(9_000 + seed).scene(3)
    roles = {"Skye": "assistant", "Mark": "user"}
    opening = tuple(Message(roles[who], f"{who}: {said}") for who, said in scene)  # type: ignore[arg-type]
    opening = opening if opening[-1].role == "user" else opening[:-1]
    sampler = {**config.sampler, **change}
    own = replace(
        config,
        conversation=(config.conversation[0], *opening),
        total_tokens=tokens,
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


def as_dialogue(entry: dict[str, Any]) -> Dialogue:
    """A dialogue of the file as a record would hold it."""
    opening = [{"role": role, "content": content} for role, content in entry["conversation"]]
    turns = tuple(
        Turn(len(opening) + i, role, content, tokens=tokens, finish_reason=finish)
        for i, (role, content, tokens, finish) in enumerate(entry["turns"])
    )
    config = {
        "conversation": opening,
        "agent_prefix": "Skye:",
        "user_prefix": "Mark:",
        "turn_max_tokens": entry["turn_max_tokens"],
    }
    return Dialogue(config, turns, "done")


def read(name: str) -> list[Any]:
    """The lines of a file of the folder."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def meets(finding: Finding, label: dict[str, Any], last: int) -> bool:
    """Whether they share a kind and turns."""
    end = last if finding.end_turn is None else finding.end_turn
    return (
        bool(finding.kind == label["kind"])
        and finding.origin_turn <= label["end"]
        and label["origin"] <= end
    )


def compare() -> None:
    """Agreement by kind in dialogues, onsets, and the disagreements."""
    labels = {entry["name"]: entry["findings"] for entry in read("labels.jsonl")}
    verdicts = json.loads((FOLDER / "verdicts.json").read_text(encoding="utf-8"))
    both: Counter[str] = Counter()
    only_read: Counter[str] = Counter()
    only_found: Counter[str] = Counter()
    clean_turns = alarms_in_clean = 0
    onsets: list[int] = []
    lines = []
    for entry in read("dialogues.jsonl"):
        dialogue = as_dialogue(entry)
        last = dialogue.turns[-1].index
        found = find_loops_and_breaks(Transcript(dialogue)).findings
        found = tuple(f for f in found if f.counts)
        given = labels[entry["name"]]
        sure = [label for label in given if label["confidence"] >= 2]
        if not given:
            clean_turns += len(dialogue.turns)
            alarms_in_clean += len(found)
        for kind in KINDS:
            mine = [f for f in found if f.kind == kind]
            theirs = [label for label in sure if label["kind"] == kind]
            pairs = [(f, label) for label in theirs for f in mine if meets(f, label, last)]
            if pairs:
                both[kind] += 1
                onsets.append(min(abs(f.onset_turn - label["onset"]) for f, label in pairs))
            elif theirs:
                only_read[kind] += 1
            unsure = any(meets(f, label, last) for f in mine for label in given)
            if mine and not pairs:
                only_found[kind] += 1
            if bool(mine) != bool(theirs) or (mine and not pairs):
                key = f"{entry['name']} {kind}"
                said = "; ".join(f"{f.onset_turn}-{f.end_turn} {f.explanation}" for f in mine)
                note = "; ".join(f"{x['onset']}-{x['end']} {x['note']}" for x in theirs)
                shade = ", a label of confidence 1 agrees" if unsure else ""
                lines.append(
                    f"{key}\n    read:  {note or '-'}\n    found: {said or '-'}{shade}\n"
                    f"    verdict: {verdicts.get(key, 'none yet')}"
                )
    print("| kind | both | only read | only found |\n|---|---|---|---|")
    for kind in KINDS:
        print(f"| {kind} | {both[kind]} | {only_read[kind]} | {only_found[kind]} |")
    near = sum(difference <= 1 for difference in onsets)
    print(f"\nOnset within one turn in {near} of {len(onsets)} agreements; "
          f"{alarms_in_clean} findings "
          f"in {clean_turns} turns of dialogues without any label.\n")  # fmt: skip
    print("\n".join(lines))


def main() -> None:
    """Make the dialogues, or compare labels and findings."""
    parser = argparse.ArgumentParser(description="labelled dialogues against findings")
    parser.add_argument("--make", action="store_true", help="run the sixty dialogues anew")
    if parser.parse_args().make:
        make()
    else:
        compare()


if __name__ == "__main__":
    main()
