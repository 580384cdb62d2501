"""Take the README's pictures of the demo's results.html: a tab each, of the overview the first
screen.

make pictures      a minute or two; needs a chromium
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
PICTURES = {"overview": "results", "loops": "loops", "lengths": "lengths", "timeline": "timeline"}
STUCK = 52  # the turn from which the greedy dialogue loops


def take(page_file: Path) -> None:
    """The pictures of a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(page_file.as_uri())
        page.wait_for_function("Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")
        for tab, picture in PICTURES.items():
            page.click(f"[data-tab={tab}]")
            page.wait_for_timeout(1000)  # the figures of a tab are drawn when it is shown
            page.screenshot(path=HERE / f"{picture}.png", full_page=tab != "overview")
        page.evaluate(
            "turn => parrot.open('greedy', parrot.data.runs[1].dialogues[0].name, turn)", STUCK
        )
        page.wait_for_timeout(1000)
        page.screenshot(path=HERE / "reader.png")
        browser.close()


if __name__ == "__main__":
    take(HERE.parent / "demo" / "results.html")
