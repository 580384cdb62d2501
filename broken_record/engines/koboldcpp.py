"""koboldcpp: a completions server whose stream says little, and not all of it true.

It reports no usage and calls a reply that met a stop string "length"; /api/extra/perf tells right
after the reply what really ended it, and how many tokens it had. A prompt that is too long is cut
at its head without a word, so callers count with /api/extra/tokencount before they ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, EngineInfo, FinishReason, Usage
from broken_record.engines.completions import COMMON, CompletionsServer
from broken_record.engines.wire import Wire
from broken_record.errors import EngineBusy, EngineError, RequestRefused

STOP_REASONS: dict[int, FinishReason] = {0: "length", 1: "stop", 2: "stop"}


def ask_version(wire: Wire) -> str | None:
    """The version of a koboldcpp, or None from servers of another kind."""
    try:
        answer = wire.ask("GET", "/api/extra/version")
    except EngineBusy:
        raise  # it is loading; what it is will be seen when it has loaded
    except RequestRefused:
        return None
    return str(answer.get("version")) if answer.get("result") == "KoboldCpp" else None


class KoboldCpp(CompletionsServer):
    """A koboldcpp."""

    dialect = "koboldcpp"
    imitates = True  # it has llama-server's /props, too
    honours = COMMON | frozenset(
        """top_a typical tfs nsigma smoothing_factor smoothing_curve rep_pen rep_pen_range
        rep_pen_slope dry_multiplier dry_base dry_allowed_length dry_penalty_last_n
        dry_sequence_breakers xtc_threshold xtc_probability mirostat_mode mirostat_tau mirostat_eta
        dynatemp_range dynatemp_exponent sampler_order ban_eos_token bypass_eos grammar trim_stop
        render_special adaptive_target adaptive_decay""".split()
    )

    def __init__(self, wire: Wire, version: str) -> None:
        super().__init__(wire)
        self.version = version
        answer = wire.ask("GET", "/api/extra/true_max_context_length")
        self.n_ctx = answer.get("value")

    @classmethod
    def recognise(cls, wire: Wire) -> KoboldCpp | None:
        """By its version."""
        version = ask_version(wire)
        return None if version is None else cls(wire, version)

    @classmethod
    def named(cls, wire: Wire) -> KoboldCpp:
        """With its version, if it says one."""
        return cls(wire, ask_version(wire) or "unknown")

    def info(self) -> EngineInfo:
        """With version and context size."""
        return replace(super().info(), engine=self.dialect, build=self.version, n_ctx=self.n_ctx)

    def token_ids(self, prompt: str) -> list[int] | None:
        """By /api/extra/tokencount."""
        tokens = self.wire.ask("POST", "/api/extra/tokencount", {"prompt": prompt}).get("ids")
        return tokens if isinstance(tokens, list) else None

    def stream(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> Iterator[Chunk]:
        """The reply; what ended it and how long it was comes from /api/extra/perf."""
        for chunk in super().stream(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed):
            if chunk.finish_reason is None:
                yield chunk
            else:
                yield self.corrected(chunk)

    def corrected(self, last: Chunk) -> Chunk:
        """The last chunk with what /api/extra/perf says, as far as it answers."""
        try:
            perf = self.wire.ask("GET", "/api/extra/perf")
        except EngineError:
            return last
        finish = STOP_REASONS.get(perf.get("stop_reason", -1), last.finish_reason)
        if last.finish_reason == "stop":
            finish = "stop"  # cut here, at a stop string
        tokens = perf.get("last_token_count")
        if not isinstance(tokens, int):
            return replace(last, finish_reason=finish)
        return replace(last, finish_reason=finish, usage=Usage(tokens=tokens, tokens_from="perf"))

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """Stop strings trimmed by the server as well."""
        body = super().request_body(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed)
        return {**body, "trim_stop": True}
