"""The fault matrix: each thing that goes wrong, in each dialect where it does."""

from __future__ import annotations

import threading

import pytest

from broken_record.engines.connect import connect_server
from broken_record.engines.wire import open_wire
from broken_record.errors import EngineError, EngineUnreachable
from tests.faults import ROWS, answers_for, outcome_of, page
from tests.replay import replay
from tests.test_parrot import ROOT


@pytest.mark.parametrize(
    ("fault", "engine"), ROWS, ids=[f"{engine}: {fault.name}" for fault, engine in ROWS]
)
def test_a_fault_has_its_outcome(fault, engine):
    assert outcome_of(fault, engine) == fault.outcome


def test_the_matrix_is_large_and_documented():
    assert len(ROWS) >= 40
    assert (ROOT / "docs" / "faults.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("engine", ["llama-server", "koboldcpp", "vllm", "aphrodite-engine"])
def test_silence_in_the_middle_of_a_reply_ends_at_the_time_limit(engine):
    released = threading.Event()

    def hangs():
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        yield b'data: {"choices":[{"text":" one","finish_reason":null}]}\n\n'
        released.wait(5)

    with replay({**answers_for(engine, b""), "/v1/completions": hangs()}) as (url, _):
        server = connect_server(open_wire(url, timeout_s=0.3))
        with pytest.raises(EngineError):
            list(server.stream("p", max_tokens=9, sampler={}, seed=1))
        released.set()
        server.close()


def test_a_server_that_was_there_and_is_gone_is_unreachable():
    with replay(answers_for("vllm", b"")) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
    with pytest.raises(EngineUnreachable):
        list(server.stream("p", max_tokens=9, sampler={}, seed=1))
