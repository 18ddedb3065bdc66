"""Writes the page of each built-in destination: ``python -m ours.registry docs/destinations``."""

import sys
from pathlib import Path

from ours.plugin.document import document
from ours.registry.registry import load_built_in


def write_pages(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in load_built_in().loaded:
        (folder / f"{one.slug}.md").write_text(document(one.plugin), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/destinations"))
