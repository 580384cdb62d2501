"""koboldcpp: a completions server whose stream says little, and not all of it true.

It reports no usage and calls a reply that met a stop string "length"; /api/extra/perf tells right
after the reply what really ended it, and how many tokens it had. A prompt that is too long is cut
at its head without a word, so callers count with /api/extra/tokencount before they ask. Newer
ones tell the model's chat template in /props, but not what its bos_token and eos_token are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broken_record.data import Chunk, EngineInfo, FinishReason, Message
from broken_record.engines.completions import COMMON, CompletionsServer, ids
from broken_record.engines.logprobs import Confidence
from broken_record.engines.sandbox import PlainMessages, compile_template
from broken_record.engines.wire import Wire, seconds, whole, word
from broken_record.errors import EngineBusy, EngineError, RequestRefused, TemplateRefused

STOP_REASONS: dict[int, FinishReason] = {0: "length", 1: "stop", 2: "stop"}
UNTOLD = {"bos_token": "\ue000bos_token\ue000", "eos_token": "\ue000eos_token\ue000"}
"""What stands for the tokens that a template writes and the server does not tell."""
TRIED = "Hi"


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
        self.chat_template = word((wire.probe("/props") or {}).get("chat_template"))
        self.render_here: Callable[[PlainMessages], str] | None = None

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
        """With version, context size and the template that /props tell."""
        source = self.chat_template
        return replace(
            super().info(),
            engine=self.dialect,
            build=self.version,
            n_ctx=self.n_ctx,
            template="server" if source else None,
            template_sha256=hashlib.sha256(source.encode()).hexdigest() if source else None,
        )

    def template(self, messages: Sequence[Message]) -> str:
        """The prompt by the template of /props, rendered here, without the BOS that the server
        adds; TemplateRefused where there is none, or where it writes a token that nobody told.
        """
        if not self.chat_template:
            return super().template(messages)
        if self.render_here is None:
            told = {"bos_token": ""} if self.adds_bos() else {}
            self.render_here = compile_template(self.chat_template, {**UNTOLD, **told})
        plain = [{"role": message.role, "content": message.content} for message in messages]
        prompt = self.render_here(plain)
        if untold := [name for name, mark in UNTOLD.items() if mark in prompt]:
            raise TemplateRefused(
                f"{self.wire.url}: the chat template writes {untold[0]}, and koboldcpp does not "
                'tell what that is; name the model\'s tokenizer with the key "tokenizer" '
                '("user_tokenizer" for the user\'s side)'
            )
        return prompt

    def adds_bos(self) -> bool:
        """Whether a generation reads as many tokens as /api/extra/tokencount counts, which always
        counts a BOS (also for SmolLM2, where 1.111 adds none).
        """
        try:
            counted = self.count_tokens(TRIED)
            *_, last = self.stream(TRIED, max_tokens=1, sampler={}, seed=1)
        except EngineBusy:
            raise
        except RequestRefused:
            return True
        read = last.usage.prompt_tokens
        return None in (counted, read) or read == counted

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
