"""What the client adds to a dialogue: wall time less the engine's own prompt and generation time.

    python -m benchmarks.overhead [TOKENS]

One dialogue of the shipped config, 8,192 tokens when not said otherwise.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from broken_record.config.load import load
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Turn
from broken_record.engines.connect import connect

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the table."""
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 8192
    config = replace(load(ROOT / "config.json").config, total_tokens=tokens)
    with connect(config) as engines:
        sides = take_sides(config, *engines)
        started = time.perf_counter()
        turns = [event for event in converse(config, *sides, seed=1) if isinstance(event, Turn)]
        wall = time.perf_counter() - started
    engine = [(turn.prompt_s or 0) + (turn.generation_s or 0) for turn in turns]
    own = [(turn.elapsed_s or 0) - spent for turn, spent in zip(turns, engine, strict=True)]
    added = wall - sum(engine)
    print(f"turns                          {len(turns)}")
    print(f"tokens                         {sum(turn.tokens or 0 for turn in turns)}")
    print(f"wall time                      {wall:.2f} s")
    print(f"engine, prompt and generation  {sum(engine):.2f} s")
    print(
        f"client overhead                {added:.2f} s, {100 * added / wall:.1f} % of the wall time"
    )
    print(f"client overhead per turn       {1000 * added / len(turns):.2f} ms (mean)")
    print(f"                               {1000 * median(own):.2f} ms (median)")
    print(
        f"                               {1000 * median(own[-20:]):.2f} ms (median of the last 20)"
    )


if __name__ == "__main__":
    main()
