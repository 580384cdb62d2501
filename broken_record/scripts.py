"""The scripts as seen from the package: where they lie, what starts them, what signals do to them,
where their messages go, and which packages one needs before it begins.
"""

from __future__ import annotations

import _thread
import argparse
import logging
import re
import signal
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from broken_record import __version__
from broken_record.errors import ConfigError, nearest
from broken_record.terminal import COMMANDS, command_of, escape_controls


def path_of(script: str) -> Path:
    """Where a script lies: inside the package that a wheel installs, beside it in a checkout.

    >>> path_of("parrot.py").name
    'parrot.py'
    """
    package = Path(__file__).parent
    inside = package / "_scripts" / script
    return inside if inside.exists() else package.parent / script


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


CALM = ("__main__", "parrot", "broken_record", "socket", "ssl")
"""The modules that bear an exception from nowhere: our own, and those that wait for bytes."""
AGAIN_S, AT_LAST = 0.02, 50


def stop_on_signals(came: list[int]) -> None:
    """Make SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt; `came` says which came.

    Not inside a library: raised there it may leave a lock held for ever (that of a queue), be lost
    (in a finaliser) or come out as another exception (in __set_name__). The signal is sent again
    a moment later then, for a second at most. Whoever loops looks at `came` too.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if is_calm(frame) or len(came) > AT_LAST or not hasattr(signal, "pthread_kill"):
            raise KeyboardInterrupt
        _thread.start_new_thread(send_again, (number, _thread.get_ident()))

    handle_signals(stop)


def is_calm(frame: FrameType | None) -> bool:
    """Whether what runs in a frame can bear an exception that it did not ask for."""
    name = "" if frame is None else str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in CALM


def send_again(number: int, thread: int) -> None:
    """Send a thread a signal a moment later; not by threading, whose locks it may hold."""
    time.sleep(AGAIN_S)
    signal.pthread_kill(thread, number)


def handle_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let a handler take the signals that end a script; one that is ignored, as nohup has it, stays
    ignored.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


class Parser(argparse.ArgumentParser):
    """A script's command line. What is wrong with it is said in a line, with the option that was
    probably meant and without the list of all of them.
    """

    def parse_args(self, *words: Any, **others: Any) -> Any:
        """The options; exits with 2 where a word is none and stands nowhere."""
        options, unknown = self.parse_known_args(*words, **others)
        if unknown:
            self.refuse(unknown[0])
        return options

    def refuse(self, word: str, advice: str = "") -> NoReturn:
        """Exit with 2 for a word that means nothing here."""
        known = re.findall("--[a-z-]+", self.format_help())
        near = nearest(word.partition("=")[0], known, alike=0.8) if word.startswith("-") else None
        what = "unknown option" if word.startswith("-") else "too many names, from"
        meant = f"did you mean {near}?" if near else advice
        self.error(f"{what} {word}{'; ' * bool(meant)}{meant}")

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        here = command_of(self.prog) if self.prog in COMMANDS else self.prog
        self.exit(2, f"{self.prog}: {escape_controls(message)}\nall options: {here} --help\n")


def add_version(parser: argparse.ArgumentParser) -> None:
    """Let a script say which parrot it is."""
    said = f"%(prog)s {__version__}"
    parser.add_argument("--version", action="version", version=said, help="say the version")


class Harmless(logging.Formatter):
    """A message as it is, the control characters of whatever names it holds escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return escape_controls(super().format(record))


def log_to_stderr() -> None:
    """Let every message of the program and its libraries be a harmless line on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(Harmless("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def tell(text: str) -> None:
    """The same of a text as it is, at once."""
    sys.stderr.write(escape_controls(text))
    sys.stderr.flush()


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
