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
from tests.replay import LLAMA, replay
from tests.test_parrot import ROOT, put_config


def a_job(folder, url):
    stem = folder / "run_1"
    return Job(stem, (str(put_config(folder, url)), f"--record={stem}.jsonl"))


def test_a_signal_that_came_while_a_dialogue_was_being_started_ends_it(tmp_path):
    with replay(LLAMA) as (url, _):
        batch = Batch([], 2, dict(os.environ), came=[signal.SIGTERM])
        batch.start(0, a_job(tmp_path, url))
        [(_, process)] = batch.running.values()
        assert process.wait(timeout=20) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_an_embedded_server_whose_parent_went_while_it_started_ends(tmp_path):
    model = str(MODELS_FOLDER / "skye.gguf")
    server = subprocess.Popen(
        [sys.executable, "-m", "broken_record.engines.embedded_server", model, "skye", "64", "1"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server.stdout.close()
    try:
        assert server.wait(timeout=20) == 0
    finally:
        server.kill()
        server.stdin.close()
