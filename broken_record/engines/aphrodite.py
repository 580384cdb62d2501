"""aphrodite-engine: vLLM's wire with more samplers; read in its source, not run."""

from __future__ import annotations

from broken_record.engines.vllm import Vllm


class Aphrodite(Vllm):
    """An aphrodite-engine."""

    dialect = "aphrodite-engine"
    owners = ("aphrodite", "aphrodite-engine")
    honours = (Vllm.honours - {"repetition_detection"}) | frozenset(
        """top_a tfs eta_cutoff epsilon_cutoff typical_p smoothing_factor smoothing_curve
        no_repeat_ngram_size temperature_last xtc_threshold xtc_probability dry_multiplier dry_base
        dry_allowed_length dry_sequence_breakers dry_range dynatemp_min dynatemp_max
        dynatemp_exponent nsigma mirostat_mode mirostat_tau mirostat_eta""".split()
    )
