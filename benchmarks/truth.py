"""How right the detectors are: planted loops and breaks, hard negatives, clean talk, baselines.

    python -m benchmarks.truth                 the figures, on split B
    python -m benchmarks.truth --split A       for tuning; misses and false alarms with --show KIND
    python -m benchmarks.truth --write         puts the table into docs/accuracy.md

A dialogue is positive for a kind when it has a finding of that kind (level info left out). Its
negatives: the clean carriers, the kind's hard negatives, and the dialogues planted with other
kinds; but for the five lexical loops not those planted with paraphrases, some of which are so near
that they are lexical loops as well. A span is found when the characters of a finding and of the
truth overlap by half of their union.
"""

from __future__ import annotations

import argparse
import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from benchmarks.injection import plant
from benchmarks.texts import Planted, carriers, hard_negatives
from broken_record.analysis.segments import old_numbers
from broken_record.data import Finding, Span
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS, LEXICAL_LOOPS
from broken_record.stats import wilson_interval
from broken_record.text.transcript import Transcript

PAGE = Path(__file__).parents[1] / "docs" / "accuracy.md"
BEGIN, END = "<!-- detectors: begin -->", "<!-- detectors: end -->"
EACH = 60
NAIVE_REFUSAL = re.compile(
    r"i'm sorry|i am sorry|i can't|i cannot|i won't|unable to|not comfortable|as an ai"
    r"|i apologi[sz]e"
)


@dataclass
class Score:
    """Counts of one kind."""

    hit: int = 0
    missed: int = 0
    false: int = 0
    clean: int = 0
    spans: int = 0
    onset: int = 0
    speaker: int = 0
    by_operator: Counter[str] = field(default_factory=Counter)
    of_operator: Counter[str] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        return self.hit / max(1, self.hit + self.false)

    @property
    def recall(self) -> float:
        return self.hit / max(1, self.hit + self.missed)

    @property
    def f1(self) -> float:
        return 2 * self.hit / max(1, 2 * self.hit + self.missed + self.false)


def findings_of(planted: Planted) -> list[Finding]:
    transcript = Transcript(planted.dialogue())
    return [f for f in find_loops_and_breaks(transcript).findings if f.counts]


def characters(spans: Sequence[Span]) -> set[tuple[int, int]]:
    return {(span.turn, at) for span in spans for at in range(span.start, span.end)}


def overlap(finding: Finding, planted: Planted) -> float:
    """Intersection over union of the evidence, in characters; of nothing said, in turns."""
    found, truth = characters(finding.spans), characters(planted.spans())
    if not truth or not found:
        mine, theirs = {s.turn for s in finding.spans}, set(planted.evidence)
        return len(mine & theirs) / max(1, len(mine | theirs))
    return len(found & truth) / len(found | truth)


def judge(
    split: str, show: str | None
) -> tuple[dict[str, Score], list[Planted], Counter[str], int]:
    """The scores by kind; all dialogues; false alarms by kind and clean turns."""
    clean = [Planted(None, "carrier", c, c.lines) for c in carriers(split)]
    negatives = {kind: hard_negatives(kind, split) for kind in KINDS}
    positives = {kind: list(plant(kind, split, EACH)) for kind in KINDS}
    everything = [*clean, *chain(*negatives.values()), *chain(*positives.values())]
    found = {id(planted): findings_of(planted) for planted in everything}
    alarms: Counter[str] = Counter()
    turns = 0
    for planted in [*clean, *chain(*negatives.values())]:
        turns += len(planted.lines)
        alarms.update(f.kind for f in found[id(planted)])
    scores = {}
    for kind in KINDS:
        score = scores[kind] = Score()
        for planted in positives[kind]:
            own = [f for f in found[id(planted)] if f.kind == kind]
            score.of_operator[planted.operator] += 1
            if not own:
                score.missed += 1
                if show == kind:
                    tell("missed", planted, found[id(planted)])
                continue
            best = max(own, key=lambda f: overlap(f, planted))
            score.hit += 1
            score.by_operator[planted.operator] += 1
            score.spans += overlap(best, planted) >= 0.5
            score.onset += abs(best.onset_turn - planted.onset) <= 1
            score.speaker += best.speaker == planted.speaker
            if show == kind and (
                abs(best.onset_turn - planted.onset) > 1 or overlap(best, planted) < 0.5
            ):
                tell("off", planted, own)
        near = ("semantic_repetition",) if kind in LEXICAL_LOOPS else ()
        others = list(chain(*(positives[k] for k in KINDS if k not in (kind, *near))))
        for planted in [*clean, *negatives[kind], *others]:
            score.clean += 1
            own = [f for f in found[id(planted)] if f.kind == kind]
            score.false += bool(own)
            if show == kind and own:
                tell("false alarm", planted, own)
        if show == "alarms":
            for planted in [*clean, *chain(*negatives.values())]:
                if own := [f for f in found[id(planted)] if f.kind == kind]:
                    tell("clean", planted, own)
    return scores, everything, alarms, turns


