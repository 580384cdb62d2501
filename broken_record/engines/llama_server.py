"""llama-server (llama.cpp): a completions server that also knows its chat template, its context
size and its build.

/apply-template renders the messages, so no tokenizer has to be downloaded; /props tells the rest.
n_ctx there is that of one slot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from broken_record.engines.completions import CompletionsServer
from broken_record.engines.wire import Wire
from broken_record.errors import RequestRefused, TemplateRefused
from broken_record.records import EngineInfo, Message


def ask_props(wire: Wire) -> dict[str, Any] | None:
    """What a llama-server says of itself, or None from servers of another kind."""
    try:
        props = wire.ask("GET", "/props")
    except RequestRefused:
        return None
    return props if "default_generation_settings" in props else None


class LlamaServer(CompletionsServer):
    """A llama-server, or anything with its /props."""

    def __init__(self, wire: Wire, props: dict[str, Any], name: str = "llama-server") -> None:
        super().__init__(wire)
        self.props = props
        self.name = name

    def info(self) -> EngineInfo:
        """With build, context size of a slot and template from /props."""
        template = self.props.get("chat_template")
        return replace(
            super().info(),
            engine=self.name,
            build=self.props.get("build_info"),
            n_ctx=self.props["default_generation_settings"].get("n_ctx"),
            template=None if template is None else "server",
            template_sha256=template and hashlib.sha256(template.encode()).hexdigest(),
        )

    def template(self, messages: Sequence[Message]) -> str:
        """The prompt from /apply-template, without the BOS that the server adds itself."""
        plain = [{"role": message.role, "content": message.content} for message in messages]
        try:
            answer = self.wire.ask("POST", "/apply-template", {"messages": plain})
        except RequestRefused as error:
            raise TemplateRefused(str(error)) from error
        prompt: str = answer["prompt"]
        return prompt.removeprefix(self.props.get("bos_token") or "")
