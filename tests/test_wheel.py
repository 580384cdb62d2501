"""The wheel, installed into an environment of its own, away from the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SCRIPTS = ("parrot.py", "analyze.py", "view.py")
# requirements*.txt -> the extra that installs the same
EXTRAS = {
    "requirements.txt": "",
    "requirements-dev.txt": "dev",
    "requirements-train.txt": "train",
}
MACHINES = [
    {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"},
    {"sys_platform": "linux", "platform_machine": "riscv64", "python_version": "3.11"},
    {"sys_platform": "darwin", "platform_machine": "arm64", "python_version": "3.12"},
    {"sys_platform": "win32", "platform_machine": "AMD64", "python_version": "3.13"},
]
SAID = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
LOOPS = """
import sys
from broken_record import analyze
said = [{"role": role, "content": f"I am {role}."} for role in ("user", "assistant") * 5]
print(analyze(said).findings[0].kind)
assert not {"requests", "bokeh", "transformers"} & {*sys.modules}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling", reason="no hatchling: the wheel is not tested")
    folder = tmp_path_factory.mktemp("dist")
    options = ["-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The commands of an environment with the wheel, which sees the other packages of this one."""
    folder = tmp_path_factory.mktemp("wheel") / "venv"
    venv.create(folder)
    bin = next(path for name in ("bin", "Scripts") if (path := folder / name).exists())
    site = subprocess.run(
        [bin / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    others = [path for path in sys.path if path.endswith("-packages")]
    Path(site, "others.pth").write_text("\n".join(others))
    options = ["-q", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([bin / "python", "-m", "pip", "install", *options, wheel], check=True)
    return bin


def run(installed, cwd, command, *arguments):
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [installed / command, *arguments], cwd=cwd, capture_output=True, text=True, env=bare
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_wheel_has_everything_the_package_needs_and_nothing_beside_it(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        scripts = {name: file.read(f"broken_record/_scripts/{name}") for name in SCRIPTS}
    listed = subprocess.run(
        ["git", "ls-files", "broken_record"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    own = {*listed.stdout.split()}
    assert own == names - {f"broken_record/_scripts/{name}" for name in SCRIPTS}
    assert {"broken_record/py.typed", "broken_record/tiny/skye.gguf"} < names
    assert scripts == {name: (ROOT / name).read_bytes() for name in SCRIPTS}
    assert 5.5e6 < wheel.stat().st_size < 6.5e6


def requirements(name):
    """The lines of a file of requirements, and of those it begins with."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        wanted = line.partition("#")[0].strip()
        if wanted.startswith("-r "):
            found += requirements(wanted.removeprefix("-r "))
        elif wanted:
            found.append(Requirement(wanted))
    return found


def asked_for(wanted, machine, extra=""):
    """Packages and ranges that an installer takes on a machine."""
    return {
        (one.name.lower(), str(one.specifier))
        for one in wanted
        if one.marker is None or one.marker.evaluate({**machine, "extra": extra})
    }


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: one["sys_platform"])
@pytest.mark.parametrize(("name", "extra"), EXTRAS.items())
def test_the_wheel_asks_for_the_packages_of_a_file_of_requirements(wheel, name, extra, machine):
    with zipfile.ZipFile(wheel) as file:
        [path] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(file.read(path).decode())
    wanted = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert asked_for(wanted, machine, extra) == asked_for(requirements(name), machine)
    assert {"aim", "browser", "parquet"} < {*metadata.get_all("Provides-Extra", [])}


def test_a_list_of_messages_gives_a_finding(installed, tmp_path):
    assert run(installed, tmp_path, "python", "-c", LOOPS).stdout == "single_turn_loop\n"


@pytest.mark.parametrize("command", ["parrot", "parrot-analyze", "parrot-view", "parrot-batch"])
def test_each_command_says_what_it_can(installed, command, tmp_path):
    assert run(installed, tmp_path, command, "--help").stdout.startswith("usage: ")


def test_a_message_names_the_command_that_is_installed(installed, tmp_path):
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": SAID}))
    analysed = run(installed, tmp_path, "parrot-analyze", "chats.jsonl").stderr
    assert "Next: parrot-view chats\n" in analysed and "python " not in analysed
    assert "usage: parrot-batch N " in run(installed, tmp_path, "parrot-batch", "--help").stdout


def test_a_run_is_held_analysed_and_shown_by_the_commands_alone(installed, tmp_path):
    pytest.importorskip("xllamacpp", reason="no xllamacpp here: no embedded model runs")
    shutil.copy(ROOT / "config.json", tmp_path)
    run(installed, tmp_path, "parrot-batch", "1", "--", "--set", "total_tokens=200", "--seed", "1")
    [folder] = tmp_path.glob("parrot_*")
    assert "1 dialogue:" in run(installed, tmp_path, "parrot-analyze", folder.name).stdout
    run(installed, tmp_path, "parrot-view", folder.name, "--no-show")
    assert folder.name in (tmp_path / "results.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_mypy_sees_the_types(installed, tmp_path):
    (tmp_path / "own.py").write_text(
        "from broken_record import analyze\nreveal_type(analyze([]).findings)\n"
    )
    command = ["mypy", "--strict", "--python-executable", str(installed / "python"), "own.py"]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert re.search(
        r'Revealed type is "(builtins\.)?tuple\[broken_record\.data\.Finding,', done.stdout
    )
    assert done.returncode == 0, done.stdout
