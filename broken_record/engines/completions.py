"""Any server with POST /v1/completions and a stream of events (vLLM, aphrodite-engine, koboldcpp
and their like).

The prompt is rendered from the config's tokenizer, since /v1/completions has no chat template of
its own; in return the prompt and the reply's prefix stay in our hands. What one server does
differently belongs in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, EngineInfo, Message
from broken_record.engines import logprobs
from broken_record.engines.limits import ERROR
from broken_record.engines.replies import cut_at_stop, error_status, read_chunks, says_error
from broken_record.engines.wire import BROKEN, Wire, error_message, parse_json, whole, word
from broken_record.errors import (
    BrokenStream,
    EngineBusy,
    EngineError,
    RequestRefused,
    TemplateRefused,
)
from broken_record.samplers import translate

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
