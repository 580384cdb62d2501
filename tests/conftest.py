"""No test depends on the clock: hypothesis may take as long as a busy machine needs. Nor on where
the suite was started: in a shell's background SIGINT is ignored, also by what the tests start.

Pages are opened in a chromium that is installed; where there is none, those tests are skipped,
visibly.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("parrot", deadline=None)
settings.load_profile("parrot")
signal.signal(signal.SIGINT, signal.default_int_handler)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: the page is not tested"
    )
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the page is not tested in a browser")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe():
    """The code of axe-core, if it is there: without it no page is looked at, visibly."""
    package = pytest.importorskip(
        "axe_playwright_python", reason="no axe-playwright-python: what axe-core says is not known"
    )
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
