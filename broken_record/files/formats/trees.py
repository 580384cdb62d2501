"""Exports in which a conversation is a tree: who edits or regenerates begins a branch.

    ChatGPT      {"mapping": {id: {"message", "parent"}}, "current_node"}, conversations.json of an
                 account's export (described in github.com/mitkury/chatgpt-export-parser, docs)
    Open WebUI   {"chat": {"history": {"messages": {id: {"role", "content", "parentId"}},
                 "currentId"}}}, an array of them (its backend's models/chats.py)
    Claude       {"chat_messages": [{"uuid", "sender", "text", "content", "parent_message_uuid"}]},
                 conversations.json of an account's export

Read is the branch that was shown last; messages on others are left out and counted. Of ChatGPT also
what was hidden, thought (content_type thoughts, reasoning_recap) or written to a tool (recipient),
and the empty system message every tree begins with. Of Claude parts as parts.py has them, and files
are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from broken_record.files.formats.entries import (
    NOTHING,
    Conversation,
    Entry,
    Format,
    items_of,
    texts_of,
)
from broken_record.files.formats.messages import entry_of

OTHER = "on another branch"
CODE = ("code", "execution_output", "tether_quote", "tether_browsing_display", "system_error")
THOUGHT = ("thoughts", "reasoning_recap")


def parents_of(nodes: Mapping[str, Any], key: str) -> dict[str, str | None]:
    """The id of each node's parent; None of a root."""
    return {name: next(iter(texts_of(node, key)), None) for name, node in nodes.items()}


def branch_to(shown: object, parents: Mapping[str, str | None]) -> list[str]:
    """The ids from the root to the node that was shown last; where the tree does not say which one
    that was, to the last that is nobody's parent.

    >>> branch_to("c", {"a": None, "b": "a", "c": "a"})
    ['a', 'c']
    """
    inner = set(parents.values())
    last: str | None = next((key for key in reversed(list(parents)) if key not in inner), None)
    if isinstance(shown, str) and shown in parents:
        last = shown
    found: dict[str, None] = {}
    while last is not None and last in parents and last not in found:
        found[last] = None
        last = parents[last]
    return [*found][::-1]


def put_in_order(entries: Mapping[str, Entry], branch: list[str]) -> Conversation:
    """The messages of a branch, and those that are left out behind them."""
    taken = set(branch)
    others = [replace(e, left_out=OTHER) for key, e in entries.items() if key not in taken]
    return Conversation((*(entries[key] for key in branch if key in entries), *others))


def fits_chatgpt(value: Any) -> bool:
    """Whether a value is a conversation of ChatGPT's export."""
    mapping = value.get("mapping") if isinstance(value, dict) else None
    return isinstance(mapping, dict) and all(isinstance(node, dict) for node in mapping.values())


def read_chatgpt(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of a tree."""
    nodes = value["mapping"]
    entries = {
        key: chatgpt_entry(node["message"])
        for key, node in nodes.items()
        if isinstance(node.get("message"), dict)
    }
    yield put_in_order(entries, branch_to(value.get("current_node"), parents_of(nodes, "parent")))


def chatgpt_entry(message: Mapping[str, Any]) -> Entry:
    """A message of ChatGPT's."""
    author = message.get("author")
    label = next(iter(texts_of(author, "role")), "unknown")
    content = message.get("content")
    content = content if isinstance(content, dict) else {}
    kind = content.get("content_type")
    metadata = message.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    parts: Any = content.get("parts", content.get("text", NOTHING))
    left_out = None
    if metadata.get("is_visually_hidden_from_conversation"):
        left_out = "hidden"
    elif kind in THOUGHT:
        left_out = "reasoning"
    elif label == "assistant" and (message.get("recipient") not in (None, "all") or kind in CODE):
        left_out = "written to a tool"
    elif label == "system" and parts in ([""], [], "", NOTHING):
        left_out = "empty system message"
    elif kind == "user_editable_context":
        left_out = "custom instructions"
    return Entry(label, parts, left_out=left_out)


def history_of(value: Any) -> dict[str, Any]:
    """The tree of a chat of Open WebUI."""
    chat = value.get("chat") if isinstance(value, dict) else None
    history = chat.get("history") if isinstance(chat, dict) else None
    held = history if isinstance(history, dict) else {}
    return held if isinstance(held.get("messages"), dict) else {}


def read_open_webui(value: Any) -> Iterator[Conversation]:
    """The conversation of a tree."""
    history = history_of(value)
    messages = {key: m for key, m in history["messages"].items() if isinstance(m, dict)}
    entries = {
        key: with_files(entry_of(message, place), message, "files")
        for place, (key, message) in enumerate(messages.items(), 1)
    }
    branch = branch_to(history.get("currentId"), parents_of(messages, "parentId"))
    yield put_in_order(entries, branch)


def with_files(entry: Entry, message: Mapping[str, Any], *keys: str) -> Entry:
    """An entry that counts the files that came with it."""
    files = sum(len(items_of(message, key)) for key in keys)
    return replace(entry, beside={"file": files}) if files else entry


def read_claude(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of a list, or of the tree it is where every message names its parent."""
    messages = [message for message in value["chat_messages"] if isinstance(message, dict)]
    entries = [claude_entry(message) for message in messages]
    by_id = {message["uuid"]: message for message in messages if texts_of(message, "uuid")}
    parents = parents_of(by_id, "parent_message_uuid")
    if len(by_id) < len(messages) or not set(parents.values()) & set(by_id):
        yield Conversation(tuple(entries))
        return
    branch = branch_to(value.get("current_leaf_message_uuid"), parents)
    yield put_in_order(dict(zip(by_id, entries, strict=True)), branch)


def claude_entry(message: Mapping[str, Any]) -> Entry:
    """A message of Claude's: its parts where it has some, else its text."""
    content = items_of(message, "content") or message.get("text", NOTHING)
    label = next(iter(texts_of(message, "sender")), "unknown")
    return with_files(Entry(label, content), message, "attachments", "files")


CHATGPT = Format(fits_chatgpt, read_chatgpt)
OPEN_WEBUI = Format(lambda value: bool(history_of(value)), read_open_webui)
CLAUDE = Format(lambda value: bool(items_of(value, "chat_messages")), read_claude)
