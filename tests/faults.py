"""What servers do wrong, per dialect, and what parrot makes of it: the table of docs/faults.md.

python -m tests.faults      prints the table (`make faults` writes it)
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

from broken_record.engines.connect import connect_server
from broken_record.engines.limits import LIMITS
from broken_record.engines.wire import open_wire
from broken_record.errors import EngineError
from tests.replay import http_json, replay

ENGINES = ("llama-server", "koboldcpp", "vllm", "aphrodite-engine")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
OWNERS = {"llama-server": "llamacpp", "vllm": "vllm", "aphrodite-engine": "aphrodite"}


def event(text: str = "", finish: object = None, **more: object) -> bytes:
    value = {"choices": [{"index": 0, "text": text, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def error_event(message: str) -> bytes:
    return b"data: " + json.dumps({"error": {"message": message, "code": 500}}).encode() + b"\n\n"


def refused(status: str, body: object) -> bytes:
    return http_json(body, status)


DONE = b"data: [DONE]\n\n"
USAGE = b'data: {"choices": [], "usage": {"completion_tokens": 2, "prompt_tokens": 5}}\n\n'


@dataclass(frozen=True)
class Fault:
    """One row: what the server does, for which dialects, and what comes of it."""

    name: str
    answer: bytes
    outcome: str
    engines: tuple[str, ...] = ENGINES
    stop: tuple[str, ...] = ("\n",)


SAID = event(" one") + event(" two")
FAULTS = [
    Fault("a whole reply", HEAD + SAID + event("", "stop") + USAGE + DONE, "turn ' one two' stop"),
    Fault("text in the finishing chunk", HEAD + event(" one", "stop") + DONE, "turn ' one' stop"),
    Fault('finish_reason "null" as a word', HEAD + event(" one", "null") + event("", "stop") + DONE,
          "turn ' one' stop"),
    Fault("comments and keep-alives", HEAD + b": ping\n\n:\n\n" + SAID + b": x\n\n" + event("", "stop"),
          "turn ' one two' stop"),
    Fault("no [DONE] behind the finish", HEAD + SAID + event("", "stop"), "turn ' one two' stop"),
    Fault("a line separator inside JSON",
          HEAD + b'data: {"choices":[{"text":" a\xe2\x80\xa8b","finish_reason":"stop"}]}\n\n',
          "turn ' a\\u2028b' stop"),
    Fault("the stop string in the text, with the rest of its token",
          HEAD + event(" one") + event("e\nMark") + event("", "length") + DONE, "turn ' onee' stop"),
    Fault("a stop string over two chunks", HEAD + event(" one<|") + event("end|>x", "length") + DONE,
          "turn ' one' stop", stop=("<|end|>",)),
    Fault("the beginning of a stop string that none follows",
          HEAD + event(" a <|") + event("b", "stop") + DONE, "turn ' a <|b' stop", stop=("<|end|>",)),
    Fault("an empty stop string in the config", HEAD + SAID + event("", "stop") + DONE,
          "turn ' one two' stop", stop=("", "\n")),
    Fault("the stream just ends", HEAD + SAID, "BrokenStream"),
    Fault("an empty stream", HEAD, "BrokenStream"),
    Fault("an error event, then [DONE]", HEAD + SAID + error_event("engine died") + DONE, "BrokenStream"),
    Fault("an error event, then nothing", HEAD + error_event("engine died"), "BrokenStream"),
    Fault("context full in the middle", HEAD + SAID + error_event("Context size has been exceeded."),
          "ContextFull"),
    Fault("an error: line (old llama.cpp)",
          HEAD + b'error: {"code":400,"message":"exceeds the available context size"}\n\n' + DONE,
          "ContextFull", ("llama-server",)),
    Fault('finish_reason "abort"', HEAD + SAID + event("", "abort") + DONE, "BrokenStream"),
    Fault('finish_reason "error"', HEAD + SAID + event("", "error") + DONE, "BrokenStream"),
    Fault("an event that is no JSON", HEAD + b"data: oops\n\n" + DONE, "BrokenStream"),
    Fault("an event with choices of another form",
          HEAD + b'data: {"choices":["x"]}\n\n' + DONE, "BrokenStream"),
    Fault("choices that are no list", HEAD + b'data: {"choices":5}\n\n' + DONE, "BrokenStream"),
    Fault("a text that is none", HEAD + b'data: {"choices":[{"text":5}]}\n\n' + DONE, "BrokenStream"),
    Fault("a finish reason that is a list",
          HEAD + b'data: {"choices":[{"finish_reason":["stop"]}]}\n\n' + DONE, "BrokenStream"),
    Fault("chunks in the chat endpoint's form (delta)",
          HEAD + b'data: {"choices":[{"delta":{"content":" one"}}]}\n\n' + DONE, "RequestRefused"),
    Fault("chunks of another endpoint (content)",
          HEAD + b'data: {"content":" one","stop":false}\n\n' + DONE, "BrokenStream"),
    Fault("a choice with neither text nor finish reason",
          HEAD + b'data: {"choices":[{"index":0}]}\n\n' + DONE, "BrokenStream"),
    Fault('finish_reason "eos_token" or "stop_sequence"', HEAD + SAID + event("", "eos_token") + DONE,
          "turn ' one two' stop"),
    Fault("an empty finish_reason before the last", HEAD + event(" one", "") + event("", "length") + DONE,
          "turn ' one' length"),
    Fault("finish_reason null up to [DONE]", HEAD + SAID + event() + DONE, "turn ' one two' stop"),
    Fault("a last chunk without text",
          HEAD + SAID + b'data: {"choices":[{"finish_reason":"length"}]}\n\n' + DONE,
          "turn ' one two' length"),
    Fault("a usage of zeros: counted by the tokenizer, or the chunks",
          HEAD + SAID + event("", "stop", usage={"completion_tokens": 0}) + DONE, "turn ' one two' stop"),
    Fault("an error that is false, beside the reply", HEAD + event(" a", error=False) + event("", "stop"),
          "turn ' a' stop"),
    Fault("an error without a frame (message, detail)", HEAD + b'data: {"message":"no"}\n\n' + DONE,
          "BrokenStream"),
    Fault("chunks far beyond turn_max_tokens", HEAD + event(" x") * 300, "BrokenStream"),
    Fault("a byte order mark", HEAD + b"\xef\xbb\xbf" + SAID + event("", "stop"), "turn ' one two' stop"),
    Fault("gzip that nobody asked for",
          HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
          + gzip.compress(SAID + event("", "stop"), mtime=0), "turn ' one two' stop"),
    Fault("killed in a chunked stream",
          b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(SAID), SAID),
          "BrokenStream"),
    Fault("HTTP 200 with an error as JSON", http_json({"error": "no such method"}), "RequestRefused"),
    Fault("HTTP 200 with a full context as JSON",
          http_json({"error": {"message": "exceeds the available context size", "code": 400}}),
          "ContextFull"),
    Fault("HTTP 200 with bare JSON as a stream", HEAD + b'{"error":{"message":"no","code":503}}',
          "EngineBusy"),
    Fault("HTTP 200 with a page of HTML",
          HEAD.replace(b"text/event-stream", b"text/html") + b"<html>", "RequestRefused"),
    Fault("a redirect", b"HTTP/1.1 307 X\r\nLocation: http://h/\r\nContent-Length: 0\r\n\r\n",
          "RequestRefused"),
    Fault("an error body without end", b"HTTP/1.1 500 X\r\n\r\n" + b"x" * 2**20, "EngineBusy"),
    Fault("JSON nested 100,000 deep", HEAD + b"data: " + b"[" * 100_000 + b"\n\n", "BrokenStream"),
    Fault("a usage that is a number",
          HEAD + SAID + b'data: {"choices":[],"usage":7}\n\n' + event("", "stop") + DONE,
          "turn ' one two' stop"),
    Fault("an error that is null, beside the reply",
          HEAD + b'data: {"error":null,"choices":[{"text":" a","finish_reason":"stop"}]}\n\n' + DONE,
          "turn ' a' stop"),
    Fault("HTTP 200 with the body null", http_json(None), "RequestRefused"),
    Fault("the connection closed before an answer", b"", "EngineUnreachable"),
    Fault("400, prompt too long",
          refused("400 Bad Request", {"error": {"message": "maximum context length is 9 tokens"}}),
          "ContextFull", ("llama-server", "vllm", "aphrodite-engine")),
    Fault("500, context full", refused("500 X", {"error": "exceeds the available context size"}),
          "ContextFull"),
    Fault("400, anything else", refused("400 Bad Request", {"error": {"message": "bad top_p"}}),
          "RequestRefused"),
    Fault("403", refused("403 Forbidden", "no"), "RequestRefused"),
    Fault("401, the error as a string", refused("401 Unauthorized", {"error": "Unauthorized"}),
          "RequestRefused", ("vllm", "aphrodite-engine")),
    Fault("401, the error as detail",
          refused("401 Unauthorized", {"detail": {"error": "Unauthorized", "msg": "no key"}}),
          "RequestRefused", ("koboldcpp",)),
    Fault("404, unknown model", refused("404 Not Found", {"error": {"message": "no such model"}}),
          "RequestRefused", ("vllm", "aphrodite-engine")),
    Fault("408, 500, 502, 504 and other failures of its own", refused("502 Bad Gateway", "<html>"),
          "EngineBusy"),
    Fault("501, not supported", refused("501 Not Implemented", {"error": "no"}), "RequestRefused"),
    Fault("429", refused("429 Too Many Requests", {"error": {"message": "slow down"}}), "EngineBusy"),
    Fault("503, busy", refused("503 Service Unavailable", {"detail": {"msg": "Server is busy"}}),
          "EngineBusy"),
    Fault("503, loading", refused("503 Service Unavailable", {"error": {"message": "Loading model"}}),
          "EngineBusy", ("llama-server",)),
    Fault("repetition detection ended it", HEAD + SAID + event("", "repetition") + USAGE + DONE,
          "turn ' one two' repetition", ("vllm",)),
]  # fmt: skip
ROWS = [(fault, engine) for fault in FAULTS for engine in fault.engines]


def answers_for(engine: str, completion: bytes) -> dict[str, bytes | Callable[[str], bytes]]:
    """What a server of this dialect answers, well but for the completion."""
    owner = OWNERS.get(engine, "koboldcpp")
    served: dict[str, bytes | Callable[[str], bytes]] = {
        "/v1/models": http_json({"data": [{"id": "m", "owned_by": owner, "max_model_len": 4096}]}),
        "/v1/completions": completion,
    }
    if engine == "llama-server":
        served["/props"] = http_json({"default_generation_settings": {"n_ctx": 4096}})
    if engine == "koboldcpp":
        served["/api/extra/version"] = http_json({"result": "KoboldCpp", "version": "1.102"})
        served["/api/extra/true_max_context_length"] = http_json({"value": 4096})
    return served


def outcome_of(fault: Fault, engine: str) -> str:
    """What parrot makes of it: a turn, or the class of the error."""
    with replay(answers_for(engine, fault.answer)) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
        assert server.dialect == engine
        try:
            chunks = list(server.stream("p", max_tokens=9, sampler={"stop": [*fault.stop]}, seed=1))
        except EngineError as error:
            return type(error).__name__
        finally:
            server.close()
    text = "".join(chunk.text for chunk in chunks)
    return f"turn {text!r} {chunks[-1].finish_reason}"


AFTER = {
    "EngineUnreachable": "tried again", "EngineBusy": "tried again", "BrokenStream": "tried again",
    "ContextFull": "ends the run", "RequestRefused": "ends the run",
}  # fmt: skip


def table() -> str:
    """Markdown."""
    lines = ["| what the server does | engines | what parrot makes of it |", "|---|---|---|"]
    for fault in FAULTS:
        engines = "all" if fault.engines == ENGINES else ", ".join(fault.engines)
        after = AFTER.get(fault.outcome)
        result = f"{fault.outcome}: {after}" if after else f"`{fault.outcome}`"
        lines.append(f"| {fault.name} | {engines} | {result} |")
    return "\n".join(lines)


PAGE = """# When servers fail

An engine failure is never a turn. This table is written by `make faults`; `tests/test_faults.py` runs every row against a
local server that misbehaves on purpose, in each dialect where it can happen. "Tried again" means three tries within 20
seconds, or what `retry_for_s` allows, and as late as a server's Retry-After asks; what a broken reply had said is kept in the
record as an attempt.

{}

A key that a server repeats is blanked out of everything that it says. With 401 and 403 the error names the variable of the key,
or asks for one. Certificates to trust, those of a server of your own, come from REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or
SSL_CERT_FILE; this machine is never asked through a proxy.

## Limits

| of what | limit | why |
|---|---|---|
{}
"""


def page() -> str:
    """docs/faults.md."""
    limits = "\n".join(f"| {limit.of} | {limit} | {limit.reason} |" for limit in LIMITS)
    return PAGE.format(table(), limits)


if __name__ == "__main__":
    print(page(), end="")
