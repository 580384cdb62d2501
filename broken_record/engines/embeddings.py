"""Vectors of sentences: by a server that speaks OpenAI's /v1/embeddings (llama-server --embedding,
vLLM), or by the embedded model, minilm.py.

Whatever a server answers that is no such list of vectors is an
EngineError in one sentence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from broken_record.config.checks import EMBEDDED, with_scheme
from broken_record.engines.wire import Wire, open_wire
from broken_record.errors import ConfigError, EngineUnreachable, RequestRefused

MINILM = f"{EMBEDDED}minilm"
KEY_VARIABLE = "EMBEDDINGS_API_KEY"
TIMEOUT_S = 120.0
MOST_NAME = 80  # characters


@dataclass(frozen=True, slots=True)
class Embedder:
    """A model of sentences: its name, and what makes a row of numbers of each of some sentences."""

    model: str
    embed: Callable[[Sequence[str]], Any]


def open_embedder(where: str) -> Embedder:
    """The model at an address, or the embedded one; ConfigError, EngineError."""
    if where == MINILM:
        from broken_record.engines.minilm import NAME, load_minilm

        return Embedder(NAME, load_minilm().embed)
    url = with_scheme(where)
    if not urlsplit(url).scheme.startswith("http"):
        raise ConfigError(
            [f"--embeddings {where}: expected an address like http://127.0.0.1:8080, or {MINILM}"]
        )
    address = url.rstrip("/").removesuffix("/embeddings").removesuffix("/v1")
    key = KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else None
    wire = open_wire(address, timeout_s=TIMEOUT_S, api_key_env=key)
    model = model_of(wire)

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return ask_vectors(wire, model, texts)

    embed(["Is anybody there?"])
    return Embedder(shown_name(model), embed)


def shown_name(model: str) -> str:
    """A server's name of its model without the folders that it may lie in.

    >>> shown_name("/home/me/minilm.gguf"), shown_name("BAAI/bge-m3")
    ('minilm.gguf', 'bge-m3')
    """
    last = re.split(r"[/\\]", model.rstrip("/\\"))[-1]
    return "".join(filter(str.isprintable, last))[:MOST_NAME] or "unnamed"


def model_of(wire: Wire) -> str:
    """The first model that a server has; its host where it names none."""
    try:
        served = wire.ask("GET", "/v1/models").get("data")
    except RequestRefused:
        served = None
    with suppress(TypeError, LookupError):
        name = served[0]["id"]  # type: ignore[index]
        if isinstance(name, str) and name:
            return name
    return urlsplit(wire.url).hostname or "unnamed"


def ask_vectors(wire: Wire, model: str, texts: Sequence[str]) -> list[list[float]]:
    """A vector a text, in their order."""
    body = {"model": model, "input": list(texts), "encoding_format": "float"}
    try:
        answer = wire.ask("POST", "/v1/embeddings", body)
    except EngineUnreachable as error:
        raise EngineUnreachable(
            f"{wire.url}: no answer to --embeddings; is the server running there?"
        ) from error
    except RequestRefused as error:
        raise RequestRefused(
            f"{error}; --embeddings needs /v1/embeddings (llama-server: start it with --embedding)"
        ) from error
    vectors = vectors_in(answer)
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
        raise RequestRefused(
            f"{wire.url}/v1/embeddings: expected {len(texts)} vectors of one length, found "
            f"{len(vectors)}"
        )
    return vectors


def vectors_in(answer: dict[str, Any]) -> list[list[float]]:
    """The vectors of an answer by their index; none where it is something else."""
    with suppress(TypeError, LookupError, ValueError):
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        vectors = [[float(number) for number in row["embedding"]] for row in rows]
        if all(vectors) and all(abs(x) < 1e30 for vector in vectors for x in vector):
            return vectors
    return []
