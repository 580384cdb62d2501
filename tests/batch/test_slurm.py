"""Run folders as Slurm job arrays, on a real Slurm of one node where it is installed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from broken_record.batch import launch
from broken_record.batch.plan import make_folder
from broken_record.batch.slurm import sbatch_command
from broken_record.files.text_log import render_log
from tests.cluster import NotUp, ask, missing_programs, run_cluster
from tests.replay import LLAMA, http_json, replay, reply
from tests.test_parrot import ROOT, put_config, read, wait_for
from tests.test_parrot_sh import SHORT, here, parrot_sh

__all__ = ["here"]  # a fixture

SERVER = json.loads(LLAMA["/props"].partition(b"\r\n\r\n")[2])
SLOTS = {**LLAMA, "/props": http_json({**SERVER, "total_slots": 8})}
PATIENCE_S = 60.0
NOON = datetime(2026, 1, 31, 12)  # noqa: DTZ001


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment of a cluster that is up."""
    if missing := missing_programs():
        pytest.skip(
            f"no {', '.join(missing)} on this machine (Debian: slurm-wlm, munge): parrot.sh "
            "--slurm is not tested with a real Slurm"
        )
    with ExitStack() as stack:
        try:
            environment = stack.enter_context(run_cluster(tmp_path_factory.mktemp("cluster")))
        except NotUp as error:
            pytest.skip(f"Slurm does not come up here, --slurm is not tested with it: {error}")
        yield environment


class Gate:
    """A server that holds back its n-th reply, counted from 1, until the gate is opened."""

    def __init__(self, n):
        self.n, self.asked = n, 0
        self.reached, self.opened = threading.Event(), threading.Event()

    def answers(self):
        return {**SLOTS, "/v1/completions": self.say}

    def say(self, body):
        self.asked += 1
        if self.asked == self.n:
            self.reached.set()
            assert self.opened.wait(PATIENCE_S)
        return reply(f" word {self.asked}")


def run_of(folder):
    [run] = (path for path in folder.iterdir() if path.is_dir())
    return run


def tasks(slurm, run):
    """JOB_TASK -> why it waits, of those of a run that are not over."""
    told = ask(slurm, "squeue", "-h", "-r", f"--name={run.name}", "-o", "%F_%K %r")
    return dict(line.split(" ", 1) for line in told.splitlines())


def job_of(submitted):
    """The number in sbatch's one line."""
    assert submitted.returncode == 0, submitted.stderr
    line = re.fullmatch(r"Submitted batch job (\d+)\n", submitted.stdout)
    assert line
    return line[1]


def test_the_command_has_a_task_per_place_and_leaves_the_last_word_to_the_user():
    command = sbatch_command(
        [1, 2, 3, 7],
        [Path("/a b/run%1"), Path("/c")],
        at_once=2,
        words=["--time=1:00", "-p", "gpu"],
    )
    assert command[:-1] == [
        "sbatch", "--array=1-3,7%2", "--job-name=run%1", "--output=/a b/run%%1/slurm_%A_%a.out",
        "--open-mode=append", "--requeue", "--time=1:00", "-p", "gpu",
    ]  # fmt: skip
    assert shlex.split(command[-1].removeprefix("--wrap=")) == [
        "exec", "env", f"PYTHON={sys.executable}", str(ROOT / "parrot.sh"), "--task",
        "$((SLURM_ARRAY_TASK_ID + 0))", "/a b/run%1", "/c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2", "--slurm"], "there is no sbatch here; run this on a login node"),
        (["2", "--wait"], "--sbatch and --wait go with --slurm"),
        (["2", "--sbatch", "--partition=gpu"], "--sbatch and --wait go with --slurm"),
        (["2", "--slurm", "--sbatch", "--comment='a"], "argument --sbatch: "),
    ],
)
def test_what_cannot_be_handed_to_slurm_is_said_before_anything_is_made(
    words, message, here, monkeypatch, capsys
):
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", str(here))
    try:
        code: object = launch.main(words)
    except SystemExit as left:
        code = left.code
    assert code == 2 and message in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["config.json"]


