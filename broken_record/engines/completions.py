"""Any server with POST /v1/completions and a stream of events (vLLM, aphrodite-engine, koboldcpp
and their like).

The prompt is rendered from the config's tokenizer, since /v1/completions has no chat template of
its own; in return the prompt and the reply's prefix stay in our hands. What one server does
differently belongs in a file of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, EngineInfo, FinishReason, Message, Usage
from broken_record.engines import logprobs
from broken_record.engines.limits import CHUNKS, CHUNKS_MORE, ERROR, TEXT
from broken_record.engines.sse import read_events
from broken_record.engines.wire import (
    BROKEN,
    Wire,
    error_message,
    parse_json,
    refusal_kind,
    seconds,
    whole,
    word,
)
from broken_record.errors import (
    BrokenStream,
    EngineBusy,
    EngineError,
    RequestRefused,
    TemplateRefused,
)
from broken_record.samplers import translate

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "repetition": "repetition",
    "eos_token": "stop",
    "stop_sequence": "stop",
}
NOT_YET = (None, "", "null")  # Ollama sent the empty word, koboldcpp 1.76 the one of four letters
NO_STREAM = ("application/json", "text/html")
"""What a server sends in place of a stream."""

COMMON = frozenset(
    """temperature top_k top_p min_p presence_penalty frequency_penalty stop logit_bias
    model""".split()
)
"""The sampling parameters that every known server of this family honours."""


class CompletionsServer:
    """One server at one address; connecting asks it for its model and its context size.

    The class of an engine says of it: `dialect`, what a config calls it; `honours`, the names of
    sampling parameters that it takes (None: nobody knows, and it gets what the config names and no
    more); how it is recognised, by `recognise`, or by `owners`, what it may name in /v1/models as
    the owner of its model; `top_k_off`, what switches top_k off. One that `imitates` gives the
    answers of another engine too, and is asked before it.
    """

    dialect = "completions"
    honours: frozenset[str] | None = None
    owners: tuple[str, ...] = ()
    imitates = False
    top_k_off = 0
    wants_logprobs = False

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
        models = ask_models(wire)
        if not isinstance(models, list) or not all(isinstance(one, dict) for one in models):
            raise RequestRefused(f"{wire.url}: expected models, found {str(models)[:200]}")
        self.model: dict[str, Any] = choose_model(models, wire)

    def info(self) -> EngineInfo:
        """What the server says of itself."""
        return EngineInfo(
            engine=word(self.model.get("owned_by")) or self.dialect,
            model=word(self.model.get("id")),
            n_ctx=whole(self.model.get("max_model_len")) or None,
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

    def adds_bos(self) -> bool:
        """Whether the server begins a prompt with a BOS token of its own (SmolLM2's, which is also
        its role marker, it leaves to the template); where it cannot be asked, it is taken to.
        """
        try:
            return self.token_ids("") != []
        except EngineBusy:
            raise
        except RequestRefused:
            return True

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """POST /v1/completions, read as it comes; closing the generator closes the connection."""
        body = self.request_body(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed)
        wire = self.wire
        said: list[str] = []
        with wire.send("POST", "/v1/completions", json=body) as response:
            if response.headers.get("Content-Type", "").startswith(NO_STREAM):
                raise refused_body(wire, wire.read(response, ERROR.value, cut=True))
            chunks = read_chunks(
                wire.pieces(response), wire.url, max_tokens=max_tokens,
                silence_s=wire.silence_s, blank=wire.blank,
            )  # fmt: skip
            try:
                for chunk in cut_at_stop(chunks, body.get("stop", ())):
                    if chunk.finish_reason is not None:
                        yield self.counted(chunk, "".join(said))
                        return
                    said.append(chunk.text)
                    yield chunk
            except BROKEN as error:
                raise BrokenStream(
                    f"{wire.url}: the connection broke during a reply: {wire.reason(error)}"
                ) from error

    def counted(self, last: Chunk, text: str) -> Chunk:
        """The last chunk of a reply; where the server did not count, by its own tokenizer."""
        if last.usage.tokens is not None or not text:
            return last
        try:
            with_bos, bos = self.count_tokens(text), self.count_tokens("")
        except EngineError:
            return last  # the chunks are counted
        if with_bos is None or bos is None or with_bos <= bos:
            return last
        usage = replace(last.usage, tokens=with_bos - bos, tokens_from="tokenizer")
        return replace(last, usage=usage)

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """The request; a server that nobody knows gets no field that the config does not name,
        since some refuse those that they do not know.
        """
        body: dict[str, Any] = {
            "prompt": prompt,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": max_tokens,
            "seed": seed,
        }
        if self.honours is not None and "cache_prompt" in self.honours:  # llama.cpp's own words
            body.update(n_predict=max_tokens, cache_prompt=True)
        if word(self.model.get("id")) is not None:
            body["model"] = self.model["id"]
        if self.wants_logprobs:
            body["logprobs"] = logprobs.TOP
        body.update(translate(sampler, self.honours, self.top_k_off).parameters)
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


def ask_models(wire: Wire) -> Any:
    """The list of /v1/models; one empty model where that path is not there, but /v1/completions
    is.
    """
    try:
        return wire.ask("GET", "/v1/models").get("data") or [{}]
    except RequestRefused as unlisted:
        if unlisted.status != 404:
            raise
        try:
            wire.send("POST", "/v1/completions", json={}).close()
        except RequestRefused as error:
            if error.status in (404, 405):
                raise unlisted from error
        return [{}]


def refused_body(wire: Wire, text: str) -> RequestRefused:
    """An answer of status 200 that is no stream, as an error."""
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if says_error(value):
        return wire.error("/v1/completions", error_status(value), error_message(text))
    return RequestRefused(
        f"{wire.url}: expected a stream of events, found {text[:200]!r}; koboldcpp answers null "
        "to a parameter of the wrong type, and a page of HTML comes from no inference server"
    )


def choose_model(models: list[dict[str, Any]], wire: Wire) -> dict[str, Any]:
    """The model that the config names, or the only one; RequestRefused lists them otherwise. A
    name that is not listed may be an alias: the server is to judge.
    """
    if wire.model is not None:
        return next((one for one in models if one.get("id") == wire.model), {"id": wire.model})
    if len(models) > 1:
        names = ", ".join(str(one.get("id")) for one in models)
        raise RequestRefused(
            f'{wire.url}: the server has several models; name one with the key "model" '
            f'("user_model" for the user\'s side): {names}'
        )
    return models[0]


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


def read_chunks(
    pieces: Iterable[bytes],
    url: str,
    *,
    max_tokens: int | None = None,
    silence_s: float = math.inf,
    blank: Callable[[str], str] = str,
) -> Iterator[Chunk]:
    """Chunks with text as they come, then one with the finish reason and what the engine counted.

    A stream that ends before a finish reason, that says "error" or "abort", or that goes on far
    beyond `max_tokens`, raises: an engine failure is no turn. `blank` takes the key out of events.
    """
    finish: FinishReason | None = None
    counted: dict[str, Any] = {}
    confidence = logprobs.Confidence()
    chunks = letters = 0
    done = False
    for field, value in read_events(pieces, silence_s):
        if done := value == "[DONE]":
            break
        event = read_event(field, blank(value), url)
        counted.update(
            {key: event[key] for key in ("usage", "timings") if isinstance(event.get(key), dict)}
        )
        chunks += "prompt_progress" not in event
        for choice in read_choices(event, url):
            text = choice.get("text") or ""
            letters += len(text)
            confidence.take(choice.get("logprobs"))
            if text:
                yield Chunk(text)
            finish = read_finish(choice.get("finish_reason"), url) or finish
        if max_tokens is not None:
            check_length(chunks, letters, max_tokens, url)
    usage = confidence.put(read_usage(counted))
    if finish is None and done and chunks:  # old SGLang: null up to the end
        tokens = chunks if usage.tokens is None else usage.tokens
        finish = "length" if max_tokens is not None and tokens >= max_tokens else "stop"
    if finish is None:
        raise BrokenStream(f"{url}: the stream ended without a finish reason; did the server stop?")
    yield Chunk("", finish, usage)


def read_event(field: str, value: str, url: str) -> dict[str, Any]:
    """An event as an object; raises for what is none, and for an error sent in its place."""
    try:
        event = parse_json(value)
    except ValueError as error:
        raise BrokenStream(f"{url}: expected JSON in an event, found {value[:200]!r}") from error
    is_object = isinstance(event, dict)
    if is_object and field != "error" and not says_error(event):
        return dict(event)
    said = error_message(value)
    kind = refusal_kind(None if field == "data" else error_status(event), said)
    # no request is to blame for what broke in the middle, unless it says so
    broken = BrokenStream if kind is RequestRefused and field == "data" else kind
    raise broken(f"{url}: the server broke the reply off: {said}")


def says_error(value: Any) -> bool:
    """Whether an object is an error, in any of the forms in which servers send one.

    >>> [says_error({"error": said}) for said in ("no", {"message": "no"}, None, False)]
    [True, True, False, False]
    >>> says_error({"object": "error", "message": "no"}), says_error({"detail": "Not Found"})
    (True, True)
    """
    if not isinstance(value, dict):
        return False
    told = any(value.get(key) for key in ("detail", "message", "msg"))
    return bool(value.get("error")) or (told and "choices" not in value)


def error_status(value: Any) -> int | None:
    """The HTTP status that an error repeats in its body."""
    if not isinstance(value, dict):
        return None
    inner = value["error"] if isinstance(value.get("error"), dict) else value
    code = whole(inner.get("code"))
    return code if code is not None and 400 <= code < 600 else None


def read_choices(event: Mapping[str, Any], url: str) -> list[dict[str, Any]]:
    """The choices of an event, in the form that is counted on."""
    choices = event.get("choices") or []
    if isinstance(choices, list) and any(
        isinstance(choice, dict) and "text" not in choice and {"delta", "message"} & {*choice}
        for choice in choices
    ):
        raise RequestRefused(
            f"{url}: /v1/completions answers in the form of the chat endpoint (delta), in which a "
            "reply cannot be begun with a prefix; expected text. Is a proxy in between that "
            "turns the one into the other?"
        )
    foreign = "choices" not in event and "content" in event  # llama.cpp's own /completion
    if foreign or not isinstance(choices, list) or not all(map(is_choice, choices)):
        raise BrokenStream(f"{url}: expected choices with a text, found {json.dumps(event)[:200]}")
    return choices


def is_choice(choice: Any) -> bool:
    """Whether a choice of an event has the form that is counted on: a text, or a finish reason."""
    return (
        isinstance(choice, dict)
        and ("text" in choice or bool(choice.get("finish_reason")))
        and all(isinstance(choice.get(name), str | None) for name in ("text", "finish_reason"))
    )


def read_finish(reason: str | None, url: str) -> FinishReason | None:
    """A finish reason in our words; None where there is none yet."""
    if reason in NOT_YET:
        return None
    if reason not in FINISH_REASONS:
        raise BrokenStream(f'{url}: the server ended the reply with finish_reason "{reason}"')
    return FINISH_REASONS[reason]


def check_length(chunks: int, letters: int, max_tokens: int, url: str) -> None:
    """BrokenStream where a reply is longer than max_tokens tokens can be."""
    if chunks > CHUNKS.value * max_tokens + CHUNKS_MORE or letters > TEXT.value * max_tokens:
        raise BrokenStream(
            f"{url}: the reply does not end: {chunks:,} chunks and {letters:,} characters where "
            f"{max_tokens:,} tokens were asked for (turn_max_tokens)"
        )


def read_usage(counted: Mapping[str, Any]) -> Usage:
    """What the last events counted: OpenAI's `usage`, llama.cpp's `timings`. Zero tokens are not
    measured: proxies send zeros for what they do not know.

    >>> read_usage({"usage": {"completion_tokens": 4, "prompt_tokens": 7}}).tokens
    4
    >>> read_usage({"usage": {"completion_tokens": 0}, "timings": {"predicted_n": 5}}).tokens_from
    'timings'
    """
    usage, timings = counted.get("usage") or {}, counted.get("timings") or {}
    by_usage = whole(usage.get("completion_tokens")) or None
    by_timings = whole(timings.get("predicted_n")) or None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        tokens=by_usage or by_timings,
        tokens_from="usage" if by_usage else "timings" if by_timings else None,
        prompt_tokens=whole(usage.get("prompt_tokens")) or None,
        cached_tokens=whole(timings.get("cache_n", cached)),
        prompt_s=seconds(timings.get("prompt_ms"), 0.001),
        generation_s=seconds(timings.get("predicted_ms"), 0.001),
    )


def ids(tokens: Any) -> list[int] | None:
    """Token ids that a server sent, as numbers or as objects with an id; None for anything else.

    >>> ids([1, {"id": 2, "piece": "a"}]), ids("x")
    ([1, 2], None)
    """
    if not isinstance(tokens, list):
        return None
    found = [token.get("id") if isinstance(token, dict) else token for token in tokens]
    numbers = [token for token in found if isinstance(token, int)]
    return numbers if len(numbers) == len(found) else None
