"""Every shell block of the documents, run by bash in a clean copy of what git tracks.

A shell block is fenced and says sh; no other block may hold a command. A comment in its first line
is its mark: `# slow` (run by `make test-all`) or `# not run: REASON`; more words may follow.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("", "benchmarks/**/", "broken_record/**/", "docs/**/", "tests/data/**/", "v0/**/")
DOCUMENTS = sorted({path for room in ROOMS for path in ROOT.glob(f"{room}*.md")})
MARK = re.compile(r"#\s+(slow|not run)\b(.*)")
COMMAND = re.compile(
    r"\s*(?:\$ |\. \S|\./\w|\S*/\w+\.sh\b"
    r"|(?:python3?|pip3?|make|git|cd|bash|llama-server|koboldcpp|aphrodite|vllm)\s+[^\s|:])"
)


@dataclass(frozen=True)
class Block:
    """`kind` is what stands behind the fence, empty where a block is only indented."""

    line: int
    kind: str
    text: str


def find_blocks(document: str) -> list[Block]:
    """The fenced and the indented blocks of a Markdown text; lines count from 1."""
    pattern = re.compile(
        r"^(?P<fence>`{3,}|~{3,})(?P<kind>.*)\n(?P<fenced>(?:.*\n)*?)(?P=fence)[ ]*$"
        r"|(?:(?<=\n\n)|\A)(?P<indented>(?:(?: {4}|\t).*\n|\n(?= {4}|\t))+)",
        re.MULTILINE,
    )
    blocks = []
    for found in pattern.finditer(document):
        part = "fenced" if found["fence"] else "indented"
        line = document.count("\n", 0, found.start(part)) + 1
        blocks.append(Block(line, (found["kind"] or "").strip(), found[part]))
    return blocks


def shell_blocks():
    """As parameters: the block, slow or skipped with the reason where it is marked so."""
    for path in DOCUMENTS:
        for block in find_blocks(path.read_text(encoding="utf-8")):
            if block.kind == "sh":
                mark = MARK.search(block.text.partition("\n")[0])
                marks = []
                if mark and mark[1] == "slow":
                    marks = [pytest.mark.slow]
                elif mark:
                    marks = [pytest.mark.skip(reason=mark[0])]
                name = f"{path.relative_to(ROOT)}:{block.line}"
                yield pytest.param(block, marks=marks, id=name)


@pytest.fixture
def clean(tmp_path):
    """A clean folder, with a .venv as make leaves it: that of the Python which runs this test."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    if sys.prefix == sys.base_prefix:
        pytest.skip("not run in an environment like that of make test")
    folder = tmp_path / "clean"
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("for-"):
            (folder / ".venv" / part.name).symlink_to(part)
    for done in ("for-users", "for-developers"):
        (folder / ".venv" / done).touch()
    return folder


@pytest.mark.parametrize("block", [*shell_blocks()])
def test_a_shell_block_runs_from_a_clean_folder(block, clean):
    nowhere = "http://127.0.0.1:9"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": "true",  # what opens pages
        "HOME": str(clean.parent),
        "http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": "127.0.0.1,localhost",
        "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1",
    }  # fmt: skip
    environment.pop("PYTHON", None)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=clean, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_sh_blocks_hold_commands_and_their_marks_are_sound(path):
    document = path.read_text(encoding="utf-8")
    fences = re.findall(r"^[ \t>]*(?:```|~~~)", document, re.MULTILINE)
    assert len(fences) == 2 * sum(block.kind != "" for block in find_blocks(document))
    for block in find_blocks(document):
        where = f"{path.name}, line {block.line}"
        if block.kind != "sh":
            for line in block.text.splitlines():
                assert not COMMAND.match(line), f"{where}: a command outside ```sh: {line}"
            continue
        subprocess.run(["bash", "-n", "-c", block.text], check=True)
        first, _, rest = block.text.partition("\n")
        assert not MARK.search(rest), f"{where}: a mark behind the first line"
        mark = MARK.search(first)
        assert not mark or mark[1] == "slow" or re.match(r": \S", mark[2]), f"{where}: no reason"


DOCUMENT = """# Title

    indented

    still

text
```sh
make x  # slow

make y
```

```text
- one
    $ deep
```
- item
    no block
"""


def test_blocks_are_told_apart():
    assert find_blocks(DOCUMENT) == [
        Block(3, "", "    indented\n\n    still\n"),
        Block(9, "sh", "make x  # slow\n\nmake y\n"),
        Block(15, "text", "- one\n    $ deep\n"),
    ]


@pytest.mark.parametrize(
    ("line", "is_command"),
    [
        ("    python parrot.py", True),
        ("    $ ls", True),
        (". .venv/bin/activate", True),
        ("./parrot.sh 3", True),
        ("    v0/run.sh model.gguf", True),
        ("    vllm serve X", True),
        ("    ...", False),
        ("    parrot.sh: all 3 dialogues done", False),
        ('    "engine": "vllm"', False),
        ("    parrot.py parrot.sh analyze.py view.py    the four commands", False),
        ("    temperature 0, no penalty       399", False),
    ],
)
def test_a_line_that_a_reader_would_type_is_known(line, is_command):
    assert bool(COMMAND.match(line)) == is_command
