"""Many dialogues, J at a time, each a process with files of its own.

What lies in a run folder is run_folder.py's; this module keeps the processes going. One server runs
for every embedded model while the batch does; one that died is started again on its port.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from broken_record.batch.plan import Job, jobs_of
from broken_record.config.schema import Config
from broken_record.engines.connect import SLOT_VARIABLE
from broken_record.engines.embedded import (
    SERVERS_VARIABLE,
    EmbeddedServer,
    servers_to_hand_on,
    wanted_servers,
)
from broken_record.errors import ConfigError
from broken_record.scripts import command_of, path_of

WATCH_EVERY_S = 0.2


def stop_all(servers: Mapping[str, EmbeddedServer]) -> None:
    """Stop every server that runs now."""
    for server in servers.values():
        server.stop()


def restart_dead(servers: dict[str, EmbeddedServer], addresses: Mapping[str, str]) -> None:
    """Start every server that died again, on the port that dialogues know."""
    for name, server in servers.items():
        if not server.alive():
            server.stop()
            port = urlsplit(addresses[name]).port or 0
            servers[name] = server.again(port)


@dataclass(slots=True)
class Batch:
    """The dialogues in flight and what became of the others."""

    jobs: list[Job]
    at_once: int
    environment: dict[str, str]
    done: int = 0
    failed: list[Job] = field(default_factory=list)
    running: dict[int, tuple[Job, subprocess.Popen[bytes]]] = field(default_factory=dict)
    came: list[int] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    shown: bool = True
    full: str = ""  # why the log of the dialogue that is shown cannot be written
    tokens: int = 0
    read_to: dict[Path, int] = field(default_factory=dict)  # bytes of a record
    teeing: threading.Thread | None = None

    def start(self, place: int, job: Job) -> None:
        """Run one dialogue in a place (from 0); it is in a session of its own, so that a signal
        reaches it once, from here.
        """
        show = self.at_once == 1
        self.full = ""
        with suppress(OSError):  # what was said before it was cut off counts for no speed
            self.read_to[job.file(".jsonl")] = job.file(".jsonl").stat().st_size
        with ExitStack() as stack:
            errors = stack.enter_context(job.file(".err").open("wb"))
            log = stack.enter_context(job.file(".log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, str(path_of("parrot.py")), *job.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if show else log,
                stderr=errors,
                env={**self.environment, SLOT_VARIABLE: str(place)},
                start_new_session=True,
            )
            self.running[place] = (job, process)
            if show:
                self.teeing = threading.Thread(
                    target=self.tee, args=(process, stack.pop_all(), log)
                )
                self.teeing.start()

    def tee(self, process: subprocess.Popen[bytes], files: ExitStack, log: BinaryIO) -> None:
        """What a dialogue says, into its log and to stdout as it comes."""
        assert process.stdout is not None
        with files, process.stdout:
            while piece := os.read(process.stdout.fileno(), 65_536):
                try:
                    log.write(piece)
                    log.flush()
                except OSError as error:
                    self.full = f"the log cannot be written: {error.strerror}"
                    process.terminate()
                    return
                try:
                    if self.shown:
                        sys.stdout.buffer.write(piece)
                        sys.stdout.buffer.flush()
                except OSError:  # whoever read it has gone
                    self.shown = False
                    self.stop(signal.SIGTERM)

    def reap(self) -> None:
        """Take in the dialogues that have ended."""
        for place, (job, process) in list(self.running.items()):
            code = process.poll()
            if code is None:
                continue
            del self.running[place]
            if self.teeing is not None:
                self.teeing.join()
            errors = job.file(".err")
            if code == 0 and not self.full:
                self.done += 1
            elif not self.came:
                self.failed.append(job)
                said = errors.read_text(encoding="utf-8", errors="replace") + self.full
                tell(f"parrot.sh: {job.stem.name} failed:\n{said}")
            if errors.stat().st_size == 0:
                errors.unlink()

    def stop(self, number: int, frame: object = None) -> None:
        """Pass a signal on to all dialogues; no further one is started."""
        self.came.append(number)
        for _, process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def status(self) -> str:
        """done, failed, running, tokens per second, time left."""
        for job, _ in self.running.values():
            record = job.file(".jsonl")
            with suppress(OSError), record.open("rb") as file:
                file.seek(self.read_to.get(record, 0))
                lines = file.read().rpartition(b"\n")[0]
                self.read_to[record] = self.read_to.get(record, 0) + len(lines) + bool(lines)
                for line in lines.split(b"\n"):
                    if b'"type": "turn"' in line[:40]:
                        self.tokens += json.loads(line).get("tokens") or 0
        seconds = time.monotonic() - self.began
        ended = self.done + len(self.failed)
        left = f"{seconds / ended * (len(self.jobs) - ended):.0f} s left" if ended else "..."
        return (
            f"{self.done} of {len(self.jobs)} done, {len(self.failed)} failed, "
            f"{len(self.running)} running, {self.tokens / seconds:.0f} tokens/s, {left}"
        )


def run_jobs(
    jobs: list[Job], at_once: int, servers: dict[str, EmbeddedServer], *, show: bool = True
) -> Batch:
    """Run the dialogues, `at_once` in flight, until all have ended or a signal came.

    With `show`, a single one in flight is streamed to stdout.
    """
    addresses = {name: server.address() for name, server in servers.items()}
    held = servers_to_hand_on(servers)
    batch = Batch(jobs, at_once, {**os.environ, SERVERS_VARIABLE: held} if held else {**os.environ})
    batch.shown = show
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signal_number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(signal_number, batch.stop)
    waiting = list(jobs)
    line = at_once > 1 and sys.stderr.isatty()
    try:
        while (waiting and not batch.came) or batch.running:
            restart_dead(servers, addresses)
            for place in range(at_once):
                if waiting and place not in batch.running and not batch.came:
                    job = waiting.pop(0)
                    if not line:
                        number = len(jobs) - len(waiting)
                        tell(f"parrot.sh: dialogue {number} of {len(jobs)} -> {job.stem}.log\n")
                    batch.start(place, job)
            batch.reap()
            if line:
                tell(f"\r\x1b[K{batch.status()}")
            if batch.running:
                time.sleep(WATCH_EVERY_S)
    finally:
        for _, process in batch.running.values():  # where the folder went away, say
            process.terminate()
    if line:
        tell("\n")
    return batch


def tell(text: str) -> None:
    """To stderr at once."""
    sys.stderr.write(text)
    sys.stderr.flush()


def check_at_once(configs: Sequence[Config], at_once: int) -> None:
    """ConfigError where dialogues must not share a server at the same time."""
    if at_once > 1 and any(config.reproducible for config in configs):
        raise ConfigError(["reproducible: one dialogue at a time, not -j"])


def run_folders(
    folders: Sequence[Path], configs: Sequence[Config], at_once: int, named: Sequence[Path]
) -> int:
    """Run what is not done in the folders, which are spoken of as `named`; the exit code."""
    check_at_once(configs, at_once)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        jobs = list(jobs_of(folders, scratch))
        servers: dict[str, EmbeddedServer] = {}
        stack.callback(stop_all, servers)
        wanted = wanted_servers(configs) if jobs else {}
        for key, one in wanted.items():
            servers[key] = EmbeddedServer(one, slots=2 * at_once, servers=len(wanted))
        batch = run_jobs(jobs, at_once, servers)
    names = " ".join(map(str, named))
    if not batch.shown:
        return 0  # whoever read stdout has gone
    if batch.came:
        tell(f"parrot.sh: interrupted; finished dialogues are in {names}; "
             f"go on with: {command_of('parrot.sh')} --resume {names}\n")  # fmt: skip
        return 128 + batch.came[0]
    if batch.failed:
        tell(f"parrot.sh: {len(batch.failed)} of {len(jobs)} dialogues failed; when the servers "
             "are well, go on, with the same config: "
             f"{command_of('parrot.sh')} --resume {names}\n")  # fmt: skip
    else:
        nothing = "nothing to do: every dialogue is done, or another process holds it"
        tell(f"parrot.sh: {f'all {len(jobs)} dialogues done' if jobs else nothing}\n")
    if batch.done or not jobs:
        tell(f"Next: {command_of('analyze.py')} {names}\n")
    return 1 if batch.failed else 0
