"""Dialogues that get a signal at seeded places; what became of each goes to FOLDER/struck.json.

    python -c 'from tests.struck import main; main()' CONFIG FOLDER COUNT SEED

One process loads everything, then forks. A child holds the dialogue of CONFIG and sends itself the
signal behind the k-th call of a C function, where Python looks for one, from the moment on at which
its handlers stand. Places, not times: a busy machine changes nothing.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import parrot

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HUNG_S = 20.0


class Strike:
    """A profile function that counts returns from C, and sends its process a signal at one."""

    def __init__(self, place: int | None, number: int) -> None:
        self.place = place
        self.number = number
        self.count = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "c_return":
            return
        if not self.count and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            return
        self.count += 1
        if self.count == self.place:
            sys.setprofile(None)
            # the handler sees this frame, and is to take it for the one that it struck
            globals()["__name__"] = frame.f_globals.get("__name__")
            os.kill(os.getpid(), self.number)


def let_signals_be() -> None:
    """As in a process that has just begun."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def fork(errors: Path, strike: Strike | None, *words: str) -> int:
    """The exit code of a dialogue in a process of its own; 1 with a traceback where it hangs."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    faulthandler.dump_traceback_later(HUNG_S, exit=True)
    let_signals_be()
    sys.setprofile(strike)
    code = parrot.main(list(words))
    sys.setprofile(None)
    sys.exit(code)


def strike_once(config: str, folder: Path, place: int, number: int) -> dict[str, Any]:
    """One dialogue that is struck, and then resumed if there is something to resume."""
    record, errors = folder / f"{place}.jsonl", folder / f"{place}.err"
    code = fork(errors, Strike(place, number), config, "--record", str(record), "--seed", "1")
    said = errors.read_text()
    begun = record.exists() and b"\n" in record.read_bytes()
    resumed = fork(errors, None, "--resume", str(record)) if begun else None
    return {"place": place, "signal": number, "code": code, "said": said, "resumed": resumed}


def main() -> None:
    config, name, count, seed = sys.argv[1:]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    folder = Path(name)
    parrot.main([config, "--record", str(folder / "first.jsonl")])  # which loads everything
    let_signals_be()
    counting = Strike(None, 0)
    sys.setprofile(counting)
    parrot.main([config, "--record", str(folder / "whole.jsonl"), "--seed", "1"])
    sys.setprofile(None)
    drawn = sorted(random.Random(int(seed)).sample(range(1, counting.count), int(count)))
    struck = [strike_once(config, folder, k, SIGNALS[n % 3]) for n, k in enumerate(drawn)]
    (folder / "struck.json").write_text(json.dumps(struck))
