"""What parrot.sh leaves to Python: the run folder, and embedded servers that live as long as the
batch.

    python -m broken_record.batch folder N CONFIG [-- ARGUMENTS]           makes it, prints `FOLDER
    SEED` python -m broken_record.batch serve CONFIG ... [-- ARGUMENTS] ::: COMMAND ...

ARGUMENTS are parrot.py's (--set, --seed). A run folder parrot_<YYYYmmdd>_<HHMMSS>/ begins with
run.json: {"version", "n", "base_seed", "config" (the effective one), "config_file", "arguments"},
so that it can be finished later. `serve` starts one server for every embedded model that the
configs name, restarts one that died on the same port, hands the addresses on in PARROT_SERVERS,
runs the command, and ends with its exit code.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from broken_record.checks import EMBEDDED
from broken_record.config import Config, Loaded, load
from broken_record.engines.embedded import SERVERS_VARIABLE, EmbeddedServer
from broken_record.errors import ConfigError, ParrotError

VERSION = 1
WATCH_EVERY_S = 0.5


def load_with(config_file: str, arguments: list[str]) -> tuple[Loaded, int | None]:
    """(the effective config, the seed that the arguments name), as parrot.py would read them."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--seed", type=int)
    options, _ = parser.parse_known_args(arguments)
    return load(Path(config_file), options.settings), options.seed


def make_folder(n: int, config_file: str, arguments: list[str], now: datetime) -> tuple[Path, int]:
    """(a new run folder with its run.json, the base seed)."""
    loaded, seed = load_with(config_file, arguments)
    base_seed = next(s for s in (seed, loaded.config.seed, secrets.randbits(31)) if s is not None)
    stem = now.strftime("parrot_%Y%m%d_%H%M%S")
    folder, copy = Path(stem), 1
    while True:
        try:
            folder.mkdir()
            break
        except FileExistsError:
            copy += 1
            folder = Path(f"{stem}_{copy}")
    run = {
        "version": VERSION, "n": n, "base_seed": base_seed, "config": dict(loaded.values),
        "config_file": config_file, "arguments": arguments,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return folder, base_seed


def embedded_names(configs: list[Config]) -> list[str]:
    """The embedded models that the configs speak with."""
    urls = {url for config in configs for url in (config.api_url, config.user_api_url)}
    return sorted(url.removeprefix(EMBEDDED) for url in urls if url.startswith(EMBEDDED))


def serve(names: list[str], command: list[str]) -> int:
    """Run the command with servers for the named models; returns its exit code.

    The command gets a session of its own, so that a signal is passed on to all of it at once (bash
    alone would wait for the dialogue to end) and the servers outlive it.
    """
    with ExitStack() as stack:
        servers: dict[str, EmbeddedServer] = {}
        stack.callback(stop_all, servers)
        for name in names:
            servers[name] = EmbeddedServer(name)
        addresses = {name: server.address() for name, server in servers.items()}
        variable = " ".join(f"{name}={address}" for name, address in addresses.items())
        child = subprocess.Popen(
            command, env={**os.environ, SERVERS_VARIABLE: variable}, start_new_session=True
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: pass_on(child, number))
        while True:
            try:
                code = child.wait(timeout=WATCH_EVERY_S)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                restart_dead(servers, addresses)


def stop_all(servers: Mapping[str, EmbeddedServer]) -> None:
    """Stop every server that runs now."""
    for server in servers.values():
        server.stop()


def pass_on(child: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the whole session of the child, if it is still there."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def restart_dead(servers: dict[str, EmbeddedServer], addresses: dict[str, str]) -> None:
    """Start every server that died again, on the port that dialogues know."""
    for name, server in servers.items():
        if not server.alive():
            server.stop()
            servers[name] = EmbeddedServer(name, port=urlsplit(addresses[name]).port or 0)


def main(words: list[str]) -> int:
    """Run one of the two subcommands; exit codes as parrot.py's."""
    action, *rest = words
    command: list[str] = []
    if ":::" in rest:
        cut = rest.index(":::")
        rest, command = rest[:cut], rest[cut + 1 :]
    arguments: list[str] = []
    if "--" in rest:
        cut = rest.index("--")
        rest, arguments = rest[:cut], rest[cut + 1 :]
    try:
        if action == "folder":
            folder, seed = make_folder(int(rest[0]), rest[1], arguments, datetime.now())  # noqa: DTZ005
            print(folder, seed)
            return 0
        configs = [load_with(config_file, arguments)[0].config for config_file in rest]
        return serve(embedded_names(configs), command)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except ParrotError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
