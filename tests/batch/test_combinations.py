"""Sweeps: from a config's axes to run folders with the same seeds."""

from __future__ import annotations

import json

import pytest

import parrot
from broken_record.batch.combinations import combine, name_combinations
from broken_record.config.checks import check_sweep
from broken_record.errors import LogError
from broken_record.files.sweep_folder import read_sweep
from tests.test_parrot import ROOT, put_config, read
from tests.test_parrot_sh import SHORT, here, parrot_sh

__all__ = ["here"]  # a fixture


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ({"a": [1, 2], "b": [3, 4]}, [(1, 3), (1, 4), (2, 3), (2, 4)]),
        ({"zip": {"a": [1, 2], "b": [3, 4]}}, [(1, 3), (2, 4)]),
        ({"zip": {"b": [3, 4]}, "a": [1]}, [(1, 3), (1, 4)]),
        ({"a": [1], "b": [None]}, [(1, None)]),
    ],
)
def test_axes_make_every_combination_and_zipped_ones_go_together(sweep, expected):
    assert [(one["a"], one["b"]) for one in combine(sweep)] == expected


@pytest.mark.parametrize(
    "sweep",
    [[], {"a": 1}, {"a": []}, {"zip": {}}, {"zip": {"a": [1], "b": [1, 2]}}, {"seed": [1, 2]}],
)
def test_what_is_no_sweep_is_a_problem(sweep):
    assert check_sweep(sweep)


def test_a_combination_is_named_by_what_sets_it_apart():
    names = name_combinations([{"sampler.top_p": 0.5, "user_sampler.top_p": 1}, {"stop_on": ["a"]}])
    assert names == ["top_p=0.5,user_sampler.top_p=1", "stop_on=a"]
    long = name_combinations([{"user_system": "x" * 300}, {"user_system": "x" * 300 + "y"}])
    assert [name[:15] for name in long] == ["1_user_system=x", "2_user_system=x"]
    assert len(set(long)) == 2 and all(len(name) <= 100 for name in long)
    assert name_combinations([{"user_system": "../../etc"}]) == ["user_system=etc"]


def test_a_sweep_is_a_folder_of_runs_with_the_same_seeds_and_can_be_finished(here):
    config = json.loads((ROOT / "config.json").read_text())
    config["sweep"] = {"sampler.temperature": [0, 0.5]}
    (here / "config.json").write_text(json.dumps(config))
    axis = "sampler.repeat_penalty=[1.0,1.1]"
    done = parrot_sh(here, 2, "-j", 2, "--sweep", axis, "--", *SHORT, "--seed", 9)
    assert done.returncode == 0, done.stderr
    (folder,) = here.glob("sweep_*")
    assert f"Next: python analyze.py {folder.name}" in done.stderr
    sweep = read_sweep(folder)
    assert sweep.axes == {"sampler.temperature": (0, 0.5), "sampler.repeat_penalty": (1.0, 1.1)}
    assert [run.name for run in sweep.runs][:2] == [
        "temperature=0,repeat_penalty=1.0",
        "temperature=0,repeat_penalty=1.1",
    ]
    assert len({run.config_sha256 for run in sweep.runs}) == 4
    for run in sweep.runs:
        for i in (1, 2):
            dialogue = read(folder / run.name / f"{run.name}_{i}.jsonl")
            assert (dialogue.status, dialogue.seed) == ("done", 8 + i)
            sampler = dialogue.config["sampler"]
            assert sampler["temperature"] == run.settings["sampler.temperature"]
            assert sampler["repeat_penalty"] == run.settings["sampler.repeat_penalty"]
    gone = folder / sweep.runs[3].name / f"{sweep.runs[3].name}_2.jsonl"
    gone.unlink()
    again = parrot_sh(here, "--resume", folder.name)
    assert again.returncode == 0 and "dialogue 1 of 1" in again.stderr and gone.exists()


def test_a_dry_run_lists_what_would_be_run_and_makes_nothing(here):
    done = parrot_sh(here, 3, "--dry-run", "--sweep", "sampler.temperature=[0,1]", "--", *SHORT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("temperature=0: 3 dialogues, up to 240 tokens\ntemperature=1: ")
    assert "in all up to 480 tokens" in done.stdout
    assert [path.name for path in here.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("sampler.temperature", "expected KEY=[V1,V2]"),
        ("sampler.temperature=[", "expected KEY=[V1,V2]"),
        ("sampler.temperature=1", "expected KEY=[V1,V2]"),
        ('sampler.temperature=[0.5,"hot"]', "sampler.temperature: expected a number"),
        ("total_token=[5]", 'unknown key "total_token"; did you mean "total_tokens"?'),
    ],
)
def test_a_sweep_with_a_problem_is_answered_before_anything_is_made(here, axis, message):
    done = parrot_sh(here, 1, "--sweep", axis)
    assert done.returncode == 2 and message in done.stderr
    assert [path.name for path in here.iterdir()] == ["config.json"]


def test_parrot_py_refuses_a_sweep_and_names_the_command(tmp_path, caplog):
    config = put_config(tmp_path, "http://127.0.0.1:9", sweep={"sampler.top_k": [1, 2]})
    assert parrot.main([str(config)]) == 2
    assert "run: ./parrot.sh N CONFIG" in caplog.text


def test_a_folder_without_a_manifest_is_no_sweep(tmp_path):
    with pytest.raises(LogError, match=r"sweep\.json: cannot be read as a sweep"):
        read_sweep(tmp_path)
