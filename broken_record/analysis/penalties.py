"""Why a looped dialogue's repetition penalty missed the loop: one sentence, where that can be told.

How far back the copy lies (copy_distance.py) is compared with how far the sampler of whoever
repeats looks back. What the bounds of that distance leave open is not said; a semantic repetition
has no copies, and of an engine that nobody knows only an idle sampler can be told. A parameter is
called by the first of its names here, and what its engine ignored, as the record has it, is left
out. What each engine's penalties see (samplers.py names the versions that were read):

    llama-server      repeat_last_n tokens of prompt and reply (64; 0 off; -1, where it is taken,
                      all), for presence and frequency penalties too; DRY dry_penalty_last_n (64 or,
                      in older builds, all); with mirostat neither (llama_sampler_penalties,
                      llama_sampler_dry, common_sampler_init; tried on the embedded server)
    koboldcpp         rep_pen_range tokens of prompt and reply (320, at least 1), for the presence
                      penalty too; DRY dry_penalty_last_n (320; 0 all), without breakers unless they
                      are given (sample_rep_pen, sample_dry and SampleLogits in gpttype_adapter.cpp)
    vllm, aphrodite   the repetition penalty all of prompt and reply, presence and frequency the
                      reply only (apply_penalties in vllm/model_executor/layers/utils.py);
                      aphrodite's DRY dry_range tokens of both (0: all; v1/sample/ops/dry.py)

DRY penalises a token that would go on a repeat of dry_allowed_length tokens, and a repeat never
reaches over a token that holds a breaker (llama_sampler_dry_apply). Defaults are the server's own,
unless it was started with others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from broken_record.analysis.copy_distance import Repeat, bound_run, find_repeat
from broken_record.data import Dialogue, EngineInfo, Finding, Role
from broken_record.samplers import first_name

KINDS = ("single_turn_loop", "multi_turn_loop", "intra_turn_repetition", "prefix_repetition")
READ = ("llama-server", "koboldcpp", "vllm", "aphrodite-engine")
OWN_CHAIN = ("samplers", "sampler_order")  # one of these may leave the penalties out
NAMES = {
    "repeat_penalty": "repetition penalty",
    "presence_penalty": "presence penalty",
    "frequency_penalty": "frequency penalty",
    "dry_multiplier": "DRY",
}
CURES = {
    "penalises repetition": "a repetition penalty or DRY, with a reach over the whole prompt",
    "back only": "a longer reach of the penalty",
    "but too weak": "a stronger penalty, DRY, or a higher temperature",
    "no longer held the copy": "a longer user_memory",
    "nothing but the reply being written": "repetition_penalty, which sees the prompt too",
    "repeats of": "a shorter dry_allowed_length, or fewer breakers",
    "mirostat leaves": "a sampler without mirostat",
}
"""What helps, by words of the sentence that says why the penalty did not."""
BREAKERS: dict[str, Sequence[str]] = {"llama-server": ("\n", ":", '"', "*"), "koboldcpp": ()}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a penalty could see the copy (None: cannot be told), and what it looks at."""

    saw: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one speaker's sampler did not help, and how far apart the copies are (if that matters and
    is known): `227 tokens`, `at least 203 tokens`.
    """

    why: str
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """How many tokens back a penalty looks, between two bounds; `note` says if by default."""

    least: float
    most: float
    note: str = ""


def diagnose(dialogue: Dialogue, findings: Sequence[Finding]) -> str | None:
    """The sentence; None where there is no loop, or nothing that is sure.

    It is about one loop: the first that broke the dialogue, else the first. Those behind it copy
    from a prompt that holds a loop already. Each speaker's own sampler counts.
    """
    loops = [f for f in findings if f.primary and f.counts and f.kind in KINDS]
    if not loops:
        return None
    loop = min(loops, key=lambda f: (f.level != "break", f.onset_turn))
    both: tuple[Role, ...] = ("assistant", "user")
    roles = both if loop.speaker == "both" else (loop.speaker,)
    reasons = {role: explain(dialogue, loop, role) for role in roles}
    told = {role: reason for role, reason in reasons.items() if reason is not None}
    if not told:
        return None
    inside = loop.kind == "intra_turn_repetition"
    first, last = next(iter(told.values())), list(told.values())[-1]
    if len(told) == len(roles) and first.why == last.why:
        differs = last.apart and first.apart != last.apart
        beside = f" (the user's {last.apart})" if differs else ""
        said = sentence(first, inside, beside)
    else:
        said = "; ".join(f"{role}: {sentence(reason, inside)}" for role, reason in told.items())
    return f"{loop.kind} at turn {loop.onset_turn}: {said}"


def cures_of(diagnosis: str) -> list[str]:
    """What the sentence says would help.

    >>> cures_of("single_turn_loop at turn 9: nothing in the sampler penalises repetition")
    ['a repetition penalty or DRY, with a reach over the whole prompt']
    """
    return [cure for words, cure in CURES.items() if words in diagnosis]


def sentence(reason: Reason, inside: bool, beside: str = "") -> str:
    """A reason behind the distance of the copies."""
    if not reason.apart:
        return reason.why
    copies = "the repeats in one reply" if inside else "the copies"
    return f"{copies} are {reason.apart} apart{beside}, and {reason.why}"


def explain(dialogue: Dialogue, loop: Finding, role: Role) -> Reason | None:
    """Why one speaker's sampler did not keep it from the loop."""
    config = dialogue.config
    info, own = (dialogue.assistant, "") if role == "assistant" else (dialogue.user, "user_")
    sampler = config.get(own + "sampler", config.get("sampler"))
    if info is None or not isinstance(sampler, Mapping):
        return None
    engine = find_dialect(str(config.get(own + "engine") or info.engine))
    sent = {first_name(name): value for name, value in sampler.items() if name not in info.ignored}
    if number(sent, "no_repeat_ngram_size", 0):
        return None
    if not any(is_on(name, value) for name, value in sent.items()):
        return Reason(why_off(sampler, info))
    repeat = find_repeat(dialogue, loop, role)
    if repeat is None:
        return None
    if repeat.lost:
        memory = f" (user_memory is {dialogue.memory.messages})" if role == "user" else ""
        far = f"{repeat.lost} messages back{memory}"
        return Reason(f"the {role}'s prompt no longer held the copy, {far}")
    if engine not in READ or any(name in sent for name in OWN_CHAIN):
        return None
    if engine == "llama-server" and number(sent, "mirostat", 0):
        return Reason("mirostat leaves all repetition penalties out on llama-server")
    return conclude(repeat, judge(sent, engine, repeat, dialogue.prefixes[role]))


