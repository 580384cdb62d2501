"""The chat template of a Hugging Face tokenizer, for a side whose engine has none of its own.

The other source of a template is the server (llama_server.py). transformers is imported when one is
loaded, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from broken_record.data import Message
from broken_record.engines.base import Template
from broken_record.engines.sandbox import THINKING_OFF, in_time
from broken_record.errors import TEMPLATE_FAULTS, TemplateRefused

HUB = "https://huggingface.co"
HUB_WITHIN_S = 3.0
GATED = (
    'tokenizer "{name}" is gated. Ask for access at https://huggingface.co/{name} and put a token '
    "of yours into the environment variable HF_TOKEN; or name a folder on disk that holds "
    "tokenizer_config.json and tokenizer.json; or leave the key out where the engine has a "
    "template of its own (llama-server)"
)


def strip_bos(prompt: str, bos: str | None) -> str:
    """The prompt without the BOS string that a template writes: the server adds its own.

    >>> strip_bos("<s>Hi", "<s>")
    'Hi'
    """
    return prompt.removeprefix(bos) if bos else prompt


@dataclass(frozen=True, slots=True)
class TokenizerTemplate:
    """A tokenizer's chat template, as a function and as its text; and how many tokens it makes of a
    text, none put in front.
    """

    render: Template
    source: str
    count: Callable[[str], int]


def hub_answers() -> bool:
    """Whether the Hugging Face hub, or what HF_ENDPOINT names, can be reached."""
    try:
        requests.head(os.environ.get("HF_ENDPOINT") or HUB, timeout=HUB_WITHIN_S)
    except (requests.RequestException, OSError):
        return False
    return True


def load_tokenizer_template(name: str, *, adds_bos: bool = True) -> TokenizerTemplate:
    """The chat template of a Hugging Face tokenizer: a name, or a folder on disk. The BOS that it
    writes is left to a server that `adds_bos`.

    Imports transformers, which takes a second or two. No code of the tokenizer's repository is run.
    Raises TemplateRefused when there is no such tokenizer, it is damaged, or has no chat template.
    """
    import jinja2

    # a hub that nobody reaches would be asked again and again for minutes
    if not Path(name).exists() and not hub_answers():
        os.environ["HF_HUB_OFFLINE"] = "1"  # what was loaded before is still there
    # torch is not needed here, and its absence no news for whoever reads stderr
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises Exception itself at damaged files
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        if "gated" in str(error).lower():
            raise TemplateRefused(GATED.format(name=name)) from error
        raise TemplateRefused(
            f'tokenizer "{name}" cannot be loaded: {reason} (a folder holds tokenizer.json and '
            "tokenizer_config.json; llama-server needs none of this, and renders its own template)"
        ) from error
    if not tokenizer.chat_template:
        raise TemplateRefused(f'tokenizer "{name}" has no chat template; name one that has')

    def template(messages: Sequence[Message]) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        try:
            with in_time():
                text = tokenizer.apply_chat_template(
                    plain, tokenize=False, add_generation_prompt=True, **THINKING_OFF
                )
        except (jinja2.TemplateError, *TEMPLATE_FAULTS) as error:
            raise TemplateRefused(f'the chat template of "{name}" refuses: {error}') from error
        return strip_bos(str(text), tokenizer.bos_token if adds_bos else None)

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False))

    return TokenizerTemplate(template, str(tokenizer.chat_template), count)
