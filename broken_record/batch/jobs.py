"""Many dialogues, J at a time, each a process with files of its own.

What lies in a run folder is run_folder.py's; this module keeps the processes going. One server runs
for every embedded model while the batch does; one that died is started again on its port.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from broken_record.batch.away import Away
from broken_record.batch.loops import Loops
from broken_record.batch.plan import Job, jobs_of
from broken_record.batch.progress import Progress, most_tokens
from broken_record.config.schema import Config
from broken_record.conversation.aim_process import LEAVE_S
from broken_record.engines.connect import SLOT_VARIABLE
from broken_record.engines.embedded import (
    SERVERS_VARIABLE,
    EmbeddedServer,
    servers_to_hand_on,
    wanted_servers,
)
from broken_record.errors import ConfigError
from broken_record.files.run_folder import hold
from broken_record.files.text_log import BeforeTranscript
from broken_record.scripts import handle_signals, path_of, tell
from broken_record.terminal import command_of, words_to_paste

WATCH_EVERY_S = 0.2
KILL_AFTER_S = LEAVE_S + 10.0  # a dialogue that was stopped may still wait for Aim


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
    configs: Mapping[Path, Config] = field(default_factory=dict)  # by run folder
    done: int = 0
    failed: list[Job] = field(default_factory=list)
    running: dict[int, tuple[Job, subprocess.Popen[bytes]]] = field(default_factory=dict)
    came: list[int] = field(default_factory=list)
    came_at: float | None = None
    shown: bool = True
    full: str = ""  # why the log of the dialogue that is shown cannot be written
    teeing: threading.Thread | None = None
    away: Away = field(default_factory=Away)
    loops: Loops | None = None  # counted for whoever reads the status
    told: set[str] = field(default_factory=set)  # which servers are away
    waiting: list[Job] = field(init=False)
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = list(self.jobs)
        self.progress = Progress(
            {
                job.file(".jsonl"): most_tokens(self.configs[job.stem.parent])
                for job in self.jobs
                if job.stem.parent in self.configs
            }
        )

    def fill_places(self, *, say: bool) -> None:
        """Start a dialogue in every free place, as long as some wait and their servers answer."""
        for place in range(self.at_once):
            if place in self.running or self.came or (job := self.next_job()) is None:
                continue
            if say:
                number = len(self.jobs) - len(self.waiting)
                tell(f"parrot.sh: dialogue {number} of {len(self.jobs)} -> {job.stem}.log\n")
            self.start(place, job)
        self.tell_who_is_away()

    def start(self, place: int, job: Job) -> None:
        """Run one dialogue in a place (from 0); one that cannot be started has failed."""
        try:
            self.begin(place, job)
        except OSError as error:
            self.fail(job, f"it cannot be started: {error}")

    def begin(self, place: int, job: Job) -> None:
        """Start its process, in a session of its own, so that a signal reaches it once, from
        here.
        """
        show = self.at_once == 1
        self.full = ""
        self.progress.start(job.file(".jsonl"))
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
            if self.came:  # while it was being started
                stop_dialogue(process)
            if show:
                self.teeing = threading.Thread(
                    target=self.tee, args=(process, stack.pop_all(), log)
                )
                self.teeing.start()

    def tee(self, process: subprocess.Popen[bytes], files: ExitStack, log: BinaryIO) -> None:
        """What a dialogue says, into its log and to stdout as it comes; a terminal is spared the
        transcript, which only says it again.
        """
        assert process.stdout is not None
        stream = BeforeTranscript() if sys.stdout.isatty() else None
        with (
            suppress(OSError),
            files,
            process.stdout,
        ):  # a full disk says it as files are closed, too
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
                        sys.stdout.buffer.write(stream.take(piece) if stream else piece)
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
            self.progress.end(job.file(".jsonl"), done=code == 0)
            if self.loops:
                self.loops.look(job.file(".jsonl"), over=True)
            if self.teeing is not None:
                self.teeing.join()
            errors = job.file(".err")
            if code == 0 and not self.full:
                self.done += 1
            elif not self.came:
                said = errors.read_text(encoding="utf-8", errors="replace") + self.full
                silent = f"it ended with {code} and no word; is the disk full, or was it killed?"
                self.fail(job, said.strip() or silent)
            if errors.stat().st_size == 0:
                errors.unlink()

    def fail(self, job: Job, why: str) -> None:
        """Take a dialogue that failed in, and say so."""
        self.failed.append(job)
        tell(f"parrot.sh: {job.stem.name} failed:\n{why}\n")

    def stop(self, number: int, frame: object = None) -> None:
        """Stop all dialogues for a signal that came; no further one is started."""
        self.came.append(number)
        self.came_at = self.came_at or time.monotonic()
        for _, process in self.running.values():
            stop_dialogue(process)

    def kill_late(self) -> None:
        """End the dialogues that do not end for a signal; their records bear it."""
        if self.came_at and time.monotonic() - self.came_at > KILL_AFTER_S:
            for _, process in self.running.values():
                process.kill()

    def missing(self, job: Job) -> str | None:
        """The server that a dialogue waits for, if one does not answer."""
        config = self.configs.get(job.stem.parent)
        return self.away.missing(config) if config else None

    def next_job(self) -> Job | None:
        """Take the first dialogue that waits and whose servers answer; those whose servers have
        been away for too long have failed.
        """
        lost: Counter[str] = Counter()
        for job in list(self.waiting):
            url = self.missing(job)
            if url is None:
                self.waiting.remove(job)
                return job
            if self.away.too_long(url, self.configs[job.stem.parent]):
                self.waiting.remove(job)
                self.failed.append(job)
                lost[url] += 1
        for url, count in lost.items():
            tell(f"parrot.sh: {url} has not answered for so long (retry_for_s) that {count} "
                 "dialogues were not begun\n")  # fmt: skip
        return None

    def tell_who_is_away(self) -> None:
        """Say it once of every server that is away, and once that it is back."""
        away = set(self.away.since)
        for url in sorted(away - self.told):
            tell(f"parrot.sh: {url} does not answer; dialogues that have not begun wait for it\n")
        for url in sorted(self.told - away):
            tell(f"parrot.sh: {url} answers again\n")
        self.told = away

    def status(self) -> str:
        """done, failed, running, looping so far, tokens, their speed, and time left, or who is
        waited for.
        """
        for job, _ in self.running.values():
            self.progress.look(job.file(".jsonl"))
            if self.loops:
                self.loops.look(job.file(".jsonl"))
            if self.away.since or self.progress.silent():
                self.missing(job)
        away = ", ".join(f"{url} does not answer" for url in sorted(self.away.since))
        looping = f"{len(self.loops.looping)} looping so far, " if self.loops else ""
        return (
            f"{self.done} of {len(self.jobs)} done, {len(self.failed)} failed, "
            f"{len(self.running)} running, {looping}{away or self.progress.words()}"
        )


def stop_dialogue(process: subprocess.Popen[bytes]) -> None:
    """End a dialogue that can be resumed, whichever signal came: by SIGTERM, which says nothing
    where it strikes a Python that is only starting.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def run_jobs(
    jobs: list[Job],
    at_once: int,
    servers: dict[str, EmbeddedServer],
    came: list[int] | None = None,
    configs: Mapping[Path, Config] | None = None,
    *,
    show: bool = True,
) -> Batch:
    """Run the dialogues, `at_once` in flight, until all have ended or a signal came, which `came`
    may tell already.

    `configs`, by run folder, say which servers have to answer before a dialogue begins. With
    `show`, a single one in flight is streamed to stdout.
    """
    addresses = {name: server.address() for name, server in servers.items()}
    held = servers_to_hand_on(servers)
    batch = Batch(
        jobs, at_once, {**os.environ, SERVERS_VARIABLE: held} if held else {**os.environ},
        came=[] if came is None else came, configs=configs or {}, shown=show,
    )  # fmt: skip
    handle_signals(batch.stop)
    line = at_once > 1 and sys.stderr.isatty()
    batch.loops = Loops() if line else None
    try:
        while (batch.waiting and not batch.came) or batch.running:
            restart_dead(servers, addresses)
            batch.fill_places(say=not line)
            batch.reap()
            batch.kill_late()
            if line:
                width = shutil.get_terminal_size().columns
                sys.stderr.write("\r\x1b[K")
                tell(batch.status()[: width - 1])
            if batch.running or batch.waiting:
                time.sleep(WATCH_EVERY_S)
    finally:
        for _, process in batch.running.values():  # where the folder went away, say
            process.terminate()
    if line:
        tell("\n")
    return batch


