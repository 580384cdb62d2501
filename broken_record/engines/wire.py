"""HTTP to one inference server: address, time limits, key, and every failure as an EngineError.

What a server sends is read up to a limit (limits.py) and never holds the key: wherever its value
comes back, asterisks stand in its place. A redirect is refused, since it would carry the prompt to
any host that the server names.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import math
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, IncompleteRead, ReadTimeoutError

from broken_record.engines.limits import BODY, ERROR, SILENCE
from broken_record.errors import (
    ContextFull,
    EngineBusy,
    EngineError,
    EngineUnreachable,
    RequestRefused,
    keep_secret,
)

CONNECT_TIMEOUT_S = 10.0
KEY_REFUSED = (401, 403)
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that may name the certificates to trust, those of a server of one's own, say."""
BROKEN = (requests.RequestException, HTTPError, OSError, ValueError)
"""What a connection, or an address that is none, may raise (UnicodeError is a ValueError)."""
CLOSED = (IncompleteRead, http.client.IncompleteRead, http.client.RemoteDisconnected,
          ConnectionResetError, BrokenPipeError)  # fmt: skip


class Session(requests.Session):
    """A session that follows no redirect and takes no key from ~/.netrc where it has one."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: a redirect is an answer like others."""
        return


@dataclass(frozen=True, slots=True)
class BearerKey(requests.auth.AuthBase):
    """The key as a header. As `auth` of a session, or requests would take what ~/.netrc says."""

    key: str
    variable: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with the key."""
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


@dataclass(frozen=True, slots=True)
class Wire:
    """HTTP to one server: address, time limits, key; every failure comes out as an EngineError."""

    url: str
    timeouts: tuple[float, float]
    session: requests.Session
    key: BearerKey | None = None
    model: str | None = None  # the config's, if it names one

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The JSON object that the server answers; a request for one of several models names it."""
        if self.model is not None and method == "POST" and isinstance(body, dict):
            body = {"model": self.model, **body}
        with self.send(method, path, json=body) as response:
            text = self.read(response, BODY.value)
        try:
            value = parse_json(text)
        except ValueError as error:
            raise RequestRefused(
                f"{self.url}{path}: expected JSON, found {text[:200]!r}"
            ) from error
        if not isinstance(value, dict):
            raise RequestRefused(f"{self.url}{path}: expected a JSON object, found {text[:200]}")
        return value

    def probe(self, path: str) -> dict[str, Any] | None:
        """The JSON object at a path that tells one kind of server; None where there is none.

        Raises where it may only seem so: the server is loading, or wants a key.
        """
        try:
            return self.ask("GET", path)
        except RequestRefused as error:
            busy = isinstance(error, EngineBusy) and error.status != 500
            if busy or error.status in KEY_REFUSED:
                raise
            return None

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """The response, its status checked and its body still to be read."""
        try:
            response = self.session.request(
                method, self.url + path, timeout=self.timeouts, stream=True,
                allow_redirects=False, **more,
            )  # fmt: skip
        except requests.ReadTimeout as error:
            raise EngineUnreachable(
                f"{self.url}: no answer within {self.timeouts[1]:g} s (timeout_s)"
            ) from error
        except BROKEN as error:
            raise EngineUnreachable(
                f"{self.url}: no answer ({self.reason(error)}); "
                "is the server running there, and is the address in the config right?"
            ) from error
        if response.status_code < 300:
            return response
        with response:
            raise self.refusal(path, response)

    def refusal(self, path: str, response: requests.Response) -> RequestRefused:
        """A status of 300 or more as an error."""
        status = response.status_code
        if status < 400:
            to = self.blank(response.headers.get("Location", "nowhere"))[:200]
            text = f"a redirect to {to!r}, which is not followed; name that server in the config"
        else:
            text = error_message(self.read(response, ERROR.value, cut=True))
        error = self.error(path, status, text)
        error.retry_after_s = retry_after(response.headers.get("Retry-After"))
        return error

    def error(self, path: str, status: int | None, said: str) -> RequestRefused:
        """A refusal as an error: of an HTTP status, or of one that a body names."""
        named = "" if status is None else f"HTTP {status}: "
        error = refusal_kind(status, said)(
            f"{self.url}{path}: {named}{said}{self.advice(status, path)}"
        )
        error.status = status
        return error

    def advice(self, status: int | None, path: str) -> str:
        """What to do about a status, where it is known."""
        if status in KEY_REFUSED and self.key is None:
            return (
                "; the server wants a key: put it into an environment variable and name that one "
                'with the key "api_key_env" ("user_api_key_env" for the user\'s side)'
            )
        if status in KEY_REFUSED and self.key is not None:
            return f"; the server does not take the key of the variable {self.key.variable}"
        if status == 404 and path.startswith("/v1/"):
            return "; api_url is what stands before /v1, as in http://127.0.0.1:8080"
        return ""

    def pieces(self, response: requests.Response) -> Iterator[bytes]:
        """The body's bytes as they arrive: in chunks, compressed, or until the connection ends."""
        while piece := response.raw.read1(65_536, decode_content=True):
            yield piece

    def read(self, response: requests.Response, longest: int, *, cut: bool = False) -> str:
        """The body as text without the key. One that is longer, or does not end in time, is
        refused, or cut where its beginning is enough.
        """
        ends = time.monotonic() + self.silence_s
        body = bytearray()
        try:
            for piece in self.pieces(response):
                body += piece
                if len(body) > longest or time.monotonic() > ends:
                    break
        except BROKEN as error:
            if not cut:
                raise EngineUnreachable(
                    f"{self.url}: the answer broke off: {self.reason(error)}"
                ) from error
        else:
            if not cut and (len(body) > longest or time.monotonic() > ends):
                limit = f"{longest:,} bytes or {self.silence_s:g} s"
                raise RequestRefused(f"{self.url}: an answer of more than {limit}")
        return self.blank(bytes(body[:longest]).decode("utf-8-sig", errors="replace"))

    @property
    def silence_s(self) -> float:
        """How long a reply may consist of keep-alives, and an answer take."""
        return self.timeouts[1] * SILENCE.value

    def blank(self, text: str) -> str:
        r"""A text of the server with asterisks for the key, raw or as JSON escapes it.

        >>> wire = Wire("u", (1, 1), requests.Session(), BearerKey("s3/cret", "KEY"))
        >>> wire.blank(r"no s3\/cret!")
        'no ***!'
        """
        if self.key is None:
            return text
        for form in (
            self.key.key,
            json.dumps(self.key.key)[1:-1],
            self.key.key.replace("/", r"\/"),
        ):
            text = text.replace(form, "***")
        return text

    def reason(self, error: BaseException) -> str:
        """Why a connection broke, in a few words."""
        causes = [error, *causes_of(error)]
        if any(isinstance(cause, ReadTimeoutError | TimeoutError) for cause in causes):
            return f"nothing came for {self.timeouts[1]:g} s (timeout_s)"
        if any(isinstance(cause, CLOSED) for cause in causes):
            return "the server closed the connection"
        return self.blank(plain(error))


