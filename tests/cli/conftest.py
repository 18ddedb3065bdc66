"""The command line against a real, migrated home."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from ours import log
from ours.bootstrap import Ours
from ours.cli import cli
from ours.settings import load

KEY_OF_TESTS = "YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMgZm9yIHRlc3Q="
"""A secret key, but not the one of the home."""


class Terminal:
    """Types ``ours …``. ``json`` adds ``--json`` and reads the document."""

    def run(self, *words: str, typed: str | None = None) -> Result:
        result = CliRunner().invoke(cli, list(words), input=typed, prog_name="ours")
        log.configure("WARNING", "text")  # the runner's stderr is gone
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *words: str, status: int = 0) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    def text(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return click.unstyle(result.stdout)


@pytest.fixture
def terminal(make_database_url: Callable[[str], str]) -> Terminal:
    """Every verb finds a migrated SQLite database in OURS_HOME."""
    load()  # the secret keys are made before the database is
    make_database_url("sqlite")
    return Terminal()


@pytest.fixture
def ours(terminal: Terminal) -> Iterator[Ours]:
    """The installation that the terminal works on."""
    opened = Ours(load())
    yield opened
    opened.close()
