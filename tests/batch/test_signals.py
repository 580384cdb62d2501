"""Signals at seeded places of dialogues and batches, their start included; benchmarks/signals.py
tries moments of batches on the real models.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from benchmarks.signals import SIGNALS, disturb, left_over, moments
from tests.replay import LLAMA, replay, reply
from tests.test_parrot import ROOT, put_config, read, session_members, wait_for

STARTUP_S, WHOLE_S = 1.5, 4.0
FAKE = """
# An embedded server that is up at once, and says where another one is.
import os

class Anything:
    def __getattr__(self, name):
        self.__dict__[name] = Anything()
        return self.__dict__[name]

class Server:
    def __init__(self, parameters):
        self.listening_address = os.environ["FAKE_URL"]

CommonParams, ggml_type, llama_flash_attn_type = Anything, Anything(), Anything()
get_device_info = list
"""
STRIKE = """
# The batch sends itself a signal behind the k-th call of a C function in what starts processes.
import atexit, os, sys
counted = 0

def strike(frame, event, argument):
    global counted
    name = frame.f_globals.get("__name__", "")
    if event == "c_return" and name.startswith(("broken_record", "subprocess", "tempfile")):
        counted += 1
        if counted == place:
            sys.setprofile(None)
            globals()["__name__"] = name  # the handler sees this frame
            os.kill(os.getpid(), number)

if sys.orig_argv[1:2] == [os.environ["STRUCK"]]:
    number, place = map(int, os.environ["STRIKE"].split())
    sys.setprofile(strike)
    atexit.register(lambda: place or print(counted))
"""


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_signal_at_any_place_ends_a_dialogue_that_can_be_resumed(count, tmp_path):
    with replay({**LLAMA, "/v1/completions": reply(" hello")}) as (url, _):
        command = [sys.executable, "-c", "from tests.struck import main; main()"]
        config = put_config(tmp_path, url)
        subprocess.run([*command, config, tmp_path, str(count), "1"], cwd=ROOT, check=True)
    struck = json.loads((tmp_path / "struck.json").read_text())
    whole = [(turn.index, turn.content) for turn in read(tmp_path / "whole.jsonl").turns]
    interrupted = 0
    for one in struck:
        record = tmp_path / f"{one['place']}.jsonl"
        assert one["code"] in (0, 128 + one["signal"]) and "Traceback" not in one["said"], one
        interrupted += one["code"] != 0
        if one["resumed"] is not None:
            dialogue = read(record)
            assert (one["resumed"], dialogue.status) == (0, "done"), one
            assert [(turn.index, turn.content) for turn in dialogue.turns] == whole, one
    assert len(struck) == count and interrupted > 0.9 * count


def hold_batch(folder, fakes, url, *words, strike="0 0"):
    """parrot.sh on fake servers, struck by a signal: (exit code, stdout, stderr, its session)."""
    environment = {
        **os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(fakes), "FAKE_URL": url,
        "STRUCK": str(ROOT), "STRIKE": strike,
    }  # fmt: skip
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), *words], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    said = process.communicate(timeout=60)
    return process.returncode, *said, process.pid


@pytest.mark.parametrize("count", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_a_signal_at_any_place_ends_a_batch_that_can_be_completed(count, tmp_path):
    fakes = tmp_path / "fakes"
    fakes.mkdir()
    (fakes / "xllamacpp.py").write_text(FAKE)
    (fakes / "sitecustomize.py").write_text(STRIKE)
    new = ("2", str(ROOT / "config.json"), "-j", "2", "--", "--set", "total_tokens=9")
    with replay({**LLAMA, "/v1/completions": reply(" hello")}) as (url, _):
        code, counted, said, _ = hold_batch(tmp_path, fakes, url, *new)
        assert code == 0, said
        places = random.Random(1).sample(range(1, int(counted)), count)
        for k, place in enumerate(places):
            number = SIGNALS[k % 3]
            folder = tmp_path / str(place)
            folder.mkdir()
            strike = f"{number:d} {place}"
            code, _, said, session = hold_batch(folder, fakes, url, *new, strike=strike)
            assert code in (0, 128 + number, -number) and "Traceback" not in said, (strike, said)
            wait_for(lambda session=session: not session_members(session), 10.0)
            for run in folder.glob("*/run.json"):
                code, _, said, _ = hold_batch(
                    folder, fakes, url, "--resume", "-j2", run.parent.name
                )
                assert code == 0, (strike, said)
                records = [read(record) for record in run.parent.glob("*.jsonl")]
                assert [one.status for one in records] == ["done"] * 2, strike
                assert {len(one.turns) for one in records} == {3}, strike


@pytest.mark.slow
def test_a_signal_at_any_moment_leaves_no_process_and_a_run_that_can_be_completed(tmp_path):
    for k, moment in enumerate(moments(200, 1, STARTUP_S, WHOLE_S)):
        folder = tmp_path / str(k)
        folder.mkdir()
        trial = disturb(folder, moment)
        assert (moment, trial.faults, left_over(trial)) == (moment, [], [])
