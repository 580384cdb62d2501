"""The engines: a file each, and this dict is the whole registry: what a config calls an engine, and
its class.

An engine is CompletionsServer (completions.py) or a subclass: what it is called, how it is
recognised, which sampling parameters it honours, and what it does differently, stands there. To add
one, write its file and its line here. A file is imported when its engine is asked for, so that
naming the engines costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from broken_record.config.checks import Problem, sentences
from broken_record.config.schema import Config
from broken_record.errors import ConfigError

if TYPE_CHECKING:
    from broken_record.engines.completions import CompletionsServer

ENGINES = {
    "llama-server": "llama_server.LlamaServer",
    "koboldcpp": "koboldcpp.KoboldCpp",
    "vllm": "vllm.Vllm",
    "aphrodite-engine": "aphrodite.Aphrodite",
    "completions": "completions.CompletionsServer",
}


def server_class(engine: str) -> type[CompletionsServer]:
    """The class of an engine.

    >>> server_class("vllm").dialect
    'vllm'
    """
    module, _, name = ENGINES[engine].partition(".")
    found: type[CompletionsServer] = getattr(import_module(f"broken_record.engines.{module}"), name)
    return found


def check_engine(value: Any) -> list[Problem]:
    """The name of an engine, or null to ask the server."""
    fits = value is None or (isinstance(value, str) and value in ENGINES)
    return [] if fits else [("", f"one of {', '.join(ENGINES)}, or null to ask the server")]


def check_engines(config: Config, file: str) -> None:
    """ConfigError where a config names an engine that there is not."""
    named = {"engine": config.engine, "user_engine": config.user_engine}
    if problems := [
        problem
        for key, engine in named.items()
        for problem in sentences(f"{file}: {key}", engine, check_engine)
    ]:
        raise ConfigError(problems)
