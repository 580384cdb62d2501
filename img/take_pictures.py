"""Take the README's pictures of results.html: three runs of six dialogues, a tab each, of the
overview the first screen.

make pictures      some minutes; needs a chromium
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent
RUNS = {
    "default": (),
    "greedy": ("sampler.temperature=0", "sampler.repeat_penalty=1.0"),
    "hot": ("sampler.temperature=1.6",),
}
PICTURES = {"overview": "results", "loops": "loops", "lengths": "lengths", "timeline": "timeline"}
STUCK = 52  # the turn from which the greedy dialogue loops


def hold(folder: Path, name: str, settings: tuple[str, ...]) -> None:
    """A run of that name in the folder."""
    words = [word for setting in settings for word in ("--set", setting)]
    command = ["bash", str(ROOT / "parrot.sh"), "6", "-j", "2", str(ROOT / "config.json"), "--",
               "--set", "total_tokens=4096", "--seed", "1", *words]  # fmt: skip
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    [made] = folder.glob("parrot_*")
    made.rename(folder / name)


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


def main() -> None:
    """Hold, analyse, show, take."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, settings in RUNS.items():
            hold(folder, name, settings)
        for script, *more in (("analyze.py",), ("view.py", "--no-show")):
            command = [sys.executable, str(ROOT / script), *RUNS, *more]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        take(folder / "results.html")


if __name__ == "__main__":
    main()
