"""What a config may say of the goal mode, and its defaults (personas.py: who wants what).

The values that a config leaves out of an object (`extract`, `noncoherent` ...) are the defaults'.
What is loaded holds every text, so that a record is complete in itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from broken_record.config.checks import (
    OF_A_PARAMETER,
    TEXT,
    Problem,
    Type,
    object_of,
    object_schema,
    one_of,
    shown,
    simple,
    whole,
)
from broken_record.config.personas import (
    PLACEHOLDER,
    check_objectives,
    check_personas,
    objectives_of,
    personas_of,
    read_listed,
)
from broken_record.errors import ConfigError

StopWhen = Literal["last_line", "anywhere"]
QUOTES = ('""', "\u201c\u201d", "\u201e\u201c", "\u00ab\u00bb", "\u300c\u300d")
AROUND = " \t\r\n.!?*_`'()[]" + "".join(QUOTES)  # what may stand around a stop token
TEMPLATES = {
    "first": (
        "You are <PERSONA>.\n"
        "You are talking to a chatbot, one message at a time. This is what you want from it:\n\n"
        "<OBJECTIVE>\n\n"
        "Keep to the way such a person writes, and never play the chatbot. Put each message to "
        'the chatbot in double quotes, like "this"; it sees nothing else. When you have what '
        "you wanted, write <CONV_STOP> and nothing else. Begin with your first message.\n"
        "Ask this first: <NEXT_PROMPT>"
    ),
    "next": (
        "The chatbot answers:\n\n<RESPONSE>\n\n"
        "Ask this next: <NEXT_PROMPT>\n"
        "Write your next message in double quotes, or <CONV_STOP> and nothing else if you have "
        "what you wanted."
    ),
}
PLACEHOLDERS = {
    "first": ({"PERSONA", "OBJECTIVE"}, {"PERSONA", "OBJECTIVE", "CONV_STOP", "NEXT_PROMPT"}),
    "next": ({"RESPONSE"}, {"PERSONA", "OBJECTIVE", "CONV_STOP", "NEXT_PROMPT", "RESPONSE"}),
}
EXTRACT = {"policy": "first", "quotes": list(QUOTES)}
NONCOHERENT = {"max_n": 5, "user_max_n": 4, "r": 2, "action": "flag"}
REGENERATE = {"tries": 0, "for": ["no_prompt"], "jitter": 0.1}
FLAWS = ("no_prompt", "empty")
OF_THE_MODE = (
    "personas", "objectives", "templates", "max_turns", "stop_token", "stop_when", "extract",
    "noncoherent", "regenerate", "self_reply", "inquirer_history", "objective", "persona",
    "replica",
)  # fmt: skip
NOT_OF_THE_MODE = ("initial_tokens", "total_tokens", "user_memory", "user_memory_step")


STOP_TOKEN = simple(
    "a text of more than punctuation",
    lambda value: isinstance(value, str) and bool(value.strip(AROUND)),
    {"type": "string", "minLength": 1},
)


def check_templates(value: Any) -> list[Problem]:
    """`first` and `next`, with the placeholders that each needs and no unknown one."""
    if not isinstance(value, dict) or set(value) - set(TEMPLATES):
        return [("", 'an object of "first" and "next"')]
    problems = []
    for name, text in value.items():
        needed, known = PLACEHOLDERS[name]
        found = set(PLACEHOLDER.findall(text)) if isinstance(text, str) else set()
        if not needed <= found or not found <= known:
            must, may = (", ".join(f"<{n}>" for n in sorted(names)) for names in (needed, known))
            problems.append((f".{name}", f"a text with {must}, and no placeholders but {may}"))
        elif any(
            "<NEXT_PROMPT>" in line and set(PLACEHOLDER.findall(line)) != {"NEXT_PROMPT"}
            for line in text.split("\n")
        ):
            problems.append(
                (
                    f".{name}",
                    "<NEXT_PROMPT> on a line without other placeholders: it "
                    "is left out when no step is due",
                )
            )
    return problems


TEMPLATES_TYPE = Type(check_templates, object_schema(dict.fromkeys(TEMPLATES, TEXT.schema)))


def are_quotes(value: Any) -> bool:
    """A list of pairs, opening and closing."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(pair, str) and len(pair) == 2 for pair in value)
    )