def open_wire(
    api_url: str, *, timeout_s: float, api_key_env: str | None = None, model: str | None = None
) -> Wire:
    """A wire to `api_url` (with or without /v1); the key is read from the environment variable of
    that name. Certificates are those of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE.
    """
    url = server_address(api_url)
    session = Session()
    session.headers["Accept-Encoding"] = "identity"  # compressed, a stream would come in lumps
    session.verify = next((os.environ[name] for name in BUNDLES if os.environ.get(name)), True)
    if is_local(urlsplit(url).hostname or ""):
        session.trust_env = False  # a proxy of the environment must not see loopback addresses
    key = None
    if api_key_env:
        value = os.environ.get(api_key_env, "").strip()
        if not value:
            raise EngineError(
                f"{url}: the environment variable {api_key_env} is not set; it should hold the key"
            )
        if not (value.isascii() and value.isprintable()):
            raise EngineError(
                f"{url}: the environment variable {api_key_env} holds what is no key; expected "
                "printable ASCII"
            )
        keep_secret(value)
        key = session.auth = BearerKey(value, api_key_env)
    return Wire(url, (CONNECT_TIMEOUT_S, timeout_s), session, key, model)


def server_address(api_url: str) -> str:
    """The address before /v1 of one that was pasted with more, or with KoboldAI's /api.

    >>> server_address("http://h:5001/api/"), server_address("http://h/v1/completions")
    ('http://h:5001', 'http://h')
    >>> server_address("https://h/api/v1")
    'https://h/api'
    """
    url = api_url.rstrip("/")
    for end in ("/chat/completions", "/completions", "/models"):
        url = url.removesuffix("/v1" + end)
    if url != api_url.rstrip("/") or url.endswith("/v1"):
        return url.removesuffix("/v1").rstrip("/")
    return url.removesuffix("/api").rstrip("/")


