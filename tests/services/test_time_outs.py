"""A role may be given little time for a statement: not so for what lasts as long as the data are large."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ours.services.backup import Backup
from ours.services.conservation import Conservation
from ours.services.partitions import Partitions
from ours.store import migrate
from tests.services.conftest import Place


@pytest.fixture
def engine_kind() -> str:
    return "postgresql"


@pytest.fixture(autouse=True)
def _hurried(place: Place) -> Iterator[None]:
    """Every connection's statements are given 20 seconds."""

    def hurry(driver: Any, _: Any) -> None:
        driver.execute("SET statement_timeout = 20000")
        driver.commit()

    sa.event.listen(place.store.engine, "connect", hurry)
    place.store.engine.dispose()
    yield
    sa.event.remove(place.store.engine, "connect", hurry)
    place.store.engine.dispose()


@contextmanager
def given(place: Place, *signs: str) -> Iterator[dict[str, str]]:
    """What statements with these ``signs`` are given, by sign."""
    found: dict[str, str] = {}

    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for sign in signs:
            if sign in statement:
                asked = connection.connection.dbapi_connection.execute("SHOW statement_timeout")
                (found[sign],) = asked.fetchone()

    sa.event.listen(place.store.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(place.store.engine, "before_cursor_execute", note)


def test_an_index_that_is_made_anew(place: Place) -> None:
    before = f"{int(migrate.head()) - 1:04}"
    with given(place, "UPDATE alembic_version") as found:
        migrate.move(place.store, before)
        migrate.upgrade(place.store)
    assert found == {"UPDATE alembic_version": "0"}


def test_a_table_that_is_divided(place: Place) -> None:
    with given(place, "VALIDATE CONSTRAINT", "ANALYZE", "RENAME TO events_past") as found:
        Partitions(place.store, place.settings).divide()
    assert found == {"VALIDATE CONSTRAINT": "0", "ANALYZE": "0", "RENAME TO events_past": "20s"}


def test_a_backup_and_the_balance(place: Place, tmp_path: Path) -> None:
    place.track()
    place.route.run()
    with given(place, "FROM attempts", "FROM dispatches") as found:
        Backup(place.store).write(tmp_path / "ours.backup")
    assert found == {"FROM attempts": "0", "FROM dispatches": "0"}
    with given(place, "FROM dispatches") as found:
        Conservation(place.store).strike()
    assert found == {"FROM dispatches": "0"}
