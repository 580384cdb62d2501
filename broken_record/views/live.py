"""A page that is served while its runs grow: on loopback, to be read and no more.

    GET /             the page
    GET /grown?V      204 where nothing has grown since version V, else the page's data as JSON
    GET /drawn        the page without Bokeh, of which live.js takes tables and figures

Who asks by another name than loopback's is refused, so that no page from elsewhere reads it under a
name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from broken_record.analysis.growing import Growing
from broken_record.analysis.report import Report
from broken_record.analysis.texts import Key
from broken_record.views.page import collect_json, make_page
from broken_record.views.shown import Shown, keep

HOST = "127.0.0.1"


class LivePage:
    """The page of runs that may still be held; whoever asks for it looks first."""

    def __init__(self, runs: Mapping[str, Growing]) -> None:
        self.runs = runs
        self.version = 0

    def look(self) -> int:
        """The version of what is there now; another one than before where something has grown."""
        grown = [run.look() for run in self.runs.values()]
        self.version += any(grown)
        return self.version

    def known(self) -> tuple[list[Report], dict[Key, Shown]]:
        """(the reports so far, their texts)."""
        reports = [run.report(name) for name, run in self.runs.items()]
        texts = {}
        for report, run in zip(reports, self.runs.values(), strict=True):
            said = run.texts()
            for entry in report.dialogues:
                texts[report.run, entry.name] = keep(said[entry.name], entry)
        return reports, texts

    def page(self, *, whole: bool) -> str:
        """The page of that version, without Bokeh unless it is `whole`."""
        reports, texts = self.known()
        made = f"live, runs: {len(reports)}, dialogues: {len(texts)}"
        return make_page(reports, texts, made=made, version=self.version, whole=whole)

    def data(self) -> str:
        """What that page holds as JSON."""
        return collect_json(*self.known(), version=self.version)


class Server(ThreadingHTTPServer):
    """Serves a page on a free port."""

    daemon_threads = True

    def __init__(self, source: LivePage) -> None:
        super().__init__((HOST, 0), Handler)
        self.source = source
        self.lock = Lock()  # one question at a time

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
        elif path in ("/", "/drawn"):
            with self.server.lock:
                self.server.source.look()
                page = self.server.source.page(whole=path == "/")
            self.answer(page, "text/html")
        elif path == "/grown":
            with self.server.lock:
                has_grown = version != str(self.server.source.look())
                data = self.server.source.data() if has_grown else ""
            self.answer(data, "application/json")
        else:
            self.send_error(404)

    def answer(self, text: str, kind: str) -> None:
        """The text, or that there is nothing new."""
        content = text.encode("utf-8", errors="replace")
        self.send_response(200 if content else 204)
        self.send_header("Cache-Control", "no-store")
        if content:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
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
