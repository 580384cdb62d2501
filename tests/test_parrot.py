"""parrot.py as a process: what comes out, what is kept, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broken_record.files.record import parse_record
from broken_record.files.text_log import render_log
from tests.replay import LLAMA, http_json, replay, reply, sse

ROOT = Path(__file__).parents[1]
SCENE = {
    "conversation": [{"role": "user", "content": "Mark: hi"}],
    "agent_prefix": "Skye:",
    "user_prefix": "Mark:",
    "total_tokens": 9,
}


def parrot(*arguments, **more):
    command = [sys.executable, str(ROOT / "parrot.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, **more)


def put_config(folder, url, **more):
    path = folder / "c.json"
    path.write_text(json.dumps({**SCENE, "api_url": url, **more}))
    return path


def read(path):
    return parse_record(path.read_text().split("\n"))


def test_stdout_is_the_log_that_the_record_renders(tmp_path):
    record = tmp_path / "new" / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" hello \u2028\x1b[1m \ud83d\ude00")}) as (
        url,
        _,
    ):
        done = parrot(put_config(tmp_path, url), "--record", record, "--seed", 5)
    assert (done.returncode, done.stderr) == (0, b"")
    dialogue = read(record)
    assert done.stdout.decode() == render_log(dialogue)
    assert "\\x1b[1m \U0001f600" in done.stdout.decode() and b"\x1b" not in done.stdout
    assert dialogue.turns[0].content == "Skye: hello \u2028\x1b[1m \U0001f600"
    assert (dialogue.status, dialogue.seed, len(dialogue.turns)) == ("done", 5, 3)
    assert dialogue.assistant == dialogue.user
    assert (dialogue.assistant.engine, dialogue.assistant.build) == ("llama-server", "b1-abc")
    assert dialogue.config["total_tokens"] == 9 and "python" in dialogue.packages
    end = json.loads(record.read_text().splitlines()[-1])
    assert end.pop("elapsed_s") > 0
    reason = {"end_reason": "total_tokens", "error": None}
    assert end == {"type": "end", "status": "done", "tokens": 9, "turns": 3, **reason}


def test_a_failed_request_is_never_a_turn_and_ends_the_run_as_error(tmp_path):
    dies = sse({"error": {"message": "engine died"}})
    answers = iter([reply(" one"), reply(" two"), dies, dies, dies])
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": lambda body: next(answers)}) as (url, _):
        done = parrot(put_config(tmp_path, url), "--record", record)
    assert done.returncode == 1 and b"engine died" in done.stderr and b"DONE" not in done.stdout
    dialogue = read(record)
    assert [turn.content for turn in dialogue.turns] == ["Skye: one", "Mark: two"]
    attempts = [line for line in record.read_text().splitlines() if '"attempt"' in line]
    assert len(attempts) == 3  # a stream that breaks is tried again, and is never a turn
    assert dialogue.status == "error" and "engine died" in dialogue.error


def test_a_server_that_is_not_there_ends_with_a_sentence_and_a_closed_record(tmp_path):
    with replay({}) as (url, _):
        pass
    record = tmp_path / "a.jsonl"
    done = parrot(put_config(tmp_path, url), "--record", record)
    assert done.returncode == 1 and done.stdout == b"" and b"is the server running" in done.stderr
    dialogue = read(record)
    assert (dialogue.status, dialogue.turns, dialogue.assistant) == ("error", (), None)


def test_a_wrong_config_is_answered_at_once_with_every_problem(tmp_path):
    path = put_config(tmp_path, "nowhere", turn_max_token=3)
    done = parrot(path, "--record", tmp_path / "a.jsonl")
    assert done.returncode == 2 and not (tmp_path / "a.jsonl").exists()
    assert len(done.stderr.splitlines()) == 2 and b"did you mean" in done.stderr


def test_the_effective_config_is_shown_with_origins(tmp_path):
    done = parrot(put_config(tmp_path, "http://h:1"), "--set", "user_memory=3", "--print-config")
    lines = {line.split(" ")[0]: line for line in done.stdout.decode().splitlines()}
    assert lines["user_memory"].endswith(f"= 3   ({tmp_path / 'c.json'} with --set)")
    assert lines["turn_max_tokens"].endswith("= 512   (default)")
    assert lines["user_api_url"].endswith('= "http://h:1"   (as api_url)')


def test_a_secret_stays_in_the_environment(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": reply(" x")}) as (url, _):
        path = put_config(tmp_path, url, api_key_env="THE_KEY")
        done = parrot(path, "--record", record, env={**os.environ, "THE_KEY": "s3cret-value"})
    assert done.returncode == 0
    assert b"s3cret-value" not in done.stdout + done.stderr + record.read_bytes()


KEY = "sk-proj-0123456789abcdef"


@pytest.mark.parametrize(
    "answer",
    [
        http_json(
            {"error": {"message": f"Incorrect API key provided: {KEY}."}}, "401 Unauthorized"
        ),
        http_json(f"Bearer {KEY}", "403 Forbidden"),
        http_json({"error": KEY}, "503 Service Unavailable"),
        http_json([{"no": f"{'.' * 180}{KEY}"}], "200 OK"),  # cut off in the middle of the key
        sse({"error": {"message": f"no credit is left on {KEY}"}}),
        sse(f"not JSON: {KEY}"),
        sse({"choices": [{"text": "", "finish_reason": KEY}]}),
    ],
)
def test_a_key_that_the_server_repeats_is_blanked_wherever_the_error_goes(answer, tmp_path):
    record = tmp_path / "a.jsonl"
    with replay({**LLAMA, "/v1/completions": answer}) as (url, _):
        path = put_config(tmp_path, url, api_key_env="THE_KEY", retry_for_s=0)
        done = parrot(path, "--record", record, env={**os.environ, "THE_KEY": f" {KEY}\n"})
    said = done.stderr + done.stdout + record.read_bytes()
    assert done.returncode == 1 and b"***" in done.stderr
    assert KEY[:12].encode() not in said and read(record).error


def test_an_existing_record_is_not_touched(tmp_path):
    (tmp_path / "a.jsonl").write_text("mine")
    done = parrot(put_config(tmp_path, "http://127.0.0.1:1"), "--record", tmp_path / "a.jsonl")
    assert done.returncode == 1 and b"exists already" in done.stderr
    assert (tmp_path / "a.jsonl").read_text() == "mine"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_dialogue_is_closed_and_leaves_no_server(number, code, tmp_path):
    record = tmp_path / "a.jsonl"
    process = subprocess.Popen(
        [sys.executable, "parrot.py", "--record", record, "--set", "turn_max_tokens=40"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: record.exists() and record.read_text().count('"turn"') >= 2)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=20)
    resume = f"go on with: python parrot.py --resume {record}\n"
    assert (process.returncode, errors.decode()) == (code, resume)
    assert read(record).status == "interrupted" and len(read(record).turns) >= 2
    wait_for(lambda: not session_members(process.pid))


STRIKE = """
import os, signal, sys

