"""A real installation on SQLite for the doors that serve it."""

from collections.abc import Callable, Iterator

import pytest

from ours.bootstrap import Ours
from ours.settings import Settings


@pytest.fixture
def here(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Ours]:
    make_database_url("sqlite")
    opened = Ours(make_settings(allow_networks="127.0.0.0/8"))
    yield opened
    opened.close()
