"""A local server that answers with prepared bytes, for tests of the wire."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

DATA = Path(__file__).parent / "data"
Answer = bytes | Iterable[bytes] | Callable[[str], bytes]


def http_json(value: object, status: str = "200 OK") -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def sse(*events: object, done: bool = True) -> bytes:
    """A finished stream of these events, ending with the connection."""
    lines = [
        f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events
    ]
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return (head + "".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def reply(text: str, tokens: int = 3, finish: str = "stop") -> bytes:
    """A stream that says `text`."""
    return sse(
        {"choices": [{"index": 0, "text": text, "finish_reason": None}]},
        {
            "choices": [{"index": 0, "text": "", "finish_reason": finish}],
            "usage": {"completion_tokens": tokens, "prompt_tokens": 9},
        },
    )


@contextmanager
def replay(
    answers: Mapping[str, Answer], port: int = 0
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(address, requests seen as (path, body)); answers by path, 404 elsewhere.

    An answer given as several pieces is sent piece by piece; a function gets the request's body.
    Every connection is closed behind its answer.
    """
    seen: list[tuple[str, str]] = []
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                path, body = read_request(connection)
                seen.append((path, body))
                answer = answers.get(
                    path, http_json({"error": {"message": "not here"}}, "404 Not Found")
                )
                if callable(answer):
                    answer = answer(body)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_request(connection: socket.socket) -> tuple[str, str]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return "", ""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65_536)
    return head.split(b" ")[1].decode(), body.decode()


MODELS = http_json({"data": [{"id": "some-model", "owned_by": "someone", "max_model_len": 4096}]})
PROPS = http_json(
    {
        "default_generation_settings": {"n_ctx": 4096},
        "build_info": "b1-abc",
        "chat_template": "{{ bos_token }}...",
        "bos_token": "<s>",
    }
)
LLAMA = {
    "/v1/models": MODELS,
    "/props": PROPS,
    "/apply-template": http_json({"prompt": "<s>[prompt]"}),
}