def find_dialect(engine: str) -> str:
    """What a config calls an engine.

    >>> find_dialect("embedded:skye"), find_dialect("aphrodite")
    ('llama-server', 'aphrodite-engine')
    """
    if engine.startswith("embedded:"):
        return "llama-server"
    return "aphrodite-engine" if engine.startswith("aphrodite") else engine


def number(parameters: Mapping[str, Any], name: str, otherwise: float) -> float:
    """A parameter's value, if it is there and a number."""
    value = parameters.get(name)
    return value if isinstance(value, int | float) else otherwise


def is_on(name: str, value: Any) -> bool:
    """Whether a parameter penalises repetition."""
    neutral = 1.0 if name == "repeat_penalty" else 0.0
    return name in NAMES and isinstance(value, int | float) and value > neutral


def why_off(sampler: Mapping[str, Any], info: EngineInfo) -> str:
    """Why no penalty was at work."""
    ignored = [name for name in info.ignored if is_on(first_name(name), sampler.get(name))]
    if ignored:
        names = " and ".join(ignored)
        return f"{info.engine} does not honour {names}, and nothing else penalises repetition"
    if any(name.startswith("dry_") for name in sampler):
        return "nothing penalises repetition, for DRY needs a dry_multiplier above 0"
    return "nothing in the sampler penalises repetition"


def judge(sent: Mapping[str, Any], engine: str, repeat: Repeat, prefix: str) -> list[Verdict]:
    """A verdict on each penalty that was at work; those that look equally far share one."""
    on = {
        NAMES[name]: f"the {NAMES[name]} of {value:g}"
        for name, value in sent.items()
        if is_on(name, value) and NAMES[name] != "DRY"
    }
    verdicts = []
    if engine in ("vllm", "aphrodite-engine"):
        everywhere = [on.pop("repetition penalty")] if "repetition penalty" in on else []
        if repeat.inside:
            everywhere += on.values()
        elif on:
            counts = "count" if len(on) > 1 else "counts"
            why = f"{' and '.join(on.values())} {counts} nothing but the reply being written"
            verdicts.append(Verdict(False, why))
        if everywhere:
            verdicts.append(by_range(everywhere, Range(inf, inf), repeat))
    elif on:
        verdicts.append(by_range([*on.values()], penalty_range(sent, engine), repeat))
    if is_on("dry_multiplier", sent.get("dry_multiplier")) and number(sent, "dry_base", 1.75) >= 1:
        verdicts.append(judge_dry(sent, engine, repeat, prefix))
    return verdicts


