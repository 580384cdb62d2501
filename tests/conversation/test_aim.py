from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from broken_record.config.load import parse
from broken_record.conversation.aim import COUNTERS, replies_of, texts_of
from broken_record.conversation.goals import Goal
from broken_record.conversation.recording import start
from broken_record.data import Attempt, Dialogue, EngineInfo, Turn
from broken_record.files.goal_counts import COUNTED
from tests.replay import LLAMA, replay, reply
from tests.test_parrot import ROOT, put_config, read, wait_for

GOAL = {
    "mode": "goal",
    "personas": ["a nurse"],
    "objectives": ["Dice.", "Cards."],
    "objective": "o2",
    "templates": {"first": "<PERSONA>|<OBJECTIVE>", "next": "<RESPONSE>|more"},
    "regenerate": {"tries": 1},
}
NURSE = "19ec70d333f07585822c9003f0c7cefd"  # printf 'a nurse' | sha256sum | cut -c1-32
SAYS = ["I wonder.", '"A six?" "Why?"', "One in six \ud83d.", "FINISH"]
READER = """
import json, sys
from aim import Repo
from aim.sdk.index_manager import RepoIndexManager
from aim.storage.context import Context
repo = Repo.from_path(sys.argv[1])
for run in repo.list_all_runs():
    RepoIndexManager.get_index_manager(repo).index(run)  # as `aim up` does
runs = {}
for run in repo.iter_runs():
    tracked = run.collect_sequence_info("texts", skip_last_value=True)["texts"]
    texts = []
    for info in tracked:
        sequence = run.get_text_sequence(info["name"], Context(info["context"]))
        said = {step: text.data for step, (text, *_) in sequence.data.items()}
        texts.append([info["name"], info["context"], said])
    runs[run.hash] = {"name": run.name, "ended": run.end_time is not None, "params": run[...],
                      "more": run.collect_sequence_info(("metric", "logs")), "texts": texts}
print(json.dumps(runs))
"""


