r"""What a message says: its text, apart from what was thought and what is no text.

Parts are read as OpenAI, Anthropic, Gemini, LLaMA-Factory and Inspect write them: a string, or an
object with `text` (or `value`, `refusal`); of type thinking or reasoning, or with Gemini's
`thought`, it was thought; of a tool's type it is a call; everything else is counted by its type.

What a model thinks inside of its reply stands between <think> and </think> in front of it, without
the first where the chat template wrote that, without the last where the thinking never ended.
Open WebUI writes <details type="reasoning">.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from broken_record.errors import LogError
from broken_record.files.formats.entries import texts_of

THOUGHTS = ("thinking", "reasoning", "redacted_thinking", "thoughts")
CALLS = ("tool_use", "tool_call", "function_call", "toolCallRequest", "server_tool_use")
THINK = re.compile(r"\s*<think(?:ing)?>(.*?)(?:</think(?:ing)?>\s*|\Z)", re.DOTALL | re.IGNORECASE)
END_OF_THINKING = re.compile(r"(.*?)</think(?:ing)?>[ \t]*(?:\n\s*|\Z)", re.DOTALL | re.IGNORECASE)
DETAILS = re.compile(r'<details\s[^<>]*type="reasoning"[^<>]*>(.*?)</details>\s*', re.DOTALL)


@dataclass(slots=True)
class Spoken:
    """What was said (None: nothing that is text), what was thought, and what else there was."""

    text: str | None = None
    thoughts: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def read_content(content: object, where: str) -> Spoken:
    """What a content says, its parts one behind the other; LogError where it is neither text nor
    parts.

    >>> read_content([{"type": "text", "text": "Hi "}, "Ida.", {"type": "image"}], "message 1")
    Spoken(text='Hi Ida.', thoughts=[], counts=Counter({'part of type image': 1}))
    """
    if content is None or isinstance(content, str):
        return Spoken(content)
    parts = [content] if isinstance(content, dict) else content
    if not isinstance(parts, list) or not all(isinstance(part, dict | str) for part in parts):
        raise LogError(f"{where}: its content is neither text nor a list of parts")
    spoken = Spoken()
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type") or part.get("content_type") or next(iter(part), None)
        if kind in THOUGHTS or part.get("thought") is True:
            spoken.thoughts += texts_of(part, "thinking", "reasoning", "text")[:1]
        elif kind in CALLS:
            spoken.counts["tool call"] += 1
        else:
            said = [part[key] for key in ("text", "value", "refusal")
                    if isinstance(part.get(key), str)]  # fmt: skip
            texts += said[:1]
            spoken.counts[f"part of type {kind}"] += not said
    spoken.counts = +spoken.counts
    spoken.text = "".join(texts) if texts else None
    return spoken


def split_thinking(text: str) -> tuple[str, list[str]]:
    r"""(what a reply says, what was thought in front of it).

    >>> split_thinking("<think>Again?</think>\n\nYes.")
    ('Yes.', ['Again?'])
    >>> split_thinking("Again?\n</think>\nYes."), split_thinking("<think>Again? Again?")
    (('Yes.', ['Again?\n']), ('', ['Again? Again?']))
    """
    thoughts: list[str] = []
    if 'type="reasoning"' in text:
        thoughts += DETAILS.findall(text)
        text = DETAILS.sub("", text)
    if "think" in text and (match := THINK.match(text) or END_OF_THINKING.match(text)):
        thoughts.append(match[1])
        text = text[match.end() :]
    return text, thoughts
