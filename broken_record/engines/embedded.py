"""`embedded:NAME`: a llama-server of our own in a child process, on weights that lie in a file
here (weights.py finds it).

The dialect is llama-server's. This module decides with what a server is started, starts it and
stops it; embedded_server.py is what runs in the process. A batch starts its servers once and hands
their addresses on in the environment variable PARROT_SERVERS (`skye=http://... mark=http://...`,
the names quoted as in a URL, the weights' SHA-256 behind `#`); a dialogue that finds its model
there starts none. Two sides, or many configs, that name one model with the same options share one
process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

from broken_record.config.checks import EMBEDDED
from broken_record.config.schema import Config
from broken_record.data import EngineInfo
from broken_record.engines.llama_server import LlamaServer
from broken_record.engines.weights import Weights, find_weights, free_memory, shown_name
from broken_record.engines.wire import Wire
from broken_record.errors import EngineUnreachable

SERVERS_VARIABLE = "PARROT_SERVERS"

SLOTS = 2  # both sides may name one model; each keeps its own prompt cache

LEAST_CONTEXT = 4096
WHOLE_CONTEXT_BYTES = 2**26  # a slot that takes no more memory than this gets all of it

TINY_BYTES = 2**25  # below it threads wait for one another longer than they compute

CACHE_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

TRANSCRIPT = (
    "{% for message in messages %}"
    "{{ message['content'] | replace('\\n', ' ') }}{{ '\\n' }}"
    "{% if message['role'] == 'system' %}{{ '\\n' }}{% endif %}"
    "{% endfor %}"
)
"""What a model without a chat template, a base model, is given to continue: the system text, an
empty line, and every message as a line."""
NAME_OF_TRANSCRIPT = "transcript (the model has none)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server that a config or a batch needs: of which model, with how many tokens of context for
    a slot, with which options of the config's key `embedded`.
    """

    name: str
    context: int = LEAST_CONTEXT
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What those share that can share a server.

        >>> Wanted("skye").key, Wanted("skye", options={"threads": 2}).key
        ('skye', 'skye?{"threads": 2}')
        """
        options = f"?{json.dumps(self.options, sort_keys=True)}" if self.options else ""
        return self.name + options


def wanted_servers(configs: Sequence[Config]) -> dict[str, Wanted]:
    """Key -> server, of all embedded models that the configs speak with; of configs that share one
    the longest counts.
    """
    found: dict[str, Wanted] = {}
    for config in configs:
        for url in (config.api_url, config.user_api_url):
            if url.startswith(EMBEDDED):
                wanted = wanted_server(config, url)
                before = found.get(wanted.key, wanted)
                found[wanted.key] = max(wanted, before, key=lambda one: one.context)
    return dict(sorted(found.items()))


def wanted_server(config: Config, url: str) -> Wanted:
    """The server that one side of a config speaks with."""
    return Wanted(url.removeprefix(EMBEDDED), context_for(config), config.embedded)


def context_for(config: Config) -> int:
    """Tokens of context that a dialogue can fill: what is said, as much again for role markers and
    prefixes, and the opening at a token a character.
    """
    said = config.total_tokens - config.initial_tokens
    if config.mode == "goal":
        said = 2 * config.max_turns * config.turn_max_tokens
    texts = [message.content for message in config.conversation] + [config.user_system]
    texts += [persona.text for persona in config.personas]
    texts += [objective.text for objective in config.objectives]
    return max(LEAST_CONTEXT, 2 * said + config.turn_max_tokens + sum(map(len, texts)))


def served_context(weights: Weights, wanted: Wanted) -> int:
    """Tokens of context of one slot: all that the model was trained for where that takes little
    memory, otherwise what is wanted of it; or what the config's option says.
    """
    if "context" in wanted.options:
        return int(wanted.options["context"])
    trained = weights.header.trained_context or wanted.context
    whole = trained * cache_bytes(weights, wanted.options) <= WHOLE_CONTEXT_BYTES
    return trained if whole else min(trained, wanted.context)


def cache_bytes(weights: Weights, options: Mapping[str, Any]) -> float:
    """Bytes of cache for a token of context."""
    return weights.header.cached_values * CACHE_BYTES[options.get("kv_type", "f16")]


def threads_for(weights: Weights, servers: int) -> int:
    """Threads of one of so many servers, which share the cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    return 1 if weights.size < TINY_BYTES else max(1, cores // servers)


class EmbeddedServer:
    """A running server process; leaving the `with` block stops it."""

    def __init__(
        self, wanted: Wanted | str, *, port: int = 0, slots: int = SLOTS, servers: int = 1
    ) -> None:
        self.wanted = Wanted(wanted) if isinstance(wanted, str) else wanted
        self.name = shown_name(self.wanted.name)
        self.slots = slots
        self.servers = servers
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineUnreachable(
                f"{self.name} needs the package xllamacpp, which is not installed here "
                "(pip install xllamacpp); servers of your own work without it"
            )
        self.weights = find_weights(self.wanted.name)
        settings = self.settings(port)
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broken_record.engines.embedded_server",
             str(self.weights.path.absolute()), self.weights.name, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        self.known_address: str | None = None

    def settings(self, port: int) -> dict[str, Any]:
        """What embedded_server.py is told; EngineUnreachable where the memory will not do."""
        weights, options = self.weights, self.wanted.options
        context = served_context(weights, self.wanted)
        needed = weights.size + context * self.slots * cache_bytes(weights, options)
        free = free_memory()
        if free is not None and needed > free and not options.get("gpu_layers"):
            raise EngineUnreachable(
                f"{self.name} needs {needed / 1e9:.1f} GB of memory with {context:,} tokens of "
                f"context for each of {self.slots} sides, and {free / 1e9:.1f} GB are free: less "
                'total_tokens need less, or say "embedded": {"context": TOKENS}'
            )
        return {
            "port": port,
            "slots": self.slots,
            "context": context,
            "threads": options.get("threads") or threads_for(weights, self.servers),
            "flash_attention": options.get("flash_attention", weights.size >= TINY_BYTES),
            "kv_type": options.get("kv_type", "f16"),
            "gpu_layers": options.get("gpu_layers"),
            "template": None if weights.header.has_template else TRANSCRIPT,
        }

    def address(self) -> str:
        """http://127.0.0.1:PORT, once the server is up; EngineUnreachable with its last words if it
        is not to be.
        """
        if self.known_address is None:
            assert self.process.stdout is not None
            line = self.process.stdout.readline().decode().strip()
            if not line:
                self.process.wait()
                raise EngineUnreachable(f"{self.name} did not start: {self.last_words()}")
            self.known_address = line
        return self.known_address

    def last_words(self) -> str:
        """Why a process that has ended did so: the signal, or the first error of its log."""
        if self.process.returncode < 0:
            number = -self.process.returncode
            reason = ", as it is done where memory runs out" if number == signal.SIGKILL else ""
            return f"it was ended by {signal.Signals(number).name}{reason}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        faults = [line.split(" E ", 1)[1] for line in lines if " E " in line]
        fault = (faults or lines[-1:] or ["it left no word"])[0]
        return fault.removeprefix("llama_model_load: error loading model: ")

    def alive(self) -> bool:
        """True while the process runs."""
        return self.process.poll() is None

    def is_gone(self) -> bool:
        """Whether the process has ended, or is just ending: its connections break before."""
        try:
            self.process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def again(self, port: int) -> EmbeddedServer:
        """The same server anew, on a port."""
        return EmbeddedServer(self.wanted, port=port, slots=self.slots, servers=self.servers)

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


class EmbeddedEngine(LlamaServer):
    """An embedded server as a dialogue sees it: llama-server's dialect, weights that have a name
    and a hash, and for a model without a chat template a line a message.
    """

    def __init__(self, wire: Wire, props: dict[str, Any], name: str, sha256: str) -> None:
        super().__init__(wire, props, name)
        self.sha256 = sha256
        self.is_transcript = props.get("chat_template") == TRANSCRIPT

    def info(self) -> EngineInfo:
        """With the name of a template that is ours."""
        info = super().info()
        return replace(info, template=NAME_OF_TRANSCRIPT) if self.is_transcript else info

    def digest(self) -> str:
        """The hash of the weights."""
        return f"sha256:{self.sha256}"

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """Of a transcript a reply is one line, unless the sampler says where it stops."""
        line = {"stop": ["\n"]} if self.is_transcript else {}
        merged = {**line, **sampler}
        return super().request_body(prompt, max_tokens=max_tokens, sampler=merged, seed=seed)


def hash_file(path: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def servers_to_hand_on(servers: Mapping[str, EmbeddedServer]) -> str:
    """The value of PARROT_SERVERS."""
    return " ".join(
        f"{quote(key, safe='')}={server.address()}#{hash_file(server.weights.path)}"
        for key, server in servers.items()
    )


def servers_of_batch(environment: Mapping[str, str] = os.environ) -> dict[str, tuple[str, str]]:
    """Key -> (address, SHA-256 of the weights), of the servers that a batch holds.

    >>> servers_of_batch({"PARROT_SERVERS": "skye=http://127.0.0.1:4000#e3b0"})
    {'skye': ('http://127.0.0.1:4000', 'e3b0')}
    """
    held = {}
    for pair in environment.get(SERVERS_VARIABLE, "").split():
        key, _, place = pair.partition("=")
        address, _, sha256 = place.partition("#")
        held[unquote(key)] = (address, sha256)
    return held
