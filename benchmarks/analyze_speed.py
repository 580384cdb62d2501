"""How fast an analysis is: the old numbers against the naive finder, and all of it, per core.

    python -m benchmarks.analyze_speed

One process, best of three. MB are of UTF-8 text said; the talk is that of the embedded models and
of the hand-written dialogues, 40 kB each; the loop is one line said over and over. `examine` reads
a record and does everything that analyze.py does for a dialogue.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.natural import as_dialogue, read
from benchmarks.texts import carriers
from broken_record.analysis.analyse import examine
from broken_record.analysis.segments import find_segments, find_segments_plainly
from broken_record.data import Dialogue, Role, Turn
from broken_record.detectors.registry import KINDS, detector_of
from broken_record.detectors.thresholds import default_thresholds
from broken_record.files.record import RecordWriter
from broken_record.text.transcript import Transcript

SIZE = 40_000


def best(work: Callable[[], object], times: int = 3) -> float:
    """The shortest of a few runs, seconds."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def joined(dialogues: list[Dialogue], size: int) -> Dialogue:
    """Turns of several dialogues one after another, up to a size in characters."""
    turns: list[Turn] = []
    for dialogue in dialogues:
        for turn in dialogue.turns:
            if sum(len(t.content) for t in turns) > size:
                break
            role: Role = "user" if turns and turns[-1].role == "assistant" else "assistant"
            name = "Skye:" if role == "assistant" else "Mark:"
            body = turn.content.removeprefix("Skye:").removeprefix("Mark:").strip()
            turns.append(replace(turn, index=len(turns), role=role, content=f"{name} {body}"))
    config = {"agent_prefix": "Skye:", "user_prefix": "Mark:", "turn_max_tokens": 512}
    return replace(dialogues[0], turns=tuple(turns), config=config)


def samples(size: int = SIZE) -> dict[str, Dialogue]:
    """The dialogues that are measured."""
    natural = {e["name"]: as_dialogue(e) for e in read("dialogues.jsonl")}
    sane = [d for name, d in natural.items() if name.startswith("t0.87_p1.1")]
    greedy = [d for name, d in natural.items() if name.startswith("t0_p1.0")]
    written = []
    for c in carriers("A"):
        if c.style != "embedded":
            turns = tuple(
                Turn(i, line.role, line.text, 12, finish_reason="stop")
                for i, line in enumerate(c.lines)
            )
            written.append(Dialogue({}, turns, "done"))
    line = "I would like to see the harbour again some day, if the weather lets us."
    loop = [Dialogue({}, tuple(Turn(i, "user", line, 12) for i in range(size // 60)), "done")]
    return {
        "talk of the embedded models": joined(sane, size),
        "hand-written talk": joined(written, size),
        "greedy, looping talk": joined(greedy, size),
        "one line over and over": joined(loop, size),
    }


def write(dialogue: Dialogue, path: Path) -> None:
    """A record."""
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in dialogue.turns:
        writer.turn(turn)
    writer.end("done", tokens=0, turns=len(dialogue.turns))
    writer.close()


def main() -> None:
    """Print the tables."""
    thresholds = default_thresholds()
    print(f"{'':30}{'kB':>5}{'naive s':>9}{'fast s':>9}{'times':>7}{'examine s':>11}{'MB/s':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for name, dialogue in samples().items():
            said = " ".join(turn.content.strip() for turn in dialogue.turns)
            megabytes = len(said.encode()) / 1e6
            plain = best(lambda said=said: find_segments_plainly(said), 1)  # type: ignore[misc]
            fast = best(lambda said=said: find_segments(said))  # type: ignore[misc]
            path = Path(folder) / f"{len(name)}.jsonl"
            write(dialogue, path)
            whole = best(lambda path=path: examine(path, thresholds))  # type: ignore[misc]
            print(f"{name:30}{megabytes * 1000:5.0f}{plain:9.3f}{fast:9.4f}{plain / fast:7.0f}"
                  f"{whole:11.4f}{megabytes / whole:7.1f}")  # fmt: skip
        print(f"\n{'linear? hand-written talk of':30}{'examine s':>11}{'MB/s':>7}")
        for size in (20_000, 40_000, 80_000):
            dialogue = samples(size)["hand-written talk"]
            path = Path(folder) / f"linear{size}.jsonl"
            write(dialogue, path)
            whole = best(lambda path=path: examine(path, thresholds))  # type: ignore[misc]
            megabytes = sum(len(t.content.encode()) for t in dialogue.turns) / 1e6
            print(f"{megabytes * 1000:27.0f} kB{whole:11.4f}{megabytes / whole:7.1f}")
    dialogue = samples()["hand-written talk"]
    transcript = Transcript(dialogue)
    print(f"\n{'parts, hand-written talk':30}{'ms':>8}")
    print(f"{'cut into words':30}{1000 * best(lambda: Transcript(dialogue)):8.2f}")

    def shared() -> object:
        return Transcript(dialogue).similarity

    print(f"{'and similarity':30}{1000 * best(shared):8.2f}")
    for kind in KINDS:
        detect = detector_of(kind)
        print(f"{kind:30}{1000 * best(lambda detect=detect: detect(transcript)):8.2f}")  # type: ignore[misc]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