def test_a_task_holds_the_dialogue_of_its_place_goes_on_with_it_and_skips_it_when_done(
    here, monkeypatch
):
    monkeypatch.chdir(here)
    gate = Gate(2)
    with replay(gate.answers()) as (url, seen):
        run = here / make_folder(3, str(put_config(here, url)), ["--seed", "5"], NOON)
        record = run / f"{run.name}_3.jsonl"
        (here / "c.json").unlink()  # the run folder is enough
        task = [ROOT / "parrot.sh", "--task", "3", run]
        process = subprocess.Popen(task, cwd=ROOT, env={**os.environ, "PYTHON": sys.executable})
        assert gate.reached.wait(PATIENCE_S)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 143
        cut = record.read_text()
        assert read(record).status == "interrupted"
        gate.opened.set()
        again = parrot_sh(here, "--task", 3, run)
        assert again.returncode == 0, again.stderr
        assert f"dialogue 3 of 3 -> {run}/{run.name}_3.log" in again.stderr and not again.stdout
        over = parrot_sh(here, "--task", 3, run)
        assert over.returncode == 0 and f"{run.name}_3, is done, or held already" in over.stderr
        assert not any("id_slot" in body for _, body in seen)  # others may use the server too
    dialogue = read(record)
    assert (dialogue.status, dialogue.seed, len(dialogue.turns)) == ("done", 7, 3)
    assert record.read_text().startswith(cut)
    assert sorted(path.name for path in run.iterdir()) == [
        f"{run.name}_3.jsonl", f"{run.name}_3.log", "run.json",
    ]  # fmt: skip
    assert (run / f"{run.name}_3.log").read_text() == render_log(dialogue)
    beyond = parrot_sh(here, "--task", 4, run)
    assert beyond.returncode == 2 and "--task 4: there are 3 dialogues" in beyond.stderr


def test_an_array_holds_every_dialogue_with_embedded_servers_of_its_own(slurm, here):
    done = parrot_sh(here, 3, "-j", 2, "--slurm", "--wait", "--sbatch", "--comment='two words'",
                     "--", *SHORT, "--seed", 40, **slurm)  # fmt: skip
    job, run = job_of(done), run_of(here)
    assert "--resume -j 2 --slurm --sbatch" in done.stderr
    assert f"all 3 dialogues done\nNext: python analyze.py {run.name}" in done.stderr
    for i in (1, 2, 3):
        dialogue = read(run / f"{run.name}_{i}.jsonl")
        assert (dialogue.status, dialogue.seed) == ("done", 39 + i)
        assert dialogue.assistant.engine == "embedded:skye"
        assert (run / f"{run.name}_{i}.log").read_text() == render_log(dialogue)
        said = (run / f"slurm_{job}_{i}.out").read_text()
        assert said.startswith(f"parrot.sh: dialogue {i} of 3 -> {run}/{run.name}_{i}.log\n")
    shown = ask(slurm, "scontrol", "show", "job", job)
    assert shown.count("ArrayTaskThrottle=2") == shown.count("Comment=two words") == 3
    nothing = parrot_sh(here, "--resume", "--slurm", run.name, **slurm)
    assert nothing.returncode == 0 and nothing.stdout == ""


def test_more_dialogues_than_an_array_may_have_are_several_arrays_one_after_the_other(slurm, here):
    with replay({**LLAMA, "/v1/completions": reply(" hello")}) as (url, _):
        done = parrot_sh(here, 5, put_config(here, url), "-j", 3, "--slurm", "--wait", **slurm)
        run = run_of(here)
        assert done.returncode == 0 and "all 5 dialogues done" in done.stderr, done.stderr
        first, second = re.findall(r"Submitted batch job (\d+)", done.stdout)
        tasks_of = {first: (1, 2, 3), second: (1, 2)}
        logs = {f"slurm_{job}_{task}.out" for job in tasks_of for task in tasks_of[job]}
        assert {path.name for path in run.glob("slurm_*")} == logs
        assert f"dialogue 4 of 5 -> {run}" in (run / f"slurm_{second}_1.out").read_text()
        (run / f"{run.name}_5.jsonl").unlink()
        again = parrot_sh(here, "--resume", "--slurm", "--wait", run.name, **slurm)
        assert (run / f"slurm_{job_of(again)}_2.out").exists()
    statuses = [read(run / f"{run.name}_{i}.jsonl").status for i in range(1, 6)]
    assert statuses == ["done"] * 5


