"""How right the detectors are on real dialogues that were marked by reading.

    python -m benchmarks.truth_on_real_text [--corpora DIR] [--kind KIND] [--show] [--write]

benchmarks/real/ holds the marks, a line a dialogue: {"source", "line", "messages", "readers":
[[...], [...]], "verdicts": {KIND: true | false}, "reasons": {KIND: why}}. Two readers, language
models that worked apart from one another and knew nothing but the plain definitions
(real/definitions.md), wrote down what they saw: kind, speaker, onset and end as message indices,
whether they were sure; they saw neither a detector's output nor the settings. Where they differ on
whether a kind is in a dialogue, that dialogue counts nowhere for it, unless a verdict was written
down. A verdict goes before both readers: some judged here what others let pass there. Two sources
stand beside the marks: "gold", SmolLM2-135M-Instruct with itself in scenes and settings of our own,
and "played", a present-day model that was asked to play both sides, at times to get stuck. The
others are lines of DIR/SOURCE.jsonl.gz, public dialogues that are not part of the project.

A kind counts once a dialogue: found and marked, found and not marked, marked and not found. Every
source has a row, so that what was tuned on the others can be seen on this one.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue, Finding, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.files.record import parse_record
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
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
        """Whether a kind is in the dialogue, by the verdict or both readers."""
        if kind in self.verdicts:
            return self.verdicts[kind]
        kinds = LOOPS if kind == ANY_LOOP else (kind,)
        named = [any(mark["kind"] in kinds for mark in reader) for reader in self.readers]
        if len(set(named)) == 1:
            return named[0]
        if kind == ANY_LOOP:
            decided = [self.is_there(one) for one in kinds]
            return True if True in decided else None if None in decided else False
        return None


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
    return tuple(finding for finding in found if finding.counts)


@dataclass(frozen=True, slots=True)
class Score:
    """How often a kind was found and marked, only found, only marked."""

    hit: int
    false: int
    missed: int

    @property
    def shares(self) -> tuple[float, float, float]:
        """Precision, recall and F1; 0 where nothing was found or marked."""
        precision = self.hit / max(1, self.hit + self.false)
        recall = self.hit / max(1, self.hit + self.missed)
        return precision, recall, 2 * self.hit / max(1, 2 * self.hit + self.false + self.missed)


def score(counts: Counter[tuple[str, str, str]], kind: str, sources: Sequence[str]) -> Score:
    """A kind over some sources."""
    return Score(*(
        sum(counts[kind, source, what] for source in sources) for what in ("hit", "false", "missed")
    ))  # fmt: skip


def make_table(counts: Counter[tuple[str, str, str]], sources: list[str], kinds: list[str]) -> str:
    """A row a kind and source, where anything was found or marked."""
    lines = [
        "| kind | source | found and marked | only found | only marked | precision | recall | F1 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        for name, chosen in [*((one, [one]) for one in sources), ("all", sources)]:
            one = score(counts, kind, chosen)
            if one.hit + one.false + one.missed:
                shares = " | ".join(f"{share:.2f}" for share in one.shares)
                lines.append(
                    f"| {kind} | {name} | {one.hit} | {one.false} | {one.missed} | {shares} |"
                )
    return "\n".join(lines)


def make_sentence(counts: Counter[tuple[str, str, str]], sources: list[str], dialogues: int) -> str:
    """What the README says of it."""
    any_loop = score(counts, ANY_LOOP, sources)
    precision, recall, f1 = any_loop.shares
    stagnation = score(counts, "semantic_repetition", sources).shares[2]
    refusal = score(counts, "refusal", sources).shares[2]
    looping = any_loop.hit + any_loop.missed
    return (
        f"Of {dialogues} marked dialogues from {len(sources)} sources, {looping} loop by the marks "
        f"of two readers.\nParrot finds {recall:.0%} of these, and {precision:.0%} of what it "
        f"names is there (F1 {f1:.2f}; stagnation {stagnation:.2f}, refusals {refusal:.2f}).\n"
        "On planted faults it does better, which says less."
    )


def put(path: Path, name: str, text: str) -> None:
    """Put a text between a document's markers."""
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    """Print the table; --show names every dialogue in which readers and detectors differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpora", type=Path, metavar="DIR")
    parser.add_argument("--kind", action="append", choices=[*KINDS, ANY_LOOP])
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--write", action="store_true", help="into README.md, docs/accuracy.md")
    options = parser.parse_args()
    kinds = options.kind or [*KINDS, ANY_LOOP]
    counts: Counter[tuple[str, str, str]] = Counter()
    sources: list[str] = []
    dialogues = 0
    for marked in read_marked(options.corpora):
        if marked.source not in sources:
            sources.append(marked.source)
        findings = find(marked.dialogue)
        dialogues += 1
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
    table = make_table(counts, sources, kinds)
    print(table)
    if options.write:
        put(ROOT / "docs" / "accuracy.md", "real", table)
        put(ROOT / "README.md", "accuracy", make_sentence(counts, sources, dialogues))


if __name__ == "__main__":
    main()
