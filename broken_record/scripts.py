"""The scripts as seen from the package: where they lie, what starts them (and so what messages call
them), and which packages one needs before it begins.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from broken_record.errors import ConfigError


def path_of(script: str) -> Path:
    """Where a script lies: inside the package that a wheel installs, beside it in a checkout.

    >>> path_of("parrot.py").name
    'parrot.py'
    """
    package = Path(__file__).parent
    inside = package / "_scripts" / script
    return inside if inside.exists() else package.parent / script


COMMANDS = {
    "parrot.py": ("python parrot.py", "parrot"),
    "parrot.sh": ("./parrot.sh", "parrot-batch"),
    "analyze.py": ("python analyze.py", "parrot-analyze"),
    "view.py": ("python view.py", "parrot-view"),
}
"""How each is called from a checkout, and the command of a wheel."""


def command_of(script: str) -> str:
    """How a message tells people to call a script.

    >>> command_of("view.py")
    'python view.py'
    """
    return COMMANDS[script][(Path(__file__).parent / "_scripts").exists()]


def open_stdout() -> None:
    """Make stdout take every text, as UTF-8; ConfigError where it is closed, and the first file
    that is opened would take its place.
    """
    if sys.stdout is None:
        raise ConfigError(["stdout is closed; what should show nothing is called with >/dev/null"])
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def run(script: str) -> int:
    """Run a script, which reads the command line; its exit code."""
    spec = spec_from_file_location(Path(script).stem, path_of(script))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    code: int = module.main()
    return code


def parrot() -> int:
    """The command `parrot`."""
    return run("parrot.py")


def analyze() -> int:
    """The command `parrot-analyze`."""
    return run("analyze.py")


def view() -> int:
    """The command `parrot-view`."""
    return run("view.py")


def check_installed(*packages: str) -> None:
    """ConfigError names the first of these packages that is missing, and how to install it.

    >>> check_installed("json")
    """
    for name in packages:
        if find_spec(name) is None:
            raise ConfigError(
                [f"{name} of requirements.txt is not installed here; run: make .venv, and in every "
                 "new terminal: . .venv/bin/activate"]
            )  # fmt: skip
