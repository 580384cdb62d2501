"""How fast an analysis is on one core: the old numbers against the naive finder, all of it, and
what happens to the time when a text twice as long is analysed.

    python -m benchmarks.analyze_speed
    python -m benchmarks.analyze_speed --before CHECKOUT    another state of the code beside it

Seconds are those of the processor, best of seven, and of the rounds in which the states of the code
take turns, each in a process of its own, on the same records. MB are of UTF-8 text said, 40 kB a
dialogue: talk of the embedded models, hand-written and played in Japanese; the loop is one line
said over and over. `examine` reads a record and does everything that analyze.py does for a
dialogue. The shapes are what an adversary would send: few words in every order, patterns that
nearly repeat, very many turns, one very long one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
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

ROOT = Path(__file__).parents[1]
SIZE = 40_000
ROUNDS = 2


def best(work: Callable[[], object], times: int = 7) -> float:
    """The shortest of a few runs, seconds."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
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
        "Japanese": japanese(size),
    }


def japanese(size: int) -> Dialogue:
    """Sentences of five parts each, drawn anew."""
    rng = random.Random(7)
    parts = [text.split() for text in JAPANESE]
    turns: list[Turn] = []
    for i in range(size // 150):
        said = "".join("".join(map(rng.choice, parts)) + "\u3002" for _ in range(2))
        turns.append(Turn(i, "user" if i % 2 else "assistant", said, 40, finish_reason="stop"))
    return Dialogue({"turn_max_tokens": 512}, tuple(turns), "done")


JAPANESE = (
    "今日は 昨日は 明日の朝は いつか きっと もう一度 あの日の夜に 夏の終わりに",
    "海の近くで 古い駅の前で 庭の木の下で 静かな部屋で 川のほとりで 町の図書館で",
    "友達と 母が 猫と一緒に 知らない人が 先生に 小さな子供が 隣の家の人と",
    "青い傘を 長い手紙を 温かいお茶を 新しい歌を 昔の写真を 重い鞄を 赤い花を",
    "探しました 忘れてしまった 見つけたのです 大切にしている 渡したかった 並べていた",
)


def draw(rng: random.Random, words: int) -> str:
    """So many words, some of them far more often than others."""
    return " ".join(f"w{min(int(rng.paretovariate(0.9)), 4000)}" for _ in range(words))


def order_all(length: int) -> list[int]:
    """Noughts and ones in which every row of `length` comes once (de Bruijn), ones first."""
    row = (0,) * length
    seen, said = {row}, list(row)
    while True:
        following = [one for one in (1, 0) if (*row[1:], one) not in seen]
        if not following:
            return said
        row = (*row[1:], following[0])
        seen.add(row)
        said.append(following[0])


def golden(count: int) -> list[int]:
    """The Fibonacci word."""
    ratio = (5**0.5 - 1) / 2
    return [int((i + 1) * ratio) - int(i * ratio) for i in range(count)]


def shapes(k: int) -> dict[str, list[str]]:
    """Turns of every shape, twice as long for every k more."""
    rng, n = random.Random(5), 2**k
    tick, signs, letters = ("tick", "tock"), "\u6d77\u5c71\u5ddd\u98a8\u96e8\u96ea", "abcdefg"
    emoji = ("\U0001f600", "\U0001f603", "\U0001f44d\U0001f3fd", "\u2728", "!?", " ")
    orders = [tick[one] for one in order_all(11 + k)]
    near = [f"x{i}" if i % 37 == 0 else letters[i % 7] for i in range(4000 * n)]
    said = ("ok", "hm", "yes", "no", "well", "so what", "I see")
    return {
        "de Bruijn, one turn": [" ".join(orders)],
        "de Bruijn, many turns": [" ".join(orders[i : i + 20]) for i in range(0, len(orders), 20)],
        "Fibonacci, words": [" ".join([tick[one] for one in golden(3000 * n)])],
        "Fibonacci, characters": ["".join([letters[one] for one in golden(8000 * n)])],
        "nearly periodic, one turn": [" ".join(near)],
        "nearly periodic, many turns": [" ".join(near[i : i + 12]) for i in range(0, 4000 * n, 11)],
        "short turns": [rng.choice(said) for _ in range(3000 * n)],
        "yes and no": [rng.choice(("Yes.", "No.")) for _ in range(2000 * n)],
        "yes and no, two by two": [("Yes.", "No.")[i // 2 % 2] for i in range(1000 * n)],
        "one opening": [f"I can almost see it from here {draw(rng, 9)}" for _ in range(500 * n)],
        "one long turn": [draw(rng, 10_000 * n)],
        "Han, one turn": ["".join(rng.choices(signs, k=8000 * n))],
        "emoji": ["".join(rng.choices(emoji, k=80)) for _ in range(100 * n)],
        "emoji, one turn": ["".join(rng.choices(emoji, k=6000 * n))],
    }  # fmt: skip


def as_turns(said: list[str]) -> Dialogue:
    """A dialogue of these turns, the user first."""
    roles: tuple[Role, Role] = ("user", "assistant")
    turns = [Turn(i, roles[i % 2], text, 12, finish_reason="stop") for i, text in enumerate(said)]
    return Dialogue({"agent_prefix": "", "turn_max_tokens": 512}, tuple(turns), "done")


def write(dialogue: Dialogue, path: Path) -> None:
    """A record."""
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in dialogue.turns:
        writer.turn(turn)
    writer.end("done", tokens=0, turns=len(dialogue.turns))
    writer.close()


def measure(folder: Path) -> None:
    """Print the seconds of every record of a folder, and the peak memory, as JSON."""
    thresholds = default_thresholds()
    seconds = {
        path.stem: best(lambda path=path: examine(path, thresholds))  # type: ignore[misc]
        for path in sorted(folder.glob("*.jsonl"))
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak]))


def measure_with(checkout: Path, folder: Path) -> tuple[dict[str, float], float]:
    """What `measure` says, with the code of a checkout."""
    command = [sys.executable, __file__, "--measure", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def print_old_numbers() -> None:
    """The fast finder against the naive one."""
    print(f"{'the old numbers alone':30}{'kB':>5}{'naive s':>9}{'fast s':>9}{'times':>7}")
    for name, dialogue in samples().items():
        said = " ".join(turn.content.strip() for turn in dialogue.turns)
        plain = best(lambda said=said: find_segments_plainly(said), 1)  # type: ignore[misc]
        fast = best(lambda said=said: find_segments(said))  # type: ignore[misc]
        size = len(said.encode()) / 1000
        print(f"{name:30}{size:5.0f}{plain:9.3f}{fast:9.4f}{plain / fast:7.0f}")


def print_examine(checkouts: dict[str, Path]) -> None:
    """Every sample and every shape, with the code of each checkout."""
    dialogues = dict(samples().items())
    doubled = [{name: as_turns(said) for name, said in shapes(k).items()} for k in (0, 1)]
    for k, made in enumerate(doubled):
        dialogues |= {f"{name} {k}": dialogue for name, dialogue in made.items()}
    sizes = {name: sum(len(t.content.encode()) for t in d.turns) / 1e6
             for name, d in dialogues.items()}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for name, dialogue in dialogues.items():
            write(dialogue, Path(folder) / f"{name}.jsonl")
        rounds = [
            {name: measure_with(checkout, Path(folder)) for name, checkout in checkouts.items()}
            for _ in range(ROUNDS)
        ]
    measured = {
        name: (
            {sample: min(one[name][0][sample] for one in rounds) for sample in dialogues},
            min(one[name][1] for one in rounds),
        )
        for name in checkouts
    }
    heads = "".join(f"{name + ' s':>11}{'MB/s':>7}" for name in measured)
    print(f"\n{'examine':30}{'kB':>5}{heads}")
    for name in samples():
        columns = [f"{seconds[name]:11.4f}{sizes[name] / seconds[name]:7.2f}"
                   for seconds, _ in measured.values()]  # fmt: skip
        print(f"{name:30}{1000 * sizes[name]:5.0f}{''.join(columns)}")
    heads = "".join(f"{name + ' s':>11}{'times':>7}" for name in measured)
    print(f"\n{'examine twice as much':30}{'kB':>5}{heads}")
    for name in doubled[0]:
        columns = [f"{seconds[name + ' 1']:11.4f}{seconds[name + ' 1'] / seconds[name + ' 0']:7.2f}"
                   for seconds, _ in measured.values()]  # fmt: skip
        print(f"{name:30}{1000 * sizes[name + ' 1']:5.0f}{''.join(columns)}")
    print(
        "\npeak memory "
        + ", ".join(f"{name} {peak:.0f} MB" for name, (_, peak) in measured.items())
    )


def print_parts() -> None:
    """What each detector takes of the hand-written talk."""
    dialogue = samples()["hand-written talk"]
    transcript = Transcript(dialogue)
    print(f"\n{'parts, hand-written talk':30}{'ms':>8}")
    print(f"{'cut into words':30}{1000 * best(lambda: Transcript(dialogue)):8.2f}")
    print(f"{'and similarity':30}{1000 * best(lambda: Transcript(dialogue).similarity):8.2f}")
    for kind in KINDS:
        detect = detector_of(kind)
        print(f"{kind:30}{1000 * best(lambda detect=detect: detect(transcript)):8.2f}")  # type: ignore[misc]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How fast an analysis is on one core.")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="measure its code too")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    print_old_numbers()
    before = {"before": options.before} if options.before else {}
    print_examine({**before, "now": ROOT})
    print_parts()


if __name__ == "__main__":
    main()