def check_at_once(configs: Sequence[Config], at_once: int) -> None:
    """ConfigError where dialogues must not share a server at the same time."""
    if at_once > 1 and any(config.reproducible for config in configs):
        raise ConfigError(["reproducible: one dialogue at a time, not -j"])


def run_folders(
    folders: Sequence[Path],
    configs: Sequence[Config],
    at_once: int,
    named: Sequence[Path],
    came: list[int],
) -> int:
    """Run what is not done in the folders, which are spoken of as `named`; the exit code. `came` is
    told of signals.
    """
    check_at_once(configs, at_once)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(hold(folders))
        found = list(jobs_of(folders, scratch))
        jobs = [job for job in found if job.unreadable is None]
        unreadable = [job for job in found if job.unreadable is not None]
        for job in unreadable:
            tell(f"parrot.sh: {job.stem.name} failed:\n{job.unreadable}\n")
        servers: dict[str, EmbeddedServer] = {}
        stack.callback(stop_all, servers)
        wanted = wanted_servers(configs) if jobs else {}
        for key, one in wanted.items():
            servers[key] = EmbeddedServer(one, slots=2 * at_once, servers=len(wanted))
        batch = run_jobs(jobs, at_once, servers, came, dict(zip(folders, configs, strict=True)))
        batch.failed += unreadable
    names = words_to_paste(named)
    if not batch.shown:
        return 0  # whoever read stdout has gone
    if batch.came:
        tell(f"parrot.sh: interrupted; finished dialogues are in {names}; "
             f"go on with: {command_of('parrot.sh')} --resume {names}\n")  # fmt: skip
        return 128 + batch.came[0]
    if batch.failed:
        tell(f"parrot.sh: {len(batch.failed)} of {len(found)} dialogues failed; when the servers "
             "are well, go on, with the same config: "
             f"{command_of('parrot.sh')} --resume {names}\n")  # fmt: skip
    else:
        nothing = "nothing to do: every dialogue is done, or another process holds it"
        tell(f"parrot.sh: {f'all {len(jobs)} dialogues done' if jobs else nothing}\n")
    if batch.done or not found:
        tell(f"Next: {command_of('analyze.py')} {names}\n")
    return 1 if batch.failed else 0
