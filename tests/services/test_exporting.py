"""However much is kept about a visitor, an export takes little memory, delays nobody, and is never half there."""

import json
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.cli.shell import dump as printed
from ours.core.incoming import Incoming
from ours.core.piecewise import pieces
from ours.errors import Busy, NotFound, TooLarge
from ours.services.audit import Audit
from ours.services.visitors import Visitors, exporting
from ours.store import Store
from ours.store.queries import forgetting as queries
from ours.store.tables import events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.exports import whole

MB = 1024 * 1024


def compact(value: Any) -> str:
    return orjson.dumps(value).decode()


def indented(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


@pytest.fixture
def visitors(place: Place) -> Visitors:
    return Visitors(place.store, place.route, place.settings.home)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is a part of its own."""
    monkeypatch.setattr(exporting, "_PART", 1)


@pytest.fixture
def jane(place: Place, visitors: Visitors) -> str:
    """A visitor of three events."""
    for name in ("One", "Two", "Three"):
        place.track(name, user_properties={"first_name": "Jané\x1b"})
    place.work()
    return visitors.find("u1", "userId", actor="cli")[0].id


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``away(2)``: two more times the database can be read, and then no more."""
    read = Store.read

    def leave(after: int) -> None:
        left = iter(range(after))

        def may(store: Store) -> Any:
            if next(left, None) is None:
                raise Busy("The database is away.")
            return read(store)

        monkeypatch.setattr(Store, "read", may)

    return leave


def test_an_export_of_many_fat_events_takes_the_memory_of_a_part(place: Place, visitors: Visitors) -> None:
    fat = {"note": "x" * 10_000}
    items = [Incoming(name="Fat", occurred_at=clock.now_ms(), user_id="u1", event_properties=fat) for _ in range(500)]
    for _ in range(4):
        place.accept.accept(place.callers["live"], items)
    place.work()
    visitor_id = visitors.find("u1", "userId", actor="cli")[0].id
    tracemalloc.start()
    size = sum(map(len, pieces(visitors.export(visitor_id, actor="cli"), printed)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 20 * MB
    assert peak < 8 * MB


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize(("dump", "line"), [(printed, "\n"), (indented, "\n"), (compact, "")])
def test_an_export_in_parts_has_the_bytes_of_one_written_whole(
    place: Place, visitors: Visitors, receiver: Receiver, jane: str, dump: Any, line: str
) -> None:
    place.webhook(receiver)
    place.track("Apart", user_id=None, external_id="e1")
    place.track("Both", external_id="e1")
    place.work()
    with time_machine.travel(clock.now_ms() / 1000, tick=False):
        expected = whole(visitors.export(jane, actor="cli"))
        assert (len(expected["visitors"]), len(expected["events"])) == (2, 5)
        assert "".join(pieces(visitors.export(jane, actor="cli"), dump, line)) == dump(expected)
        text = visitors.export_in_one_piece(jane, partial(pieces, dump=dump, line=line), actor="cli")
    assert text == dump(expected).encode()


@pytest.mark.usefixtures("one_by_one")
def test_between_two_parts_nothing_is_kept_of_the_database(place: Place, visitors: Visitors, jane: str) -> None:
    """On SQLite a reader would keep the write-ahead log long, on PostgreSQL one would hold up vacuum."""
    for taken in (visitors.export(jane, actor="cli")[name] for name in ("visitors", "events")):
        assert next(taken)
        assert place.store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.usefixtures("one_by_one")
def test_an_export_is_written_down_before_any_of_it_is_read(
    place: Place, visitors: Visitors, jane: str, away: Callable[[int], None]
) -> None:
    before = Audit(place.store).list(1)[0].id
    document = visitors.export(jane, actor="cli")
    entry = Audit(place.store).list(1)[0]
    assert (entry.verb, entry.subject, entry.detail) == ("export", f"visitor {jane}", {"events": 3})
    assert entry.id != before
    away(0)
    with pytest.raises(Busy):
        next(document["visitors"])


@pytest.mark.usefixtures("one_by_one")
def test_what_comes_meanwhile_is_not_in_an_export_and_what_retention_deletes_is_missing(
    place: Place, visitors: Visitors, jane: str
) -> None:
    taken = visitors.export(jane, actor="cli")["events"]
    assert next(taken)["event"] == "One"
    place.track("Late")
    place.work()
    with place.store.write() as connection:
        connection.execute(sa.delete(events).where(events.c.name == "Two"))
    assert [one["event"] for one in taken] == ["Three"]


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("taken", [0, 1, 2])
def test_an_export_of_who_is_forgotten_meanwhile_breaks_off(visitors: Visitors, jane: str, taken: int) -> None:
    document = visitors.export(jane, actor="cli")
    for _ in range(taken):
        next(document["events"])
    visitors.forget(jane, actor="cli")
    for rest in ("events", "visitors"):
        with pytest.raises(NotFound, match="forgotten while"):
            list(document[rest])
    with pytest.raises(NotFound, match="no visitor"):
        visitors.export(jane, actor="cli")


@pytest.mark.usefixtures("one_by_one", "now")
def test_an_export_of_whose_forgetting_had_begun_breaks_off_when_it_ends(
    place: Place, visitors: Visitors, jane: str
) -> None:
    with place.store.write() as connection:
        queries.remember(connection, {jane: clock.now_ms()})
    document = visitors.export(jane, actor="cli")
    assert next(document["events"])["event"] == "One"
    visitors.forget(jane, actor="cli")
    with pytest.raises(NotFound, match="forgotten while"):
        next(document["events"])


def test_who_came_back_after_they_were_forgotten_is_exported(place: Place, visitors: Visitors, jane: str) -> None:
    visitors.forget(jane, actor="cli")
    place.track("Again")
    place.work()
    assert visitors.find("u1", "userId", actor="cli")[0].id == jane
    assert [one["event"] for one in whole(visitors.export(jane, actor="cli"))["events"]] == ["Again"]


@pytest.mark.usefixtures("one_by_one")
def test_an_export_that_loses_the_database_breaks_off(
    visitors: Visitors, jane: str, away: Callable[[int], None]
) -> None:
    written = pieces(visitors.export(jane, actor="cli"), printed)
    away(3)
    text: list[str] = []
    with pytest.raises(Busy):
        text += written
    assert "Two" in "".join(text)
    with pytest.raises(json.JSONDecodeError):
        json.loads("".join(text))


def test_what_is_too_large_for_one_piece_is_refused_and_not_written_down(
    place: Place, visitors: Visitors, jane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = partial(pieces, dump=compact, line="")
    size = len(visitors.export_in_one_piece(jane, write, actor="cli"))
    before = Audit(place.store).list(1)
    monkeypatch.setattr(exporting, "LARGEST", size - 1)
    with pytest.raises(TooLarge, match=f"ours visitor export {jane} --kind visitor --output FILE"):
        visitors.export_in_one_piece(jane, write, actor="cli")
    assert Audit(place.store).list(1) == before
    monkeypatch.setattr(exporting, "LARGEST", size)
    assert len(visitors.export_in_one_piece(jane, write, actor="cli")) == size


@pytest.mark.usefixtures("one_by_one")
def test_of_what_is_too_large_no_more_is_read_than_shows_it(
    visitors: Visitors, jane: str, away: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "LARGEST", 100)
    away(2)  # for whose it is, and for the profile: no event is asked for
    with pytest.raises(TooLarge):
        visitors.export_in_one_piece(jane, partial(pieces, dump=compact, line=""), actor="cli")
