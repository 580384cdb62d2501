"""Any server with POST /v1/completions and a stream of events (vLLM, aphrodite-engine, koboldcpp
and their like).

The prompt is rendered from the config's tokenizer, since /v1/completions has no chat template of
its own; in return the prompt and the reply's prefix stay in our hands. What one server does
differently belongs in a file of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from broken_record.data import Chunk, EngineInfo, FinishReason, Message, Usage
from broken_record.engines.sse import read_events
from broken_record.engines.wire import Wire, error_message, plain, received, refusal_kind
from broken_record.errors import (
    BrokenStream,
    RequestRefused,
    TemplateRefused,
)
from broken_record.samplers import translate

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "repetition": "repetition",
}


COMMON = frozenset(
    """temperature top_k top_p min_p presence_penalty frequency_penalty stop logit_bias
    model""".split()
)
"""The sampling parameters that every known server of this family honours."""


class CompletionsServer:
    """One server at one address; connecting asks it for its model and its context size.

    The class of an engine says of it: `dialect`, what a config calls it; `honours`, the names of
    sampling parameters that it takes (None: nobody knows, and it gets every spelling); how it is
    recognised, by `recognise`, or by `owners`, what it may name in /v1/models as the owner of its
    model. One that `imitates` gives the answers of another engine too, and is asked before it.
    """

    dialect = "completions"
    honours: frozenset[str] | None = None
    owners: tuple[str, ...] = ()
    imitates = False

    @classmethod
    def recognise(cls, wire: Wire) -> CompletionsServer | None:
        """The server behind a wire, if an answer that is this engine's own tells it; else None."""
        return None

    @classmethod
    def named(cls, wire: Wire) -> CompletionsServer:
        """The server behind a wire, which a config says is of this engine."""
        return cls(wire)

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        models = wire.ask("GET", "/v1/models").get("data") or [{}]
        if not isinstance(models, list) or not isinstance(models[0], dict):
            raise RequestRefused(f"{wire.url}: expected models, found {str(models)[:200]}")
        self.model: dict[str, Any] = models[0]

    def info(self) -> EngineInfo:
        """What the server says of itself."""
        return EngineInfo(
            engine=self.model.get("owned_by") or self.dialect,
            model=self.model.get("id"),
            n_ctx=self.model.get("max_model_len"),
        )

    def template(self, messages: Sequence[Message]) -> str:
        """Refused: these servers render no messages for /v1/completions."""
        raise TemplateRefused(
            f"{self.wire.url}: this server has no chat template to ask for; name one with the key "
            '"tokenizer" (the user\'s side takes it too, unless "user_tokenizer" says otherwise)'
        )

    def ignored(self, sampler: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of a sampler that this engine is known not to honour."""
        return translate(sampler, self.honours).ignored

    def token_ids(self, prompt: str) -> list[int] | None:
        """The tokens that the server makes of a prompt, BOS included; None where it has no
        tokenizer to ask.
        """
        return None

    def count_tokens(self, prompt: str) -> int | None:
        """How many tokens the server makes of a prompt, BOS included; None where it cannot say."""
        tokens = self.token_ids(prompt)
        return None if tokens is None else len(tokens)

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """POST /v1/completions, read as it comes; closing the generator closes the connection."""
        body = self.request_body(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed)
        url = self.wire.url
        with self.wire.send("POST", "/v1/completions", json=body, stream=True) as response:
            try:
                if response.headers.get("Content-Type", "").startswith("application/json"):
                    raise RequestRefused(
                        f"{url}: expected a stream of events, found {response.text[:200]!r}; "
                        "koboldcpp answers null to a parameter of the wrong type"
                    )
                yield from cut_at_stop(read_chunks(received(response), url), body.get("stop", ()))
            except (requests.RequestException, HTTPError, OSError) as error:
                raise BrokenStream(
                    f"{url}: the connection broke during a reply: {plain(error)}"
                ) from error

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """The request; n_predict and max_tokens say the same to servers that read only one of
        them.
        """
        body: dict[str, Any] = {
            "prompt": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": max_tokens,
            "n_predict": max_tokens,
            "cache_prompt": True,
            "seed": seed,
        }
        if "id" in self.model:
            body["model"] = self.model["id"]
        body.update(translate(sampler, self.honours).parameters)
        stop = body.pop("stop", [])
        stop = [stop] if isinstance(stop, str) else stop
        if any(stop):
            body["stop"] = [
                text for text in stop if text
            ]  # an empty one would stop llama-server at once
        return body

    def close(self) -> None:
        """Give the connections back."""
        self.wire.session.close()


def cut_at_stop(chunks: Iterable[Chunk], stops: Sequence[str]) -> Iterator[Chunk]:
    """The chunks up to the first stop string; what may be the beginning of one is held back.

    Some servers send the stop string, and the rest of the token it stood in.

    >>> pieces = [Chunk("a b"), Chunk("c|"), Chunk(">d"), Chunk("", "length")]
    >>> [(chunk.text, chunk.finish_reason) for chunk in cut_at_stop(pieces, ["|>"])]
    [('a b', None), ('c', None), ('', 'stop')]
    """
    longest = max(map(len, stops), default=0)
    held = ""
    stopped = False
    for chunk in chunks:
        if not stopped:
            held += chunk.text
            places = [place for stop in stops if (place := held.find(stop)) >= 0]
            stopped = bool(places)
            ready = min(places) if stopped else len(held) - may_begin(held, stops, longest)
            if chunk.finish_reason is not None and not stopped:
                ready = len(held)
            if held[:ready]:
                yield Chunk(held[:ready])
            held = held[ready:]
        if chunk.finish_reason is not None:
            yield replace(chunk, text="", finish_reason="stop" if stopped else chunk.finish_reason)


def may_begin(text: str, stops: Sequence[str], longest: int) -> int:
    """How many characters at the end of a text may be the beginning of a stop string."""
    for n in range(min(longest - 1, len(text)), 0, -1):
        if any(stop.startswith(text[-n:]) for stop in stops):
            return n
    return 0


def read_chunks(pieces: Iterable[bytes], url: str) -> Iterator[Chunk]:
    """Chunks with text as they come, then one with the finish reason and what the engine counted.

    A stream that ends before a finish reason, or that says "error" or "abort", raises: an engine
    failure is no turn.
    """
    finish: FinishReason | None = None
    counted: dict[str, Any] = {}
    for field, value in read_events(pieces):
        if value == "[DONE]":
            break
        try:
            event = json.loads(value)
        except ValueError as error:
            raise BrokenStream(
                f"{url}: expected JSON in an event, found {value[:200]!r}"
            ) from error
        if not isinstance(event, dict) or field == "error" or event.get("error") is not None:
            said = error_message(value)
            kind = refusal_kind(None, said)
            # no request is to blame for what broke in the middle, unless it says so
            broken = BrokenStream if kind is RequestRefused and field == "data" else kind
            raise broken(f"{url}: the server broke the reply off: {said}")
        counted.update(
            {key: event[key] for key in ("usage", "timings") if isinstance(event.get(key), dict)}
        )
        choices = event.get("choices") or []
        if not isinstance(choices, list) or not all(map(is_choice, choices)):
            raise BrokenStream(f"{url}: expected choices with a text, found {value[:200]!r}")
        for choice in choices:
            if choice.get("text"):
                yield Chunk(choice["text"])
            reason = choice.get("finish_reason")
            if reason in (None, "null"):  # koboldcpp 1.76 sends the word
                continue
            if reason not in FINISH_REASONS:
                raise BrokenStream(
                    f'{url}: the server ended the reply with finish_reason "{reason}"'
                )
            finish = FINISH_REASONS[reason]
    if finish is None:
        raise BrokenStream(f"{url}: the stream ended without a finish reason; did the server stop?")
    yield Chunk("", finish, read_usage(counted))


def is_choice(choice: Any) -> bool:
    """Whether a choice of an event has the form that is counted on."""
    return isinstance(choice, dict) and all(
        isinstance(choice.get(name), str | None) for name in ("text", "finish_reason")
    )


def read_usage(counted: Mapping[str, Any]) -> Usage:
    """What the last events counted: OpenAI's `usage`, llama.cpp's `timings`.

    >>> read_usage({"usage": {"completion_tokens": 4, "prompt_tokens": 7}}).tokens
    4
    """
    usage, timings = counted.get("usage") or {}, counted.get("timings") or {}
    tokens, source = usage.get("completion_tokens"), "usage"
    if tokens is None:
        tokens, source = timings.get("predicted_n"), "timings"
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        tokens=tokens,
        tokens_from=None if tokens is None else "usage" if source == "usage" else "timings",
        prompt_tokens=usage.get("prompt_tokens"),
        cached_tokens=timings.get("cache_n", details.get("cached_tokens")),
        prompt_s=seconds(timings.get("prompt_ms")),
        generation_s=seconds(timings.get("predicted_ms")),
    )


def seconds(milliseconds: float | None) -> float | None:
    """Milliseconds as seconds."""
    return None if milliseconds is None else milliseconds / 1000