def runs_in(folder):
    """What Aim's own API finds in a repository."""
    pytest.importorskip("aim", reason="needs the package aim")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parrot(folder, *arguments, **more):
    command = [sys.executable, str(ROOT / "parrot.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150, **more)


def test_every_counter_has_a_name_in_aim():
    assert set(COUNTERS) == set(COUNTED)


def test_texts_have_llm_roleplays_names_and_tries_their_steps():
    mode = Goal(parse(json.dumps(GOAL), "c.json").config)
    dialogue = Dialogue(
        GOAL,
        (
            Turn(0, "user", SAYS[1], extract="A six?", quoted=2),
            Turn(1, "assistant", SAYS[2]),
            Turn(2, "user", SAYS[3], quoted=0),
        ),
        "done",
        attempts=(
            Attempt(0, "user", "", "the stream broke", 0, 0.1),
            Attempt(0, "user", SAYS[0], "asked again: no_prompt", 0, 0.1, "no_prompt"),
        ),
    )
    first, second = ({"turn": turn, "sample_id": 1, "persona_hash": NURSE} for turn in (0, 1))
    assert [t for reply in replies_of(dialogue) for t in texts_of(mode, dialogue, *reply)] == [
        ("inquirer_input", "a nurse|Cards.", 0, first),
        ("inquirer_output", "I wonder.", 0, first),
        ("inquirer_input", "a nurse|Cards.", 1, first),
        ("inquirer_output", '"A six?" "Why?"', 1, first),
        ("inquirer_output_extract", "A six?", 1, {**first, "num_prompts": 2}),
        ("responder_input", "A six?", 0, first),
        ("responder_output", "One in six \ud83d.", 0, first),
        ("inquirer_input", "One in six \ud83d.|more", 0, second),
        ("inquirer_output", "FINISH", 0, second),
    ]


def test_without_its_package_a_config_that_tracks_is_refused_before_anything_is_contacted(tmp_path):
    with replay(LLAMA) as (url, seen):
        config = put_config(tmp_path, url, track="aim")
        code = "import sys; sys.modules['aim'] = None; import parrot; sys.exit(parrot.main())"
        done = subprocess.run(
            [sys.executable, "-c", code, str(config), "--record", str(tmp_path / "a.jsonl")],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "track: needs a package; run: pip install aim\n"
    assert not seen and not (tmp_path / "a.jsonl").exists()


def test_what_aim_cannot_do_is_said_once_and_harms_no_dialogue(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    conversation = [{"role": "user", "content": "Hi."}]
    config = {"conversation": conversation, "track": "aim", "track_repo": str(tmp_path / "file")}
    values = parse(json.dumps(config), "c.json").values
    recording = start(values, 7, tmp_path / "a.jsonl")
    with caplog.at_level(logging.WARNING), recording.ended():
        recording.meet(EngineInfo("scripted"), EngineInfo("scripted"))
        assert recording.tracker is not None
        recording.tracker.process.wait(100)
        for index in range(1, 4):
            recording.turn(Turn(index, "assistant", "Hello."))
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("track: not all of this dialogue is in Aim: ")
    dialogue = read(tmp_path / "a.jsonl")
    assert (dialogue.status, len(dialogue.turns), dialogue.aim_run) == ("done", 3, None)


def test_a_goal_dialogue_is_a_run_in_aim_with_config_texts_and_counters_and_no_secret(tmp_path):
    pytest.importorskip("aim", reason="needs the package aim")
    said = iter(SAYS)
    record = tmp_path / "dice.jsonl"
    config = {**GOAL, "track": "aim", "api_key_env": "THE_KEY"}
    with replay({**LLAMA, "/v1/completions": lambda body: reply(next(said))}) as (url, _):
        (tmp_path / "c.json").write_text(json.dumps({**config, "api_url": url}))
        environment = {**os.environ, "THE_KEY": "s3cret-value"}
        done = parrot(tmp_path, "c.json", "--record", "dice.jsonl", "--seed", 7, env=environment)
    assert done.returncode == 0 and "track" not in done.stderr
    dialogue = read(record)
    [(run, found)] = runs_in(tmp_path).items()
    assert (run, "dice", True) == (dialogue.aim_run, found["name"], found["ended"])
    assert found["params"]["cfg"] == dialogue.config and found["params"]["seed"] == 7
    assert found["params"]["personas"] == {NURSE: "a nurse"}
    assert found["params"]["assistant"]["build"] == "b1-abc"
    assert (found["params"]["status"], found["params"]["end_reason"]) == ("done", "finished")
    counted = {name: n for name, n in found["params"].items() if name.startswith("num_") and n}
    expected = {
        COUNTERS[kind] + ("" if role == "user" else "_model_responder"): n
        for role, counts in dialogue.counters.items()
        for kind, n in counts.items()
        if n
    }
    assert counted == expected and counted["num_multiple_prompts"] == 1
    assert found["params"]["num_non_coherent_model_responder"] == 0
    first, second = ({"turn": turn, "sample_id": 1, "persona_hash": NURSE} for turn in (0, 1))
    assert sorted(found["texts"], key=lambda text: (text[1]["turn"], text[0])) == [
        ["inquirer_input", first, {"0": "a nurse|Cards.", "1": "a nurse|Cards."}],
        ["inquirer_output", first, {"0": "I wonder.", "1": '"A six?" "Why?"'}],
        ["inquirer_output_extract", {**first, "num_prompts": 2}, {"1": "A six?"}],
        ["responder_input", first, {"0": "A six?"}],
        ["responder_output", first, {"0": "One in six \ufffd."}],
        ["inquirer_input", second, {"0": "One in six \ufffd.|more"}],
        ["inquirer_output", second, {"0": "FINISH"}],
    ]
    assert found["more"] == {"metric": [], "logs": []}  # no load of the machine, no terminal
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"s3cret-value" not in path.read_bytes(), path


def test_a_killed_chat_leaves_a_closed_run_in_which_it_goes_on(tmp_path):
    pytest.importorskip("aim", reason="needs the package aim")
    record = tmp_path / "a.jsonl"
    config = {
        "conversation": [{"role": "user", "content": "Mark: hi"}],
        "agent_prefix": "Skye:",
        "user_prefix": "Mark:",
        "total_tokens": 12_000,
        "context": "stop",
        "turn_max_tokens": 10,
        "api_url": "embedded:skye",
        "user_api_url": "embedded:mark",
        "track": "aim",
        "track_repo": "aim here",
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    locks = tmp_path / "aim here" / ".aim" / "locks"
    for number, arguments in enumerate(
        (["c.json", "--record", "a.jsonl"], ["--resume", "a.jsonl"])
    ):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "parrot.py"), *arguments],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: [*locks.glob("*.softlock")], limit_s=100)
        wait_for(lambda: record.read_text().count('"type": "track"') == 1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: not [*locks.glob("*.softlock")], limit_s=100)
        assert record.read_text().count('"type": "resume"') == number
    dialogue = read(record)
    [(run, found)] = runs_in(tmp_path / "aim here").items()
    assert (run, found["ended"], dialogue.status) == (dialogue.aim_run, True, "unfinished")
    assert found["params"]["status"] == "unfinished" and "personas" not in found["params"]
    texts = {(name, context["turn"]): said for name, context, said in found["texts"]}
    assert len(found["texts"]) == len(texts) == 2 * len(dialogue.turns)
    assert texts["responder_input", 0] == {"0": "Mark: hi"}
    assert texts["responder_output", 0] == {"0": dialogue.turns[0].content}
    assert texts["inquirer_input", 0] == texts["responder_output", 0]


def test_dialogues_that_begin_at_once_make_one_repository(tmp_path):
    pytest.importorskip("aim", reason="needs the package aim")
    with replay({**LLAMA, "/v1/completions": reply(" x")}) as (url, _):
        put_config(tmp_path, url, track="aim")
        command = [sys.executable, str(ROOT / "parrot.py"), "c.json", "--seed"]
        both = [
            subprocess.Popen(
                [*command, seed], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for seed in "12"
        ]
        assert [process.communicate(timeout=150)[1] for process in both] == [b"", b""]
    found = runs_in(tmp_path).values()
    assert sorted(run["params"]["seed"] for run in found) == [1, 2]
    assert [len(run["texts"]) for run in found] == [6, 6]
