"""The documents against the code, in both directions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import analyze
import parrot
import view
from broken_record.config import load, parse
from broken_record.goal_config import OF_THE_MODE
from broken_record.keys import KEYS
from broken_record.records import EndReason

ROOT = Path(__file__).parents[1]
CONFIG_MD = (ROOT / "CONFIG.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
GOALS_MD = (ROOT / "docs" / "goals.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", CONFIG_MD, re.MULTILINE | re.DOTALL))


def test_config_md_has_every_key_in_the_order_of_the_code_and_no_other():
    assert list(SECTIONS) == list(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_config_md_gives_each_default(name):
    key = KEYS[name]
    if key.required:
        assert "\nRequired.\n" in SECTIONS[name]
    elif key.like:
        assert f"\nDefault: as `{key.like}`\n" in SECTIONS[name]
    else:
        assert f"\nDefault: `{json.dumps(key.default)}`\n" in SECTIONS[name]


@pytest.mark.parametrize("name", KEYS)
def test_config_md_gives_an_example_that_is_valid(name):
    example = "".join(re.findall(r"^    (.*\n)", SECTIONS[name], re.MULTILINE))
    needed = (
        {"mode": "goal", "objectives": [{"id": "dice", "text": "Ask."}],
         "personas": [{"id": "p137", "text": "a nurse"}]}
        if name in OF_THE_MODE
        else {"conversation": [{"role": "user", "content": "Hi"}]}
    )  # fmt: skip
    loaded = parse(json.dumps({**needed, **json.loads(f"{{{example}}}")}), "example")
    assert name in example and not loaded.warnings


@pytest.mark.parametrize(
    "path", [ROOT / "config.json", *(ROOT / "configs").glob("*.json")], ids=lambda p: p.name
)
def test_a_shipped_config_has_no_problems_and_no_warnings(path):
    loaded = load(path)
    assert loaded.warnings == ()
    assert loaded.config.conversation == load(ROOT / "config.json").config.conversation


@pytest.mark.parametrize("name", ["embedded", "two-servers"])
def test_a_shipped_goal_config_has_ten_objectives_and_twenty_different_personas(name):
    loaded = load(ROOT / "configs" / "goals" / f"{name}.json")
    assert loaded.warnings == () and len(loaded.config.objectives) == 10
    assert len({persona.text for persona in loaded.config.personas}) == 20


ROWS = re.findall(r"^\| ([BX]\d+) \|.*\| (.*) \|$", GOALS_MD, re.MULTILINE)


def test_goals_md_has_a_row_for_every_behaviour_and_fault():
    numbers = [*(f"B{n}" for n in range(1, 21)), *(f"X{n}" for n in range(1, 20))]
    assert [number for number, _ in ROWS] == numbers


@pytest.mark.parametrize(("number", "tests"), ROWS)
def test_a_row_of_goals_md_names_tests_that_exist(number, tests):
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/test_*.py"))
    named = re.findall(r"`(test_\w+)`", tests)
    assert named and all(f"def {name}(" in sources for name in named)


def test_goals_md_explains_every_way_a_goal_dialogue_can_end():
    explained = re.findall(r"^\| `(\w+)` \|", GOALS_MD, re.MULTILINE)
    assert sorted(explained) == sorted({*get_args(EndReason)} - {"total_tokens"})


@pytest.mark.parametrize("engine", ["llama-server", "koboldcpp", "aphrodite-engine", "vllm"])
def test_the_readme_says_how_to_start_each_engine(engine):
    assert f"configs/{engine}.json" in README and (ROOT / "configs" / f"{engine}.json").exists()


@pytest.mark.parametrize("script", [parrot, analyze, view])
def test_the_readme_names_every_option(script, capsys):
    with pytest.raises(SystemExit):
        script.main(["--help"])
    for option in re.findall(r"--[a-z-]+", capsys.readouterr().out):
        assert f"`{option}" in README or option == "--help", option


def test_every_file_the_readme_names_exists():
    for name in re.findall(r"\]\(([^)#]+)\)|<img src=\"([^\"]+)\"", README):
        target = name[0] or name[1]
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_nothing_tracked_is_large_or_binary_but_pictures_and_models():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix not in (".png", ".gguf") and path.exists() and "tests/data" not in name:
            assert b"\0" not in path.read_bytes(), name


def test_ruff_finds_nothing():
    for arguments in (["check", "."], ["format", "--check", "."]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=ROOT, check=True)


def test_mypy_finds_nothing():
    subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, check=True)
