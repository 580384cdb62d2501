"""One sampler for every engine: which spelling each takes, and what each is known not to honour.

Two names of one parameter mean the same (repeat_penalty, repetition_penalty); each engine gets its
own. What nobody knows is sent as it is, because engines learn new parameters. What matters and is
left out is sent with its neutral value, because servers' defaults differ (llama-server top_k 40,
koboldcpp 100, vLLM none). Read in the sources of llama.cpp 0c1e57098, koboldcpp 1.102, vLLM 0.33.0
and aphrodite-engine 0.24.1; llama-server, koboldcpp 1.76 and vLLM 0.32.0 were run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SAME = (
    ("repeat_penalty", "repetition_penalty", "rep_pen"),
    ("repeat_last_n", "rep_pen_range"),
    ("dry_penalty_last_n", "dry_range"),
    ("typical_p", "typical"),
    ("tfs_z", "tfs"),
    ("top_n_sigma", "nsigma"),
    ("mirostat", "mirostat_mode"),
)
NEUTRAL: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
COMMON = "temperature top_k top_p min_p presence_penalty frequency_penalty stop logit_bias"
HONOURED: dict[str, frozenset[str]] = {
    "llama-server": frozenset(
        f"""{COMMON} dynatemp_range dynatemp_exponent top_n_sigma typical_p xtc_probability
        xtc_threshold repeat_penalty repeat_last_n dry_multiplier dry_base dry_allowed_length
        dry_penalty_last_n dry_sequence_breakers mirostat mirostat_tau mirostat_eta adaptive_target
        adaptive_decay ignore_eos min_keep samplers grammar json_schema n_keep n_discard
        cache_prompt n_cache_reuse id_slot t_max_predict_ms preserved_tokens lora""".split()
    ),
    "koboldcpp": frozenset(
        f"""{COMMON} top_a typical tfs nsigma smoothing_factor smoothing_curve rep_pen rep_pen_range
        rep_pen_slope dry_multiplier dry_base dry_allowed_length dry_penalty_last_n
        dry_sequence_breakers xtc_threshold xtc_probability mirostat_mode mirostat_tau mirostat_eta
        dynatemp_range dynatemp_exponent sampler_order ban_eos_token bypass_eos grammar trim_stop
        render_special adaptive_target adaptive_decay""".split()
    ),
    "vllm": frozenset(
        f"""{COMMON} repetition_penalty min_tokens ignore_eos bad_words stop_token_ids
        skip_special_tokens include_stop_str_in_output repetition_detection""".split()
    ),
    "aphrodite-engine": frozenset(
        f"""{COMMON} repetition_penalty min_tokens ignore_eos bad_words stop_token_ids
        skip_special_tokens include_stop_str_in_output top_a tfs eta_cutoff epsilon_cutoff typical_p
        smoothing_factor smoothing_curve no_repeat_ngram_size temperature_last xtc_threshold
        xtc_probability dry_multiplier dry_base dry_allowed_length dry_sequence_breakers dry_range
        dynatemp_min dynatemp_max dynatemp_exponent nsigma mirostat_mode mirostat_tau
        mirostat_eta""".split()
    ),
}
KNOWN = frozenset().union(*HONOURED.values(), *map(frozenset, SAME))
GROUP = {name: group for group in SAME for name in group}


@dataclass(frozen=True, slots=True)
class Translated:
    """What is sent, and the names of the config that the engine does not honour."""

    parameters: dict[str, Any]
    ignored: tuple[str, ...]


def translate(sampler: Mapping[str, Any], engine: str) -> Translated:
    """The sampler in one engine's words; an unknown engine gets every spelling of every parameter.

    >>> translate({"repeat_penalty": 1.1, "dry_base": 2, "new": 1}, "vllm").ignored
    ('dry_base',)
    >>> translate({"repeat_penalty": 1.1}, "vllm").parameters["repetition_penalty"]
    1.1
    """
    honoured = HONOURED.get(engine)
    parameters: dict[str, Any] = {}
    ignored = []
    for name, value in {**neutral_for(sampler), **sampler}.items():
        spellings = GROUP.get(name, (name,))
        if honoured is None:
            own = list(spellings)
        elif name in KNOWN:
            own = [spelling for spelling in spellings if spelling in honoured]
        else:
            own = [name]
        if not own and name in sampler:
            ignored.append(name)
        for spelling in own:
            parameters[spelling] = 0 if spelling == "top_k" and value == -1 else value
    return Translated(parameters, tuple(ignored))


def neutral_for(sampler: Mapping[str, Any]) -> dict[str, Any]:
    """The neutral values of what a sampler leaves out, under any of its names."""
    return {
        name: value
        for name, value in NEUTRAL.items()
        if not any(spelling in sampler for spelling in GROUP.get(name, (name,)))
    }
