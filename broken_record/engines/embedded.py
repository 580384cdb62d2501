"""`embedded:NAME`: a llama-server of our own in a child process, on weights that ship with the
package.

The dialect is llama-server's. This module starts and stops the process; embedded_server.py is what
runs in it. A batch starts its servers once and hands their addresses on in the environment variable
PARROT_SERVERS (`skye=http://... mark=http://...`); a dialogue that finds its model there starts
none.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from broken_record.config.checks import EMBEDDED, MODELS_FOLDER
from broken_record.errors import EngineUnreachable

SERVERS_VARIABLE = "PARROT_SERVERS"

SLOTS = 2  # both sides may name one model; each keeps its own prompt cache


def served_context() -> int:
    """Tokens of context of one slot: what the models were trained for."""
    settings = json.loads((MODELS_FOLDER / "tokenizer" / "tokenizer_config.json").read_text())
    return int(settings["model_max_length"])


class EmbeddedServer:
    """A running server process; leaving the `with` block stops it."""

    def __init__(self, name: str, *, port: int = 0, slots: int = SLOTS) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineUnreachable(
                f"{EMBEDDED}{name} needs the package xllamacpp, which is not installed here "
                "(pip install xllamacpp); servers of your own work without it"
            )
        self.name = name
        self.slots = slots
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        arguments = [
            str(MODELS_FOLDER / f"{name}.gguf"),
            name,
            str(served_context()),
            str(slots),
            str(port),
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broken_record.engines.embedded_server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=Path(__file__).parents[2],
        )
        self.known_address: str | None = None

    def address(self) -> str:
        """http://127.0.0.1:PORT, once the server is up; EngineUnreachable with its last words if it
        is not to be.
        """
        if self.known_address is None:
            assert self.process.stdout is not None
            line = self.process.stdout.readline().decode().strip()
            if not line:
                self.process.wait()
                self.log.seek(0)
                last_words = self.log.read().decode(errors="replace").strip().splitlines()[-3:]
                raise EngineUnreachable(
                    f"{EMBEDDED}{self.name} did not start: {' / '.join(last_words)}"
                )
            self.known_address = line
        return self.known_address

    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Close the pipe, which ends the process; kill it if it lingers."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def servers_of_batch(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Name -> address of the servers that a batch holds.

    >>> servers_of_batch({"PARROT_SERVERS": "skye=http://127.0.0.1:4000"})
    {'skye': 'http://127.0.0.1:4000'}
    """
    pairs = (pair.partition("=") for pair in environment.get(SERVERS_VARIABLE, "").split())
    return {name: address for name, _, address in pairs}
