"""A page that is served while its runs grow: on loopback, to be read and no more.

    GET /             the page
    GET /grown?V      204 where nothing has grown since version V, else the page without Bokeh, of
                      which live.js takes what is new

What is served is made by the Source; who asks by another name than loopback's is refused, so that
no page from elsewhere reads it under a name of its own.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Protocol

HOST = "127.0.0.1"


class Source(Protocol):
    """What makes the page."""

    def look(self) -> int:
        """The version of what is there now; another one than before where something has grown."""

    def page(self, *, whole: bool) -> str:
        """The page of that version, without Bokeh unless it is `whole`."""


class Server(ThreadingHTTPServer):
    """Serves a source on a free port."""

    daemon_threads = True

    def __init__(self, source: Source) -> None:
        super().__init__((HOST, 0), Handler)
        self.source = source
        self.lock = Lock()  # a source is asked one question at a time

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server

    def do_GET(self) -> None:
        """The page, or what has grown."""
        path, _, version = self.path.partition("?")
        if self.headers.get("Host") not in names_of(self.server.server_port):
            self.send_error(403)
        elif path == "/":
            with self.server.lock:
                self.server.source.look()
                page = self.server.source.page(whole=True)
            self.answer(page)
        elif path == "/grown":
            with self.server.lock:
                has_grown = version != str(self.server.source.look())
                page = self.server.source.page(whole=False) if has_grown else ""
            self.answer(page)
        else:
            self.send_error(404)

    def answer(self, page: str) -> None:
        """The page, or that there is nothing new."""
        content = page.encode("utf-8", errors="replace")
        self.send_response(200 if content else 204)
        self.send_header("Cache-Control", "no-store")
        if content:
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line."""


def names_of(port: int) -> tuple[str, str]:
    """What loopback may be called.

    >>> names_of(80)
    ('127.0.0.1:80', 'localhost:80')
    """
    return f"{HOST}:{port}", f"localhost:{port}"
