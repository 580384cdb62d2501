"""Signals at seeded places of dialogues and batches, their start included; benchmarks/signals.py
tries moments of batches on the real models.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from benchmarks.signals import disturb, left_over, moments
from tests.replay import LLAMA, replay, reply
from tests.test_parrot import ROOT, put_config, read

STARTUP_S, WHOLE_S = 1.5, 4.0


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


@pytest.mark.slow
def test_a_signal_at_any_moment_leaves_no_process_and_a_run_that_can_be_completed(tmp_path):
    for k, moment in enumerate(moments(200, 1, STARTUP_S, WHOLE_S)):
        folder = tmp_path / str(k)
        folder.mkdir()
        trial = disturb(folder, moment)
        assert (moment, trial.faults, left_over(trial)) == (moment, [], [])
