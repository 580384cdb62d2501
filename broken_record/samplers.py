"""The one table of sampling parameters: the names of each, what it takes, its neutral value; and in
which spelling an engine gets it. Which of them an engine honours is said in its own file.

Names of one parameter mean the same (repeat_penalty, repetition_penalty); each engine gets its own.
What nobody knows is sent as it is, because engines learn new parameters. What matters and is left
out is sent with its neutral value, because servers' defaults differ (llama-server top_k 40,
koboldcpp 100, vLLM none). Read in the sources of llama.cpp 0c1e57098, koboldcpp 1.102, vLLM 0.33.0
and aphrodite-engine 0.24.1; llama-server, koboldcpp 1.76 and vLLM 0.32.0 were run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Takes = Literal[
    "a number", "a number of at least 0", "a number above 0", "a number from 0 to 1",
    "a whole number", "true or false", "a string or a list of strings", "anything",
]  # fmt: skip
"""What a parameter takes, as a config's problems say it; checks.py holds values against it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: every name that some engine gives it, what it takes, and the value that changes
    nothing, of those that are sent even where a config leaves them out.
    """

    names: tuple[str, ...]
    takes: Takes
    neutral: float | None = None


def row(names: str, takes: Takes, neutral: float | None = None) -> Parameter:
    """A row of the table, its names in one text."""
    return Parameter(tuple(names.split()), takes, neutral)


TABLE = (
    row("temperature", "a number of at least 0", 1.0),
    row("top_k", "a whole number", 0),
    row("top_p", "a number from 0 to 1", 1.0),
    row("min_p", "a number from 0 to 1", 0.0),
    row("typical_p typical", "a number from 0 to 1", 1.0),
    row("repeat_penalty repetition_penalty rep_pen", "a number above 0", 1.0),
    row("presence_penalty", "a number", 0.0),
    row("frequency_penalty", "a number", 0.0),
    row("repeat_last_n rep_pen_range", "a whole number"),
    row("rep_pen_slope", "a number"),
    row("no_repeat_ngram_size", "a whole number"),
    row("repetition_detection", "anything"),
    row("dry_multiplier", "a number"),
    row("dry_base", "a number"),
    row("dry_allowed_length", "a whole number"),
    row("dry_penalty_last_n dry_range", "a whole number"),
    row("dry_sequence_breakers", "a string or a list of strings"),
    row("xtc_probability", "a number from 0 to 1"),
    row("xtc_threshold", "a number from 0 to 1"),
    row("dynatemp_range", "a number"),
    row("dynatemp_min", "a number"),
    row("dynatemp_max", "a number"),
    row("dynatemp_exponent", "a number"),
    row("temperature_last", "true or false"),
    row("top_a", "a number"),
    row("tfs_z tfs", "a number"),
    row("top_n_sigma nsigma", "a number"),
    row("smoothing_factor", "a number"),
    row("smoothing_curve", "a number"),
    row("eta_cutoff", "a number"),
    row("epsilon_cutoff", "a number"),
    row("adaptive_target", "a number"),
    row("adaptive_decay", "a number"),
    row("mirostat mirostat_mode", "a whole number"),
    row("mirostat_tau", "a number"),
    row("mirostat_eta", "a number"),
    row("min_keep", "a whole number"),
    row("samplers", "a string or a list of strings"),
    row("sampler_order", "anything"),
    row("stop", "a string or a list of strings"),
    row("stop_token_ids", "anything"),
    row("bad_words", "a string or a list of strings"),
    row("min_tokens", "a whole number"),
    row("ignore_eos", "true or false"),
    row("ban_eos_token", "true or false"),
    row("bypass_eos", "true or false"),
    row("add_special_tokens", "true or false"),
    row("skip_special_tokens", "true or false"),
    row("render_special", "true or false"),
    row("preserved_tokens", "a string or a list of strings"),
    row("include_stop_str_in_output", "true or false"),
    row("trim_stop", "true or false"),
    row("logit_bias", "anything"),
    row("grammar", "anything"),
    row("json_schema", "anything"),
    row("lora", "anything"),
    row("model", "anything"),
    row("n_keep", "a whole number"),
    row("n_discard", "a whole number"),
    row("cache_prompt", "true or false"),
    row("n_cache_reuse", "a whole number"),
    row("id_slot", "a whole number"),
    row("t_max_predict_ms", "a whole number"),
)
PARAMETERS = {name: parameter for parameter in TABLE for name in parameter.names}
SET_ELSEWHERE = {
    "max_tokens": "turn_max_tokens",
    "n_predict": "turn_max_tokens",
    "max_completion_tokens": "turn_max_tokens",
    "seed": "seed",
    "prompt": "conversation",
    "stream": None,
    "stream_options": None,
}
"""What no sampler may hold, and the config key that sets it; None: parrot does."""


@dataclass(frozen=True, slots=True)
class Translated:
    """What is sent, and the names of the config that the engine does not honour."""

    parameters: dict[str, Any]
    ignored: tuple[str, ...]


def translate(
    sampler: Mapping[str, Any], honoured: Collection[str] | None, top_k_off: int = 0
) -> Translated:
    """The sampler in the words of an engine that honours these names, and switches top_k off in its
    own way; with None, which is an engine that nobody knows, as the config has it.

    >>> translate({"rep_pen": 1.1, "dry_base": 2, "new": 1}, {"repetition_penalty"}).parameters
    {'repetition_penalty': 1.1, 'new': 1}
    """
    if honoured is None:
        return Translated(dict(sampler), ())
    parameters: dict[str, Any] = {}
    ignored = []
    for name, value in {**neutral_for(sampler), **sampler}.items():
        known = PARAMETERS.get(name)
        own: Sequence[str] = known.names if known else (name,)
        if known:
            own = [spelling for spelling in known.names if spelling in honoured]
        if not own and name in sampler:
            ignored.append(name)
        for spelling in own:
            off = spelling == "top_k" and value in (0, -1)
            parameters[spelling] = top_k_off if off else value
    return Translated(parameters, tuple(ignored))


def first_name(name: str) -> str:
    """The name of a parameter in the table, for any of its names.

    >>> first_name("rep_pen"), first_name("brand_new")
    ('repeat_penalty', 'brand_new')
    """
    return PARAMETERS[name].names[0] if name in PARAMETERS else name


def neutral_for(sampler: Mapping[str, Any]) -> dict[str, Any]:
    """The neutral values of what a sampler leaves out, under any of its names."""
    return {
        parameter.names[0]: parameter.neutral
        for parameter in TABLE
        if parameter.neutral is not None and not any(name in sampler for name in parameter.names)
    }
