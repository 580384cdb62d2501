"""Figures as PNG and SVG files, drawn by a browser that is installed; what they show it does not
know.
"""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broken_record.errors import LogError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# draws every figure and leaves {name: {png, svg}} as the text of the page
DRAW = """
<script>
const wait = setInterval(() => {
  const shown = window.Bokeh?.documents[0];
  const isRoot = (view) => shown.roots().includes(view.model);
  const views = shown?.is_idle ? [...Bokeh.index].filter(isRoot) : [];
  if (!views.length || views.length < shown.roots().length) return;
  clearInterval(wait);
  const drawn = {};
  const draw = (view) => {
    if (view.model.type !== "Figure") return [...view.child_views].forEach(draw);
    drawn[view.model.name] = {
      png: view.export("png").canvas.toDataURL().split(",")[1],
      svg: view.export("svg").ctx.get_serialized_svg(true),
    };
  };
  views.forEach(draw);
  document.body.textContent = JSON.stringify(drawn);
}, 50);
</script>
</body>"""


def export_figures(plots: Mapping[str, Any], folder: Path) -> None:
    """Every figure as PNG and SVG in a folder; LogError where there is no browser, where it draws
    nothing, and where the folder cannot be written.
    """
    drawn = draw(plots)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, images in drawn.items():
            (folder / f"{name}.png").write_bytes(base64.b64decode(images["png"]))
            (folder / f"{name}.svg").write_text(images["svg"], encoding="utf-8")
    except OSError as error:
        raise LogError(f"--export {folder}: cannot be written: {error.strerror}") from error


def draw(plots: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Name -> {"png": base64, "svg": text} of every figure."""
    from bokeh.embed import file_html
    from bokeh.resources import INLINE

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise LogError(
            f"--export needs one of {', '.join(BROWSERS)}; install one (apt install chromium)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "figures.html"
        before, _, after = file_html(list(plots.values()), INLINE, "figures").rpartition("</body>")
        source.write_text(before + DRAW + after, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu",
                   f"--user-data-dir={scratch}/profile", "--virtual-time-budget=20000",
                   "--window-size=1280,900", "--dump-dom", source.as_uri()]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", check=False
        )
    found = re.search(r"<body[^>]*>(\{.*\})\s*</body>", done.stdout, re.DOTALL)
    if found is None:
        raise LogError(f"{browser} drew nothing: {done.stderr.strip()[-300:]}")
    drawn: dict[str, dict[str, str]] = json.loads(html.unescape(found[1]))
    return drawn
