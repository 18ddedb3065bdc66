"""Writes the page of each built-in destination, and their list: ``python -m ours.registry docs/destinations``."""

import sys
from pathlib import Path

from ours.plugin.document import document
from ours.registry.registry import load_built_in

_HEAD = """# Destinations

These come with Ours; another is [one file](../plugins.md). Each page says what its destination needs, takes and sends.
This page is generated from the code (`python -m ours.registry docs/destinations`).

| destination | category | what it does |
|---|---|---|
"""


def write_pages(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in load_built_in().loaded:
        (folder / f"{one.slug}.md").write_text(document(one.plugin), encoding="utf-8")
    (folder / "README.md").write_text(index(), encoding="utf-8")


def index() -> str:
    """The list of them as Markdown, by category and label."""
    plugins = sorted((one.plugin for one in load_built_in().loaded), key=lambda one: (one.category, one.label.lower()))
    return _HEAD + "".join(f"| [{one.label}]({one.slug}.md) | {one.category} | {one.summary} |\n" for one in plugins)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/destinations"))
