"""koboldcpp: a completions server whose stream says little, and not all of it true.

It reports no usage and calls a reply that met a stop string "length"; /api/extra/perf tells right
after the reply what really ended it, and how many tokens it had. A prompt that is too long is cut
at its head without a word, so callers count with /api/extra/tokencount before they ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, EngineInfo, FinishReason
from broken_record.engines.completions import COMMON, CompletionsServer, ids
from broken_record.engines.logprobs import Confidence
from broken_record.engines.wire import Wire, seconds, whole
from broken_record.errors import EngineError

STOP_REASONS: dict[int, FinishReason] = {0: "length", 1: "stop", 2: "stop"}


def ask_version(wire: Wire) -> str | None:
    """The version of a koboldcpp, or None from servers of another kind."""
    answer = wire.probe("/api/extra/version") or {}
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
        self.n_ctx = whole(answer.get("value"))

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
        return ids(self.wire.ask("POST", "/api/extra/tokencount", {"prompt": prompt}).get("ids"))

    def counted(self, last: Chunk, text: str) -> Chunk:
        """The last chunk with what /api/extra/perf says, as far as it answers: what ended the
        reply, its times, and its tokens where the stream does not count them (since 1.111 it does).
        Where they are wanted, with the log probabilities, which the stream leaves out.
        """
        last = self.with_confidence(last)
        try:
            perf = self.wire.ask("GET", "/api/extra/perf")
        except EngineError:
            return super().counted(last, text)
        reason = whole(perf.get("stop_reason"))
        finish = last.finish_reason if reason is None else STOP_REASONS.get(reason)
        if last.finish_reason == "stop":
            finish = "stop"  # cut here, at a stop string
        usage = replace(
            last.usage,
            prompt_s=seconds(perf.get("last_process_time")),
            generation_s=seconds(perf.get("last_eval_time")),
        )
        tokens = whole(perf.get("last_token_count"))
        if usage.tokens is None and tokens:
            usage = replace(usage, tokens=tokens, tokens_from="perf")
        finished = replace(last, finish_reason=finish or last.finish_reason, usage=usage)
        return super().counted(finished, text)

    def with_confidence(self, last: Chunk) -> Chunk:
        """The last chunk with what /api/extra/last_logprobs says, if that is wanted and answers."""
        if not self.wants_logprobs:
            return last
        confidence = Confidence()
        try:
            answer = self.wire.ask("POST", "/api/extra/last_logprobs", {})
        except EngineError:
            return last
        confidence.take(answer.get("logprobs"))
        return replace(last, usage=confidence.put(last.usage))

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """Stop strings trimmed by the server as well."""
        body = super().request_body(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed)
        told = {"logprobs": True} if self.wants_logprobs else {}
        return {**body, **told, "trim_stop": True}
