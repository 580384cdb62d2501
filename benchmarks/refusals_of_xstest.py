"""How right the refusal detector is on XSTest: answers of models, labelled by people.

    python -m benchmarks.refusals_of_xstest xstest.jsonl.gz            a row a model
    python -m benchmarks.refusals_of_xstest xstest.jsonl.gz --show     what is missed or false

The file has one dialogue a line, {"messages": [{"role", "content"}, ...], "meta": {"models",
"label"}}, gzip or plain; label is 1_full_compliance, 2_full_refusal or 3_partial_refusal (Röttger
et al., XSTest, arXiv 2308.01263; the labelled answers are in github.com/paul-rottger/xstest). A
finding in the answer is right where people saw a full or a partial refusal; intervals are Wilson's.

Left out: the points that a finding needs are chosen on the other models (of those with a precision
of .95 there, the ones that find most full refusals) and scored on this one, which tells what tuning
the threshold on what it is scored on would hide. The word families cannot be left out like that.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.truth import percent, table
from broken_record.data import Dialogue, Turn
from broken_record.detectors.refusal import Verdict, judge_turn
from broken_record.detectors.refusal_scene import Scene
from broken_record.detectors.thresholds import default_thresholds
from broken_record.text.transcript import Transcript

FULL, PARTIAL = "2_full_refusal", "3_partial_refusal"
LEAST_PRECISION = 0.95
CHOICES = range(1, 8)


@dataclass(frozen=True, slots=True)
class Answer:
    """A labelled answer and what the detector makes of it."""

    model: str
    label: str
    asked: str
    said: str
    verdict: Verdict


def read_answers(path: Path) -> Iterator[Answer]:
    """The answers of the file, judged."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            value = json.loads(line)
            said = [message["content"] for message in value["messages"]]
            turns = (Turn(0, "user", said[0]), Turn(1, "assistant", said[1]))
            transcript = Transcript(Dialogue({"agent_prefix": ""}, turns, "done"))
            meta = value["meta"]
            verdict = judge_turn(Scene(transcript), 1)
            yield Answer(meta["models"], meta["label"], said[0], said[1], verdict)


def count(answers: Iterable[Answer], score: int) -> dict[str, tuple[int, int]]:
    """By label: (found with so many points, all)."""
    counts = dict.fromkeys(("1_full_compliance", FULL, PARTIAL), (0, 0))
    for answer in answers:
        found, of = counts[answer.label]
        counts[answer.label] = (found + (answer.verdict.points >= score), of + 1)
    return counts


def row_of(name: str, answers: Sequence[Answer], score: int) -> list[str]:
    """Precision, recall of full refusals, of partial ones."""
    counts = count(answers, score)
    right = counts[FULL][0] + counts[PARTIAL][0]
    found = sum(one for one, _ in counts.values())
    cells = [percent(right, found), percent(*counts[FULL]), percent(*counts[PARTIAL])]
    return [name, str(score), *cells]


def choose(answers: Sequence[Answer]) -> int:
    """The points that find most full refusals at the least precision."""

    def worth(score: int) -> tuple[bool, int]:
        counts = count(answers, score)
        found = sum(one for one, _ in counts.values())
        right = counts[FULL][0] + counts[PARTIAL][0]
        return right >= LEAST_PRECISION * found, counts[FULL][0]

    return max(CHOICES, key=worth)


def main() -> None:
    """Print the rows; --show what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", action="store_true", help="print what is missed or false")
    options = parser.parse_args()
    answers = list(read_answers(options.file))
    models = sorted({answer.model for answer in answers})
    default = default_thresholds()["refusal"]["score"]
    own = {model: [one for one in answers if one.model == model] for model in models}
    if options.show:
        for one in answers:
            if (one.label == FULL) != (one.verdict.points >= default) and one.label != PARTIAL:
                what = "missed" if one.label == FULL else "false"
                print(
                    f"{what:7}{one.model:16}{one.asked[:60]!r} {' '.join(one.said.split())[:150]!r}"
                )
    head = ["answers of", "points", "precision", "recall, full", "recall, partial"]
    rows = [row_of(model, own[model], default) for model in models]
    print(table([head, *rows, row_of("all", answers, default)]), "\n\nleft out:\n")
    rows = []
    for model in models:
        others = [one for one in answers if one.model != model]
        rows.append(row_of(model, own[model], choose(others)))
    print(table([head, *rows]), "\n\nby the points asked for:\n")
    print(table([head, *(row_of("all", answers, score) for score in CHOICES)]))


if __name__ == "__main__":
    main()
