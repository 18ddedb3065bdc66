"""Every change has its entry, and stands or falls with it."""

import pytest

from ours.services import audit
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.store import Store

JANE = Actor("jane@example.com", "editor")


def test_entries_come_back_newest_first_and_page_by_the_last_one_seen(store: Store) -> None:
    with store.write() as connection:
        for number in range(5):
            audit.record(connection, JANE, "add", f"source {number}", {"name": f"Shop {number}"})
    first = Audit(store).list(limit=2)
    assert [entry.subject for entry in first] == ["source 4", "source 3"]
    assert (first[0].actor, first[0].verb, first[0].detail) == ("jane@example.com", "add", {"name": "Shop 4"})
    assert [entry.subject for entry in Audit(store).list(before=first[-1].id)] == ["source 2", "source 1", "source 0"]


def test_an_entry_falls_with_its_transaction(store: Store) -> None:
    def fail() -> None:
        with store.write() as connection:
            audit.record(connection, "cli", "add", "source 1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Audit(store).list() == []
