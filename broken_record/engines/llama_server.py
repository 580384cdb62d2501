"""llama-server (llama.cpp): a completions server that knows its template, context and build.

/apply-template renders the messages, so no tokenizer has to be downloaded; /props tells the rest.
n_ctx there is that of one slot. The server takes about 20 ms to render 330 messages, on every turn;
so its template is also tried here, and only here from then on if the first prompt came out alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from broken_record.data import EngineInfo, Message
from broken_record.engines.completions import COMMON, CompletionsServer, ids
from broken_record.engines.sandbox import THINKING_OFF, PlainMessages, compile_template
from broken_record.engines.wire import KEY_REFUSED, Wire, whole, word
from broken_record.errors import EngineBusy, RequestRefused, TemplateRefused

TOLD = ("build_info", "chat_template", "bos_token", "eos_token")
"""What of /props is text, or not told."""


def ask_props(wire: Wire) -> dict[str, Any] | None:
    """What a llama-server says of itself, or None from servers of another kind."""
    chosen = "" if wire.model is None else f"?model={quote(wire.model, safe='')}"
    props = wire.probe(f"/props{chosen}") or {}
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict):
        return None
    told = {name: word(props[name]) for name in TOLD if name in props}
    slots = {"total_slots": whole(props["total_slots"]) or 1} if "total_slots" in props else {}
    settings = {**settings, "n_ctx": whole(settings.get("n_ctx"))}
    return {**props, **told, **slots, "default_generation_settings": settings}


class LlamaServer(CompletionsServer):
    """A llama-server, or anything with its /props."""

    dialect = "llama-server"
    honours = COMMON | frozenset(
        """dynatemp_range dynatemp_exponent top_n_sigma typical_p xtc_probability xtc_threshold
        repeat_penalty repeat_last_n dry_multiplier dry_base dry_allowed_length dry_penalty_last_n
        dry_sequence_breakers mirostat mirostat_tau mirostat_eta adaptive_target adaptive_decay
        ignore_eos min_keep samplers grammar json_schema n_keep n_discard cache_prompt n_cache_reuse
        id_slot t_max_predict_ms preserved_tokens lora""".split()
    )

    def __init__(self, wire: Wire, props: dict[str, Any], name: str = "llama-server") -> None:
        super().__init__(wire)
        self.props = props
        self.name = name
        self.compared = False
        self.slot: int | None = None
        self.render_here: Callable[[PlainMessages], str] | None = None
        self.stripped: str | None = None

    @classmethod
    def recognise(cls, wire: Wire) -> LlamaServer | None:
        """By its /props."""
        props = ask_props(wire)
        return None if props is None else cls(wire, props)

    @classmethod
    def named(cls, wire: Wire) -> LlamaServer:
        """By its /props, which it must have."""
        server = cls.recognise(wire)
        if server is None:
            raise RequestRefused(f"{wire.url}: is no llama-server (it has no /props)")
        return server

    def info(self) -> EngineInfo:
        """With build, slots, the context size of one and template from /props."""
        template = self.props.get("chat_template")
        return replace(
            super().info(),
            engine=self.name,
            build=self.props.get("build_info"),
            n_ctx=self.props["default_generation_settings"].get("n_ctx"),
            template=None if template is None else "server",
            template_sha256=template and hashlib.sha256(template.encode()).hexdigest(),
            slots=self.props.get("total_slots"),
            digest=self.digest(),
        )

    def digest(self) -> str | None:
        """What tells the model's file from another of its name: the size that the server says."""
        size = (self.model.get("meta") or {}).get("size")
        return None if size is None else f"{size} bytes"

    def request_body(
        self, prompt: str, *, max_tokens: int, sampler: Mapping[str, Any], seed: int
    ) -> dict[str, Any]:
        """With the slot that was given to this side."""
        pinned = {} if self.slot is None else {"id_slot": self.slot}
        merged = {**pinned, **sampler}
        return super().request_body(prompt, max_tokens=max_tokens, sampler=merged, seed=seed)

    def token_ids(self, prompt: str) -> list[int] | None:
        """By /tokenize."""
        body = {"content": prompt, "add_special": True, "parse_special": True}
        return ids(self.wire.ask("POST", "/tokenize", body).get("tokens"))

    def template(self, messages: Sequence[Message]) -> str:
        """The prompt by the server's template, without the BOS that the server adds itself."""
        plain = [{"role": message.role, "content": message.content} for message in messages]
        if self.render_here is not None:
            return self.render_here(plain)
        prompt = self.render_there(plain)
        if not self.compared:
            self.compared = True
            self.render_here = template_here(self.props, plain, prompt, self.bos_to_strip())
        return prompt

    def render_there(self, messages: PlainMessages) -> str:
        """The prompt from /apply-template."""
        bos = self.bos_to_strip()
        body = {"messages": messages, "chat_template_kwargs": THINKING_OFF}
        try:
            answer = self.wire.ask("POST", "/apply-template", body)
        except RequestRefused as error:
            busy = isinstance(error, EngineBusy) and error.status != 500
            if busy or error.status in KEY_REFUSED:
                raise
            raise TemplateRefused(str(error)) from error  # a template's own words have status 500
        prompt = word(answer.get("prompt"))
        if prompt is None:
            raise RequestRefused(f"{self.wire.url}/apply-template: expected a prompt")
        return prompt.removeprefix(bos)

    def bos_to_strip(self) -> str:
        """What is not to begin a prompt, because the server puts its token there itself."""
        if self.stripped is None:
            bos = self.props.get("bos_token") or ""
            self.stripped = bos if bos and self.adds_bos() else ""
        return self.stripped


def template_here(
    props: dict[str, Any], messages: PlainMessages, prompt: str, bos: str = ""
) -> Callable[[PlainMessages], str] | None:
    """The server's chat template as a function that raises TemplateRefused; what it writes of `bos`
    in front is taken away.

    None where it cannot be compiled here, or renders the messages to anything but the server's
    prompt. Environment and names are those of Hugging Face's chat templates; a template comes from
    a server and runs in a sandbox.
    """
    names = {name: props.get(name) or "" for name in ("bos_token", "eos_token")}
    try:
        template = compile_template(props.get("chat_template") or "", names)
        if template(messages).removeprefix(bos) != prompt:
            return None
    except TemplateRefused:
        return None
    return lambda messages: template(messages).removeprefix(bos)
