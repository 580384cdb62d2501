"""Run folders as a Slurm job array, and what a task of it does.

A task is one dialogue, and its number the dialogue's place (from 1) among all dialogues of the
folders, done or not, so that a number means the same dialogue in whichever job it stands. Where
there are more than an array may have, further arrays follow one after the other, their tasks
numbered from 1 again. What is queued, runs or was cut off is Slurm's to know; what is done the
records say.
Options of sbatch as in https://slurm.schedmd.com/sbatch.html.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from broken_record.batch.jobs import check_at_once
from broken_record.batch.plan import Job, job_of, plan_of
from broken_record.config.schema import Config
from broken_record.engines.connect import SLOT_VARIABLE, UNNUMBERED
from broken_record.errors import ConfigError
from broken_record.files.run_folder import is_done, read_run
from broken_record.scripts import path_of, tell
from broken_record.terminal import command_of, words_to_paste

LOGS = "slurm_%A_%a.out"  # the job's number and the task's


def check_slurm() -> None:
    """ConfigError where there is no Slurm to hand anything to."""
    if not all(map(shutil.which, ("sbatch", "scontrol"))):
        raise ConfigError(
            ["--slurm: there is no sbatch here; run this on a login node of the cluster, or "
             "install Slurm's commands (Debian: apt install slurm-client)"]
        )  # fmt: skip


def submit(
    folders: Sequence[Path],
    configs: Sequence[Config],
    named: Sequence[Path],
    *,
    at_once: int,
    given: Sequence[str] = (),
    wait: bool = False,
    resumed: bool = False,
) -> int:
    """Hand what is not done in the run folders, which are spoken of as `named`, to Slurm; the exit
    code, with `wait` that of the job.

    `given` are options for sbatch. A resumed run waits for a job of its name that is still there,
    so that no dialogue is held twice at a time.
    """
    check_at_once(configs, at_once)
    places = [k for k, planned in enumerate(plan_of(folders), 1) if not is_done(planned.record)]
    names = words_to_paste(named)
    if places:
        again = ["./parrot.sh", "--resume", *(["-j", str(at_once)] if at_once > 1 else [])]
        again += ["--slurm", *(["--sbatch", shlex.join(given)] if given else [])]
        again += ["--wait"] if wait else []
        tell(f"parrot.sh: {len(places)} dialogues of {names} go to Slurm; what is cut off there "
             f"goes on with: {words_to_paste(again)} {names}\n")  # fmt: skip
        largest = largest_task()
        arrays = groupby(places, key=lambda place: (place - 1) // largest * largest)
        failed = 0
        for k, (before, group) in enumerate(arrays):
            words = ["--wait"] if wait else []
            words += ["--dependency=singleton"] if resumed or k else []
            words += given
            command = sbatch_command(group, named, before=before, at_once=at_once, words=words)
            failed += subprocess.run(command).returncode != 0
            if failed and not wait:
                return 1
        if failed:
            tell("parrot.sh: not all dialogues are done\n")
            return 1
    if wait or not places:
        tell(f"parrot.sh: all {len(places)} dialogues done\n"
             f"Next: {command_of('analyze.py')} {names}\n")  # fmt: skip
    return 0


def largest_task() -> int:
    """The highest number that a task may have on this cluster; Slurm's default if it says none."""
    told = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True).stdout
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", told, re.MULTILINE)
    return max(1, int(found[1]) - 1) if found else 1000


def sbatch_command(
    places: Iterable[int],
    named: Sequence[Path],
    *,
    at_once: int,
    before: int = 0,
    words: Sequence[str] = (),
) -> list[str]:
    """The command that submits one task per place, at most `at_once` of them at a time; task 1 is
    the place after `before`.

    A task says what it does in the first folder. `words` overrule the options given here.
    """
    folders = [folder.absolute() for folder in named]
    shell = path_of("parrot.sh")  # which is in no wheel
    start = [sys.executable, "-m", "broken_record.batch.launch"]
    if shell.exists():
        start = ["env", f"PYTHON={sys.executable}", str(shell)]
    place = f'"$((SLURM_ARRAY_TASK_ID + {before}))"'
    task = f"exec {shlex.join(start)} --task {place} {shlex.join(map(str, folders))}"
    return [
        "sbatch",
        f"--array={join_places(place - before for place in places)}%{at_once}",
        f"--job-name={folders[0].name}",
        f"--output={str(folders[0]).replace('%', '%%')}/{LOGS}",
        "--open-mode=append",  # a requeued task keeps what it said before
        "--requeue",
        *words,
        f"--wrap={task}",
    ]


def join_places(places: Iterable[int]) -> str:
    """Places in ascending order, as sbatch reads them.

    >>> join_places([1, 2, 3, 5, 8, 9])
    '1-3,5,8-9'
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1][1:] = [place]
        else:
            runs.append([place])
    return ",".join("-".join(map(str, run)) for run in runs)


def hold_task(folders: Sequence[Path], place: int) -> int:
    """Hold the dialogue at a place (from 1) among all of the run folders, if it is not done."""
    plan = plan_of(folders)
    if place > len(plan):
        raise ConfigError([f"--task {place}: there are {len(plan)} dialogues"])
    planned = plan[place - 1]
    job = job_of(planned, Path("/dev/stdin"))
    if job is None:
        where = f"dialogue {place} of {len(plan)}"
        tell(f"parrot.sh: {where}, {planned.name}, is done, or held already\n")
        return 0
    tell(f"parrot.sh: dialogue {place} of {len(plan)} -> {job.stem}.log\n")
    return become_dialogue(job, json.dumps(read_run(planned.folder).config))


def become_dialogue(job: Job, config: str) -> NoReturn:
    """Go on as parrot.py in this very process, so that a signal of Slurm's reaches it, and once;
    stdin is the config, stdout the dialogue's .log.
    """
    with tempfile.TemporaryFile() as stdin, job.file(".log").open("wb") as log:
        stdin.write(config.encode())
        stdin.seek(0)
        os.dup2(stdin.fileno(), 0)
        os.dup2(log.fileno(), 1)
    job.file(".err").unlink(missing_ok=True)
    os.environ[SLOT_VARIABLE] = UNNUMBERED
    os.execv(sys.executable, [sys.executable, str(path_of("parrot.py")), *job.arguments])
