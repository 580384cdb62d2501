"""Dialogues in flight: signals that come at the wrong moment, disks that are full, servers that go
away.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from broken_record.batch.away import Away
from broken_record.batch.jobs import Batch
from broken_record.batch.plan import Job
from broken_record.batch.progress import Progress
from broken_record.config.checks import MODELS_FOLDER
from broken_record.config.load import load
from broken_record.engines.connect import is_up
from broken_record.engines.embedded import EmbeddedServer
from tests.replay import LLAMA, MODELS, http_json, replay, reply
from tests.test_parrot import ROOT, put_config, wait_for

CONFIG = load(ROOT / "config.json").config


def a_job(folder, url):
    stem = folder / "run_1"
    return Job(stem, (str(put_config(folder, url)), f"--record={stem}.jsonl"))


def test_a_signal_that_came_while_a_dialogue_was_being_started_ends_it(tmp_path):
    with replay(LLAMA) as (url, _):
        batch = Batch([], 2, dict(os.environ), came=[signal.SIGTERM])
        batch.start(0, a_job(tmp_path, url))
        [(_, process)] = batch.running.values()
        assert process.wait(timeout=20) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_a_dialogue_that_does_not_end_for_a_signal_is_killed_in_the_end(tmp_path, monkeypatch):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{deaf}; time.sleep(60)"],
        stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        batch = Batch([], 2, {})
        batch.running[0] = (a_job(tmp_path, "http://127.0.0.1:1"), process)
        batch.stop(signal.SIGTERM)
        batch.kill_late()
        assert process.poll() is None
        monkeypatch.setattr("broken_record.batch.jobs.KILL_AFTER_S", 0.0)
        batch.kill_late()
        assert process.wait(timeout=20) == -signal.SIGKILL


def has_ended(batch):
    batch.reap()
    return not batch.running


def hold(job):
    """The batch of one dialogue, once that has ended."""
    batch = Batch([job], 1, dict(os.environ), shown=False)
    batch.start(0, job)
    wait_for(lambda: has_ended(batch))
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
        wait_for(lambda: has_ended(batch))
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


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_server_that_is_away_is_asked_every_other_second_and_waited_for_as_the_config_says():
    up, asked, clock = {"http://a": False, "http://b": True}, [], Clock()
    config = replace(CONFIG, api_url="http://a", user_api_url="http://b", retry_for_s=60)

    def ask(url, key):
        asked.append(url)
        return up[url]

    away = Away(ask, clock)
    assert away.missing(config) == "http://a" and asked == ["http://a"]
    clock.now = 1.0
    assert away.missing(config) == "http://a" and asked == ["http://a"]
    clock.now = 60.0
    assert away.missing(config) == "http://a" and not away.too_long("http://a", config)
    clock.now = 60.5
    assert away.too_long("http://a", config)
    assert away.too_long("http://a", replace(config, retry_for_s=None))
    up["http://a"], clock.now = True, 62.0
    assert away.missing(config) is None and away.since == {}
    assert asked == ["http://a", "http://a", "http://a", "http://b"]


def test_embedded_servers_are_not_asked():
    config = replace(CONFIG, api_url="embedded:skye", user_api_url="embedded:mark")
    assert Away(lambda url, key: False).missing(config) is None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "up"),
    [
        (None, False),
        (MODELS, True),
        (http_json({"error": "no"}, "401 Unauthorized"), True),
        (http_json({"error": "Loading model"}, "503 Service Unavailable"), False),
    ],
    ids=["nobody", "well", "wants a key", "loading"],
)
def test_a_server_is_up_if_it_answers_be_it_with_a_refusal(answer, up):
    if answer is None:
        assert is_up(f"http://127.0.0.1:{free_port()}", None) is up
        return
    with replay({"/v1/models": answer}) as (url, _):
        assert is_up(url, None) is up


def start_batch(folder, url, *arguments, **more):
    config = put_config(folder, url, total_tokens=20, user_system="", **more)
    return subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), *arguments, config.name],
        cwd=folder, env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_status_line_says_which_server_does_not_answer(tmp_path):
    batch = Batch([Job(tmp_path / "run_1", ())], 2, {})
    assert batch.status() == "0 of 1 done, 0 failed, 0 running, 0 tokens, 0 tokens/s"
    batch.away.since["http://a"] = 0.0
    assert batch.status() == "0 of 1 done, 0 failed, 0 running, http://a does not answer"


def test_a_batch_that_meets_a_dead_server_waits_until_it_returns(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    batch = start_batch(tmp_path, url, "3", "-j", "2", retry_for_s=60)
    assert batch.stderr.readline() == (
        f"parrot.sh: {url} does not answer; dialogues that have not begun wait for it\n"
    )
    assert list(tmp_path.glob("*/*.jsonl")) == []
    with replay({**LLAMA, "/v1/completions": reply(" hello", tokens=10)}, port):
        _, said = batch.communicate(timeout=60)
    assert batch.returncode == 0, said
    assert f"parrot.sh: {url} answers again\n" in said and "all 3 dialogues done" in said


def test_dialogues_whose_server_does_not_return_are_not_begun_and_can_be_resumed(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    batch = start_batch(tmp_path, url, "5", retry_for_s=0)
    _, said = batch.communicate(timeout=60)
    assert batch.returncode == 1
    assert (
        f"{url} has not answered for so long (retry_for_s) that 5 dialogues were not begun" in said
    )
    [folder] = tmp_path.glob("parrot_*")
    assert f"./parrot.sh --resume {folder.name}\n" in said
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def turns(*tokens):
    return "".join(json.dumps({"type": "turn", "tokens": n}) + "\n" for n in tokens)


def test_progress_counts_what_is_said_now_and_tells_the_time_left_from_the_first_turn(tmp_path):
    clock = Clock()
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    first.write_text(turns(100))  # before it was cut off
    progress = Progress({first: 300, second: 300}, clock)
    progress.start(first)
    progress.start(second)
    assert (progress.tokens, progress.left_s()) == (0, None)
    first.write_text(turns(100, 20, 20) + '{"type": "turn", "tok')
    clock.now = 10.0
    progress.look(first)  # 40 in 10 s; 160 and 300 are left at most
    assert (progress.tokens, progress.left_s()) == (40, 115.0)
    assert progress.words() == "40 tokens, 4 tokens/s, about 2 min left"
    first.write_text(turns(100, 20, 20, 10))
    progress.end(first, done=True)  # came to 150, and so will the second
    assert (progress.tokens, progress.left_s()) == (50, 30.0)
    assert not progress.silent()
    clock.now = 15.1
    assert progress.silent()


def test_an_embedded_server_whose_parent_went_while_it_started_ends(tmp_path):
    model = str(MODELS_FOLDER / "skye.gguf")
    with EmbeddedServer("skye") as running:
        settings = running.settings(0)
    server = subprocess.Popen(
        [sys.executable, "-m", "broken_record.engines.embedded_server", model, "skye",
         json.dumps(settings)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert server.stdin and server.stdout
    server.stdout.close()
    try:
        assert server.wait(timeout=20) == 0
    finally:
        server.kill()
        server.stdin.close()