def tell(what: str, planted: Planted, found: Sequence[Finding]) -> None:
    """One dialogue that went wrong, for whoever tunes."""
    print(f"-- {what}: {planted.kind} ({planted.operator}, edits {planted.edits}) "
          f"at {planted.onset} "
          f"{planted.speaker} [{planted.carrier.style}, {len(planted.lines)} turns]")  # fmt: skip
    for f in found:
        print(f"     {f.kind} {f.speaker} {f.origin_turn}>{f.onset_turn}-{f.end_turn} "
              f"{f.copies}x {overlap(f, planted):.2f} {f.explanation}")  # fmt: skip
    if planted.evidence and what != "false alarm":
        first = next(iter(planted.evidence))
        print(f"     {planted.lines[first].text[-160:]!r}")


def percent(count: int, n: int) -> str:
    """`95 % (89-98)`: rate and Wilson interval."""
    interval = wilson_interval(count, n)
    if interval is None:
        return "-"
    return f"{100 * interval.rate:.0f} % ({100 * interval.low:.0f}-{100 * interval.high:.0f})"


def f1_at(values: Sequence[float], truth: Sequence[bool], threshold: float) -> tuple[int, int, int]:
    """(hits, missed, false) of `value >= threshold`."""
    said = [value >= threshold for value in values]
    hits = sum(a and b for a, b in zip(said, truth, strict=True))
    return hits, sum(truth) - hits, sum(said) - hits


