"""In how many branches is nothing new? Of each run of a sweep of branches, those whose every new
turn had been said before the branch, word for word, by either speaker.

    python -m benchmarks.copied SWEEP
"""

from __future__ import annotations

import argparse
from pathlib import Path

from broken_record.data import Dialogue
from broken_record.files.record import read_record
from broken_record.files.sweep_folder import read_sweep


def is_copied(dialogue: Dialogue) -> bool:
    """Whether all that a branch says was said before it, prefixes aside."""
    assert dialogue.branch is not None
    prefixes = dialogue.prefixes
    texts = [(turn, turn.content.removeprefix(prefixes[turn.role])) for turn in dialogue.turns]
    before = {text for turn, text in texts if turn.index < dialogue.branch.at}
    return all(text in before for turn, text in texts if turn.index >= dialogue.branch.at)


def main() -> None:
    """A line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path)
    folder = parser.parse_args().sweep
    for run in read_sweep(folder).runs:
        branches = [read_record(path) for path in sorted((folder / run.name).glob("*.jsonl"))]
        copied = sum(map(is_copied, branches))
        print(f"{run.name}: nothing new in {copied} of {len(branches)} branches")


if __name__ == "__main__":
    main()
