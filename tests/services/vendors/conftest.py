"""One vendor after the other: SQL and speed are not what these are about."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest


@pytest.fixture(autouse=True)
def _in_a_hurry(in_a_hurry: None) -> None:
    pass


@pytest.fixture
def engine_kind() -> str:
    """SQL is not what these are about."""
    return "sqlite"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
