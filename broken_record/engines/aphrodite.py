"""aphrodite-engine: vLLM's wire with more samplers (samplers.py); read in its source, not run."""

from __future__ import annotations

from broken_record.engines.vllm import Vllm


class Aphrodite(Vllm):
    """An aphrodite-engine."""

    dialect = "aphrodite-engine"
