"""How right the detectors are on real dialogues that were marked by reading.

    python -m benchmarks.truth_on_real_text [--corpora DIR] [--kind KIND] [--show] [--write]
    python -m benchmarks.truth_on_real_text [--corpora DIR] [--kind KIND] --leave-one-out [--write]

benchmarks/real/ holds the marks, a line a dialogue: {"source", "line", "messages", "readers":
[[...], [...]], "verdicts": {KIND: true | false}, "reasons": {KIND: why}}. Two readers, language
models that worked apart from one another and knew nothing but the plain definitions
(real/definitions.md), wrote down what they saw: kind, speaker, onset and end as message indices,
whether they were sure; they saw neither a detector's output nor the settings. Where they differ on
whether a kind is in a dialogue, that dialogue counts nowhere for it, unless a verdict was written
down. A verdict goes before both readers: some judged here what others let pass there. Three sources
stand beside the marks: "gold", SmolLM2-135M-Instruct with itself in scenes and settings of our own,
"gold_logprobs", the same in other scenes and with other settings, whose records tell how likely the
model held what it said, and "played", a present-day model that was asked to play both sides, at
times to get stuck. The others are lines of DIR/SOURCE.jsonl.gz, public dialogues that are not part
of the project; "path" says where one is found, as REPOSITORY@COMMIT/FILE.

A kind counts once a dialogue: found and marked, found and not marked, marked and not found. Every
source has a row. --leave-one-out asks what a kind's decisive threshold owes to the sources that it
is scored on: for each source it is chosen on the others, by F1, and scored on this one.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Any

from broken_record.data import Dialogue, Finding, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.detectors.thresholds import default_thresholds
from broken_record.files.record import parse_record
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("real")
ANY_LOOP = "any loop"
WITH_LOGPROBS = "gold_logprobs"
UNSEEN = ("self_play_unseen", "pairs_unseen")
"""Sources on which no rule was written, of present-day models."""
WIDEST = 24
DECISIVE: dict[str, tuple[str, tuple[float, ...]]] = {
    "leading_whitespace": ("at_once", (8, 16, 32, 64)),
    "apostrophe_break": ("salad_share", (0.1, 0.15, 0.2, 0.3)),
    "refusal": ("score", (2, 3, 4)),
    "intra_turn_repetition": ("said_before", (0.1, 0.125, 0.15, 0.2, 0.3)),
    "single_turn_loop": ("near", (0.45, 0.5, 0.55, 0.6, 0.7)),
    "multi_turn_loop": ("matched", (0.65, 0.7, 0.75, 0.8, 0.85)),
    "prefix_repetition": ("words", (4, 5, 6, 7, 8, 10)),
    "suffix_repetition": ("words", (6, 7, 8, 9, 10, 12)),
    "word_soup": ("dropped_share", (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)),
    "semantic_repetition": ("news", (1.5, 2.0, 2.5, 3.0, 3.5)),
}
"""Of a kind the threshold that decides most, and what it might be."""


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
    for path in mark_files():
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            source = row["source"]
            if source not in texts:
                texts[source] = read_texts(source, corpora)
            if not texts[source]:
                continue
            dialogue = make_dialogue(texts[source][row["line"]], row["messages"])
            readers = tuple(tuple(marks) for marks in row["readers"])
            yield Marked(source, row["line"], dialogue, readers, row.get("verdicts", {}))


def mark_files() -> list[Path]:
    """The files of marks; texts and verdicts on findings stand beside them."""
    others = (".texts.jsonl", "verdicts.jsonl")
    return [path for path in sorted(FOLDER.glob("*.jsonl")) if not path.name.endswith(others)]


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


NAMED = {
    (True, True): "hit", (True, False): "missed", (False, True): "false", (False, False): "",
}  # fmt: skip


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


def leave_one_out(
    marked: Sequence[tuple[Marked, Transcript]], kind: str
) -> tuple[list[float], Score, Score]:
    """What a kind's decisive threshold is, source by source, where the others choose it; the score
    with the shipped value, and that with those values.
    """
    name, values = DECISIVE[kind]
    shipped = default_thresholds()[kind][name]
    order = sorted({*values, shipped}, key=lambda value: abs(value - shipped))
    told = [(one.source, one.is_there(kind), transcript) for one, transcript in marked]
    tables: dict[float, Counter[tuple[str, str, str]]] = {}
    for value in order:
        counts = tables[value] = Counter()
        for source, there, transcript in told:
            if there is not None:
                found = find_loops_and_breaks(transcript, [kind], {kind: {name: value}}).findings
                named = any(finding.counts for finding in found)
                counts[kind, source, NAMED[there, named]] += 1
    sources = sorted({source for source, _, _ in told})
    chosen = []
    for source in sources:
        others = [other for other in sources if other != source]
        chosen.append(max(order, key=lambda v: score(tables[v], kind, others).shares[2]))
    parts = [
        score(tables[value], kind, [source]) for value, source in zip(chosen, sources, strict=True)
    ]
    left_out = Score(*(sum(column) for column in zip(*map(astuple, parts), strict=True)))
    return chosen, score(tables[shipped], kind, sources), left_out


def make_left_out_table(marked: Sequence[tuple[Marked, Transcript]], kinds: list[str]) -> str:
    """A row a kind that has a decisive threshold."""
    lines = [
        "| kind | threshold | shipped | chosen by the others | F1, shipped | F1, left out |",
        "|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        if kind in DECISIVE:
            name = DECISIVE[kind][0]
            chosen, in_sample, left_out = leave_one_out(marked, kind)
            between = " to ".join(f"{value:g}" for value in sorted({min(chosen), max(chosen)}))
            lines.append(
                f"| {kind} | {name} | {default_thresholds()[kind][name]:g} | {between} | "
                f"{in_sample.shares[2]:.2f} | {left_out.shares[2]:.2f} |"
            )
    return "\n".join(lines)


def make_sentence(counts: Counter[tuple[str, str, str]], sources: list[str], dialogues: int) -> str:
    """What the README says of it."""
    any_loop = score(counts, ANY_LOOP, sources)
    precision, recall, f1 = any_loop.shares
    stagnation, refusal, soup = (
        score(counts, kind, sources).shares[2]
        for kind in ("semantic_repetition", "refusal", "word_soup")
    )
    told = score(counts, "word_soup", [WITH_LOGPROBS]).shares[2]
    looping = any_loop.hit + any_loop.missed
    unseen, spirals = (score(counts, kind, UNSEEN) for kind in (ANY_LOOP, "semantic_repetition"))
    sentences = [
        f"Of {dialogues} marked dialogues from {len(sources)} sources, {looping} loop by the marks "
        "of two readers.",
        f"Parrot finds {recall:.0%} of these, and {precision:.0%} of what it names is there (F1 "
        f"{f1:.2f}; stagnation {stagnation:.2f}, refusals {refusal:.2f}); most were known to who "
        "wrote the rules.",
        f"Sentences without sense it mostly takes for sense (word soup {soup:.2f}), but where the "
        f'model itself is asked (`"logprobs": true`: {told:.2f}).',
        "On planted faults it does better, which says less.",
    ]
    if not set(UNSEEN).isdisjoint(sources):
        sentences.insert(
            2,
            "On dialogues of present-day models, on which no rule was written, it finds "
            f"{unseen.hit} of the {unseen.hit + unseen.missed} that loop and accuses "
            f"{unseen.false} falsely (stagnation: {spirals.hit} of {spirals.hit + spirals.missed}, "
            f"{spirals.false} falsely).",
        )
    return fill(" ".join(sentences), 120)


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
    parser.add_argument("--leave-one-out", action="store_true")
    options = parser.parse_args()
    kinds = options.kind or [*KINDS, ANY_LOOP]
    if options.leave_one_out:
        read = [(one, Transcript(one.dialogue)) for one in read_marked(options.corpora)]
        table = make_left_out_table(read, kinds)
        print(table)
        if options.write:
            put(ROOT / "docs" / "accuracy.md", "left out", table)
        return
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
            what = NAMED[there, bool(of_kind)]
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
