"""What of a reply counts, measured on texts made to be slow: seconds a megabyte, whole megabytes.

    python -m benchmarks.extraction

A regular expression that tries every way to pair quotes doubles its time with each character; these
are linear, so twice the text is twice the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from broken_record.conversation.replies import cut_self_reply, extract, find_noncoherent, says_stop

MEGABYTE = 1_000_000
TEXTS = {
    "tabs behind an open quote": '"' + "\t" * MEGABYTE,
    "open quotes": '"a ' * (MEGABYTE // 3),
    "quotes alone": '"' * MEGABYTE,
    "curly quotes that never close": "\u201c" * MEGABYTE,
    "inches": '5" ' * (MEGABYTE // 3),
    "line breaks and blanks": ("\n" + " " * 9) * (MEGABYTE // 10),
    "code fences": "```\n" * (MEGABYTE // 4),
    "two words over and over": "so it " * (MEGABYTE // 6),
}
RULES: dict[str, Callable[[str], object]] = {
    "extract": lambda text: extract(text, "first"),
    "stop": lambda text: says_stop(text, "FINISH", "last_line"),
    "cut": lambda text: cut_self_reply(text, ["Mark:", "<|im_start|>user"], "Skye:"),
    "noncoherent": lambda text: find_noncoherent(text, 5, 2),
}


def seconds(rule: Callable[[str], object], text: str) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        rule(text)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print the table: seconds for a megabyte, and how many times those for half of it."""
    print(f"{'seconds a megabyte':32}" + "".join(f"{name:>20}" for name in RULES))
    for name, text in TEXTS.items():
        cells = []
        for rule in RULES.values():
            whole, half = seconds(rule, text), seconds(rule, text[: len(text) // 2])
            cells.append(f"{whole:.4f} ({whole / half:.1f} x half)")
        print(f"{name:32}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
