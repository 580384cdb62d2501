"""Dialogues at once against what the engine can do, and what the prompt cache saves.

    python -m benchmarks.throughput

(a) eight dialogues with 1, 2, 4 and 8 in flight, against the same prompts, seeds and lengths sent
as bare requests from as many processes to the same servers. Counted from the first turn to the last
(start-up is left out). (b) prompt tokens that the servers evaluated per new prompt token, by side,
from the engines' own counters.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests

from broken_record.batch.jobs import run_jobs
from broken_record.batch.plan import Job
from broken_record.config.load import load
from broken_record.config.schema import Config
from broken_record.conversation.converse import converse, take_sides
from broken_record.conversation.prompts import render, user_view
from broken_record.data import Dialogue, Message, Turn
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.engines.embedded import EmbeddedServer
from broken_record.files.record import parse_record

ROOT = Path(__file__).parents[1]
DIALOGUES, TOKENS = 8, 1024
Request = tuple[str, dict[str, Any]]


def run_batch(folder: Path, at_once: int, servers: dict[str, EmbeddedServer]) -> list[Dialogue]:
    """Eight dialogues by parrot.py, `at_once` in flight."""
    names = [folder / f"{at_once}_{i}" for i in range(DIALOGUES)]
    settings = (str(ROOT / "config.json"), "--set", f"total_tokens={TOKENS}")
    jobs = [
        Job(stem, (*settings, "--seed", str(i), "--record", f"{stem}.jsonl"))
        for i, stem in enumerate(names)
    ]
    started = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        run_jobs(jobs, at_once, servers, show=False)
    print(f"{at_once:10}{time.perf_counter() - started:24.1f}", end="")
    return [parse_record(Path(f"{stem}.jsonl").read_text().split("\n")) for stem in names]


def busy_seconds(dialogues: Sequence[Dialogue], at_once: int) -> float:
    """The longest lane's turns: what the run took without starting processes."""
    lanes = [0.0] * at_once
    for dialogue in dialogues:
        lane = lanes.index(min(lanes))
        lanes[lane] += sum(turn.elapsed_s or 0 for turn in dialogue.turns)
    return max(lanes)


def requests_of(config: Config, dialogue: Dialogue, addresses: Mapping[str, str]) -> list[Request]:
    """The bare requests that the dialogue's turns were."""
    found: list[Request] = []
    with connect(config) as engines:
        sides = take_sides(config, *engines)
        conversation = list(config.conversation)
        for turn in dialogue.turns:
            side = sides[turn.role == "user"]
            seen = (
                conversation
                if turn.role == "assistant"
                else user_view(conversation, config.user_system, config.user_memory)
            )
            prompt = render(side.template, seen) + side.prefix
            assert isinstance(side.engine, CompletionsServer)
            body = side.engine.request_body(
                prompt, max_tokens=config.turn_max_tokens, sampler=side.sampler, seed=turn.seed or 0
            )
            body.pop("id_slot", None)
            name = "skye" if turn.role == "assistant" else "mark"
            found.append((addresses[name] + "/v1/completions", body))
            conversation.append(Message(turn.role, turn.content))
    return found


def send(lane: list[list[Request]]) -> tuple[int, float]:
    """One process: its dialogues' requests one after another; (tokens, seconds)."""
    session = requests.Session()
    session.trust_env = False
    tokens = 0
    started = time.perf_counter()
    for url, body in itertools.chain(*lane):
        last = b""
        with session.post(url, json=body, stream=True) as response:
            for line in response.iter_lines(chunk_size=None):
                last = line if b'"usage"' in line else last
        tokens += json.loads(last[6:])["usage"]["completion_tokens"]
    return tokens, time.perf_counter() - started


def saturate(dialogues: list[list[Request]], at_once: int) -> float:
    """Tokens per second of bare requests from as many processes."""
    lanes = [dialogues[i::at_once] for i in range(at_once)]
    with multiprocessing.Pool(at_once) as pool:
        sent = pool.map(send, lanes)
    return sum(tokens for tokens, _ in sent) / max(seconds for _, seconds in sent)


def throughput() -> None:
    """Table (a)."""
    config = load(ROOT / "config.json", [f"total_tokens={TOKENS}"]).config
    print(f"{'in flight':>10}{'wall with start-up, s':>24}{'dialogues, tokens/s':>22}", end="")
    print(f"{'bare requests, tokens/s':>26}{'share':>8}")
    for at_once in (1, 2, 4, 8):
        servers = {name: EmbeddedServer(name, slots=2 * at_once) for name in ("skye", "mark")}
        try:
            with tempfile.TemporaryDirectory() as folder:
                dialogues = run_batch(Path(folder), at_once, servers)
            tokens = sum(turn.tokens or 0 for d in dialogues for turn in d.turns)
            ours = tokens / busy_seconds(dialogues, at_once)
            addresses = {name: server.address() for name, server in servers.items()}
            bare = saturate([requests_of(config, d, addresses) for d in dialogues], at_once)
        finally:
            for server in servers.values():
                server.stop()
        print(f"{ours:22.0f}{bare:26.0f}{ours / bare:8.0%}")


def evaluated(turns: Sequence[Turn], role: str) -> str:
    """Prompt tokens evaluated over those that are new since the side's last turn: what the partner
    said, with markers and prefixes (measured on the assistant's prompts, which only grow).
    """
    markers = statistics.mean(
        (turn.prompt_tokens or 0) - (before.prompt_tokens or 0) - (before.tokens or 0)
        - (turns[turns.index(turn) - 1].tokens or 0)
        for before, turn in pairs_of(turns, "assistant")
    )  # fmt: skip
    done = new = 0.0
    for _, turn in pairs_of(turns, role):
        done += (turn.prompt_tokens or 0) - (turn.cached_tokens or 0)
        new += (turns[turns.index(turn) - 1].tokens or 0) + markers
    return f"{done / max(1, new):.2f}"


def pairs_of(turns: Sequence[Turn], role: str) -> Iterator[tuple[Turn, Turn]]:
    """A side's turns, each with its next."""
    return itertools.pairwise(turn for turn in turns if turn.role == role)


def cache() -> None:
    """Table (b)."""
    shipped = load(ROOT / "config.json").config
    reuse = {**shipped.user_sampler, "n_cache_reuse": 16}
    rows = {
        "shipped": shipped,
        "user_memory_step 4": replace(shipped, user_memory_step=4),
        "n_cache_reuse 16": replace(shipped, user_sampler=reuse),
        "both": replace(shipped, user_memory_step=4, user_sampler=reuse),
        "reproducible (cache off)": replace(shipped, reproducible=True),
    }  # fmt: skip
    print(f"\n{'evaluated prompt tokens per new token':40}{'assistant':>10}{'user':>8}")
    for name, config in rows.items():
        short = replace(config, total_tokens=2048)
        with connect(short) as engines:
            events = converse(short, *take_sides(short, *engines), seed=1)
            turns = [event for event in events if isinstance(event, Turn)]
        print(f"{name:40}{evaluated(turns, 'assistant'):>10}{evaluated(turns, 'user'):>8}")


if __name__ == "__main__":
    throughput()
    cache()
