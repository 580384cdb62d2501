"""The process that writes one dialogue into Aim, for aim.py, which starts it.

It is a process of its own because where Aim's server goes away Aim waits for ever, on the way out
too (aimhubio/aim, issues 3067 and 3280). It reads a JSON object a line, {"texts", "params"}, the
first with {"repo", "run", "name"}, and ends with its stdin, so a dialogue that is killed leaves a
run that is closed. It says on stdout {"run": hash}, and {"error": reason} where it gives up.
"""

from __future__ import annotations

import io
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

REMOTE = "aim://"
LEAVE_S = 30  # from the end of a dialogue until what is still on its way to Aim is given up


def answer(file: TextIO, **said: str) -> None:
    """Tell the parent, if there still is one."""
    with suppress(OSError):
        file.write(json.dumps(said) + "\n")
        file.flush()


@contextmanager
def alone_in(repo: str) -> Iterator[None]:
    """While a run is opened: a repository that two processes make at once is broken for one of them
    (its VERSION comes last). The folder itself is the lock.
    """
    if repo.startswith(REMOTE):
        yield
        return
    import fcntl

    Path(repo).mkdir(parents=True, exist_ok=True)
    folder = os.open(repo, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_run(messages: Iterator[dict[str, Any]], answers: TextIO) -> None:
    """A run in Aim, of what Tracker sends. It measures no machine, keeps no terminal and logs no
    environment, which holds keys.
    """
    from aim import Run, Text
    from aim.sdk.errors import MissingRunError

    opening = next(messages, None)
    if opening is None:
        return
    options = {
        "repo": opening["repo"],
        "system_tracking_interval": None,
        "capture_terminal_logs": False,
        "log_system_params": False,
    }
    with alone_in(opening["repo"]):
        try:
            run = Run(opening["run"], **options)
        except MissingRunError:  # another repository than before
            run = Run(**options)
    answer(answers, run=run.hash)
    if opening["name"]:
        run.name = opening["name"]
    for message in chain([opening], messages):
        for name, text, step, context in message["texts"]:
            run.track(Text(text), name=name, step=step, context=context)
        for name, value in message["params"].items():
            run[name] = value
    run.close()


def main() -> None:
    """The process: write what comes on stdin until it ends, and not much longer."""
    answers, sys.stdout = sys.stdout, sys.stderr
    logged = io.StringIO()
    logging.basicConfig(stream=logged, level=logging.ERROR, format="%(message)s")
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        for line in sys.stdin.buffer:
            arrived.put(line)
        arrived.put(b"")
        time.sleep(LEAVE_S)
        answer(answers, error=f"it did not take everything within {LEAVE_S} s")
        os._exit(1)

    threading.Thread(target=receive, daemon=True).start()
    try:
        write_run(map(json.loads, iter(arrived.get, b"")), answers)
    except Exception as error:  # whatever Aim, its databases and its client throw
        reason = str(error) or logged.getvalue() or type(error).__name__
        answer(answers, error=" ".join(reason.split())[:300])
        os._exit(1)  # its own way out may wait for ever


if __name__ == "__main__":
    main()
