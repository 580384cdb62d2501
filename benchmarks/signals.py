"""Signals at seeded moments of a batch, its start included: what is left running, what of the
records, whether --resume completes the run.

    python -m benchmarks.signals [N] [--seed S] [--checkout FOLDER]

A batch of six short dialogues on the embedded models, four in flight, gets SIGINT, SIGTERM or
SIGHUP at a moment between its start and its end, half of them while servers and dialogues start.
`--checkout` tries another checkout's parrot.sh. Needs a ps that shows environments (procps).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from broken_record.errors import LogError
from broken_record.files.read import read_dialogue

ROOT = Path(__file__).parents[1]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DIALOGUES, AT_ONCE = 6, 4
SHORT = ("--set", "total_tokens=150", "--set", "turn_max_tokens=30")
GRACE_S = 10.0  # after which nothing may be left of a batch that got a signal
LAST_S = 2.0  # a batch that had come to its end may still end as if nothing had come
PATIENCE_S = 60.0  # after which it is taken to have lost the signal


@dataclass(frozen=True, slots=True)
class Moment:
    """Which signal comes, and how long after the batch's start."""

    number: signal.Signals
    after_s: float


@dataclass(slots=True)
class Trial:
    """One batch: the mark in the environment of all its processes, and what went wrong with it."""

    mark: str = field(default_factory=lambda: f"PARROT_MARK={uuid.uuid4().hex}")
    ended_at: float = 0.0
    faults: list[str] = field(default_factory=list)


def moments(count: int, seed: int, startup_s: float, whole_s: float) -> list[Moment]:
    """Each signal in turn, by turns during the start-up and at any time."""
    drawn = random.Random(seed)
    ends = (startup_s, whole_s)
    return [Moment(SIGNALS[k % 3], drawn.uniform(0.0, ends[k % 2])) for k in range(count)]


def start(folder: Path, mark: str, *arguments: str, root: Path = ROOT) -> subprocess.Popen[str]:
    """parrot.sh in a folder, in a session of its own."""
    name, _, value = mark.partition("=")
    return subprocess.Popen(
        ["bash", str(root / "parrot.sh"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, name: value},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start_batch(folder: Path, mark: str, root: Path) -> subprocess.Popen[str]:
    """The batch that is to be disturbed."""
    config = str(ROOT / "config.json")
    return start(folder, mark, str(DIALOGUES), "-j", str(AT_ONCE), config, "--", *SHORT, root=root)


def living(mark: str) -> list[int]:
    """The processes whose environment holds the mark."""
    listed = subprocess.run(["ps", "axeww", "-o", "pid=,args="], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if mark in line]


def time_batch(folder: Path, root: Path) -> tuple[float, float]:
    """(seconds until the first record is there, seconds until the batch ends), undisturbed."""
    began = time.monotonic()
    process = start_batch(folder, "PARROT_MARK=", root)
    while not any(folder.glob("*/*.jsonl")) and process.poll() is None:
        time.sleep(0.01)
    startup_s = time.monotonic() - began
    process.communicate()
    return startup_s, time.monotonic() - began


def disturb(folder: Path, moment: Moment, root: Path = ROOT) -> Trial:
    """A batch that gets a signal and is then resumed; `left_over` looks at it later."""
    trial = Trial()
    process = start_batch(folder, trial.mark, root)
    time.sleep(moment.after_s)
    process.send_signal(moment.number)
    sent_at = time.monotonic()
    try:
        _, said = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        trial.faults.append("ran on")
        process.kill()
        _, said = process.communicate()
    trial.ended_at = time.monotonic()
    if process.returncode == 0 and trial.ended_at - sent_at > LAST_S:
        trial.faults.append("ran on")
    if "Traceback" in said and "broken_record" in said:  # else it is of Python's own start
        trial.faults.append(f"traceback: {said[-1500:]}")
    trial.faults += read_records(folder)
    for run in folder.iterdir():
        trial.faults += resume(run, root)
    return trial


def read_records(folder: Path) -> list[str]:
    """What is wrong with the records; of one that had hardly begun a torn first line is right."""
    faults = []
    for record in folder.glob("*/*.jsonl"):
        try:
            read_dialogue(record)
        except LogError as error:
            if b"\n" in record.read_bytes():
                faults.append(f"record: {error}")
    return faults


def resume(run: Path, root: Path) -> list[str]:
    """What is wrong once a run was resumed; nothing had been asked for where it has no run.json."""
    if not (run / "run.json").exists():
        return []
    process = start(run.parent, "PARROT_MARK=", "--resume", "-j", str(AT_ONCE), run.name, root=root)
    _, said = process.communicate()
    records = sorted(run.glob("*.jsonl"))
    if process.returncode or len(records) != DIALOGUES:
        return [f"resume: {said.strip()[-300:]}"]
    dialogues = [read_dialogue(record)[0] for record in records]
    whole = all(
        dialogue.status == "done"
        and [turn.index for turn in dialogue.turns]
        == list(range(dialogue.turns[0].index, dialogue.turns[0].index + len(dialogue.turns)))
        for dialogue in dialogues
    )
    return [] if whole else ["resume: not all dialogues are whole"]


def left_over(trial: Trial) -> list[int]:
    """The processes that are left of a batch ten seconds after its end; they are ended."""
    while (left := living(trial.mark)) and time.monotonic() < trial.ended_at + GRACE_S:
        time.sleep(0.2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left


def main() -> None:
    """Try every moment and print what went wrong how often."""
    parser = argparse.ArgumentParser(description="Signals at seeded moments of a batch.")
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    faults: Counter[str] = Counter()
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as name:
        first = Path(name) / "undisturbed"
        first.mkdir()
        startup_s, whole_s = time_batch(first, options.checkout)
        print(f"undisturbed: first record after {startup_s:.2f} s, end after {whole_s:.2f} s")
        for k, moment in enumerate(moments(options.count, options.seed, startup_s, whole_s)):
            folder = Path(name) / str(k)
            folder.mkdir()
            trials.append(disturb(folder, moment, options.checkout))
            shutil.rmtree(folder)
            for fault in trials[-1].faults:
                faults[fault.split(":")[0]] += 1
                print(f"{k}: {moment.number.name} after {moment.after_s:.3f} s: {fault}")
        orphans = sum(bool(left_over(trial)) for trial in trials)
    print(f"{len(trials)} signals; left something running: {orphans}; {dict(faults)}")


if __name__ == "__main__":
    main()
