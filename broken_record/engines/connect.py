"""Addresses of a config -> connected engines, each in the dialect its server speaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from broken_record.checks import EMBEDDED
from broken_record.config import Config
from broken_record.engines.base import Engine
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.embedded import EmbeddedServer, servers_of_batch
from broken_record.engines.llama_server import LlamaServer, ask_props
from broken_record.engines.wire import Wire, open_wire
from broken_record.errors import EngineUnreachable

RESTART_LIMIT_S = 10.0


def connect_server(wire: Wire) -> CompletionsServer:
    """The engine behind a wire, by asking it."""
    props = ask_props(wire)
    return CompletionsServer(wire) if props is None else LlamaServer(wire, props)


def connect_embedded(name: str, address: str, timeout_s: float) -> LlamaServer:
    """The embedded server at an address; one that a batch is just restarting is waited for."""
    wire = open_wire(address, timeout_s=timeout_s)
    deadline = time.monotonic() + RESTART_LIMIT_S
    while True:
        try:
            props = ask_props(wire)
        except EngineUnreachable:
            props = None
        if props is not None:
            return LlamaServer(wire, props, EMBEDDED + name)
        if time.monotonic() > deadline:
            raise EngineUnreachable(f"{EMBEDDED}{name} does not answer at {address}")
        time.sleep(0.1)


@contextmanager
def connect(config: Config) -> Iterator[tuple[Engine, Engine]]:
    """(assistant's engine, user's engine); embedded servers of our own are stopped on the way
    out.
    """
    with ExitStack() as stack:
        held = servers_of_batch()
        started: dict[str, EmbeddedServer] = {}
        urls = (config.api_url, config.user_api_url)
        for url in urls:
            name = url.removeprefix(EMBEDDED)
            if url.startswith(EMBEDDED) and name not in held and name not in started:
                started[name] = stack.enter_context(EmbeddedServer(name))
        engines: list[Engine] = []
        for url, key in zip(urls, (config.api_key_env, config.user_api_key_env), strict=True):
            server: CompletionsServer
            if url.startswith(EMBEDDED):
                name = url.removeprefix(EMBEDDED)
                address = started[name].address() if name in started else held[name]
                server = connect_embedded(name, address, config.timeout_s)
            else:
                server = connect_server(open_wire(url, timeout_s=config.timeout_s, api_key_env=key))
            stack.callback(server.close)
            engines.append(server)
        yield engines[0], engines[1]
