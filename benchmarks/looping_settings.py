"""What settings do to loops and breaks of the embedded models: the table of docs/looping.md.

    python -m benchmarks.looping_settings            prints the table (ten minutes or more)
    python -m benchmarks.looping_settings --write    puts it into docs/looping.md

A row is a sampler for both sides; its figures are how many of eight dialogues, each from an opening
of its own (those of benchmarks/natural.py) and 1,024 tokens long, have a finding of a kind (level
info left out), the mean loop coverage of the assistant's replies, and what a cure costs: the share
of turns that are still in form (one quoted speech, at most one stage direction). What is not named
is as shipped in config.json, without its penalty.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.model_card import is_well_formed
from benchmarks.natural import as_dialogue, make_one
from broken_record.analysis.metrics import measure_speaker
from broken_record.config.load import load
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "looping.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
OPENINGS = range(1, 9)
TOKENS = 1024
GREEDY = {"temperature": 0, "repeat_penalty": 1.0}
FREE = {"repeat_penalty": 1.0}
HOT = {"temperature": 2, "repeat_penalty": 1.0, "top_p": 1.0, "min_p": 0.0, "stop": []}
SHORT = {"turn_max_tokens": 128}  # so that there are turns enough
DRY = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 2}
XTC = {"xtc_probability": 0.5, "xtc_threshold": 0.1}
ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("temperature 0", GREEDY, {}),
    ("temperature 0, skye on both sides", GREEDY, {"user_api_url": "embedded:skye"}),
    ("temperature 0, repeat_penalty 1.1 on 64", {"temperature": 0, "repeat_last_n": 64}, {}),
    ("temperature 0, repeat_penalty 1.1 on 2048", {"temperature": 0}, {}),
    ("temperature 0, repeat_penalty 1.3 on 2048", {"temperature": 0, "repeat_penalty": 1.3}, {}),
    ("temperature 0, presence_penalty 1 on 2048", {**GREEDY, "presence_penalty": 1.0}, {}),
    ("temperature 0, frequency_penalty 1 on 2048", {**GREEDY, "frequency_penalty": 1.0}, {}),
    ("temperature 0, DRY 0.8 on 64", {**GREEDY, **DRY, "dry_penalty_last_n": 64}, {}),
    ("temperature 0, DRY 0.8 on 2048", {**GREEDY, **DRY, "dry_penalty_last_n": 2048}, {}),
    ("temperature 0.5", {**FREE, "temperature": 0.5}, {}),
    ("temperature 0.5, XTC", {**FREE, "temperature": 0.5, **XTC}, {}),
    ("temperature 0.87", FREE, {}),
    ("temperature 0.87, repeat_penalty 1.1 on 2048 (shipped)", {}, {}),
    ("temperature 2, top_p 1, min_p 0, no stop string", HOT, {}),
    ("temperature 2, top_p 1, min_p 0.1, no stop string", {**HOT, "min_p": 0.1}, {}),
    ("shipped, no stop string", {"stop": []}, {}),
    ("shipped, ignore_eos, no stop string", {"ignore_eos": True, "stop": []}, SHORT),
    ("shipped, ignore_eos", {"ignore_eos": True}, SHORT),
]


def measure(sampler: dict[str, Any], config: dict[str, Any]) -> list[str]:
    """A row's cells: dialogues with a finding, by kind, loop coverage, turns in form."""
    settings = [f"{key}={json.dumps(value)}" for key, value in config.items()]
    loaded = load(ROOT / "config.json", ["reproducible=true", *settings])
    counts: Counter[str] = Counter()
    coverage = 0.0
    in_form: list[bool] = []
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(lambda k: make_one(loaded.config, "", k, sampler, TOKENS), OPENINGS)
    for entry in made:
        dialogue = as_dialogue(entry)
        transcript = Transcript(dialogue)
        found = find_loops_and_breaks(transcript).findings
        counts.update({f.kind for f in found if f.counts})
        coverage += measure_speaker(dialogue, transcript, "assistant", ()).loop_coverage or 0.0
        in_form += map(is_well_formed, dialogue.turns)
    figures = f"{coverage / len(OPENINGS):.2f}", f"{sum(in_form) / len(in_form):.0%}"
    return [*(str(counts[kind] or "") for kind in KINDS), *figures]


def table() -> str:
    """Markdown; a column for each kind that occurs."""
    rows = []
    for label, sampler, config in ROWS:
        rows.append([label, *measure(sampler, config)])
        print(rows[-1], flush=True)
    head = ["setting", *KINDS, "loop coverage", "turns in form"]
    kept = [i for i, name in enumerate(head) if name not in KINDS or any(r[i] for r in rows)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([r[i] for i in kept] for r in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print the table, or put it into the page."""
    parser = argparse.ArgumentParser(description="what settings do to loops and breaks")
    parser.add_argument("--write", action="store_true", help="put the table into docs/looping.md")
    write = parser.parse_args().write
    made = table()
    print(made)
    if write:
        text = PAGE.read_text(encoding="utf-8")
        pattern = f"{re.escape(BEGIN)}.*?{re.escape(END)}"
        block = f"{BEGIN}\n{made}\n{END}"
        PAGE.write_text(re.sub(pattern, lambda _: block, text, flags=re.S), encoding="utf-8")


if __name__ == "__main__":
    main()
