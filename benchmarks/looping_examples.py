"""The examples of docs/looping.md: makes their records anew and shows what analyze.py says of them.

    python -m benchmarks.looping_examples [KIND ...]

prints them, all if none is named, and puts them into docs/ (some minutes); where the same was said
again, nothing changes there.

Eight are real runs of the embedded models, made twice by parrot.py and alike both times. Four kinds
are planted by benchmarks/injection.py. The records in docs/looping/ leave the times away, and of
the config what is as it is by default.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.injection import plant
from broken_record.config.schema import KEYS
from broken_record.detectors.registry import KINDS

ROOT = Path(__file__).parents[1]
PAGE, RECORDS = ROOT / "docs" / "looping.md", ROOT / "docs" / "looping"
HEADER = ("type", "version", "config", "seed", "assistant", "user")
KEPT = ("index", "role", "content", "tokens", "tokens_from", "finish_reason")
HEAD, TAIL = 120, 420  # characters that are shown of a long turn
TWIN = 'user_api_url="embedded:skye"'
GREEDY = ("sampler.temperature=0", "sampler.repeat_penalty=1.0")
COOL = ("sampler.temperature=0.1", *GREEDY[1:], "total_tokens=1000")
ENDLESS = ("sampler.ignore_eos=true", "sampler.stop=[]", "total_tokens=2000")
HOT = ("sampler.temperature=2", "sampler.top_p=1", "sampler.min_p=0", "sampler.stop=[]")
# kind -> the seed, what it sets, and the message indices that are shown
REAL: dict[str, tuple[int, tuple[str, ...], tuple[int, ...]]] = {
    "single_turn_loop": (1, (*GREEDY, "total_tokens=1200"), (50, 51, 52, 53, 54, 55)),
    "multi_turn_loop": (1, (*GREEDY, TWIN, "total_tokens=800"), tuple(range(31, 39))),
    "intra_turn_repetition": (1, (*GREEDY, *ENDLESS), (6,)),
    "prefix_repetition": (3, (*COOL, TWIN), (8, 10, 12, 14, 16, 18, 20)),
    "semantic_repetition": (6, COOL, tuple(range(9, 18))),
    "word_soup": (1, (*GREEDY, "sampler.frequency_penalty=1", "total_tokens=1600"), (13, 15, 17)),
    "empty_response": (1, ('sampler.stop=["\\n", "\\""]', "total_tokens=100"), (3, 4, 5, 6, 7)),
    "apostrophe_break": (2, (*HOT, "total_tokens=1000"), (18, 20)),
}
# kind -> which plant, and the message indices that are shown
PLANTED = {
    "leading_whitespace": (21, (14, 16, 18, 20, 22, 24)),
    "refusal": (19, (13, 14, 15)),
    "suffix_repetition": (46, (19, 21, 23, 25, 27, 29, 31)),
    "role_leak": (31, (6, 7, 8, 9)),
}


def run(*arguments: str) -> str:
    """What a script of the project prints."""
    told = [sys.executable, *arguments]
    return subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def arguments_for(kind: str) -> list[str]:
    """What parrot.py is told for a real example."""
    seed, settings, _ = REAL[kind]
    told = [part for setting in ("reproducible=true", *settings) for part in ("--set", setting)]
    return ["parrot.py", "--seed", str(seed), *told]


def make_real(kind: str) -> str:
    """A record that parrot.py makes alike twice."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for path in (Path(folder) / "one.jsonl", Path(folder) / "two.jsonl"):
            run(*arguments_for(kind), "--record", str(path))
            header, *lines = map(json.loads, path.read_text().splitlines())
            turns = [line for line in lines if line["type"] == "turn"]
            kept = {name: header[name] for name in HEADER}
            kept["config"] = {key: value for key, value in header["config"].items()
                              if value != KEYS[key].default}  # fmt: skip
            made.append(as_record(kept, turns))
    if made[0] != made[1]:
        raise SystemExit(f"{kind}: the second run said something else")
    return made[0]


def make_planted(kind: str) -> str:
    """A record with one of the benchmark's plants in it."""
    one = list(plant(kind, "A", PLANTED[kind][0] + 1))[-1]
    dialogue = one.dialogue()
    header = {"type": "dialogue", "version": 1, "config": dialogue.config, "planted": one.operator}
    return as_record(header, [asdict(turn) for turn in dialogue.turns])


def as_record(header: dict[str, Any], turns: list[dict[str, Any]]) -> str:
    """The lines of a record, without times and versions."""
    said = ({"type": "turn"} | {name: turn[name] for name in KEPT} for turn in turns)
    end = {"type": "end", "status": "done"}
    return "".join(json.dumps(line) + "\n" for line in (header, *said, end))


def show(kind: str, made: str) -> str:
    """The example as the page has it: the command, some turns, and what analyze.py prints."""
    *_, shown = REAL.get(kind) or PLANTED[kind]
    command = f"`python {shlex.join(arguments_for(kind))}`\n\n" if kind in REAL else ""
    lines = []
    for turn in (line for line in map(json.loads, made.splitlines()) if line.get("index") in shown):
        text = turn["content"].replace("\n", "\\n")
        text = f"{text[:HEAD]} [...] {text[-TAIL:]}" if len(text) > HEAD + TAIL else text
        lines.append(f"{turn['index']:3}  {text}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{kind}.jsonl").write_text(made, encoding="ascii")
        printed = run("analyze.py", folder).splitlines()
    lines += ["", *(line[2:] for line in printed if re.match(rf"  (break|warn ) {kind} ", line))]
    return command + "".join(f"    {line}".rstrip() + "\n" for line in lines)


def main() -> None:
    """Make all of them, print them, and put them into the page and the folder beside it."""
    for kind in sys.argv[1:] or KINDS:
        if kind not in {*REAL, *PLANTED}:
            raise SystemExit(f"{kind}: name it in REAL or PLANTED, at the top of this module")
        made = make_real(kind) if kind in REAL else make_planted(kind)
        (RECORDS / f"{kind}.jsonl").write_text(made, encoding="ascii")
        example = show(kind, made)
        print(f"{kind}\n{example}", flush=True)
        head, begin, rest = PAGE.read_text("utf-8").partition(f"<!-- {kind}: begin -->\n")
        _, end, rest = rest.partition(f"<!-- {kind}: end -->")
        PAGE.write_text(f"{head}{begin}{example}{end}{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
