"""A page that is served while its run is held, in a real browser; on the wire without one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest

import analyze
import view
from broken_record.views.live import Server
from tests.test_analyze_and_view import write_record

ROOT = Path(__file__).parents[2]
LINE = "Tell me about the old lighthouse keeper, please."


def turn(index, text):
    role = ("assistant", "user")[index % 2]
    return json.dumps({"type": "turn", "index": index, "role": role, "content": text}) + "\n"


def begin(folder):
    """A run with a dialogue that has ended and one that goes on; the latter's record."""
    folder.mkdir()
    write_record(folder / "ended.jsonl", ["Tea is what I meant.", "Rain, then.", "Bread too."])
    record = folder / "held.jsonl"
    header = {"type": "dialogue", "version": 1, "config": {"agent_prefix": ""}}
    record.write_text(json.dumps(header) + "\n" + turn(0, "Good evening.") + turn(1, "Hello."))
    return record


@pytest.fixture
def served(tmp_path):
    record = begin(tmp_path / "run")
    server = Server(view.begin_live([tmp_path / "run"]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server, record
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_dialogue_that_grows_appears_with_what_is_found(browser, served):
    server, record = served
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    troubles = listen(page, server.url)
    page.goto(f"{server.url}#run/held/1")
    page.wait_for_selector(".turn.here")
    with record.open("a") as file:
        file.write(turn(2, "The lamp is lit."))
    page.wait_for_selector("text=The lamp is lit.")
    with record.open("a") as file:
        file.writelines(turn(k, LINE if k % 2 else f"He counted {k} waves.") for k in range(3, 20))
    page.wait_for_selector("#runs .share", state="attached")
    assert "100% the same line again" not in page.locator("#runs").text_content()
    assert "50% the same line again" in page.locator("#runs").text_content()
    assert page.locator(".turn.here").get_attribute("data-index") == "1"
    page.wait_for_function("Bokeh.documents.length === 1 && parrot.model('timeline-0')")
    page.click("[data-tab=overview]")
    page.select_option("#y-axis", "coverage")
    assert page.evaluate("parrot.model('scatter-points-0').glyph.y.field") == "coverage"
    page.click("[data-tab=reader]")
    page.select_option("select[aria-label=dialogue]", "ended")
    page.wait_for_selector("text=Bread too.")
    assert troubles == []
    page.close()


def listen(page, home):
    """What goes wrong on a page, and what it asks for elsewhere."""
    troubles = []

    def hear(message):
        if message.type == "error":
            troubles.append(message.text)

    def see(request):
        if not request.url.startswith((home, "data:")):
            troubles.append(request.url)

    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", hear)
    page.on("request", see)
    return troubles


def ask(server, path, *, method="GET", host=None):
    connection = HTTPConnection("127.0.0.1", server.server_port)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_what_has_not_grown_is_not_sent_again(served):
    server, record = served
    status, page = ask(server, "/")
    assert status == 200 and "root.Bokeh = " in page
    assert ask(server, "/grown?1") == (204, "")
    with record.open("a") as file:
        file.write(turn(2, "The lamp is lit."))
    status, grown = ask(server, "/grown?1")
    told = json.loads(grown)
    assert status == 200 and told["version"] == 2 and len(told["runs"][0]["dialogues"]) == 2
    assert ask(server, "/grown?2") == (204, "")
    status, drawn = ask(server, "/drawn")
    assert status == 200 and "root.Bokeh = " not in drawn and "embed_items" in drawn


def test_a_page_is_served_to_be_read_and_under_the_names_of_loopback_alone(served):
    server, record = served
    before = {path: path.read_bytes() for path in record.parent.iterdir()}
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/", host="evil.example")[0] == 403
    assert ask(server, "/", host=f"localhost:{server.server_port}")[0] == 200
    assert [ask(server, "/", method=method)[0] for method in ("POST", "DELETE")] == [501, 501]
    assert ask(server, "/../run.json")[0] == 404
    assert {path: path.read_bytes() for path in record.parent.iterdir()} == before


def test_what_has_not_grown_since_it_was_analysed_is_taken_from_there(tmp_path):
    record = begin(tmp_path / "run")
    assert analyze.main([str(tmp_path / "run")]) == 0
    stored = tmp_path / "run" / "analysis.json"
    stored.write_text(stored.read_text().replace('"unfinished"', '"looped"'))
    with record.open("a") as file:
        file.write(turn(2, "The lamp is lit."))
    source = view.begin_live([tmp_path / "run"])
    assert source.look() == 1 == source.look()
    found = {one.name: one.status for one in source.runs["run"].report("run").dialogues}
    assert found == {"ended": "looped", "held": "unfinished"}
    (tmp_path / "run" / "ended.jsonl").unlink()
    assert source.look() == 2 and len(source.runs["run"].texts()) == 1


def test_ctrl_c_ends_it(tmp_path):
    begin(tmp_path / "run")
    command = [sys.executable, "view.py", "--live", str(tmp_path / "run"), "--no-show"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        url = told.split()[0]
        with urllib.request.urlopen(url) as answer:
            assert url.startswith("http://127.0.0.1:") and b"held" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0 and process.stderr.read() == ""


def test_a_run_that_is_not_there_and_a_sweep_are_refused(tmp_path, caplog):
    assert view.main(["--live", str(tmp_path / "none")]) == 1
    assert "there is no such run folder" in caplog.text
    (tmp_path / "sweep.json").write_text("{}")
    assert view.main(["--live", str(tmp_path)]) == 2
    assert "--live shows runs" in caplog.text
