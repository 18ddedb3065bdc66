"""Commands of the documentation, done as they stand there. That all of them can be read is tests/test_docs.py's."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal

DOCS = Path(__file__).parents[2] / "docs"
DESTINATIONS = sorted(page for page in DOCS.glob("destinations/*.md") if page.stem != "README")
LINE = re.compile(r"^ *(?:\$ )?ours (.+)$", re.MULTILINE)


def blocks(language: str, page: Path) -> list[str]:
    return re.findall(rf"^```{language}\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", DESTINATIONS, ids=lambda page: page.stem)
def test_the_line_of_a_destinations_page_adds_it_but_for_what_is_to_be_filled_in(
    terminal: Terminal, page: Path
) -> None:
    (line,) = LINE.findall("".join(blocks("sh", page)))
    words = shlex.split(line)
    left = {word.partition("=")[0] for word in words if word.endswith("=…")}
    result = terminal.run(*words)
    assert (set(re.findall(r"settings\.(\w+):", result.output)), result.exit_code) == (left, 1 if left else 0)


def test_the_tutorials_plugin_is_checked_and_tried_as_it_says(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = DOCS / "plugins.md"
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "chat.py").write_text(blocks("python", page)[0])
    monkeypatch.chdir(tmp_path)
    lines = [line for line in LINE.findall(page.read_text()) if "plugins/chat.py" in line]
    assert len(lines) == 2
    for line in lines:
        assert terminal.text(*shlex.split(line, comments=True))