def strike(frame, event, argument):
    if (event, frame.f_code.co_name) != ("{event}", "{function}"):
        return
    callers = set()
    while frame := frame.f_back:
        callers.add(frame.f_code.co_name)
    if "{caller}" in callers and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

sys.setprofile(strike)
"""


@pytest.mark.parametrize(
    ("event", "function", "caller"),
    [("c_return", "__enter__", "_get_conn"),  # a queue's lock has just been taken
     ("c_return", "__enter__", "_put_conn"),
     ("c_return", "cb", "_find_and_load")],  # in a finaliser, where it is lost
)  # fmt: skip
def test_a_signal_inside_a_library_neither_hangs_it_nor_is_lost(event, function, caller, tmp_path):
    where = {"event": event, "function": function, "caller": caller}
    (tmp_path / "sitecustomize.py").write_text(STRIKE.format(**where))
    with replay({**LLAMA, "/v1/completions": reply(" hello")}) as (url, _):
        done = parrot(
            put_config(tmp_path, url), "--record", tmp_path / "a.jsonl",
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
    assert (done.returncode, b"Traceback" in done.stderr) == (143, False), done.stderr


def test_a_reader_that_goes_away_ends_it_quietly_with_the_record_intact(tmp_path):
    record = tmp_path / "a.jsonl"
    command = f"{sys.executable} parrot.py --set turn_max_tokens=40 --record {record} | head -n 4"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stderr.startswith(b"go on with: python parrot.py --resume")
    assert read(record).status == "interrupted"


def wait_for(condition, limit_s=60.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def session_members(session):
    """The living processes of a session."""
    found = subprocess.run(["ps", "-o", "pid=", "-s", str(session)], capture_output=True, text=True)
    return found.stdout.split()


def test_a_new_config_is_written_once(tmp_path):
    words = ("--new", "mine.json", "Ada: It ticks.", "Ben: Then run!")
    done = parrot(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"next: python parrot.py mine.json\n")
    written = (tmp_path / "mine.json").read_text()
    again = parrot(*words, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (
        2,
        b"--new mine.json: cannot be written: File exists\n",
    )
    assert (tmp_path / "mine.json").read_text() == written
