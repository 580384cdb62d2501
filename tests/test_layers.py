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

# room -> what it may import beyond the standard library; the longest matching room counts
DOORS = {
    "records": {"numpy"},
    "errors": set(),
    "text": {"numpy", "records"},
    "checks": {"records", "errors"},
    "cards": {"records", "errors"},
    "casting": {"records", "errors", "cards"},
    "coherence": {"text"},
    "extraction": set(),
    "personas": {"checks", "errors"},
    "goal_config": {"errors", "checks", "extraction", "personas"},
    "keys": {"checks", "goal_config", "personas"},
    "chat": {"records", "config", "prompts"},
    "goals": {"records", "config", "coherence", "extraction", "personas"},
    "config": {
        "records",
        "errors",
        "checks",
        "casting",
        "extraction",
        "goal_config",
        "keys",
        "personas",
        "raw_config",
    },
    "raw_config": {"errors", "keys"},
    "prompts": {"records", "errors", "config", "transformers", "jinja2"},
    "engines": {"records", "errors", "config", "checks", "engines", "requests", "urllib3"},
    "engines.llama_server": {"records", "errors", "engines", "jinja2"},
    "engines.embedded_server": {"xllamacpp"},
    "context": {"records", "errors", "config", "prompts", "engines.base"},
    "dialogue": {
        "records",
        "errors",
        "config",
        "context",
        "prompts",
        "engines.base",
        "engines.patience",
        "chat",
        "goals",
    },
    "doctor": {
        "records",
        "errors",
        "chat",
        "config",
        "context",
        "dialogue",
        "goals",
        "prompts",
        "engines",
    },
    "run_folder": {"errors", "config", "record_writer", "runlog"},
    "batch": {"errors", "config", "checks", "run_folder", "engines"},
    "slurm": {"errors", "config", "run_folder", "batch", "engines"},
    "combinations": {"errors", "config", "exports", "run_folder", "sweep"},
    "launch": {
        "records",
        "errors",
        "config",
        "checks",
        "run_folder",
        "slurm",
        "combinations",
        "sweep",
        "batch",
        "dialogue",
        "engines",
        "tracking",
    },
    "runlog": {"records", "errors"},
    "record_writer": {"records", "errors", "runlog"},
    "recording": {"records", "errors", "record_writer", "goals", "tracking"},
    "aim_writer": {"aim"},
    "tracking": {
        "aim_writer",
        "records",
        "errors",
        "config",
        "chat",
        "goals",
        "exports",
        "textlog",
    },
    "resume": {"records", "errors", "config", "runlog"},
    "chatlogs": {"records", "errors"},
    "imports": {"records", "errors", "chatlogs", "record_writer"},
    "textlog": {"records", "errors", "chatlogs", "runlog"},
    "report": {"records", "statistics"},
    "analysis_file": {"records", "errors", "report"},
    "browser": {"errors", "bokeh"},
    "exports": {"records", "errors", "config", "goals", "prompts", "report", "pyarrow"},
    "dataset": {"analysis_file", "errors", "exports", "prompts", "report"},
    "copies": {"records", "text"},
    "diagnosis": {"records", "copies", "text", "engines.samplers"},
    "thresholds": {"errors", "detectors"},
    "examination": {
        "diagnosis",
        "records",
        "errors",
        "chatlogs",
        "detectors",
        "goals",
        "metrics",
        "report",
        "talk",
        "textlog",
    },
    "sweep": {"errors"},
    "observation": {"comparison_report", "report", "statistics", "sweep"},
    "comparison": {"errors", "comparison_report", "observation", "report", "statistics", "sweep"},
    "comparison_report": {"analysis_file", "errors"},
    "comparison_words": {"comparison_report"},
    "comparison_tables": {"comparison_report", "comparison_words", "textlog"},
    "tables": {"records", "report", "textlog"},
    "windows": {"text", "numpy"},
    "segments": {"records", "windows", "numpy"},
    "similarity": {"numpy", "rapidfuzz"},
    "talk": {"records", "text", "similarity", "numpy"},
    "detectors": {
        "records",
        "text",
        "windows",
        "statistics",
        "similarity",
        "talk",
        "detectors",
        "numpy",
    },
    "statistics": {"numpy", "scipy"},
    "metrics": {"records", "text", "talk", "windows", "segments", "statistics", "numpy"},
    "tiny": {"records", "tiny", "engines.embedded", "numpy", "torch", "gguf", "tokenizers"},
    "views": {
        "records",
        "report",
        "statistics",
        "text",
        "comparison_report",
        "comparison_words",
        "views",
        "bokeh",
        "numpy",
    },
}
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
    if room == "__init__":
        assert not outside_standard_library(path)
        return
    rooms = [name for name in DOORS if room == name or room.startswith(name + ".")]
    assert rooms, f"{room}: no row in DOORS"
    allowed = DOORS[max(rooms, key=len)]
    for name, at_once in outside_standard_library(path):
        own = name.removeprefix("broken_record.") if name.startswith("broken_record") else None
        wanted = own or name.partition(".")[0]
        assert any(wanted == door or wanted.startswith(door + ".") for door in allowed), (
            f"{room} imports {name}"
        )
        assert not (at_once and wanted in LATE), f"{room} imports {name} outside a function"


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


def test_help_needs_none_of_the_heavy_packages():
    code = """
import contextlib, io, sys
import parrot
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    parrot.main(["--help"])
for heavy in ("requests", "transformers", "bokeh", "numpy", "xllamacpp"):
    assert heavy not in sys.modules, heavy
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
