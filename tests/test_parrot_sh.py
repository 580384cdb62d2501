"""parrot.sh as a user runs it, on the embedded models."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import analyze
import view
from broken_record import __version__
from broken_record.batch import jobs as batch
from broken_record.batch.plan import make_folder
from broken_record.engines.embedded import EmbeddedServer
from broken_record.export.samples import FORMATS
from broken_record.files.text_log import render_log
from tests.replay import LLAMA, replay, sse
from tests.test_parrot import ROOT, put_config, read, session_members, wait_for

SHORT = ("--set", "total_tokens=60", "--set", "turn_max_tokens=20")


@pytest.fixture
def here(tmp_path):
    shutil.copy(ROOT / "config.json", tmp_path)
    return tmp_path


def parrot_sh(folder, *arguments, **more):
    return subprocess.run(
        ["bash", str(ROOT / "parrot.sh"), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable, **more},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_n_dialogues_per_config_go_into_a_folder_of_their_own(here):
    shutil.copy(here / "config.json", here / "other one.json")
    done = parrot_sh(here, 2, "config.json", "other one.json", "--", *SHORT, "--seed", 40)
    assert done.returncode == 0, done.stderr
    folders = sorted(path for path in here.iterdir() if path.is_dir())
    assert len(folders) == 2 and all(
        re.fullmatch(r"parrot_\d{8}_\d{6}(_2)?", f.name) for f in folders
    )
    for folder in folders:
        names = [f"{folder.name}_{i}{suffix}" for i in (1, 2) for suffix in (".jsonl", ".log")]
        assert sorted(path.name for path in folder.iterdir()) == [*names, "run.json"]
        for i in (1, 2):
            dialogue = read(folder / f"{folder.name}_{i}.jsonl")
            assert (dialogue.status, dialogue.seed) == ("done", 39 + i)
            assert dialogue.assistant.engine == "embedded:skye"
            log = (folder / f"{folder.name}_{i}.log").read_text(encoding="utf-8")
            assert log == render_log(dialogue) and log in done.stdout
    run = json.loads((folders[1] / "run.json").read_text())
    assert (run["version"], run["n"], run["base_seed"]) == (1, 2, 40)
    assert run["config"]["total_tokens"] == 60 and run["arguments"] == [*SHORT, "--seed", "40"]
    first, second = (f.name for f in folders)  # by turns, so that what is cut off can be compared
    order = re.findall(r"dialogue \d of 4 -> \S+/(\S+)\.log", done.stderr)
    assert order == [f"{first}_1", f"{second}_1", f"{first}_2", f"{second}_2"]
    assert "all 4 dialogues done" in done.stderr
    assert f"Next: python analyze.py {folders[0].name} {folders[1].name}" in done.stderr


def test_a_card_is_read_for_the_whole_run_and_what_of_it_is_not_supported_is_said_once(here):
    shutil.copy(ROOT / "tests" / "data" / "cards" / "v2.png", here / "tom.png")
    config = {"card": "tom.png", "user_prefix": "Mark:", "total_tokens": 20, "turn_max_tokens": 10,
              "api_url": "embedded:skye", "user_api_url": "embedded:mark"}  # fmt: skip
    (here / "c.json").write_text(json.dumps(config))
    done = parrot_sh(here, 2, "c.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("c.json: card: tom.png: not supported: character_book entries") == 1
    [folder] = (path for path in here.iterdir() if path.is_dir())
    for record in folder.glob("*.jsonl"):
        dialogue = read(record)
        greeting = dialogue.config["conversation"][1]["content"]
        assert greeting == 'Tom: "Letters, Mark! Two of them wet."'
        assert dialogue.config["card"]["file"] == "tom.png"
        assert [turn.role for turn in dialogue.turns[:2]] == ["user", "assistant"]


def test_a_failed_dialogue_does_not_stop_the_others(here):
    answers = {**LLAMA, "/v1/completions": sse({"error": {"message": "engine died"}})}
    with replay(answers) as (url, _):
        done = parrot_sh(here, 2, put_config(here, url))
    assert done.returncode == 1
    assert "2 of 2 dialogues failed" in done.stderr and "engine died" in done.stderr
    [folder] = (path for path in here.iterdir() if path.is_dir())
    assert [read(path).status for path in sorted(folder.glob("*.jsonl"))] == ["error", "error"]
    assert "engine died" in (folder / f"{folder.name}_1.err").read_text()
    assert f"--resume {folder.name}\n" in done.stderr and "Next:" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected N, how many dialogues per config, first: ./parrot.sh 3"),
        (["0"], "expected N, how many dialogues per config, first: ./parrot.sh 3"),
        (["three"], "expected N, how many dialogues per config, first: ./parrot.sh 3"),
        (["1", "absent.json"], "absent.json: cannot be read"),
        (["1", "--dryrun"], "unknown option --dryrun; did you mean --dry-run?"),
        (["1", "--set", "a=1"], "what goes to parrot.py stands behind --"),
        (["1", "--", "--set", "total_token=1"], 'did you mean "total_tokens"'),
        (["1", "--", "--sett", "seed=1"], "--sett: behind -- stands --set KEY=VALUE"),
        (["1", "--", "seed=1"], "seed=1: behind -- stands --set KEY=VALUE"),
        (["1", "--", "--dry-run"], "--dry-run: behind -- stands --set KEY=VALUE"),
    ],
)
def test_a_wrong_request_is_answered_before_anything_is_made(arguments, words, here):
    done = parrot_sh(here, *arguments)
    assert done.returncode == 2 and words in done.stderr and done.stdout == ""
    assert [path.name for path in here.iterdir()] == ["config.json"]


def test_help_is_what_was_asked_for(here):
    done = parrot_sh(here, "--help")
    assert (done.returncode, done.stderr) == (0, "") and "\n  -j J " in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["bash", "parrot.sh"],
        *([sys.executable, f"{name}.py"] for name in ("parrot", "analyze", "view")),
    ],
    ids=lambda command: command[1],
)
def test_every_command_says_its_version(command):
    done = subprocess.run(
        [*command, "--version"], cwd=ROOT, env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    name = command[1].replace("parrot.sh", "./parrot.sh")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name} {__version__}\n", "")


def test_a_log_that_cannot_be_written_is_a_failure_and_no_dialogue_done(here, monkeypatch):
    monkeypatch.chdir(here)
    run = make_folder(1, "config.json", list(SHORT), datetime(2026, 1, 1))  # noqa: DTZ001
    (run / f"{run.name}_1.log").symlink_to("/dev/full")
    done = parrot_sh(here, "--resume", run.name)
    assert done.returncode == 1 and "the log cannot be written: No space left" in done.stderr
    assert "1 of 1 dialogues failed" in done.stderr


def test_a_second_folder_in_the_same_second_gets_a_number(here, monkeypatch):
    monkeypatch.chdir(here)
    now = datetime(2026, 1, 31, 20, 15)  # noqa: DTZ001
    made = [make_folder(1, "config.json", [], now).name for _ in range(3)]
    stem = "parrot_20260131_201500"
    assert made == [stem, f"{stem}_2", f"{stem}_3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_stops_at_once_and_leaves_nothing_running(number, here):
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), "5", "--", "--set", "total_tokens=12000"],
        cwd=here,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: any(path.read_text().count('"turn"') for path in here.glob("*/*.jsonl")))
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number and b"interrupted" in errors
    [record] = here.glob("*/*.jsonl")
    assert read(record).status == "interrupted"
    wait_for(lambda: not session_members(process.pid))


def test_ctrl_c_while_the_servers_start_ends_the_batch_without_a_word(here):
    starting = here / "starting"
    starting.mkdir()
    (starting / "xllamacpp.py").write_text(
        "import pathlib, sys\n"
        "pathlib.Path(__file__).with_name(sys.argv[2]).touch()\n"
        "sys.stdin.read()  # never up: it waits for its parent to go\n"
    )
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), "1"],
        cwd=here,
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(starting)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: (starting / "skye").exists() and (starting / "mark").exists())
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=20)
    assert (process.returncode, *said) == (130, b"", b"")
    wait_for(lambda: not session_members(process.pid))


def test_a_dead_embedded_server_is_started_again_at_its_address(here):
    names = {"skye": EmbeddedServer("skye")}
    try:
        address = names["skye"].address()
        names["skye"].process.kill()
        names["skye"].process.wait()
        batch.restart_dead(names, {"skye": address})
        assert names["skye"].address() == address and names["skye"].alive()
    finally:
        batch.stop_all(names)


@pytest.fixture
def odd_checkout(tmp_path):
    """A checkout whose path holds what PYTHONPATH, `cd` and an unquoted word would trip over."""
    checkout = tmp_path / "a:b c $d"
    checkout.mkdir()
    shutil.copy(ROOT / "parrot.sh", checkout)
    for name in ("__main__.py", "parrot.py", "config.json", "broken_record"):
        (checkout / name).symlink_to(ROOT / name)
    return checkout


@pytest.mark.parametrize(
    ("script", "more"),
    [
        ("{0}/parrot.sh", {}),
        ("{0.name}/parrot.sh", {"CDPATH": "/usr:."}),
        ("bin/link to it", {}),
    ],
    ids=["absolute", "relative with CDPATH", "through links"],
)
def test_it_starts_wherever_its_checkout_lies(script, more, odd_checkout, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "parrot").symlink_to(f"../{odd_checkout.name}/parrot.sh")
    (tmp_path / "bin" / "link to it").symlink_to("parrot")
    done = subprocess.run(
        ["bash", script.format(odd_checkout), "1", "absent.json"],
        cwd=tmp_path, env={**os.environ, "PYTHON": sys.executable, **more},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "absent.json: cannot be read: No such file or "
                                              "directory\n")  # fmt: skip


def test_a_checkout_in_an_odd_place_holds_dialogues(odd_checkout):
    done = subprocess.run(
        ["bash", str(odd_checkout / "parrot.sh"), "1", "--", *SHORT],
        cwd=odd_checkout, env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and "all 1 dialogues done" in done.stderr, done.stderr


def test_the_shell_script_passes_shellcheck():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    subprocess.run([shellcheck, "parrot.sh", ".ci/run", ".ci/matrix"], cwd=ROOT, check=True)


GOALS = {
    "mode": "goal",
    "personas": ["a nurse", "a carpenter", {"id": "ines", "text": "a farmer, over eighty"}],
    "objectives": [
        "Get a poem about a bicycle.",
        {"id": "dice", "text": "Learn.", "steps": ["How likely is a six?", "Why?"]},
        {"id": "trip", "text": "Plan a weekend."},
        {"id": "tea", "text": "Hear what speaks for tea.\nAnd what against."},
    ],
    "conversation": [{"role": "system", "content": "A date between Skye and Mark."}],
    "agent_prefix": "Skye:",
    "user_prefix": "Mark:",
    "max_turns": 3,
    "turn_max_tokens": 60,
    "api_url": "embedded:skye",
    "user_api_url": "embedded:mark",
    "sampler": {"temperature": 0.87, "stop": ["\n"]},
    "regenerate": {"tries": 3, "for": ["no_prompt", "empty"]},
    "seed": 5,
}


def children_of(pid):
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,ppid"], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines()[1:] if line.split()[1] == str(pid)]


def test_x17_goal_dialogues_of_a_killed_run_are_finished_and_all_tools_read_them(here, monkeypatch):
    (here / "goals.json").write_text(json.dumps(GOALS))
    process = subprocess.Popen(
        ["bash", str(ROOT / "parrot.sh"), "1", "-j", "2", "goals.json"],
        cwd=here,
        env={**os.environ, "PYTHON": sys.executable},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: len(list(here.glob("*/*.jsonl"))) >= 5)
    for pid in [process.pid, *children_of(process.pid)]:  # all at once, as when the power goes
        os.kill(pid, signal.SIGKILL)
    process.wait()
    [folder] = (path for path in here.iterdir() if path.is_dir())
    before = {path: path.read_text() for path in folder.glob("*.jsonl")}
    assert len(before) < 12

    done = parrot_sh(here, "--resume", "-j", 2, folder.name)
    assert done.returncode == 0, done.stderr
    names = [f"{o}_{p}_1" for o in ("dice", "o1", "tea", "trip") for p in ("ines", "p1", "p2")]
    records = sorted(folder.glob("*.jsonl"))
    assert [path.stem for path in records] == names and len(list(folder.glob("*.log"))) == 12
    seeds = set()
    for path in records:
        dialogue = read(path)
        assert (dialogue.status, dialogue.config["objective"], dialogue.config["persona"]) == (
            "done", *path.stem.split("_")[:2],
        )  # fmt: skip
        assert dialogue.end_reason in ("max_turns", "no_prompt", "empty", "finished")
        assert [turn.index for turn in dialogue.turns] == list(range(1, 1 + len(dialogue.turns)))
        assert {turn.role for turn in dialogue.turns[::2]} == {"user"}
        seeds |= {turn.seed for turn in dialogue.turns}
        kept = before.get(path, "")
        assert path.read_text().startswith(kept[: kept.rfind("\n") + 1])
    assert len(seeds) == sum(len(read(path).turns) for path in records)
    reasons = [read(path).end_reason for path in records]
    assert reasons.count("max_turns") >= 6

    monkeypatch.chdir(here)
    for form in FORMATS:
        assert analyze.main([folder.name, "--export", form, "-o", f"out.{form}"]) == 0
    assert view.main([folder.name, "--no-show"]) == 0
    summary = json.loads((folder / "analysis.json").read_text())["summary"]
    assert summary["end_reasons"]["max_turns"] == reasons.count("max_turns")
    assert set(summary["counters"]) == {"assistant", "user"}
    assert "dice_ines_1" in (here / "results.html").read_text()
    assert len((here / "out.chatml").read_text().splitlines()) == 12
    assert pq.read_table(here / "out.parquet").num_rows == 12
    lines = (here / "out.llm-roleplay").read_text().splitlines()
    assert {json.loads(line)["persona"] for line in lines} == {
        "a nurse", "a carpenter", "a farmer, over eighty",
    }  # fmt: skip
