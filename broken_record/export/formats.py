"""What --export and --side can be asked for; samples.py, which writes it, takes long to load."""

from __future__ import annotations

from typing import Literal

FORMAT_NAMES = ("llm-roleplay", "chatml", "sharegpt", "parquet")
Side = Literal["assistant", "user"]
SIDES: dict[str, tuple[Side, ...]] = {
    "assistant": ("assistant",),
    "user": ("user",),
    "both": ("assistant", "user"),
}