def test_a_requeued_task_goes_on_where_it_was(slurm, here):
    gate = Gate(2)
    with replay(gate.answers()) as (url, _):
        job = job_of(parrot_sh(here, 1, put_config(here, url), "--slurm", **slurm))
        run = run_of(here)
        record = run / f"{run.name}_1.jsonl"
        assert gate.reached.wait(PATIENCE_S)
        ask(slurm, "scontrol", "requeue", f"{job}_1")
        wait_for(lambda: read(record).status == "interrupted", PATIENCE_S)
        cut = record.read_text()
        gate.opened.set()
        wait_for(lambda: read(record).status == "done", PATIENCE_S)
        wait_for(lambda: not tasks(slurm, run), PATIENCE_S)
    assert record.read_text().startswith(cut)
    said = [turn.content for turn in read(record).turns]
    assert said == ["Skye: word 1", "Mark: word 3", "Skye: word 4"]
    assert (run / f"slurm_{job}_1.out").read_text().count("dialogue 1 of 1") == 2


def test_a_cancelled_job_goes_on_when_it_is_submitted_again_and_never_beside_itself(slurm, here):
    gate = Gate(5)  # three replies make a dialogue: the second one is cut off after one
    with replay(gate.answers()) as (url, _):
        submitted = parrot_sh(here, 3, put_config(here, url), "--slurm", **slurm)
        first, run = job_of(submitted), run_of(here)
        again = re.search(r"goes on with: \./parrot\.sh (.*)\n", submitted.stderr)
        assert again and again[1] == f"--resume --slurm {run.name}"
        assert gate.reached.wait(PATIENCE_S)
        resumed = parrot_sh(here, *shlex.split(again[1]), **slurm)
        assert f"2 dialogues of {run.name} go to Slurm" in resumed.stderr
        second = job_of(resumed)
        wait_for(
            lambda: (
                {f"{second}_{k}": "Dependency" for k in (2, 3)}.items() <= tasks(slurm, run).items()
            ),
            PATIENCE_S,
        )
        records = [run / f"{run.name}_{i}.jsonl" for i in (1, 2, 3)]
        assert read(records[0]).status == "done" and not records[2].exists()
        ask(slurm, "scancel", first)
        wait_for(lambda: read(records[1]).status == "interrupted", PATIENCE_S)
        cut = records[1].read_text()
        gate.opened.set()
        wait_for(lambda: not tasks(slurm, run), PATIENCE_S)
    assert [read(record).status for record in records] == ["done"] * 3
    assert [read(record).seed - read(records[0]).seed for record in records] == [0, 1, 2]
    assert records[1].read_text().startswith(cut)
    logs = {f"slurm_{job}.out" for job in
            (f"{first}_1", f"{first}_2", f"{second}_2", f"{second}_3")}  # fmt: skip
    assert {path.name for path in run.glob("slurm_*")} == logs


def test_a_failed_task_fails_those_who_wait_and_says_why_in_its_log(slurm, here):
    answers = {
        **LLAMA,
        "/v1/completions": http_json({"error": {"message": "no"}}, "400 Bad Request"),
    }
    with replay(answers) as (url, _):
        done = parrot_sh(here, 1, put_config(here, url), "--slurm", "--wait", **slurm)
    assert done.returncode == 1 and "not all dialogues are done" in done.stderr
    run = run_of(here)
    [log] = run.glob("slurm_*_1.out")
    assert "400" in log.read_text() and read(run / f"{run.name}_1.jsonl").status == "error"


def test_what_sbatch_refuses_is_told_and_can_be_submitted_again(slurm, here):
    with replay({**LLAMA, "/v1/completions": reply(" hello")}) as (url, _):
        refused = parrot_sh(
            here, 1, put_config(here, url), "--slurm", "--sbatch", "--partition=absent", **slurm
        )
    assert refused.returncode == 1 and "invalid partition" in refused.stderr
    assert f"--sbatch --partition=absent {run_of(here).name}" in refused.stderr
