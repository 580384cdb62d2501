"""Addresses of a config -> connected engines, each in the dialect its server speaks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import requests

from broken_record.config.checks import EMBEDDED
from broken_record.config.schema import Config
from broken_record.engines.base import Engine
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.embedded import (
    EmbeddedEngine,
    EmbeddedServer,
    hash_file,
    servers_of_batch,
    wanted_server,
    wanted_servers,
)
from broken_record.engines.llama_server import LlamaServer, ask_props
from broken_record.engines.registry import ENGINES, server_class
from broken_record.engines.retry import Patience
from broken_record.engines.weights import shown_name
from broken_record.engines.wire import Wire, open_wire
from broken_record.errors import (
    BrokenStream,
    ConfigError,
    EngineBusy,
    EngineError,
    EngineUnreachable,
)

ONCE = Patience(tries=1)
ANSWERS_WITHIN_S = 2.0
RESTARTING = Patience(tries=None, seconds=10.0, first_s=0.1, longest_s=0.1)
SLOT_VARIABLE = "PARROT_SLOT"
UNNUMBERED = "any"


def connect_server(wire: Wire, engine: str | None = None) -> CompletionsServer:
    """The engine behind a wire: the one that the config names, or by asking what it is."""
    if engine is not None:
        return server_class(engine).named(wire)
    known = [server_class(name) for name in ENGINES]
    if owner := ask_owner(wire):  # aphrodite-engine answers as a koboldcpp, too
        for one in known:
            if owner in one.owners:
                return one(wire)
    for one in sorted(known, key=lambda one: not one.imitates):
        if (server := one.recognise(wire)) is not None:
            return server
    return CompletionsServer(wire)


def ask_owner(wire: Wire) -> str | None:
    """Who owns the models of a server, as it says; None where it does not list them so."""
    models = (wire.probe("/v1/models") or {}).get("data")
    first = models[0] if isinstance(models, list) and models else {}
    return str(first.get("owned_by", "")).lower() if isinstance(first, dict) else None


def is_up(url: str, api_key_env: str | None) -> bool:
    """Whether a server answers now, be it with a refusal; one that is too busy to answer at once is
    up, one that is still loading is not.
    """
    try:
        wire = open_wire(url, timeout_s=ANSWERS_WITHIN_S, api_key_env=api_key_env)
        with wire.session:
            replace(wire, timeouts=(ANSWERS_WITHIN_S,) * 2).send("GET", "/v1/models")
    except EngineBusy:
        return False
    except EngineUnreachable as error:
        return isinstance(error.__cause__, requests.ReadTimeout)
    except EngineError:  # which the dialogue will tell
        return True
    return True


def connect_embedded(name: str, address: str, sha256: str, timeout_s: float) -> EmbeddedEngine:
    """The embedded server at an address; one that a batch is just restarting is waited for."""
    wire = open_wire(address, timeout_s=timeout_s)
    tries = RESTARTING.begin()
    while True:
        with suppress(EngineUnreachable, EngineBusy):
            if (props := ask_props(wire)) is not None:
                return EmbeddedEngine(wire, props, name, sha256)
        if not tries.wait():
            raise EngineUnreachable(f"{name} does not answer at {address}")


def pin_slots(engines: Sequence[Engine]) -> None:
    """Give each side a slot of an embedded server; PARROT_SLOT numbers the dialogues of a batch.

    Only there are all who speak with it numbered. A llama-server of the user's chooses its slots
    itself: others may speak with it, and a request for a slot that is busy swaps the cache under
    the reply that is being written there (llama.cpp issue 27148; benchmarks/isolation.py).
    """
    number = os.environ.get(SLOT_VARIABLE) or "0"
    if number != UNNUMBERED and not re.fullmatch("[0-9]{1,9}", number):
        raise ConfigError(
            [f"{SLOT_VARIABLE}: expected a whole number or {UNNUMBERED}, found {number}"]
        )
    place = 0 if number == UNNUMBERED else int(number)
    servers = [
        engine
        for engine in engines
        if isinstance(engine, LlamaServer) and engine.name.startswith(EMBEDDED)
    ]
    shared = len({server.wire.url for server in servers}) < len(servers)
    for k, server in enumerate(servers):
        wanted = 2 * place + k if shared else place
        if wanted < server.props.get("total_slots", 1):
            server.slot = wanted


def connect_patiently(
    wire: Wire, engine: str | None, patience: Patience | None
) -> CompletionsServer:
    """As connect_server, tried again while the server is starting or loading."""
    tries = (patience or ONCE).begin()
    while True:
        try:
            return connect_server(wire, engine)
        except (EngineUnreachable, EngineBusy) as error:
            if not tries.wait(error.retry_after_s):
                raise


@contextmanager
def embedded_servers(config: Config) -> Iterator[dict[str, tuple[str, str, str]]]:
    """Key -> (name, address, SHA-256 of the weights) of the embedded models of a config; those that
    no batch holds are started, and stopped on the way out. One that ends in between is said to.
    """
    held = servers_of_batch()
    wanted = wanted_servers([config])
    with ExitStack() as stack:
        started = {
            key: stack.enter_context(EmbeddedServer(one, servers=len(wanted)))
            for key, one in wanted.items()
            if key not in held
        }
        hashes = {key: hash_file(server.weights.path) for key, server in started.items()}
        held.update({key: (server.address(), hashes[key]) for key, server in started.items()})
        try:
            yield {key: (shown_name(one.name), *held[key]) for key, one in wanted.items()}
        except (EngineUnreachable, BrokenStream) as error:
            for server in started.values():
                if server.is_gone():
                    raise EngineUnreachable(
                        f"the server of {server.name} is gone: {server.last_words()}"
                    ) from error
            raise


@contextmanager
def connect(config: Config, patience: Patience | None = None) -> Iterator[tuple[Engine, Engine]]:
    """(assistant's engine, user's engine); embedded servers of our own are stopped on the way
    out.

    Two sides on one embedded server get a slot each, so that neither drives the other's prompt out
    of the cache.
    """
    with ExitStack() as stack:
        servers = stack.enter_context(embedded_servers(config))
        engines: list[Engine] = []
        urls = (config.api_url, config.user_api_url)
        keys = (config.api_key_env, config.user_api_key_env)
        names = (config.engine, config.user_engine)
        models = (
            config.model or config.sampler.get("model"),
            config.user_model or config.user_sampler.get("model"),
        )
        for url, key, engine, model in zip(urls, keys, names, models, strict=True):
            server: CompletionsServer
            if url.startswith(EMBEDDED):
                server = connect_embedded(
                    *servers[wanted_server(config, url).key], config.timeout_s
                )
            else:
                wire = open_wire(url, timeout_s=config.timeout_s, api_key_env=key, model=model)
                server = connect_patiently(wire, engine, patience)
            server.wants_logprobs = config.logprobs
            stack.callback(server.close)
            engines.append(server)
        pin_slots(engines)
        yield engines[0], engines[1]
