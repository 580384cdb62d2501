"""Dialogues in flight: signals that come at the wrong moment, disks that are full, servers that go
away.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from broken_record.batch.jobs import Batch
from broken_record.batch.plan import Job
from broken_record.config.checks import MODELS_FOLDER
from tests.replay import LLAMA, replay, reply
from tests.test_parrot import ROOT, put_config, wait_for


def a_job(folder, url):
    stem = folder / "run_1"
    return Job(stem, (str(put_config(folder, url)), f"--record={stem}.jsonl"))


def test_a_signal_that_came_while_a_dialogue_was_being_started_ends_it(tmp_path):
    with replay(LLAMA) as (url, _):
        batch = Batch([], 2, dict(os.environ), came=[signal.SIGTERM])
        batch.start(0, a_job(tmp_path, url))
        [(_, process)] = batch.running.values()
        assert process.wait(timeout=20) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def hold(job):
    """The batch of one dialogue, once that has ended."""
    batch = Batch([job], 1, dict(os.environ), shown=False)
    batch.start(0, job)
    wait_for(lambda: batch.reap() or not batch.running)
    return batch


def test_a_full_disk_is_a_sentence_and_no_traceback_of_the_thread_that_writes_the_log(
    tmp_path, capsys
):
    with replay({**LLAMA, "/v1/completions": reply(" hello" * 40)}) as (url, _):
        job = a_job(tmp_path, url)
        job.file(".log").symlink_to("/dev/full")
        batch = hold(job)
    said = capsys.readouterr().err
    assert batch.failed == [job] and "Traceback" not in said
    assert "the log cannot be written: No space left on device" in said


def test_a_dialogue_that_could_not_write_why_it_failed_is_given_a_reason(tmp_path, capsys):
    with replay(LLAMA) as (url, _):
        job = a_job(tmp_path, url)
        batch = Batch([job], 2, dict(os.environ))
        batch.start(0, job)
        batch.running[0][1].kill()
        wait_for(lambda: batch.reap() or not batch.running)
    assert batch.failed == [job]
    assert capsys.readouterr().err == (
        "parrot.sh: run_1 failed:\n"
        "it ended with -9 and no word; is the disk full, or was it killed?\n"
    )


def test_a_dialogue_that_cannot_be_started_fails_alone(tmp_path, capsys):
    job = Job(tmp_path / "run_1", ())
    job.file(".log").mkdir()
    assert hold(job).failed == [job]
    assert f"it cannot be started: [Errno 21] Is a directory: '{job.file('.log')}'" in (
        capsys.readouterr().err
    )


def test_an_embedded_server_whose_parent_went_while_it_started_ends(tmp_path):
    model = str(MODELS_FOLDER / "skye.gguf")
    server = subprocess.Popen(
        [sys.executable, "-m", "broken_record.engines.embedded_server", model, "skye", "64", "1"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert server.stdin and server.stdout
    server.stdout.close()
    try:
        assert server.wait(timeout=20) == 0
    finally:
        server.kill()
        server.stdin.close()