def baselines(everything: list[Planted], tuning: list[Planted]) -> list[list[str]]:
    """What simpler rules reach; thresholds are tuned on split A for the highest F1."""

    def texts(planted: Planted) -> list[str]:
        return [line.text for line in planted.lines]

    def density(planted: Planted) -> float:
        """The higher one of the two speakers."""
        return max(
            old_numbers([line.text for line in planted.lines if line.role == role]).loop_density
            for role in ("assistant", "user")
        )

    def compressed(planted: Planted) -> float:
        raw = "\n".join(texts(planted)).encode()
        return len(raw) / len(zlib.compress(raw))

    def identical(planted: Planted) -> float:
        lines = [line.strip() for line in texts(planted)]
        runs = [
            lines[i] == lines[i - p] == lines[i - 2 * p] and lines[i] != ""
            for p in (1, 2)
            for i in range(2 * p, len(lines))
        ]
        return float(any(runs))

    def naive_refusal(planted: Planted) -> float:
        return float(any(NAIVE_REFUSAL.search(text.lower()) for text in texts(planted)))

    rows = []
    rules: list[tuple[str, Callable[[Planted], float], Callable[[Planted], bool]]] = [
        ("loop density, tuned threshold", density, lambda p: p.kind in LEXICAL_LOOPS),
        ("zlib ratio, tuned threshold", compressed, lambda p: p.kind in LEXICAL_LOOPS),
        ("three identical turns", identical, lambda p: p.kind in LEXICAL_LOOPS),
        ("the five lexical loop detectors",
         lambda p: float(any(f.kind in LEXICAL_LOOPS for f in findings_of(p))),
         lambda p: p.kind in LEXICAL_LOOPS),
        ("a list of refusal words", naive_refusal, lambda p: p.kind == "refusal"),
        ("the refusal detector", lambda p: float(any(f.kind == "refusal" for f in findings_of(p))),
         lambda p: p.kind == "refusal"),
    ]  # fmt: skip
    for name, rule, is_positive in rules:
        tuned = [rule(p) for p in tuning]
        truth = [is_positive(p) for p in tuning]

        def f1(threshold: float, tuned: list[float] = tuned, truth: list[bool] = truth) -> float:
            hits, missed, false = f1_at(tuned, truth, threshold)
            return 2 * hits / max(1, 2 * hits + missed + false)

        threshold = max(sorted(set(tuned) - {0.0}), key=f1)
        values = [rule(p) for p in everything]
        hits, missed, false = f1_at(values, [is_positive(p) for p in everything], threshold)
        of = "any of five lexical loops" if "refus" not in name else "refusal"
        score = Score(hit=hits, missed=missed, false=false)
        rows.append(
            [f"*{name}*", of, f"{score.precision:.2f}", f"{score.recall:.2f}", f"{score.f1:.2f}"]
        )
    return rows


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown, the first as the head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def everything_of(split: str) -> list[Planted]:
    """All dialogues of a split."""
    made = [Planted(None, "carrier", c, c.lines) for c in carriers(split)]
    for kind in KINDS:
        made += [*hard_negatives(kind, split), *plant(kind, split, EACH)]
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description="how right the detectors are")
    parser.add_argument("--split", choices=("A", "B"), default="B")
    parser.add_argument(
        "--show", metavar="KIND", help="print what went wrong (for tuning, split A)"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/accuracy.md")
    options = parser.parse_args(arguments)
    if options.write and (options.split != "B" or options.show is not None):
        parser.error(
            "--write is for split B, and without --show: docs/accuracy.md holds those figures"
        )
    scores, everything, alarms, turns = judge(options.split, options.show)
    rows = [["kind", "precision", "recall", "F1", "spans found", "onset within a turn", "speaker"]]
    for kind, s in scores.items():
        rows.append([
            kind, f"{s.precision:.2f}", percent(s.hit, s.hit + s.missed), f"{s.f1:.2f}",
            percent(s.spans, s.hit), percent(s.onset, s.hit), percent(s.speaker, s.hit),
        ])  # fmt: skip
    hits = sum(s.hit for s in scores.values())
    onset = sum(s.onset for s in scores.values())
    clean = len(carriers(options.split)) + sum(len(hard_negatives(k, options.split)) for k in KINDS)
    semantic = scores["semantic_repetition"]
    lines = [
        table(rows),
        "",
        f"{EACH} planted dialogues a kind, {clean} clean ones and hard negatives "
        f"({turns:,} turns). False alarms: {sum(alarms.values())} in {turns:,} clean turns, "
        f"{1000 * sum(alarms.values()) / turns:.2f} per 1,000"
        + (f" ({', '.join(f'{k} {n}' for k, n in alarms.most_common())})" if alarms else "")
        + f". Onset within one turn: {percent(onset, hits)} of {hits} true findings. "
        "Semantic repetition found by distance of the paraphrases: "
        + ", ".join(
            f"{name} {semantic.by_operator[name]} of {n}"
            for name, n in sorted(semantic.of_operator.items())
        )
        + ".",
    ]
    if options.show is None:
        tuning = everything_of("A")
        head = ["rule", "of", "precision", "recall", "F1"]
        lines += ["", table([head, *baselines(everything, tuning)])]
    else:
        shown = scores.get(options.show)
        if shown:
            print({name: (shown.by_operator[name], n) for name, n in shown.of_operator.items()})
    text = "\n".join(lines)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        head_text, _, rest = page.partition(BEGIN)
        tail = rest.partition(END)[2]
        PAGE.write_text(f"{head_text}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
