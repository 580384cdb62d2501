"""What the process of one dialogue takes: CPU to start and for a turn, and memory.

    python -m benchmarks.client

The servers run already, as for all but the first dialogue of a batch. `server` renders the prompts
by the server's chat template, `tokenizer` by one of its own, as vLLM, aphrodite-engine and
koboldcpp need. Start is the CPU time of a dialogue of one turn; a turn is what a dialogue of 80
takes more, by turn; memory is the most that it had (Pss), sampled every .2 s.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.scale import memory_of
from broken_record.config.checks import MODELS_FOLDER
from broken_record.engines.embedded import SERVERS_VARIABLE, EmbeddedServer, servers_to_hand_on
from broken_record.files.read import read_dialogue

ROOT = Path(__file__).parents[1]
OWN = str(MODELS_FOLDER / "tokenizer")


def hold(settings: list[str], servers: str, record: Path) -> tuple[float, float, int]:
    """(CPU seconds, MB, turns) of a dialogue."""
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "parrot.py", "--seed", "1", "--record", str(record), *words]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    most = 0.0
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, SERVERS_VARIABLE: servers}
    ) as process:
        while process.poll() is None:
            with suppress(OSError):
                most = max(most, memory_of([process.pid]))
            time.sleep(0.2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, most, len(read_dialogue(record)[0].turns)


def main() -> None:
    """Print the table."""
    print(f"{'prompts by':12}{'start, CPU s':>14}{'a turn, CPU ms':>16}{'MB':>6}")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        held = [stack.enter_context(EmbeddedServer(name)) for name in ("skye", "mark")]
        servers = servers_to_hand_on({server.wanted.key: server for server in held})
        for name, own in {
            "server": [],
            "tokenizer": [f"tokenizer={OWN}", f"user_tokenizer={OWN}"],
        }.items():
            short, long = scratch / f"{name}_short.jsonl", scratch / f"{name}_long.jsonl"
            start, _, few = hold([*own, "total_tokens=20"], servers, short)
            whole, most, many = hold([*own, "total_tokens=2048"], servers, long)
            turn = 1000 * (whole - start) / (many - few)
            print(f"{name:12}{start:14.2f}{turn:16.1f}{most:6.0f}")


if __name__ == "__main__":
    main()
