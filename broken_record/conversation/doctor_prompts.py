"""What the doctor says of prompts: whether they are what the model was trained on.

A template of another model, role markers that a server reads as text, and two BOS tokens make no
server complain; they show where the server's tokens are held against what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from broken_record.config.schema import Config
from broken_record.conversation.context import BOTH_BOS
from broken_record.conversation.converse import Side
from broken_record.conversation.doctor_remarks import Remark, note, wrong
from broken_record.conversation.prompts import render
from broken_record.data import Message
from broken_record.engines.base import Template
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.errors import RequestRefused, TemplateRefused

NO_SECOND_BOS = {
    "llama-server": "start the server with --override-kv tokenizer.ggml.add_bos_token=bool:false",
    "koboldcpp": "start the server with --nobostoken",
    "vllm": 'say "add_special_tokens": false in the sampler',
    "aphrodite-engine": 'say "add_special_tokens": false in the sampler',
}
MARKER = re.compile(r"<\|[^<>|\n]+\|>|<[a-z_]+>")


def tokens_of(engine: CompletionsServer, text: str) -> list[int] | None:
    """What the server makes of a prompt; None where it cannot be asked."""
    try:
        return engine.token_ids(text)
    except RequestRefused:
        return None


def examine_bos(side: Side, engine: CompletionsServer, prompt: str) -> Iterator[Remark]:
    """Whether the prompt begins with two BOS tokens: one that the server puts in front of
    everything (it is what an empty prompt becomes), and one that the prompt brings along.
    """
    if side.sampler.get("add_special_tokens") is False:
        return
    added, tokens = tokens_of(engine, ""), tokens_of(engine, prompt)
    if added and tokens and tokens[:2] == added[:1] * 2:
        yield wrong(
            f"the prompt begins with two BOS tokens (id {added[0]}): the server adds one, and the "
            f"prompt brings one along, as {prompt[:24]!r}. Let tokenizer_config.json say as "
            "bos_token what its chat_template writes (parrot takes that one away), or "
            + NO_SECOND_BOS.get(engine.dialect, "start the server so that it adds none")
        )


def examine_template(
    config: Config, side: Side, engine: CompletionsServer, messages: Sequence[Message]
) -> Iterator[Remark]:
    """Whether a tokenizer's template is that of the server's model: both render alike, where the
    server has one, and both count alike; and whether the role markers are tokens.
    """
    name = config.tokenizer if side.role == "assistant" else config.user_tokenizer
    tokenizer = None if name is None else load_tokenizer_template(name)
    prompt = render(side.template, messages)
    added = tokens_of(engine, "") or []

    def counted(text: str) -> int | None:
        tokens = tokens_of(engine, text)
        return None if tokens is None else len(tokens) - len(added)

    if tokenizer is not None:
        try:
            own = render(engine.template, messages)
        except TemplateRefused:
            own = prompt
        there, here = counted(prompt), tokenizer.count(prompt)
        if own != prompt:
            differ = (k for k, (a, b) in enumerate(zip(own, prompt, strict=False)) if a != b)
            same = next(differ, min(len(own), len(prompt)))
            yield wrong(
                f'the chat template of "{name}" is not that of the server\'s model: behind '
                f"{same:,} characters the prompt goes on with {prompt[same : same + 24]!r}, the "
                f"server's own with {own[same : same + 24]!r}; leave the tokenizer out"
            )
        elif there is not None and abs(there - here) > BOTH_BOS:
            yield wrong(
                f'"{name}" is not the tokenizer of the server\'s model, nor its template the '
                f"model's: of one prompt it makes {here:,} tokens, the server {there:,}; name the "
                "model's own"
            )
    split = [one for one in markers_of(side.template) if (counted(one) or 1) > 1]
    meant = [one for one in split if tokenizer is not None and tokenizer.count(one) == 1]
    if meant:
        yield wrong(
            f"the server reads {', '.join(meant)} as text, where the template means one token each"
        )
    elif split:
        yield note(
            f"the server reads {', '.join(split)} as text, not as tokens; so some models were "
            "trained (Zephyr, Pygmalion), others' files have lost their special tokens"
        )


def markers_of(template: Template) -> list[str]:
    """The signs in <tags> that a template writes around messages.

    >>> markers_of(lambda said: "".join(f"<|{m.role}|>{m.content}</s>" for m in said))
    ['<|user|>', '<|assistant|>']
    """
    said = [Message("user", "0x0"), Message("assistant", "0y0"), Message("user", "0z0")]
    try:
        return list(dict.fromkeys(MARKER.findall(template(said))))
    except TemplateRefused:
        return []