EXTRACT_TYPE = object_of(
    policy=one_of("first", "last", "longest", "whole", quoted=False),
    quotes=simple(
        "a list of pairs like '\"\"', opening and closing mark",
        are_quotes,
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
    ),
)
NONCOHERENT_TYPE = object_of(
    max_n=whole(2),
    user_max_n=whole(2),
    r=whole(1),
    action=one_of("flag", "retry", "stop", quoted=False),
)
REGENERATE_TYPE = object_of(**{
    "tries": whole(0),
    "for": simple(
        f"a list of {' and '.join(FLAWS)}",
        lambda value: isinstance(value, list) and all(one in FLAWS for one in value),
        {"type": "array", "items": {"enum": list(FLAWS)}},
    ),
    "jitter": OF_A_PARAMETER["a number of at least 0"],
})  # fmt: skip


def assume_mode(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A raw config with what its mode assumes: in goal mode the user begins, so there is no
    greeting, and an empty opening is none.
    """
    if raw.get("mode") != "goal":
        return dict(raw)
    assumed = {"context": "trim", "greeting": None, **raw}
    if assumed.get("conversation") == []:
        del assumed["conversation"]
    return assumed


@dataclass(frozen=True, slots=True)
class Lists:
    """The keys `personas` and `objectives` as lists with ids, and what is wrong with them."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_lists(raw: Mapping[str, Any], file: str, folders: Mapping[str, Path]) -> Lists:
    """The lists of a raw config; paths begin in the key's folder."""
    lists = Lists()
    for key, check, listed in (
        ("personas", check_personas, personas_of),
        ("objectives", check_objectives, objectives_of),
    ):
        value, where = raw.get(key), f"{file}: {key}"
        if value is None:
            lists.problems.append(f"{where}: required in goal mode, not found")
            continue
        if isinstance(value, str) and key not in folders:
            lists.problems.append(f"{where}: expected a list here, found the path of a file")
            continue
        if isinstance(value, str):
            where = str(folders[key] / value)
            try:
                value = read_listed(folders[key] / value)
            except ConfigError as error:
                lists.problems.extend(f"{file}: {key}: {problem}" for problem in error.problems)
                continue
            unlisted = value is None or isinstance(value, str)
            wrong = [("", f"a list, found {shown(value)}")] if unlisted else check(value)
            lists.problems.extend(f"{where}{place}: expected {what}" for place, what in wrong)
            value = None if wrong else value
        if value is not None and not isinstance(value, str) and not check(value):
            lists.values[key] = listed(value)
    return lists


def problems_of_goal(values: Mapping[str, Any], file: str) -> list[str]:
    """What is wrong with values that are each of their type."""
    problems = []
    for key, listed in (("objective", "objectives"), ("persona", "personas")):
        ids = [entry["id"] for entry in values.get(listed) or ()]
        if values[key] is not None and ids and values[key] not in ids:
            problems.append(f"{file}: {key}: expected one of {', '.join(ids[:20])}, found "
                            f'"{values[key]}"')  # fmt: skip
    roles: Sequence[str] = [message["role"] for message in values["conversation"]]
    if set(roles) - {"system"}:
        problems.append(
            f"{file}: conversation: expected system messages alone in goal mode, where the user "
            "begins"
        )
    retries = values["noncoherent"]["action"] == "retry"
    if retries and not values["regenerate"]["tries"]:
        problems.append(f'{file}: noncoherent.action: "retry" needs regenerate.tries above 0')
    return problems


def steps_unsaid(values: Mapping[str, Any], file: str) -> Iterator[str]:
    """Objectives with more steps than there are exchanges to hand them over in."""
    for objective in values["objectives"] if values["mode"] == "goal" else ():
        steps, most = len(objective["steps"]), values["max_turns"]
        if steps > most and values["objective"] in (None, objective["id"]):
            yield (
                f"{file}: objectives: {objective['id']}: {steps} steps, of which max_turns lets "
                f"{most} be asked"
            )
