"""How long a large file of chats takes to import, and how much memory.

    python -m benchmarks.import_speed [MB ...]      500 when left out

The same conversations, 20 messages and about 40 kB each, are written a line each and as one array,
printed prettily. A process of its own imports the file into records: the seconds on the clock,
those of its processor, which depend less on what else the machine does, and the most memory it had
at once.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import TextIO

from broken_record.files.import_chats import import_file

WORDS = "the tower is far and the road muddy since the flood but it holds".split()
MESSAGES, LENGTH = 20, 400  # words


def conversation(number: int) -> dict[str, object]:
    """A conversation; those of neighbouring numbers differ."""
    return {
        "messages": [
            {
                "role": ("user", "assistant")[place % 2],
                "content": " ".join(
                    WORDS[(number * place + word * word) % len(WORDS)] for word in range(LENGTH)
                ),
            }
            for place in range(MESSAGES)
        ]
    }


def texts(count: int, indent: int | None = None) -> Iterator[str]:
    """So many conversations as JSON, the first few over and over."""
    few = [json.dumps(conversation(number), indent=indent) for number in range(len(WORDS))]
    return islice(cycle(few), count)


def write_lines(file: TextIO, count: int) -> None:
    file.writelines(f"{text}\n" for text in texts(count))


def write_array(file: TextIO, count: int) -> None:
    file.writelines(f"{'[,'[number > 0]}\n{text}" for number, text in enumerate(texts(count, 1)))
    file.write("\n]\n")


WRITERS: dict[str, Callable[[TextIO, int], None]] = {"lines": write_lines, "array": write_array}


def import_one(path: Path) -> None:
    """Import, and print conversations, seconds, seconds of the processor and MB of memory."""
    started, busy = time.perf_counter(), time.process_time()
    imported = import_file(path, None)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    print(imported.conversations, seconds, busy, most)


def main() -> None:
    """Print the table."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--one"]:
        import_one(Path(arguments[1]))
        return
    print(f"{'form':8}{'MB':>6}{'conversations':>15}{'s':>8}{'s of CPU':>10}{'MB of memory':>14}")
    each = len(json.dumps(conversation(1)))
    for size in map(int, arguments or ["500"]):
        for form, write in WRITERS.items():
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch) / "chats.json"
                with path.open("w", encoding="ascii") as file:
                    write(file, size * 10**6 // each)
                command = [sys.executable, "-m", "benchmarks.import_speed", "--one", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                count, seconds, busy, most = map(float, done.stdout.split())
                read = path.stat().st_size / 1e6
                print(f"{form:8}{read:6.0f}{count:15,.0f}{seconds:8.1f}{busy:10.1f}{most:14.0f}",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
