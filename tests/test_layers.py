"""The doors between the rooms: what each module may import, read from its source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "broken_record"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = ("parrot", "analyze", "view")

# A folder is a stage of the story; arrows between folders run down this list only.
STREETS = (
    "views", "export", "comparison", "batch", "conversation", "analysis", "detectors", "text",
    "files", "engines", "config", "tiny", "samplers", "scripts", "terminal", "stats", "data",
    "errors",
)  # fmt: skip

# folder -> what it may import beyond the standard library and itself; the longest matching row
# counts, so that a file may have a door of its own
DOORS = {
    "errors": set(),
    "data": {"numpy"},
    "samplers": set(),
    "scripts": {"broken_record", "errors", "terminal"},  # which says its version
    "terminal": set(),
    "stats": {"numpy", "scipy"},
    "tiny": {"data", "numpy", "torch", "gguf", "tokenizers"},
    "config": {"data", "errors", "samplers"},
    "engines": {
        "data", "errors", "samplers", "config", "requests", "urllib3", "jinja2", "transformers",
    },
    "engines.embedded_server": {"xllamacpp"},
    "engines.minilm": {"errors", "numpy"},
    "files": {"data", "errors", "terminal", "config", "pyarrow"},
    "text": {"data", "numpy", "rapidfuzz"},
    "detectors": {"data", "errors", "stats", "text", "numpy", "rapidfuzz"},
    "analysis": {
        "data", "errors", "samplers", "terminal", "stats", "files", "text", "detectors",
        "numpy",
    },
    "conversation": {
        "data", "errors", "terminal", "config", "files", "text", "detectors", "engines.base",
        "engines.retry", "engines.tokenizer_template",
    },
    "conversation.aim_process": {"aim"},
    "conversation.doctor": {"data", "errors", "config", "engines"},
    "conversation.doctor_prompts": {"data", "errors", "config", "engines"},
    "conversation.doctor_tries": {"data", "errors", "config", "engines"},
    "batch": {
        "data", "errors", "scripts", "terminal", "config", "files", "text", "detectors",
        "conversation", "engines",
    },
    "comparison": {"data", "errors", "terminal", "stats", "files", "analysis"},
    "export": {
        "data", "errors", "terminal", "config", "files", "conversation", "analysis", "pyarrow",
    },
    "views": {
        "data", "errors", "stats", "detectors.registry", "analysis", "comparison", "bokeh",
        "jinja2", "numpy",
    },
}  # fmt: skip
LATE = {
    "transformers",
    "jinja2",
    "xllamacpp",
    "scipy",
    "torch",
    "gguf",
    "tokenizers",
    "pyarrow",
    "aim",
}  # inside functions only


def room_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported with the module itself)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.names[0].name != "*", f"{path}: import *"
            yield node.module or "", node not in inside


def outside_standard_library(path: Path) -> list[tuple[str, bool]]:
    return [
        (name, at_once)
        for name, at_once in imports_of(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
    ]


@pytest.mark.parametrize("path", MODULES, ids=room_of)
def test_a_module_imports_only_what_its_room_may(path):
    room = room_of(path)
    if path.name == "__init__.py":
        assert room == "__init__" or not [*imports_of(path)], "a map imports nothing"
        return
    rooms = [name for name in DOORS if room == name or room.startswith(name + ".")]
    assert rooms, f"{room}: no row in DOORS"
    allowed = DOORS[max(rooms, key=len)] | {room.partition(".")[0]}
    for name, at_once in outside_standard_library(path):
        own = name.removeprefix("broken_record.") if name.startswith("broken_record") else None
        wanted = own or name.partition(".")[0]
        assert any(wanted == door or wanted.startswith(door + ".") for door in allowed), (
            f"{room} imports {name}"
        )
        assert not (at_once and wanted in LATE), f"{room} imports {name} outside a function"


@pytest.mark.parametrize("path", MODULES, ids=room_of)
def test_arrows_between_folders_run_down_the_streets(path):
    street = room_of(path).partition(".")[0]
    for name, _ in imports_of(path):
        if name.startswith("broken_record.") and street != "__init__":
            other = name.split(".")[1]
            assert STREETS.index(street) <= STREETS.index(other), f"{room_of(path)} imports {name}"


def test_nothing_imports_a_script():
    for path in MODULES:
        assert not {name for name, _ in imports_of(path)} & set(SCRIPTS)


def test_the_imports_have_no_cycle():
    graph = {
        f"broken_record.{room_of(path)}": {
            name
            for name, at_once in imports_of(path)
            if at_once and name.startswith("broken_record.")
        }
        - {f"broken_record.{room_of(path)}"}  # a package's __init__ names its own files
        for path in MODULES
    }

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        for other in graph.get(module, ()):
            visit(other, (*trail, module))

    for module in graph:
        visit(module, ())


def test_no_module_edits_the_import_path():
    for path in [*MODULES, *(ROOT / f"{name}.py" for name in SCRIPTS)]:
        assert "sys.path" not in path.read_text(encoding="utf-8"), path


def test_importing_is_silent_reads_nothing_and_configures_no_logging():
    names = ["broken_record." + room_of(path) for path in MODULES if room_of(path) != "__init__"]
    code = f"""
import logging, socket, sys
def refuse(*a, **k): raise AssertionError("connects while importing")
socket.socket.connect = refuse
import importlib
for name in {[*names, *SCRIPTS]!r}:
    importlib.import_module(name)
assert not logging.getLogger().handlers, "configures logging"
for late in {sorted(LATE - {"jinja2"})!r}:  # bokeh brings jinja2 along
    assert late not in sys.modules, late
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_none_of_what_takes_long_to_load(script):
    code = f"""
import contextlib, io, sys
import {script}
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    {script}.main(["--help"])
for slow in ("requests", "transformers", "bokeh", "numpy", "rapidfuzz", "xllamacpp", "dataclasses"):
    assert slow not in sys.modules, slow
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("parrot", "requests"),
        ("broken_record.batch.launch", "requests"),
        ("analyze", "numpy"),
        ("analyze", "rapidfuzz"),
        ("view", "bokeh"),
    ],
)
def test_a_script_names_the_package_that_is_missing_in_one_line(module, package):
    code = f"""
import runpy, sys
sys.modules[{package!r}], sys.argv = None, [{module!r}, "1"]
runpy.run_module({module!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"{package} of requirements.txt is not installed here; run: make .venv, and in every new "
        "terminal: . .venv/bin/activate\n",
    )
