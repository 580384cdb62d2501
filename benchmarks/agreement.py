"""How far the two readers of benchmarks/real agree: Cohen's kappa per kind, over dialogues.

    python -m benchmarks.agreement [--write]

Cohen, A coefficient of agreement for nominal scales (1960): (observed - expected) / (1 - expected).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter

from benchmarks.truth_on_real_text import ROOT, mark_files, put


def kappa(pairs: Counter[tuple[bool, bool]]) -> float | None:
    """Agreement beyond chance of two yes-or-no answers; None where neither ever said yes or no.

    >>> kappa(Counter({(True, True): 20, (True, False): 5, (False, True): 10, (False, False): 15}))
    0.4
    """
    n = pairs.total()
    observed = (pairs[True, True] + pairs[False, False]) / n
    first = (pairs[True, True] + pairs[True, False]) / n
    second = (pairs[True, True] + pairs[False, True]) / n
    expected = first * second + (1 - first) * (1 - second)
    return None if expected == 1 else round((observed - expected) / (1 - expected), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="into docs/accuracy.md")
    write = parser.parse_args().write
    rows = [json.loads(line) for path in mark_files() for line in path.read_text().splitlines()]
    named = [[{mark["kind"] for mark in marks} for marks in row["readers"]] for row in rows]
    kinds = sorted({kind for pair in named for kinds in pair for kind in kinds})
    lines = ["| kind | both | one reader alone | kappa |", "|---|---|---|---|"]
    for kind in kinds:
        pairs = Counter((kind in one, kind in other) for one, other in named)
        alone = pairs[True, False] + pairs[False, True]
        lines.append(f"| {kind} | {pairs[True, True]} | {alone} | {kappa(pairs)} |")
    table = "\n".join(lines)
    print(table)
    if write:
        put(ROOT / "docs" / "accuracy.md", "agreement", table)


if __name__ == "__main__":
    main()
