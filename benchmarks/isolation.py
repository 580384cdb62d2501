"""Whether dialogues that share a llama-server leak into one another (design.md, law 3), counted.

    python -m benchmarks.isolation [MODEL.gguf | http://ADDRESS]

Processes of two sides each, a thread standing for one, speak with one server of two slots that
keeps its prompt cache (that of a MODEL, the embedded skye when none is named, is started here; it
takes the requests that parrot sends). Every side's prompt holds a name that no other one holds.
A reply is a leak if it says a name of another prompt, or if, up to the first token that is another
one, its log probabilities are not those of the same prompt asked alone, cache off: that of the
first token within FIRST, those of all that were told within ANY. Texts cannot be compared: batches
and caches move floats a little, and a greedy tie then flips; a leak moves them by whole units.
Flash attention is off: on a CPU it moves them by tenths. Beside parrot's own way, which lets the
server choose its slots, stands the other one: every process pins slots 0 and 1.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.config.checks import MODELS_FOLDER
from broken_record.config.load import parse
from broken_record.conversation.prompts import user_view
from broken_record.data import Message
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect
from broken_record.engines.wire import open_wire

SLOTS, REPLIES, REPLY_TOKENS, REMEMBERED = 2, 40, 24, 6
TOP, FIRST, ANY = 5, 0.05, 0.5  # leaks move them by units
FOUR_BITS = 2.5  # times as much do batches move those of SmolLM2 (.09 and .40 seen, texts equal)
SCENES = (  # place, the assistant's name, the user's: each stands in one prompt alone
    ("an airport", "Ottilie", "Bramwell"),
    ("a chess club", "Zdenka", "Quentin"),
    ("a soup kitchen", "Xanthe", "Ignatius"),
    ("a lighthouse", "Wilhelmina", "Thaddeus"),
)
SERVE = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_parallel = sys.argv[1], 0, int(sys.argv[2])
params.n_ctx = 4096 * params.n_parallel
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.buffer.read()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, what came back, and of each token the log probabilities of the likeliest ones."""

    name: str
    prompt: str
    reply: str
    tokens: tuple[tuple[str, Mapping[str, float]], ...]


@contextmanager
def caching_server(model: Path, slots: int = SLOTS) -> Iterator[str]:
    """The address of a llama-server with its default prompt cache, stopped on the way out."""
    command = [sys.executable, "-c", SERVE, str(model), str(slots)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.stdin.close()


def ask(engine: CompletionsServer, name: str, prompt: str, more: Mapping[str, Any]) -> Asked:
    """One greedy reply of the request that parrot would send, with `more` in it."""
    body = engine.request_body(
        prompt, max_tokens=REPLY_TOKENS, sampler={"temperature": 0, "ignore_eos": True}, seed=1
    )
    body = {**body, "stream": False, "stream_options": None, "logprobs": TOP, **more}
    (choice,) = engine.wire.ask("POST", "/v1/completions", body)["choices"]
    tokens = tuple(
        (said["token"], {one["token"]: one["logprob"] for one in said["top_logprobs"]})
        for said in choice["logprobs"]["content"]
    )
    return Asked(name, prompt, choice["text"], tokens)


def hold(url: str, place: int, replies: int, pinned: bool) -> list[Asked]:
    """One process: a dialogue of a scene's two sides, that many replies long."""
    where, *names = SCENES[place]
    said = [Message("assistant", "Welcome.")]
    scene = {"conversation": [{"role": "user", "content": "Hi"}], "api_url": url}
    asked = []
    with connect(parse(json.dumps(scene), "isolation").config) as engines:
        for k in range(replies):
            engine, side = engines[k % 2], k % 2
            assert isinstance(engine, CompletionsServer)
            system = f"You are {names[side]}, in {where}. Say your name, {names[side]}, often."
            seen = said[-REMEMBERED:]
            seen = (
                user_view(seen, system, REMEMBERED) if side else [Message("system", system), *seen]
            )
            prompt = engine.template(seen) + f"I am {names[side]},"
            asked.append(ask(engine, names[side], prompt, {"id_slot": side} if pinned else {}))
            said.append(Message("user" if side else "assistant", asked[-1].reply))
    return asked


def is_leak(asked: Asked, alone: Asked, slack: float = 1.0) -> bool:
    """Whether a reply says what another prompt holds, or came from other log probabilities; `slack`
    times the bounds are allowed.
    """
    others = {name for _, *names in SCENES for name in names} - {asked.name}
    if any(name in asked.reply and name not in asked.prompt for name in others):
        return True
    pairs = zip(asked.tokens, alone.tokens, strict=False)
    for k, ((said, tops), (said_alone, tops_alone)) in enumerate(pairs):
        moved = {token: abs(tops[token] - tops_alone[token]) for token in tops.keys() & tops_alone}
        is_first_off = k == 0 and moved.get(said, 0.0) > slack * FIRST
        if not moved or max(moved.values()) > slack * ANY or is_first_off:
            return True
        if said != said_alone:
            break  # a tie; from here on the two say different things
    return False


def count_leaks(
    url: str, processes: int, replies: int = REPLIES, *, pinned: bool = False, slack: float = 1.0
) -> int:
    """Of how many replies, all processes' together, the prompt was not the only cause."""
    lanes = [(url, place, replies, pinned) for place in range(processes)]
    with ThreadPoolExecutor(processes) as pool:  # a server sees connections, of whatever they are
        held = list(pool.map(lambda lane: hold(*lane), lanes))
    engine = CompletionsServer(open_wire(url, timeout_s=300))
    cold = {"cache_prompt": False}
    leaks = sum(
        is_leak(asked, ask(engine, asked.name, asked.prompt, cold), slack)
        for lane in held
        for asked in lane
    )
    engine.close()
    return leaks


def report(url: str) -> None:
    """Print the table."""
    ways = ("leaks, the server chooses", "leaks, slots 0, 1 pinned")
    print(f"{'processes':>9}{'replies':>9}{ways[0]:>28}{ways[1]:>27}")
    for processes in (2, 4):
        free, pinned = (count_leaks(url, processes, pinned=pinned) for pinned in (False, True))
        print(f"{processes:9}{processes * REPLIES:9}{free:28}{pinned:27}")


if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 else str(MODELS_FOLDER / "skye.gguf")
    if named.startswith("http"):
        report(named)
    else:
        with caching_server(Path(named)) as address:
            report(address)
