"""How much of what the detectors name is there, by reading findings over all of the corpora.

    python -m benchmarks.precision [--corpora DIR] [--kind KIND] [--sample N] [--write]

real/verdicts.jsonl holds what was read, a line a finding: {"source", "line", "kind", "speaker",
"onset", "right", "why"}; lines are those of DIR/SOURCE.jsonl.gz, whose texts are not part of the
project. Findings were drawn with a fixed seed, source by source in turn, so that no source speaks
for all; the reader was a language model that had real/definitions.md, what was named and why, and
the evidence, seldom all of the dialogue. With --corpora the detectors run again, and only verdicts
on what they still name count. --sample draws N
findings a kind and prints those without a verdict, in the form of a verdict.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.truth_on_real_text import FOLDER, ROOT, find, make_dialogue, put, read_texts
from broken_record.detectors.registry import KINDS
from broken_record.stats import wilson_interval

VERDICTS = FOLDER / "verdicts.jsonl"
FIELDS = ("source", "line", "kind", "speaker", "onset")
SEED = 1


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """What names a finding."""
    return tuple(row[field] for field in FIELDS)


def find_all(corpora: Path, kinds: list[str]) -> list[dict[str, Any]]:
    """What the detectors find in every dialogue of every source, as verdicts yet to be given."""
    rows = []
    for path in sorted(corpora.glob("*.jsonl.gz")):
        source = path.name.partition(".")[0]
        for line, text in enumerate(read_texts(source, corpora)):
            rows += [
                {"source": source, "line": line, "kind": one.kind, "speaker": one.speaker,
                 "onset": one.onset_turn, "right": None, "why": one.explanation}
                for one in find(make_dialogue(text, None)) if one.kind in kinds
            ]  # fmt: skip
    return rows


def draw(rows: list[dict[str, Any]], kind: str, most: int) -> list[dict[str, Any]]:
    """So many findings of a kind, one of every source in turn."""
    by_source: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["kind"] == kind:
            by_source[row["source"]].append(row)
    order = random.Random(SEED)
    for source in sorted(by_source):
        order.shuffle(by_source[source])
    drawn: list[dict[str, Any]] = []
    while len(drawn) < most and any(by_source.values()):
        for source in sorted(by_source):
            if by_source[source] and len(drawn) < most:
                drawn.append(by_source[source].pop())
    return drawn


def make_table(verdicts: list[dict[str, Any]], kinds: list[str]) -> str:
    """A row a kind: how many were read, how many were right, of how many sources."""
    lines = ["| kind | read | right | sources | precision |", "|---|---|---|---|---|"]
    for kind in kinds:
        here = [verdict for verdict in verdicts if verdict["kind"] == kind]
        if here:
            right = sum(verdict["right"] for verdict in here)
            interval = wilson_interval(right, len(here))
            between = f"{interval.low:.2f}-{interval.high:.2f}" if interval else ""
            lines.append(
                f"| {kind} | {len(here)} | {right} | {len({v['source'] for v in here})} | "
                f"{right / len(here):.2f} ({between}) |"
            )
    return "\n".join(lines)


def main() -> None:
    """Print the table, or what is still to be read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpora", type=Path, metavar="DIR")
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--write", action="store_true", help="into docs/accuracy.md")
    options = parser.parse_args()
    kinds = options.kind or list(KINDS)
    verdicts = list(map(json.loads, VERDICTS.read_text(encoding="utf-8").splitlines()))
    if options.corpora:
        found = find_all(options.corpora, kinds)
        named = {key_of(row) for row in found}
        verdicts = [verdict for verdict in verdicts if key_of(verdict) in named]
        known = {key_of(verdict) for verdict in verdicts}
        for kind in kinds if options.sample else ():
            for row in draw(found, kind, options.sample):
                if key_of(row) not in known:
                    print(json.dumps(row, ensure_ascii=False))
    table = make_table(verdicts, kinds)
    print(table)
    if options.write:
        put(ROOT / "docs" / "accuracy.md", "precision", table)


if __name__ == "__main__":
    main()
