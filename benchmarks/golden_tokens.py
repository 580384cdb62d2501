"""Golden prompts (tests/golden.py) held against what their models' makers publish: are they, token
for token, what the makers' own code makes of the same messages?

    pip install mistral-common && pip install --no-deps llama-models
    python -m benchmarks.golden_tokens

The makers' code takes the messages as parrot arranges them, the last one begun with its prefix. The
prompt is read as a server reads text: signs of its vocabulary are one token, what stands between
them is encoded alone. SentencePiece puts a blank in front of what it encodes where a template may
have written one: `blanks` counts the tokens that are nothing but that second blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.golden import GOLDENS

SAID = ("Be Skye.\n\nMark: Hi.", "Skye: Hey.", "Mark: Well?")
BLANK = "\u2581"
Tokens = tuple[list[str], list[str]]  # the makers', those of the golden prompt


def golden(name: str) -> str:
    """The assistant's prompt of a template, with the BOS that the server adds."""
    found = next(one for one in GOLDENS if one.name == name)
    return found.bos + found.assistant


def mistral(name: str, tokenizer: Any, signs: Sequence[str]) -> Tokens:
    """Of one of the tokenizers of mistral-common."""
    from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    messages = [
        UserMessage(content=SAID[0]), AssistantMessage(content=SAID[1]),
        UserMessage(content=SAID[2]), AssistantMessage(content="Skye:", prefix=True),
    ]  # fmt: skip
    own = tokenizer.encode_chat_completion(ChatCompletionRequest(messages=messages)).tokens
    words = tokenizer.instruct_tokenizer.tokenizer
    special = {"<s>": words.bos_id, "</s>": words.eos_id}
    special |= {sign: words.get_special_token(sign) for sign in signs}
    read: list[int] = []
    for part in filter(None, re.split(f"({'|'.join(map(re.escape, special))})", golden(name))):
        read += [special[part]] if part in special else words.encode(part, bos=False, eos=False)
    return [words.id_to_piece(one) for one in own], [words.id_to_piece(one) for one in read]


def llama_3() -> Tokens:
    """Of Meta's llama-models; its reply begins with the prefix behind the empty header."""
    from llama_models.datatypes import RawMessage
    from llama_models.llama3.chat_format import ChatFormat
    from llama_models.llama3.tokenizer import Tokenizer

    words = Tokenizer.get_instance()
    roles = ("system", "user", "assistant", "user")
    contents = ("Be Skye.", "Mark: Hi.", *SAID[1:])
    messages = [
        RawMessage(role=role, content=said) for role, said in zip(roles, contents, strict=True)
    ]
    own = ChatFormat(words).encode_dialog_prompt(messages).tokens
    own = own + words.encode("Skye:", bos=False, eos=False)
    read = words.encode(golden("Llama 3"), bos=False, eos=False, allowed_special="all")
    return [words.decode([one]) for one in own], [words.decode([one]) for one in read]


def tables() -> Iterator[tuple[str, Callable[[], Tokens]]]:
    """Each template that a registry's package speaks of, and what makes its tokens."""
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer as Made

    brackets = ("[INST]", "[/INST]")
    yield "Mistral v1", lambda: mistral("Mistral v1", Made.v1(), ())
    yield "Mistral v3", lambda: mistral("Mistral v3", Made.v3(), brackets)
    tekken = "Mistral v3-tekken"
    yield tekken, lambda: mistral(tekken, Made.v3(is_tekken=True), brackets)
    yield "Llama 3", llama_3


def main() -> None:
    print(f"{'template':20}{'makers':>8}{'ours':>8}{'blanks':>8}  but for these equal")
    for name, tokens_of in tables():
        own, read = tokens_of()
        rest = [one for one in read if one != BLANK]
        print(f"{name:20}{len(own):8}{len(read):8}{len(read) - len(rest):8}  {rest == own}")


if __name__ == "__main__":
    main()
