"""How right the detectors are on real dialogues that were marked by reading.

    python -m benchmarks.truth_on_real_text [--corpora DIR] [--kind KIND] [--show]

benchmarks/real/ holds the marks, a line a dialogue: {"source", "line", "messages", "readers":
[[...], [...]], "verdicts": {KIND: true | false}}. Two readers, language models that worked apart
from one another and knew nothing but the plain definitions (real/definitions.md), wrote down what
they saw: kind, speaker, onset and end as message indices, whether they were sure; they saw neither
a detector's output nor the settings. Where they differ on whether a kind is in a dialogue, a third
reading of both arguments decided (verdicts); what is not decided yet counts nowhere. Two sources
stand beside the marks: "gold", SmolLM2-135M-Instruct with itself in scenes and settings of our own,
and "played", a present-day model that played both sides of a dialogue. The others are lines of
DIR/SOURCE.jsonl.gz, public dialogues that are not part of the project.

A kind counts once a dialogue: found and marked, found and not marked, marked and not found. Every
source has a row, so that what was tuned on the others can be seen on this one.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue, Finding, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.files.record import parse_record
from broken_record.text.transcript import Transcript

FOLDER = Path(__file__).with_name("real")
ANY_LOOP = "any loop"
WIDEST = 24


@dataclass(frozen=True, slots=True)
class Marked:
    """A dialogue as two people read it: kind -> whether it is there, None where that is open."""

    source: str
    line: int
    dialogue: Dialogue
    readers: tuple[tuple[dict[str, Any], ...], ...]
    verdicts: dict[str, bool]

    def is_there(self, kind: str) -> bool | None:
        """Whether a kind is in the dialogue, by both readers or the verdict."""
        kinds = LOOPS_OF_READERS if kind == ANY_LOOP else (kind,)
        named = [any(mark["kind"] in kinds for mark in reader) for reader in self.readers]
        if len(set(named)) == 1:
            return named[0]
        if kind == ANY_LOOP:
            decided = [self.is_there(one) for one in kinds]
            return True if True in decided else None if None in decided else False
        return self.verdicts.get(kind)


LOOPS_OF_READERS = (*dict.fromkeys((*LOOPS, "suffix_repetition")),)


def read_marked(corpora: Path | None) -> Iterator[Marked]:
    """Every marked dialogue that is at hand."""
    texts: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("*.jsonl")):
        if path.name.endswith(".texts.jsonl"):
            continue
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            source = row["source"]
            if source not in texts:
                texts[source] = read_texts(source, corpora)
            if not texts[source]:
                continue
            dialogue = make_dialogue(texts[source][row["line"]], row["messages"])
            readers = tuple(tuple(marks) for marks in row["readers"])
            yield Marked(source, row["line"], dialogue, readers, row.get("verdicts", {}))


def read_texts(source: str, corpora: Path | None) -> list[str]:
    """The dialogues of a source, a line each; none where they are not at hand."""
    own = FOLDER / f"{source}.texts.jsonl"
    if own.is_file():
        return own.read_text(encoding="utf-8").splitlines()
    path = corpora / f"{source}.jsonl.gz" if corpora else None
    if path is None or not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line for line in file.read().split("\n") if line]


def make_dialogue(line: str, messages: int | None) -> Dialogue:
    """A line of a source as a dialogue: a record's lines in a list, or {"messages": [...]}."""
    value = json.loads(line)
    if "record" in value:
        return parse_record([json.dumps(one) for one in value["record"]])
    said = value["messages"][:messages]
    turns = tuple(
        Turn(i, message["role"], str(message["content"]))
        for i, message in enumerate(said)
        if message["role"] != "system"
    )
    config = {"conversation": [], "agent_prefix": "", "user_prefix": ""}
    return replace(Dialogue(config, turns, "done"), unknown={"imported": "chatml"})


def find(dialogue: Dialogue) -> tuple[Finding, ...]:
    """What the detectors find, level info left out."""
    found = find_loops_and_breaks(Transcript(dialogue)).findings
    return tuple(finding for finding in found if finding.level != "info")


def print_table(
    counts: Counter[tuple[str, str, str]], sources: list[str], kinds: list[str]
) -> None:
    """A row a kind and source: hits, false alarms, misses, precision, recall, F1."""
    print(
        f"{'kind':{WIDEST}}{'source':16}{'both':>6}{'false':>7}{'missed':>8}{'P':>7}{'R':>7}{'F1':>7}"
    )
    for kind in kinds:
        for source in [*sources, "all"]:
            hit, false, missed = (
                sum(counts[kind, one, what] for one in (sources if source == "all" else [source]))
                for what in ("hit", "false", "missed")
            )
            if not hit + false + missed:
                continue
            precision = hit / (hit + false) if hit + false else 0.0
            recall = hit / (hit + missed) if hit + missed else 0.0
            f1 = 2 * hit / (2 * hit + false + missed)
            print(f"{kind:{WIDEST}}{source:16}{hit:6}{false:7}{missed:8}"
                  f"{precision:7.2f}{recall:7.2f}{f1:7.2f}")  # fmt: skip


def main() -> None:
    """Print the table; --show names every dialogue in which readers and detectors differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpora", type=Path, metavar="DIR")
    parser.add_argument("--kind", action="append", choices=[*KINDS, ANY_LOOP])
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    kinds = options.kind or [*KINDS, ANY_LOOP]
    counts: Counter[tuple[str, str, str]] = Counter()
    sources: list[str] = []
    for marked in read_marked(options.corpora):
        if marked.source not in sources:
            sources.append(marked.source)
        findings = find(marked.dialogue)
        for kind in kinds:
            of_kind = [
                f for f in findings if f.kind == kind or (kind == ANY_LOOP and f.kind in LOOPS)
            ]
            there = marked.is_there(kind)
            if there is None:
                continue
            what = ("hit" if of_kind else "missed") if there else ("false" if of_kind else "")
            counts[kind, marked.source, what] += 1
            if options.show and what in ("false", "missed"):
                marks = [m for r in marked.readers for m in r if m["kind"] == kind]
                said = (
                    of_kind[0].explanation
                    if of_kind
                    else "; ".join(m.get("why", "") for m in marks)
                )
                print(f"{what:7}{kind:{WIDEST}}{marked.source} line {marked.line}: {said[:150]}")
    print_table(counts, sources, kinds)


if __name__ == "__main__":
    main()
