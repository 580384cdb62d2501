"""The stream of events with which /v1/completions answers, as chunks: what was said, why it ended,
and what the server counted. What is no reply raises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, FinishReason, Usage
from broken_record.engines import logprobs
from broken_record.engines.limits import CHUNKS, CHUNKS_MORE, TEXT
from broken_record.engines.sse import read_events
from broken_record.engines.wire import error_message, parse_json, refusal_kind, seconds, whole
from broken_record.errors import BrokenStream, RequestRefused

FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "repetition": "repetition",
    "eos_token": "stop",
    "stop_sequence": "stop",
}
NOT_YET = (None, "", "null")  # Ollama sent the empty word, koboldcpp 1.76 the one of four letters


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
