"""How large results.html is, how fast it opens, and how fast it answers.

    python -m benchmarks.page

A run of 100 dialogues of 8,192 tokens, made by saying the dialogues of benchmarks/detectors/natural
over and over; and ten such runs, which are copies of it: a page packs every dialogue by itself, so
copies make it as large as others would. Seconds are those of the processor, of a page those of its
thread in headless chromium, which must be installed, best of three.
"""

from __future__ import annotations

import contextlib
import io
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import analyze
import view
from benchmarks.analyze_speed import write
from benchmarks.natural import as_dialogue, read
from broken_record.analysis.report_file import read_report, write_report
from broken_record.data import Dialogue, Turn

TOKENS, DIALOGUES = 8192, 100
TIMES = 3


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


def processor_s() -> float:
    """Seconds of the processor that this process and those that it waited for have had."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def thread_s(session: Any) -> float:
    """Seconds of the processor that the page's thread has had."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def open_page(browser: Any, target: Path) -> tuple[float, float]:
    """(seconds until a page can be read, milliseconds until another dialogue stands there)."""
    page = browser.new_page()
    page.set_default_timeout(0)  # a busy machine takes its time
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(target.as_uri())
    page.wait_for_function("window.parrot && window.parrot.readers[0].said")
    opened = thread_s(session)
    page.evaluate("window.parrot.open('run0', 'd050', 100)")
    clicked = thread_s(session) - opened
    page.close()
    return opened, 1000 * clicked


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright

    dialogues = [as_dialogue(entry) for entry in read("dialogues.jsonl")]
    print(
        f"{'runs x dialogues':>18}{'MB':>8}{'made in s':>11}{'open in s':>11}{'click in ms':>13}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-quic"]
        )
        folders = [Path(scratch) / f"run{k}" for k in range(10)]
        folders[0].mkdir()
        for i in range(DIALOGUES):
            write(lengthened(dialogues, i), folders[0] / f"d{i:03}.jsonl")
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            analyze.main([str(folders[0])])
        report = read_report(folders[0])
        for folder in folders[1:]:
            shutil.copytree(folders[0], folder)
            write_report(folder, folder.name, report.dialogues, report.thresholds)
        for runs in (1, 10):
            target = Path(scratch) / "page.html"
            started = processor_s()
            view.main([*map(str, folders[:runs]), "-o", str(target), "--no-show"])
            made = processor_s() - started
            opened, clicked = zip(*(open_page(browser, target) for _ in range(TIMES)), strict=True)
            megabytes = target.stat().st_size / 1e6
            sizes = f"{runs:12} x {DIALOGUES}{megabytes:10.1f}{made:11.1f}"
            print(f"{sizes}{min(opened):11.2f}{min(clicked):13.0f}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
