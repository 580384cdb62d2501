"""How large results.html is, how fast it opens, and how fast it answers.

    python -m benchmarks.page

Runs of 100 dialogues of 8,192 tokens, made by saying the dialogues of benchmarks/detectors/natural
over and over under other names; opened in headless chromium, which must be installed.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import analyze
import view
from benchmarks.analyze_speed import write
from benchmarks.natural import as_dialogue, read
from broken_record.data import Dialogue, Turn

TOKENS, DIALOGUES = 8192, 100


def lengthened(dialogues: list[Dialogue], first: int) -> Dialogue:
    """Turns of several dialogues, from one on, up to 8,192 tokens."""
    turns: list[Turn] = []
    tokens = 0
    while tokens < TOKENS:
        for turn in dialogues[first % len(dialogues)].turns:
            turns.append(
                replace(turn, index=3 + len(turns), role=("assistant", "user")[len(turns) % 2])
            )
            tokens += turn.tokens or 0
        first += 1
    return replace(dialogues[0], turns=tuple(turns))


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    dialogues = [as_dialogue(entry) for entry in read("dialogues.jsonl")]
    print(f"{'runs x dialogues':>18}{'MB':>8}{'made in s':>11}{'open in s':>11}{'click in ms':>13}")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-quic"]
        )
        folders = []
        for k in range(10):
            folder = Path(scratch) / f"run{k}"
            folder.mkdir()
            for i in range(DIALOGUES):
                write(lengthened(dialogues, 7 * k + i), folder / f"d{i:03}.jsonl")
            folders.append(str(folder))
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            analyze.main(folders)
        for runs in (1, 10):
            target = Path(scratch) / "page.html"
            started = time.perf_counter()
            view.main([*folders[:runs], "-o", str(target), "--no-show"])
            made = time.perf_counter() - started
            page = browser.new_page()
            started = time.perf_counter()
            page.goto(target.as_uri())
            page.wait_for_function("window.parrot && window.parrot.readers[0].said")
            opened = time.perf_counter() - started
            milliseconds = page.evaluate(
                "async () => { const t = performance.now();"
                " await window.parrot.open('run0', 'd050', 100); return performance.now() - t; }"
            )
            megabytes = target.stat().st_size / 1e6
            sizes = f"{runs:12} x {DIALOGUES}{megabytes:10.1f}{made:11.1f}"
            print(f"{sizes}{opened:11.2f}{milliseconds:13.0f}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
