"""The fast segment finder against the plain one, on ordinary and on looping text.

python -m benchmarks.segments
"""

from __future__ import annotations

import time
from collections.abc import Callable

from broken_record.analysis.segments import find_segments, find_segments_plainly
from broken_record.data import Segment
from broken_record.text.ngrams import loop_coverage
from broken_record.tiny.corpus import scene_writer

CHARACTERS = 40_000


def seconds(function: Callable[[str], object], text: str) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        function(text)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print the table; both finders run in one process on the same texts."""
    scene = scene_writer(1).scene(3000)
    transcript = " ".join(said for name, said in scene if name == "Skye")[:CHARACTERS]
    texts = {
        "talk": transcript,
        "one line over and over": (scene[0][1] + " ") * (CHARACTERS // len(scene[0][1])),
        "a cycle of 20 turns": (" ".join(said for _, said in scene[:20]) + " ") * 40,
    }
    columns = ("kB", "segments", "plain s", "fast s", "times", "MB/s", "coverage s")
    print(f"{'':24}" + "".join(f"{column:>11}" for column in columns))
    for label, whole in texts.items():
        text = whole[:CHARACTERS]
        found: list[Segment] = find_segments(text)
        plain, fast = seconds(find_segments_plainly, text), seconds(find_segments, text)
        print(
            f"{label:24}{len(text) / 1000:11.0f}{len(found):11}{plain:11.3f}{fast:11.4f}"
            f"{plain / fast:11.1f}{len(text) / fast / 1e6:11.2f}"
            f"{seconds(loop_coverage, text):11.4f}"
        )


if __name__ == "__main__":
    main()