def is_local(host: str) -> bool:
    """Whether a host is this machine by its form alone.

    >>> [is_local(host) for host in ("LOCALHOST.", "127.1", "::ffff:127.0.0.1", "0.0.0.0", "h")]
    [True, True, True, True, False]
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, ValueError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def parse_json(text: str) -> Any:
    """A JSON value; ValueError also where it is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error


def whole(value: Any) -> int | None:
    """A count that a server sent: a whole number that is not negative, or None.

    >>> [whole(value) for value in (3, 3.0, 2.5, -1, True, "3", None, float("inf"))]
    [3, 3, None, None, None, None, None, None]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**53 and value == int(value) else None


def seconds(value: Any, unit_s: float = 1.0) -> float | None:
    """A time that a server sent, in seconds; None where it is no number that can be one.

    >>> seconds(1500, 0.001), seconds("fast"), seconds(float("nan"))
    (1.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value * unit_s if 0 <= value < 2**53 else None


def word(value: Any) -> str | None:
    """A text that a server sent, or None."""
    return value if isinstance(value, str) else None


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number or a date.

    >>> retry_after("7"), retry_after("soon"), retry_after("Sat, 28 Nov 1998 00:00:00 GMT")
    (7.0, None, 0.0)
    """
    try:
        wait = float(value or "")
    except ValueError:
        try:
            until = parsedate_to_datetime(value or "")
        except (ValueError, TypeError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
        wait = max(0.0, (until - datetime.now(timezone.utc)).total_seconds())
    return wait if 0 <= wait < math.inf else None


def refusal_kind(status: int | None, said: str) -> type[RequestRefused]:
    """What kind of refusal a status and the server's words make; the words of a full context win.

    >>> refusal_kind(500, "exceeds the available context size").__name__
    'ContextFull'
    >>> [refusal_kind(status, "").__name__ for status in (408, 429, 502, 501, 400)]
    ['EngineBusy', 'EngineBusy', 'EngineBusy', 'RequestRefused', 'RequestRefused']
    """
    lowered = said.lower()
    if "context" in lowered and any(
        wording in lowered for wording in ("exceed", "maximum", "length", "overflow")
    ):
        return ContextFull
    if "`inputs`" in lowered and "tokens" in lowered:  # text-generation-inference
        return ContextFull
    busy = status is not None and (status in (408, 425, 429) or (status >= 500 and status != 501))
    return EngineBusy if busy or "loading" in lowered else RequestRefused


def error_message(body: str) -> str:
    """The sentence in an error body, which every server wraps in its own way, or the body's
    beginning.

    >>> error_message('{"error": {"code": 400, "message": "too long"}}')
    'too long'
    >>> error_message('{"detail": {"msg": "busy"}}')
    'busy'
    """
    beginning = " ".join(body[:300].split()) or "no reason given"
    try:
        value = parse_json(body)
    except ValueError:
        return beginning
    while isinstance(value, dict):
        value = next((value[key] for key in ("error", "detail", "message", "msg")
                      if value.get(key)), None)  # fmt: skip
    return value[:2000] if isinstance(value, str) else beginning


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """What stands behind an exception: its cause or context, and exceptions that it carries as
    arguments, as urllib3's do.
    """
    waiting, seen = [error], {id(error)}
    while waiting:
        one = waiting.pop()
        behind = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        for other in behind:
            if isinstance(other, BaseException) and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
                yield other


def plain(error: BaseException) -> str:
    """The innermost reason of a chain of wrapped exceptions, in one line.

    >>> plain(OSError(111, "Connection refused"))
    'Connection refused'
    """
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__
