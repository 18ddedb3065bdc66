"""The page about what may leave has the tables that the code has."""

import re
from pathlib import Path

from ours.core import logic, modifications
from ours.core.agreements import AGREEMENTS, CATEGORIES

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def test_the_tables_are_the_registries() -> None:
    assert logic.table() in PAGE
    assert modifications.table() in PAGE
    assert "|" not in re.sub(r"^\||\|$| \| ", "", modifications.table().splitlines()[2])


def test_every_category_and_agreement_is_named() -> None:
    assert all(f"`{name}`" in PAGE for name in (*CATEGORIES, *AGREEMENTS))
