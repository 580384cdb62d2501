"""How long until `--help` answers, and until a cold start's first token.

python -m benchmarks.startup
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
REPEATS = 7


def seconds_until(arguments: list[str], awaited: bytes | None) -> float:
    """Wall time until the process ends, or until `awaited` and one more byte came on stdout."""
    started = time.perf_counter()
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = b""
        if awaited is None:
            process.stdout.read()
        else:
            while awaited not in seen or seen.endswith(awaited):
                seen += process.stdout.read(1)
        elapsed = time.perf_counter() - started
        process.terminate()
    return elapsed


def main() -> None:
    """Print the table; times are compared with that of a Python that does nothing."""
    rows: dict[str, tuple[list[str], bytes | None]] = {
        "python -c pass": (["-c", "pass"], None),
        **{
            f"{script}.py --help": ([f"{script}.py", "--help"], None)
            for script in ("parrot", "analyze", "view")
        },
        "import broken_record": (["-c", "import broken_record"], None),
        "parrot.py, first token of two embedded models": (["parrot.py"], b"Skye:"),
    }
    times: dict[str, list[float]] = {label: [] for label in rows}
    for _ in range(REPEATS):  # by turns, so that a busy minute is everybody's
        for label, (arguments, awaited) in rows.items():
            times[label].append(seconds_until(arguments, awaited))
    bare = median(times["python -c pass"])
    print(f"{'':48} median s   most s   bare starts")
    for label, taken in times.items():
        print(f"{label:48} {median(taken):8.3f} {max(taken):8.3f} {median(taken) / bare:13.1f}")


if __name__ == "__main__":
    main()
