"""How long an analysis of a large run takes, and how much memory, up to 20,000 dialogues (800 MB).

    python -m benchmarks.scale [DIALOGUES ...]      2,000 and 20,000 when left out

The dialogues are synthetic: stretches of the hand-written and of the planted ones of
benchmarks/detectors, split A, drawn by number up to 40 kB of record. analyze.py and its exports run
as commands, their output thrown away; memory is the most that the command and its workers had at
once (Pss, so what they share counts once), sampled every .2 s.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.injection import OPERATORS, plant
from benchmarks.texts import carriers
from broken_record.data import Dialogue, Turn
from broken_record.files.record import RecordWriter

ROOT = Path(__file__).parents[1]
RECORD = 40_000  # bytes
EACH = 12  # planted dialogues of a kind to draw from
COMMANDS = {
    "analyze.py": (),
    "analyze.py --json": ("--json",),
    "analyze.py --export chatml": ("--export", "chatml", "-o", "set.jsonl"),
}


def write_dialogue(path: Path, number: int, pool: list[list[Turn]]) -> None:
    """One record, of stretches that its number draws."""
    rng = random.Random(number)
    config = {"conversation": [], "agent_prefix": "", "user_prefix": "", "turn_max_tokens": 512}
    writer = RecordWriter(path)
    writer.header(Dialogue(config, (), "done", seed=number))
    index = tokens = 0
    while path.stat().st_size < RECORD - 3000:
        stretch = rng.choice(pool)
        first = rng.randrange(max(1, len(stretch) - 40))
        for turn in stretch[first : first + 40]:
            role = ("assistant", "user")[index % 2]
            writer.turn(replace(turn, index=index, role=role, ttft_s=0.02, elapsed_s=0.3))  # type: ignore[arg-type]
            index += 1
            tokens += turn.tokens or 0
    writer.end("done", tokens=tokens, turns=index)
    writer.close()


def write_run(folder: Path, dialogues: int) -> int:
    """A run of so many; its bytes."""
    pool = [
        [Turn(0, line.role, line.text, max(1, len(line.text) // 4), finish_reason="stop")
         for line in carrier.lines]
        for carrier in carriers("A")
    ]  # fmt: skip
    planted = [one.dialogue() for kind in OPERATORS for one in plant(kind, "A", EACH)]
    pool += [list(dialogue.turns) for dialogue in planted]
    folder.mkdir()
    for number in range(dialogues):
        write_dialogue(folder / f"{number:05}.jsonl", number, pool)
    return sum(path.stat().st_size for path in folder.iterdir())


@dataclass
class Measured:
    """What a command took."""

    seconds: float
    megabytes: float


def family(pid: int) -> list[int]:
    """A process and its children."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def memory_of(pids: list[int]) -> float:
    """Their memory in MB, what is shared counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has just ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def measure(folder: Path, arguments: tuple[str, ...]) -> Measured:
    """Run analyze.py over a folder."""
    command = [sys.executable, str(ROOT / "analyze.py"), str(folder), *arguments]
    started = time.perf_counter()
    most = 0.0
    with subprocess.Popen(
        command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError):  # one ended between the look and the read
                most = max(most, memory_of(family(process.pid)))
            time.sleep(0.2)
        if process.returncode:
            assert process.stderr
            raise SystemExit(process.stderr.read().decode())
    return Measured(time.perf_counter() - started, most)


def main() -> None:
    """Print the table."""
    sizes = [int(text) for text in sys.argv[1:]] or [2000, 20_000]
    print(f"{'dialogues':>9}{'MB':>6}  {'command':28}{'s':>7}{'dialogues/s':>13}", end="")
    print(f"{'MB of memory':>14}{'MB written':>12}")
    for dialogues in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "run"
            read = write_run(folder, dialogues) / 1e6
            for name, arguments in COMMANDS.items():
                took = measure(folder, arguments)
                file = (
                    Path(scratch, "set.jsonl")
                    if "--export" in arguments
                    else folder / "analysis.json"
                )
                print(f"{dialogues:9,}{read:6.0f}  {name:28}{took.seconds:7.1f}"
                      f"{dialogues / took.seconds:13.0f}{took.megabytes:14.0f}"
                      f"{file.stat().st_size / 1e6:12.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
