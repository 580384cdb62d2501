"""vLLM: a completions server that counts exactly and refuses clearly; its model must be named."""

from __future__ import annotations

from dataclasses import replace

from broken_record.data import EngineInfo
from broken_record.engines.completions import COMMON, CompletionsServer, ids
from broken_record.engines.wire import Wire, word
from broken_record.errors import RequestRefused


class Vllm(CompletionsServer):
    """A vLLM server."""

    dialect = "vllm"
    owners: tuple[str, ...] = ("vllm",)
    top_k_off = -1  # before May 2025 it refused 0
    honours = COMMON | frozenset(
        """repetition_penalty min_tokens ignore_eos bad_words stop_token_ids add_special_tokens
        skip_special_tokens include_stop_str_in_output repetition_detection""".split()
    )

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        try:
            self.version = word(wire.ask("GET", "/version").get("version"))
        except RequestRefused:
            self.version = None

    def info(self) -> EngineInfo:
        """With version."""
        return replace(super().info(), engine=self.dialect, build=self.version)

    def token_ids(self, prompt: str) -> list[int] | None:
        """By /tokenize."""
        body = {"prompt": prompt, "add_special_tokens": True, "model": self.model.get("id")}
        return ids(self.wire.ask("POST", "/tokenize", body).get("tokens"))
