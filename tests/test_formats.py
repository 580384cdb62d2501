"""docs/formats.md against the files that the code writes, field by field."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import analyze
from broken_record import read_run
from broken_record.batch.combinations import make_sweep
from broken_record.comparison.report import as_json
from broken_record.config.load import load
from broken_record.data import Attempt, Branch, Dialogue, EngineInfo, Finding, Turn
from broken_record.files.goal_counts import COUNTED
from broken_record.files.record import RecordWriter
from broken_record.files.run_folder import fill_folder, meet_servers
from tests.comparison.test_compare import compared, said
from tests.formats import COLUMNS, PAGE, renewed, rows_of
from tests.test_analyze_and_view import put_record

ROOT = Path(__file__).parents[1]


def fields_of(name):
    return [field for field, _, _ in rows_of(name)]


def columns_of(name):
    """The columns of a table, those of both speakers one by one."""
    return {column for names, _, _ in COLUMNS[name]() for column in names.split("`, `")}


def test_the_tables_of_formats_md_are_those_of_make_docs():
    assert PAGE.read_text(encoding="utf-8") == renewed(), "run make docs"


def test_the_readme_links_the_page():
    assert "](docs/formats.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_record_has_the_fields_of_the_page(tmp_path):
    config = {"conversation": [], "agent_prefix": "", "user_prefix": ""}
    info = EngineInfo("llama-server")
    branch = Branch("run", "b", "1f", 3, 800, "refusal", "user", 4)
    dialogue = Dialogue(config, (), "done", assistant=info, user=info, branch=branch)
    turn = Turn(0, "user", "Hi.", extract="", quoted=0, self_reply="", noncoherent=(0, 1),
                thought="", logprob_mean=-0.5, logprob_min=-2.0, entropy_mean=0.7)  # fmt: skip
    writer = RecordWriter(tmp_path / "a.jsonl")
    writer.header(dialogue)
    writer.turn(turn)
    writer.attempt(Attempt(1, "assistant", "", "gone", 0, 0.5))
    writer.resume("2026-01-31", dialogue, replace(dialogue, config={}, assistant=None, user=None))
    writer.track("1f")
    found = Finding("refusal", "user", "break", 0, 0, 0, None, None, 1, 1.0, (), "no")
    writer.end("looped", tokens=9, turns=1, finding=found, counters={"user": {"empty": 1}})
    writer.close()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    kinds = ["dialogue", "turn", "attempt", "resume", "track", "end"]
    assert [line["type"] for line in lines] == kinds
    for kind, line in zip(kinds, lines, strict=True):
        assert {*line} == {*fields_of(kind)}, kind
    assert [*lines[0]["assistant"]] == fields_of("engine")
    assert {*lines[0]["parent"]} == {*fields_of("parent")}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run folder of the shipped examples, one file that cannot be read, analysed."""
    folder = tmp_path_factory.mktemp("formats") / "run"
    folder.mkdir()
    for path in ROOT.glob("docs/looping/*.jsonl"):
        shutil.copy(path, folder)
    (folder / "torn.jsonl").write_text("{")
    first, rest = (folder / "single_turn_loop.jsonl").read_text().split("\n", 1)
    branch = {"at": 20, "parent": {"run": "r", "name": "a", "sha256": "1f", "within": 800}}
    (folder / "branch.jsonl").write_text(f"{json.dumps({**json.loads(first), **branch})}\n{rest}")
    assert analyze.main([str(folder)]) == 1
    return folder


def test_an_analysis_has_the_fields_of_the_page(run):
    value = json.loads((run / "analysis.json").read_text())
    dialogue = next(d for d in value["dialogues"] if d["name"] == "branch")
    other = next(d for d in value["dialogues"] if d["name"] == "single_turn_loop")
    assert {*dialogue} - {*other} == {"escape"}
    shown = {
        "analysis": value,
        "entry": dialogue,
        "segment": dialogue["segments"][0],
        "speaker": dialogue["speakers"]["assistant"],
        "finding": dialogue["findings"][0],
        "span": dialogue["findings"][0]["spans"][0],
        "unreadable": value["unreadable"][0],
        "summary": value["summary"],
        "kind": value["summary"]["kinds"]["refusal"],
        "counters": dict.fromkeys(COUNTED),
        "escape": dialogue["escape"],
    }
    for name, own in shown.items():
        assert {*own} == {*fields_of(name)}, name


def test_the_tables_of_a_run_have_the_columns_of_the_page(run):
    for name in ("dialogues.csv", "findings.csv"):
        with (run / name).open(encoding="utf-8", newline="") as file:
            assert {*next(csv.reader(file))} == columns_of(name)
    assert {*next(read_run(run).turns())} == columns_of("turns")


def test_a_comparison_has_the_fields_of_the_page():
    settings = {f"{x}{y}": {"x": x, "y": y} for x in "ab" for y in "cd"}
    runs = {name: [said(seed, 100) for seed in range(1, 4)] for name in settings}
    found = compared(runs, settings=settings)
    assert "parents" not in as_json(found)
    value = json.loads(json.dumps(as_json(replace(found, parents=3))))
    combination, level = value["combinations"][1], value["effects"][0]["levels"][1]
    shown = {
        "comparison": value,
        "combination": combination,
        "estimate": combination["estimates"]["any_loop"],
        "difference": combination["differences"]["any_loop"],
        "effect": value["effects"][0],
        "level": level,
    }
    for name, own in shown.items():
        assert {*own} == {*fields_of(name)}, name


def test_run_json_and_sweep_json_have_the_fields_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "config.json", tmp_path)
    axes = {"sampler.temperature": [0.5, 1.0]}
    folder, folders, _ = make_sweep(2, "config.json", [], axes, datetime(2026, 1, 31))  # noqa: DTZ001
    sweep = json.loads((folder / "sweep.json").read_text())
    assert {*sweep} == {*fields_of("sweep")} and {*sweep["runs"][0]} == {*fields_of("swept")}
    fill_folder(folders[0], 2, 1, load(Path("config.json")), "run", [], branches=["a_1", "a_2"])
    info = EngineInfo("llama-server")
    assert meet_servers(folders[0], {"assistant": info, "user": info}) == []
    assert {*json.loads((folders[0] / "run.json").read_text())} == {*fields_of("run")}


def test_what_the_log_tells_and_what_whole_replies_tell_have_the_values_of_the_page(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    replies = [" One.\n\nTwo.", " yes", " Three.", " no"]  # the assistant's are the first and third
    put_record(run / "a.jsonl", replies)
    assert analyze.main([str(run)]) == 0
    [row] = read_run(run).dialogues()
    assert row["log_characters"] == len("One.") + len("Three.")
    assert row["log_characters_per_reply"] == row["log_characters"] / 2 == 5
    assert row["assistant_characters"] == len("One.\n\nTwo.") + len("Three.") == 16
    assert row["assistant_characters_per_turn"] == 8