def penalty_range(sent: Mapping[str, Any], engine: str) -> Range:
    """How far back the penalties of llama-server and koboldcpp look."""
    if engine == "koboldcpp":
        return exactly(max(1, number(sent, "repeat_last_n", 320)), "repeat_last_n" in sent)
    last = number(sent, "repeat_last_n", 64)
    return exactly(inf if last < 0 else last, "repeat_last_n" in sent)


def dry_range(sent: Mapping[str, Any], engine: str) -> Range:
    """How far back an engine's DRY looks."""
    if engine == "aphrodite-engine":
        return exactly(number(sent, "dry_penalty_last_n", 0) or inf, True)
    given = "dry_penalty_last_n" in sent
    last = number(sent, "dry_penalty_last_n", 320)
    if engine == "koboldcpp":
        return exactly(last if last > 0 else inf, given)
    return exactly(inf if last < 0 else last, True) if given else Range(64, inf)


def exactly(tokens: float, given: bool) -> Range:
    """One number of tokens, and whether the sampler or the server's default says it."""
    return Range(tokens, tokens, "" if given else ", the server's default")


def by_range(names: Sequence[str], looks: Range, repeat: Repeat, before: float = 0) -> Verdict:
    """Whether penalties that look so far back see the copy and `before` tokens in front of it."""
    what = f"{' and '.join(names)} {'look' if len(names) > 1 else 'looks'}"
    if repeat.least > looks.most or not looks.most:
        return Verdict(False, f"{what} back only {looks.most:,.0f}{looks.note}")
    if repeat.most + before > looks.least:
        return Verdict(None)
    far = "over the whole prompt" if looks.least == inf else f"back {looks.least:,.0f}{looks.note}"
    return Verdict(True, f"{what} {far}")


def judge_dry(sent: Mapping[str, Any], engine: str, repeat: Repeat, prefix: str) -> Verdict:
    """DRY: the copy must be in its range, and long enough between two breakers.

    That a run is too short is sure only where the reply begins behind a breaker, and where all
    tokens that hold a breaker break (aphrodite's do only if they are the breaker).
    """
    name = f"DRY at {sent['dry_multiplier']:g}"
    allowed = number(sent, "dry_allowed_length", 2)
    breakers = sent.get("dry_sequence_breakers", BREAKERS.get(engine, ()))
    if not isinstance(breakers, list | tuple) or not all(isinstance(b, str) for b in breakers):
        return Verdict(None)
    breakers = [breaker for breaker in breakers if breaker]
    run = bound_run(repeat, breakers)
    sure = engine in BREAKERS and prefix.rstrip().endswith(tuple(breakers))
    if sure and run.most <= allowed and not repeat.inside:
        return Verdict(False, f"{name} lets repeats of {allowed:g} tokens pass, where between its "
                       f"breakers at most {run.words} words come again")  # fmt: skip
    ranged = by_range([name], dry_range(sent, engine), repeat, allowed)
    return ranged if run.least > allowed or ranged.saw is False else Verdict(None)


def conclude(repeat: Repeat, verdicts: Sequence[Verdict]) -> Reason | None:
    """What the verdicts come to; one penalty that saw the copy could have caught it."""
    saw = [verdict.why for verdict in verdicts if verdict.saw]
    if saw:
        return Reason(f"{' and '.join(saw)}: within reach, but too weak", apart(repeat, "most"))
    if not verdicts or any(verdict.saw is None for verdict in verdicts):
        return None
    return Reason(" and ".join(verdict.why for verdict in verdicts), apart(repeat, "least"))


def apart(repeat: Repeat, bound: Literal["least", "most"]) -> str:
    """How many tokens lie between the copies, at least or at most; empty where that is unknown."""
    tokens = repeat.least if bound == "least" else repeat.most
    if not 1 < tokens < inf:
        return ""
    return f"{'' if repeat.least == repeat.most else f'at {bound} '}{tokens:,.0f} tokens"
