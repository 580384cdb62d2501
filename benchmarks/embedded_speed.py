"""How fast an embedded model begins, and how much of its speed a dialogue keeps.

    python -m benchmarks.embedded_speed [NAME] [--tokens N] [--set embedded.kv_type=q8_0]

Two servers are started alike. Every turn of a dialogue is held by parrot at one of them, and at
once its request is put to the other as it is, in one piece and without parrot's reading of the
stream; so both do the same work, in the same minute, and only one at a time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from broken_record.config.load import load
from broken_record.config.schema import Config
from broken_record.conversation.converse import converse, take_sides
from broken_record.data import Chunk, Turn
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.engines.embedded import EmbeddedServer, wanted_servers

ROOT = Path(__file__).parents[1]
SCENE = ROOT / "scenes" / "lighthouse.json"


class Noting:
    """An engine that keeps the request of its last reply."""

    def __init__(self, engine: CompletionsServer) -> None:
        self.engine = engine
        self.body: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        options: dict[str, Any] = {"max_tokens": max_tokens, "sampler": sampler, "seed": seed}
        self.body = self.engine.request_body(prompt, **options)
        yield from self.engine.stream(prompt, **options)


def seconds_to_first_token(settings: list[str]) -> tuple[float, float]:
    """(wall, CPU) from the start of parrot.py to the end of a first turn of one token, with
    nothing started before; on a busy machine CPU time says more.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "first.jsonl"
        words = [word for setting in settings for word in ("--set", setting)]
        command = [sys.executable, "parrot.py", str(SCENE), "--record", str(record), *words]
        began = time.perf_counter()
        short = ["--set", "total_tokens=1", "--set", "turn_max_tokens=1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, *short], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - began, spent


def compare(config: Config) -> tuple[int, float, int, float]:
    """(tokens, seconds) of a dialogue's turns by parrot, and of the same requests put directly."""
    said = asked = 0
    by_parrot = directly = 0.0
    with ExitStack() as stack:
        [wanted] = wanted_servers([config]).values()
        other = stack.enter_context(EmbeddedServer(wanted, servers=2))
        engines = [Noting(engine) for engine in stack.enter_context(connect(config))]  # type: ignore[arg-type]
        session = stack.enter_context(requests.Session())
        url = f"{other.address()}/v1/completions"
        sides = take_sides(config, *engines)
        for event in converse(config, *sides, seed=1):
            if not isinstance(event, Turn):
                continue
            said += event.tokens or 0
            by_parrot += event.elapsed_s or 0
            body = {**engines[event.role == "user"].body, "stream": False}
            body.pop("stream_options")
            began = time.perf_counter()
            answer = session.post(url, json=body).json()
            directly += time.perf_counter() - began
            asked += answer["usage"]["completion_tokens"]
    return said, by_parrot, asked, directly


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="smollm2", help="the NAME of embedded:NAME")
    parser.add_argument("--tokens", type=int, default=600, help="total_tokens of the dialogue")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    settings = [f"api_url=embedded:{options.name}", "embedded.threads=1", *options.settings]
    first, spent = seconds_to_first_token(settings)
    config = load(SCENE, [*settings, f"total_tokens={options.tokens}"]).config
    said, by_parrot, asked, directly = compare(config)
    print(json.dumps({
        "model": options.name,
        "first_token_s": round(first, 2),
        "first_token_cpu_s": round(spent, 2),
        "tokens": said,
        "parrot_tokens_per_s": round(said / by_parrot, 2),
        "directly_tokens_per_s": round(asked / directly, 2),
        "share": round(said / by_parrot / (asked / directly), 3),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
