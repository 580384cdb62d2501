"""HTTP to one inference server: address, time limits, key, and every failure as an EngineError."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from broken_record.errors import (
    ContextFull,
    EngineBusy,
    EngineError,
    EngineUnreachable,
    RequestRefused,
)

CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Wire:
    """HTTP to one server: address, time limits, key; every failure comes out as an EngineError."""

    url: str
    timeouts: tuple[float, float]
    session: requests.Session

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The JSON object that the server answers."""
        response = self.send(method, path, json=body)
        try:
            value = response.json()
        except requests.JSONDecodeError as error:
            raise RequestRefused(
                f"{self.url}{path}: expected JSON, found {response.text[:200]!r}"
            ) from error
        if not isinstance(value, dict):
            raise RequestRefused(
                f"{self.url}{path}: expected a JSON object, found {str(value)[:200]}"
            )
        return value

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """The response, its status checked."""
        try:
            response = self.session.request(method, self.url + path, timeout=self.timeouts, **more)
        except requests.ReadTimeout as error:
            raise EngineUnreachable(
                f"{self.url}: no answer within {self.timeouts[1]:g} s (timeout_s)"
            ) from error
        except (requests.RequestException, OSError) as error:
            raise EngineUnreachable(
                f"{self.url}: no answer ({plain(error)}); "
                "is the server running there, and is the address in the config right?"
            ) from error
        if response.status_code >= 400:
            said = error_message(response.text)
            kind = refusal_kind(response.status_code, said)
            raise kind(f"{self.url}{path}: HTTP {response.status_code}: {said}")
        return response


def open_wire(api_url: str, *, timeout_s: float, api_key_env: str | None = None) -> Wire:
    """A wire to `api_url` (with or without /v1); the key is read from the environment variable of
    that name.
    """
    url = api_url.rstrip("/").removesuffix("/v1")
    session = requests.Session()
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        session.trust_env = False  # a proxy of the environment must not see loopback addresses
    if api_key_env:
        key = os.environ.get(api_key_env, "").strip()
        if not key:
            raise EngineError(
                f"{url}: the environment variable {api_key_env} is not set; it should hold the key"
            )
        if not (key.isascii() and key.isprintable()):
            raise EngineError(
                f"{url}: the environment variable {api_key_env} holds what is no key; expected "
                "printable ASCII"
            )
        session.headers["Authorization"] = f"Bearer {key}"
    return Wire(url, (CONNECT_TIMEOUT_S, timeout_s), session)


def received(response: requests.Response) -> Iterator[bytes]:
    """The body's bytes as they arrive, chunked or (HTTP/1.0) until the connection ends."""
    if response.raw.chunked:
        yield from response.iter_content(chunk_size=None)
        return
    while piece := response.raw.read1(65_536):
        yield piece


def refusal_kind(status: int | None, said: str) -> type[RequestRefused]:
    """What kind of refusal a status and the server's words make.

    >>> refusal_kind(400, "exceeds the available context size").__name__
    'ContextFull'
    """
    lowered = said.lower()
    if "context" in lowered and any(word in lowered for word in ("exceed", "maximum", "length")):
        return ContextFull
    if status in (429, 503) or "loading" in lowered:
        return EngineBusy
    return RequestRefused


def error_message(body: str) -> str:
    """The sentence in an error body, which every server wraps in its own way, or the body's
    beginning.

    >>> error_message('{"error": {"code": 400, "message": "too long"}}')
    'too long'
    >>> error_message('{"detail": {"msg": "busy"}}')
    'busy'
    """
    try:
        value = json.loads(body)
    except ValueError:
        return body[:300].strip() or "no reason given"
    while isinstance(value, dict):
        inner = next(
            (value[key] for key in ("error", "detail", "message", "msg") if key in value), None
        )
        if inner is None:
            break
        value = inner
    return value if isinstance(value, str) else json.dumps(value)[:300]


def plain(error: BaseException) -> str:
    """The innermost reason of a chain of wrapped exceptions, in one line.

    >>> plain(OSError(111, "Connection refused"))
    'Connection refused'
    """
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
