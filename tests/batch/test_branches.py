"""Branches: where they begin, what they keep and what is another, and finished after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime

import pytest

from broken_record.batch import launch
from broken_record.batch.branches import Wanted, find_parents, make_branches
from broken_record.batch.plan import plan_of
from broken_record.config.load import load
from broken_record.data import Attempt, Branch, Dialogue, Role, Turn
from broken_record.errors import ConfigError
from broken_record.files.record import RecordWriter
from broken_record.files.run_folder import read_run
from broken_record.files.sweep_folder import read_sweep
from tests.test_parrot import ROOT, read, session_members, wait_for
from tests.test_parrot_sh import children_of, parrot_sh

NOW = datetime(2026, 1, 31, 20, 15)  # noqa: DTZ001
CALM = [
    'Skye: "Do you bake?"', 'Mark: "Only pancakes, on Sundays."',
    'Skye: "My brother burns water."', 'Mark: "He should open a museum of it."',
]  # fmt: skip
STUCK = ['Skye: "The old lighthouse keeper counted waves."', 'Mark: "And he never slept at all."']


def put_parent(path, contents, **config):
    """A record of the shipped scene: its three opening messages, then turns of ten tokens each."""
    values = {**load(ROOT / "config.json").values, **config}
    writer = RecordWriter(path)
    writer.header(Dialogue(values, (), "done", seed=5))
    for i, content in enumerate(contents, 3):
        role: Role = "user" if content.startswith("Mark:") else "assistant"
        writer.turn(Turn(i, role, content, 10, seed=i))
        writer.attempt(Attempt(i, role, "", "busy", 0, 0.5))
    writer.end("done", tokens=10 * len(contents), turns=len(contents))
    writer.close()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A run whose dialogue `stuck` repeats itself from turn 9 on, and `calm` does not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    put_parent(tmp_path / "run" / "stuck.jsonl", CALM + STUCK * 4)
    put_parent(tmp_path / "run" / "calm.jsonl", CALM)
    return tmp_path


def place(runs, **wanted):
    found, said = find_parents(Wanted((runs / "run",), **wanted))
    return [(one.branch.name, one.branch.at, one.branch.kind) for one in found], said


@pytest.mark.parametrize(
    ("at", "turn"),
    [("onset-1", 8), ("onset", 9), ("onset+3", 12), ("onset-99", 3), ("onset+99", 15),
     ("5", 5), ("0tokens", 3), ("41tokens", 8)],
)  # fmt: skip
def test_a_branch_begins_where_it_is_told_to(at, turn, runs):
    places, _ = place(runs, kinds=("single_turn_loop",), at=at)
    assert places == [("stuck", turn, "single_turn_loop")]


def test_dialogues_without_a_loop_are_left_out_and_counted_unless_a_turn_is_named(runs):
    places, said = place(runs)
    assert [name for name, _, _ in places] == ["stuck"]
    assert said == "dialogues to branch from: 1; 1 without a loop"
    places, said = place(runs, at="6")
    assert places == [("calm", 6, None), ("stuck", 6, "single_turn_loop")]
    places, said = place(runs, at="9")
    assert [name for name, _, _ in places] == ["stuck"] and "1 without a turn 9" in said
    with pytest.raises(ConfigError, match="nothing to branch from: 2 without refusal"):
        place(runs, kinds=("refusal",))


def test_of_several_loops_that_counts_which_never_ended(runs):
    other = ['Skye: "Here comes the waiter with the soup."', 'Mark: "It smells of thyme today."']
    put_parent(runs / "run" / "twice.jsonl", other * 4 + CALM + STUCK * 4)
    places, _ = place(runs, kinds=("single_turn_loop",))
    assert places == [
        ("stuck", 8, "single_turn_loop"),
        ("twice", 3 + 12 + 2 - 1, "single_turn_loop"),
    ]


def make(runs, n, arguments=(), sweep=None, **wanted):
    asked = Wanted((runs / "run",), **wanted)
    return make_branches(asked, n, [*arguments, "--seed", "7"], sweep or {}, NOW)


def test_a_branch_keeps_what_was_said_word_for_word_and_has_a_seed_of_its_own(runs):
    folder, folders, _, _ = make(runs, 2, within=100)
    assert folders == [folder] and read_run(folder).branches == ("stuck_1", "stuck_2")
    parent = read(runs / "run" / "stuck.jsonl")
    first = (runs / "run" / "stuck.jsonl").read_text().splitlines()[0]
    branches = [read(folder / f"stuck_{i}.jsonl") for i in (1, 2)]
    for branch in branches:
        assert branch.turns == parent.turns[:5] and branch.attempts == parent.attempts[:5]
        assert branch.status == "unfinished" and branch.assistant is None
        assert branch.config == {**parent.config, "total_tokens": 50 + 100}
        sha256 = hashlib.sha256(first.encode()).hexdigest()
        loop = ("single_turn_loop", "both", 9)
        assert branch.branch == Branch("run", "stuck", sha256, 8, 100, *loop)
    assert len({parent.seed, *(branch.seed for branch in branches)}) == 3
    assert [planned.name for planned in plan_of([folder])] == ["stuck_1", "stuck_2"]


def test_every_combination_of_a_sweep_begins_alike_with_the_same_seeds(runs):
    axes = {"sampler.temperature": [0.87, 0.3]}
    folder, folders, configs, _ = make(runs, 2, sweep=axes, at="6")
    sweep = read_sweep(folder)
    assert [run.name for run in sweep.runs] == ["temperature=0.87", "temperature=0.3"]
    assert sweep.own == "temperature=0.87" and sweep.n == 2
    assert [config.sampler["temperature"] for config in configs] == [0.87, 0.3]
    names = ["calm_1", "stuck_1", "calm_2", "stuck_2"]  # what is cut off can be compared
    assert [list(read_run(one).branches) for one in folders] == [names, names]
    one, other = ([read(f / f"{name}.jsonl") for name in names] for f in folders)
    assert [branch.seed for branch in one] == [branch.seed for branch in other]
    assert len({branch.seed for branch in one}) == 4
    assert all(a.turns == b.turns and a.branch == b.branch for a, b in zip(one, other, strict=True))
    assert {branch.config["sampler"]["temperature"] for branch in other} == {0.3}


@pytest.mark.parametrize(
    ("key", "assistant", "user"),
    [("sampler", 0.3, 0.3), ("user_sampler", 0.87, 0.3)],
)
def test_the_user_follows_the_assistant_as_in_a_config_and_can_be_changed_alone(
    key, assistant, user, runs
):
    folder, *_ = make(runs, 1, ["--set", f"{key}.temperature=0.3"])
    config = read(folder / "stuck_1.jsonl").config
    assert config["sampler"]["temperature"] == assistant
    assert config["user_sampler"]["temperature"] == user


def test_a_total_that_is_set_says_for_how_long_it_is_watched(runs):
    folder, *_ = make(runs, 1, ["--set", "total_tokens=130"])
    branch = read(folder / "stuck_1.jsonl")
    assert (branch.config["total_tokens"], branch.branch.within) == (130, 80)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("total_tokens=50", "50 were said before the branch"),
        ('conversation.2.content="Mark: Bye."', "keeps the mode and what was said in the opening"),
        ("samplers.top_k=3", 'unknown key "samplers"'),
    ],
)
def test_settings_that_no_branch_can_have_are_refused_before_anything_is_made(setting, words, runs):
    with pytest.raises(ConfigError, match=words):
        make(runs, 1, ["--set", setting])
    assert [path.name for path in runs.iterdir()] == ["run"]


def test_the_system_message_of_a_branch_may_be_another(runs):
    folder, *_ = make(runs, 1, ["--set", "conversation.0.content=Be brief."])
    assert read(folder / "stuck_1.jsonl").opening[0].content == "Be brief."


def test_parents_of_one_name_are_told_apart_by_their_runs(runs):
    shutil.copytree(runs / "run", runs / "other")
    wanted = Wanted((runs / "run", runs / "other"))
    folder, *_ = make_branches(wanted, 1, [], {}, NOW)
    assert read_run(folder).branches == ("run_stuck_1", "other_stuck_1")


def test_a_run_of_branches_has_the_same_servers_for_all(runs):
    put_parent(runs / "run" / "other.jsonl", CALM + STUCK * 4, api_url="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="dialogues with different servers"):
        make(runs, 1)


def test_a_branch_whose_record_is_gone_is_not_begun_from_nothing(runs, capsys):
    folder, *_ = make(runs, 2, within=20)
    (folder / "stuck_2.jsonl").unlink()
    assert launch.main(["--resume", folder.name]) == 1
    assert "stuck_2.jsonl: is gone" in capsys.readouterr().err
    assert read(folder / "stuck_1.jsonl").status == "done"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["1", "--branch", "run", "config.json"], "--branch takes N and no CONFIG"),
        (["1", "--at", "5"], "--kind, --at and --within go with --branch"),
        (
            ["1", "--branch", "run", "--at", "end"],
            "--at: expected onset-1, onset+8, a turn's number",
        ),
        (["1", "--branch", "run", "--kind", "loop"], "unknown kind loop"),
        (["1", "--branch", "absent"], "nothing to branch from: no record"),
    ],
)
def test_a_wrong_request_for_branches_is_answered_before_anything_is_made(
    arguments, words, runs, capsys
):
    with pytest.raises((SystemExit, ConfigError)) as refused:
        launch.launch(launch.parse_words(arguments), [])
    assert words in f"{refused.value}{capsys.readouterr().err}"
    assert [path.name for path in runs.iterdir()] == ["run"]


def test_branches_of_a_killed_run_are_finished_and_keep_what_was_said(runs):
    words = ["2", "-j", "2", "--branch", "run", "--within", "40", "--", "--seed", "7"]
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), *words],
        cwd=runs,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: any('"index": 8' in path.read_text() for path in runs.glob("*/stuck_*.jsonl")))
    for pid in [process.pid, *children_of(process.pid)]:  # all at once, as when the power goes
        os.kill(pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not session_members(process.pid))
    [folder] = (path for path in runs.iterdir() if path.name != "run")
    before = {path: path.read_text() for path in folder.glob("*.jsonl")}
    done = parrot_sh(runs, "--resume", "-j", "2", folder.name)
    assert done.returncode == 0, done.stderr
    parent = read(runs / "run" / "stuck.jsonl")
    texts = set()
    for path in sorted(folder.glob("*.jsonl")):
        kept = before[path]
        assert path.read_text().startswith(kept[: kept.rfind("\n") + 1])
        branch = read(path)
        assert (branch.status, branch.end_reason) == ("done", "total_tokens")
        assert branch.turns[:5] == parent.turns[:5] and branch.turns[5].index == 8
        assert branch.turns[5].role == "user" and branch.assistant.engine == "embedded:skye"
        assert sum(turn.tokens for turn in branch.turns[5:]) >= 40
        texts.add(branch.turns[5].content + branch.turns[6].content)
    assert len(before) == len(texts) == 2
    assert json.loads((folder / "run.json").read_text())["branches"] == [f"stuck_{i}" for i in "12"]
