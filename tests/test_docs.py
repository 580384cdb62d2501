"""The documents against the code, in both directions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from broken_record import __version__
from broken_record.config.goal_keys import OF_THE_MODE
from broken_record.config.load import load, parse
from broken_record.config.schema import KEYS
from broken_record.data import EndReason
from broken_record.detectors.registry import KINDS
from broken_record.engines.registry import ENGINES
from tests import config_reference
from tests.options import TABLES, renewed, table
from tests.test_shell_blocks import DOCUMENTS, find_blocks

ROOT = Path(__file__).parents[1]
CONFIG_MD = (ROOT / "CONFIG.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ACCURACY_MD = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
GOALS_MD = (ROOT / "docs" / "goals.md").read_text(encoding="utf-8")
SCALE_MD = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", CONFIG_MD, re.MULTILINE | re.DOTALL))


def test_config_md_has_every_key_in_the_order_of_the_code_and_no_other():
    assert list(SECTIONS) == list(KEYS)


def test_what_the_documents_say_of_the_configs_keys_is_what_make_docs_writes():
    assert config_reference.renewed(CONFIG_MD) == CONFIG_MD, "run make docs"
    schema = config_reference.SCHEMA.read_text(encoding="utf-8")
    assert schema == config_reference.schema_text(), "run make docs"


def test_a_key_without_its_paragraph_gets_one_and_what_stands_behind_it_is_kept():
    example = '    "max_turns": 20\n\n'
    old = "Old.\nDefault: `1`\n\nMore.\n"
    assert config_reference.renewed(f"### `max_turns`\n\n{example}### `stop_token`\n\n{old}") == (
        "### `max_turns`\n\nHow many exchanges (a message of the user and the reply) at most. "
        f"Takes a whole number of at least 1.\nDefault: `12`\n\n{example}"
        "### `stop_token`\n\nWhat the user says to end the dialogue. Takes a text of more than "
        'punctuation.\nDefault: `"FINISH"`\n\nMore.\n'
    )


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
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    named = re.findall(r"`(test_\w+)`", tests)
    assert named and all(f"def {name}(" in sources for name in named)


def test_goals_md_explains_every_way_a_goal_dialogue_can_end():
    explained = re.findall(r"^\| `(\w+)` \|", GOALS_MD, re.MULTILINE)
    assert sorted(explained) == sorted({*get_args(EndReason)} - {"total_tokens"})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_documents_name_each_engine_and_say_how_to_start_it(engine):
    assert f'`"{engine}"`' in SECTIONS["engine"], "name it in CONFIG.md, engine"
    if engine != "completions":
        assert (ROOT / "configs" / f"{engine}.json").exists(), "a config that names it"
        assert f"configs/{engine}.json" in README, "README.md, Your own models"


@pytest.mark.parametrize("document", ["docs/commands.md", "v0/README.md"])
def test_the_tables_of_options_are_those_of_make_docs(document):
    assert (ROOT / document).read_text(encoding="utf-8") == renewed(document), "run make docs"


def test_every_script_has_a_table_of_options_and_every_option_a_meaning():
    assert {p.name for pattern in ("[!_]*.py", "*.sh") for p in ROOT.glob(pattern)} < set(TABLES)
    for script, (_, rows) in TABLES.items():
        assert rows() and all(name and meaning for name, meaning in rows()), script


def test_what_markdown_would_take_for_its_own_is_escaped_in_a_table():
    assert table([("`-x` A|B", "a <b> *c*")]).endswith(r"| `-x` A\|B | a \<b> \*c\* |")


def test_the_readme_has_every_kind_of_finding_with_its_detector_and_no_other():
    rows = re.findall(r"^\| \[`(\w+)`\]\((\S+)\.py\) \| \S", README, re.MULTILINE)
    modules = {kind: f"broken_record/detectors/{kind}" for kind in KINDS}
    assert dict(rows) == modules, "a row a kind in README.md, What it finds"
    assert len(rows) == len(modules)


def test_accuracy_md_has_figures_for_every_kind_of_finding_and_config_md_their_names():
    figures = ACCURACY_MD.partition("<!-- detectors: begin -->")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (?!kind)(\w+) \|", figures, re.MULTILINE)
    assert rows == [*KINDS], "run make bench-detectors"
    listed = SECTIONS["stop_on"].partition("Any of ")[2].partition(". ")[0]
    assert re.findall(r"`(\w+)`", listed) == [*KINDS], "name them in CONFIG.md, stop_on"


PRINTED = re.findall(r"```python\n((?s:.*?))```\n\n((?:    .*\n)+)", SCALE_MD)


def test_all_code_of_scale_md_has_its_output_below():
    assert len(PRINTED) == SCALE_MD.count("```python") > 0


@pytest.mark.parametrize(("code", "printed"), PRINTED)
def test_what_scale_md_works_out_is_what_its_code_prints(code, printed):
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == printed.replace("    ", ""), done.stderr


def test_the_readmes_tree_is_true():
    """Every path in it exists; every top-level entry and every room of the package is in it."""
    after = README.partition("## Where things are\n\n")[2]
    folders, named = [""], set()
    for line in find_blocks(after)[0].text.splitlines():
        depth = (len(line) - len(line.lstrip()) - 4) // 2
        paths = re.split(r"\s{2,}", line.strip())[0].split(" ")
        for path in paths:
            found = [*ROOT.glob(folders[depth] + path)]
            assert found and all(p.is_dir() for p in found) == path.endswith("/"), path
            named |= {str(p.relative_to(ROOT)) for p in found}
        folders[depth + 1 :] = [folders[depth] + paths[0]]
    rooms = {f"broken_record/{p.parent.name}" for p in (ROOT / "broken_record").glob("*/*.py")}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    tops = {name.split("/")[0] for name in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".git")} | rooms <= named


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_make_target_and_module_that_a_document_names_exists(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make ([\w-]+)", text, re.MULTILINE)) <= set(targets)
    for module in re.findall(r"(?:^|`)python -m ([\w.]+)", text, re.MULTILINE):
        assert ROOT.joinpath(*module.split(".")).with_suffix(".py").exists(), module


def test_the_changelog_begins_with_the_version_of_today():
    [version] = re.findall(r'^version = "(.*)"$', PYPROJECT, re.MULTILINE)
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == version == __version__ and len(headings) == len(set(headings))


def requirements(name):
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-r ")]


def test_the_lock_file_has_one_version_of_every_package_and_each_is_in_its_range():
    pairs = [str(one).split("==") for one in requirements(".ci/lock.txt")]
    locked = {canonicalize_name(name): version for name, version in pairs}
    assert len(locked) == len(pairs)
    for wanted in (*requirements("requirements.txt"), *requirements("requirements-dev.txt")):
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), wanted


def test_every_package_that_users_install_has_a_lowest_and_an_unreached_version():
    for wanted in requirements("requirements.txt"):
        assert [one.operator for one in sorted(wanted.specifier, key=str)] == ["<", ">="], wanted


def anchors(document):
    """The names by which GitHub links to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_its_heading(path):
    text = path.read_text(encoding="utf-8")
    for link, image in re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", text):
        name, _, heading = (link or image).partition("#")
        if name.startswith("http"):
            continue
        target = path.parent / name if name else path
        assert target.exists(), name
        assert not heading or heading in anchors(target), (name, heading)


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
        assert_silent("ruff", *arguments)


def test_mypy_finds_nothing():
    assert_silent("mypy")


def assert_silent(*arguments):
    """That a tool finds nothing, else what it found."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, "\n" + done.stdout.decode()
