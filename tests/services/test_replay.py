"""Replay: what may be sent again, where it begins, what receivers are told, and that nothing is doubled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from ours import clock, ids
from ours.core.allow import name_key
from ours.errors import Invalid, NotFound
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.overview import Overview
from ours.services.reconcile import Reconcile
from ours.services.replay import Filter, PacedReplays, Replay, bulk, making
from ours.store.queries.replay import FAILED
from ours.store.tables import allowed, attempts, dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.plans import statements


@pytest.fixture
def replay(place: Place) -> Replay:
    return Replay(place.store, place.registry)


def rows(place: Place) -> Sequence[Any]:
    """All dispatches, in the order they were made."""
    with place.store.read() as connection:
        return connection.execute(sa.select(dispatches).order_by(dispatches.c.id)).all()


def put(place: Place, dispatch_id: str, **values: Any) -> None:
    """Let a dispatch have ended like this."""
    with place.store.write() as connection:
        changed = {"due_at": None} | values
        connection.execute(sa.update(dispatches).where(dispatches.c.id == dispatch_id).values(changed))


def rejected(place: Place, count: int = 1) -> list[str]:
    """New dispatches that the destination refused."""
    known = {row.id for row in rows(place)}
    for _ in range(count):
        place.track()
    place.route.run()
    made = [row.id for row in rows(place) if row.id not in known]
    for one in made:
        put(place, one, state="rejected", reason="http_400")
    return made


def assert_sound(place: Place) -> None:
    assert place.difference() == 0
    assert Reconcile(place.store).check() == []


def test_a_replay_is_a_new_dispatch_that_names_the_old_and_keeps_its_delivery_id(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    place.webhook(receiver)
    receiver.answer(400, times=1)
    place.track()
    place.work()
    (old,) = rows(place)
    made = replay.one(old.id, actor=Actor("ada@example.com", "editor"))
    place.work()
    was, new = rows(place)
    assert (was.state, was.reason, was.updated_at) == ("rejected", "http_400", old.updated_at)
    assert (new.id, new.replay_of, new.state, new.attempts) == (made, old.id, "delivered", 1)
    assert (new.event_id, new.destination_id, new.mode) == (old.event_id, old.destination_id, old.mode)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [old.id, old.id]
    entry = Audit(place.store).list(1)[0]
    assert (entry.actor, entry.verb, entry.subject) == ("ada@example.com", "replay", f"dispatch {old.id}")
    assert_sound(place)


def test_a_fresh_id_is_the_new_dispatchs_own_and_later_replays_keep_it(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    place.webhook(receiver)
    place.track()
    place.work()
    first = rows(place)[0].id
    second = replay.one(first, actor="cli", fresh_id=True)
    place.work()
    replay.one(second, actor="cli")
    place.work()
    assert [request.headers["webhook-id"] for request in receiver.requests] == [first, second, second]


def test_a_second_click_answers_the_replay_that_is_under_way(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    (old,) = rejected(place)
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda _: replay.one(old, actor="cli"), range(8)))
    assert answers == {rows(place)[1].id}
    assert len(rows(place)) == 2


def test_whichever_of_a_chain_is_named_its_last_one_is_repeated(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    place.webhook(receiver)
    (first,) = rejected(place)
    second = replay.one(first, actor="cli")
    put(place, second, state="rejected")
    third = replay.one(first, actor="cli")
    assert [row.replay_of for row in rows(place)] == [None, first, second]
    assert third == rows(place)[2].id
    assert_sound(place)


def test_the_database_itself_refuses_to_repeat_a_dispatch_twice(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    place.webhook(receiver)
    (old,) = rejected(place)
    replay.one(old, actor="cli")
    new = rows(place)[1]
    with pytest.raises(sa.exc.IntegrityError), place.store.write() as connection:
        connection.execute(sa.insert(dispatches).values(new._asdict() | {"id": "f" * 32}))


def test_what_is_still_under_way_or_not_there_is_not_replayed(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    place.track()
    place.route.run()
    with pytest.raises(Invalid, match="pending"):
        replay.one(rows(place)[0].id, actor="cli")
    for unknown in ("nope", "f" * 32):
        for ask in (replay.one, replay.event):
            with pytest.raises(NotFound):
                ask(unknown, actor="cli")
    assert len(rows(place)) == 1


def test_an_ambiguous_one_is_stopped_by_its_replay(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    (old,) = rejected(place)
    put(place, old, state="held", reason="ambiguous")
    replay.one(old, actor="cli")
    was, new = rows(place)
    assert (was.state, was.reason, new.state) == ("stopped", "replayed", "pending")
    assert_sound(place)


def forget(place: Place, destination: int, dispatch: str) -> None:
    put(place, dispatch, state="stopped", reason="forgotten")


BARS: dict[str, tuple[Callable[[Place, int, str], object], str]] = {
    "destination_off": (lambda place, destination, _: place.destinations.turn_off(destination, actor="cli"), "off"),
    "destination_removed": (lambda place, destination, _: place.destinations.remove(destination, actor="cli"), "rem"),
    "not_allowed": (
        lambda place, destination, _: place.destinations.update(destination, events=["Lead"], actor="cli"), "allow",
    ),
    "forgotten": (forget, "forgotten"),
}  # fmt: skip


@pytest.mark.parametrize("reason", BARS)
def test_what_may_not_go_is_refused_with_a_reason(
    place: Place, receiver: Receiver, replay: Replay, reason: str
) -> None:
    destination = place.webhook(receiver)
    (old,) = rejected(place)
    bar, says = BARS[reason]
    bar(place, destination, old)
    with pytest.raises(Invalid, match=says):
        replay.one(old, actor="cli")
    with pytest.raises(Invalid, match=says):
        replay.event(rows(place)[0].event_id, actor="cli")
    preview = replay.preview(Filter())
    assert (preview.count, preview.barred) == (0, {reason: 1})
    assert replay.many(Filter(), actor="cli") == 0
    assert len(rows(place)) == 1


def test_for_a_paused_destination_a_replay_waits_with_the_backlog(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    destination = place.webhook(receiver)
    (old,) = rejected(place)
    place.destinations.pause(destination, actor="cli")
    replay.one(old, actor="cli")
    assert (rows(place)[1].state, rows(place)[1].reason) == ("held", "destination_paused")
    assert replay.one(old, actor="cli") == rows(place)[1].id


def test_a_test_dispatch_goes_to_the_sink_again(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    receipt = place.track(mode="test")
    place.work()
    assert len(replay.event(receipt.event_id, actor="cli")) == 1
    place.work()
    assert place.states() == {"sunk": 2}
    assert receiver.connections == 0
    assert_sound(place)


def test_an_event_is_replayed_wherever_it_ended_undelivered(place: Place, receiver: Receiver, replay: Replay) -> None:
    gone = [place.webhook(receiver, name) for name in ("A", "B", "C", "D")]
    receipt = place.track()
    place.route.run()
    for row, state in zip(rows(place), ("rejected", "exhausted", "delivered", "stopped"), strict=True):
        put(place, row.id, state=state)
    place.destinations.turn_off(gone[3], actor="cli")
    made = replay.event(receipt.event_id, actor="cli")
    assert [row.destination_id for row in rows(place) if row.id in made] == gone[:2]
    place.destinations.remove(gone[3], actor="cli")
    with pytest.raises(Invalid, match="removed"):
        replay.event(receipt.event_id, actor="cli")
    assert_sound(place)


def test_a_second_click_on_an_event_replays_nothing(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    rejected(place)
    event_id = rows(place)[0].event_id
    assert len(replay.event(event_id, actor="cli")) == 1
    assert replay.event(event_id, actor="cli") == []


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_refused_event_goes_once_the_allow_list_names_it(
    place: Place, receiver: Receiver, replay: Replay, mode: str
) -> None:
    refusing = place.webhook(receiver, "Refuses", events=["Lead"])
    place.webhook(receiver, "Refuses too", events=[])
    event_id = place.track(mode=mode).event_id
    place.work()
    with pytest.raises(Invalid, match="allow list"):
        replay.event_to(event_id, refusing, actor="cli")
    place.destinations.update(refusing, events=["Purchase"], actor="cli")
    before = Overview(place.store, place.registry).balance()
    made = replay.event_to(event_id, refusing, actor="cli")
    assert replay.event_to(event_id, refusing, actor="cli") == made
    assert_sound(place)
    place.work()
    after = Overview(place.store, place.registry).balance()
    assert (after.expected, after.stopped) == (before.expected, before.stopped - 1)
    assert place.states() == {"delivered" if mode == "live" else "sunk": 1}
    with pytest.raises(Invalid, match=made):
        replay.event_to(event_id, refusing, actor="cli")


def test_an_event_goes_to_a_younger_destination_and_that_is_one_decision_more(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    event_id = place.track().event_id
    place.route.run()
    with pytest.raises(Invalid, match="no such destination"):
        replay.event_to(event_id, 999, actor="cli")
    younger = place.webhook(receiver)
    replay.event_to(event_id, younger, actor="cli")
    place.work()
    assert place.states() == {"delivered": 1}
    assert Overview(place.store, place.registry).balance().expected == 1
    assert_sound(place)


def test_an_event_that_is_not_routed_yet_is_not_replayed(place: Place, receiver: Receiver, replay: Replay) -> None:
    destination = place.webhook(receiver)
    event_id = place.track().event_id
    with pytest.raises(Invalid, match="not routed"):
        replay.event_to(event_id, destination, actor="cli")
    assert replay.event(event_id, actor="cli") == []


def test_a_filter_chooses_by_all_that_it_names(place: Place, receiver: Receiver, replay: Replay) -> None:
    one, two = place.webhook(receiver, "A"), place.webhook(receiver, "B")
    rejected(place, 2)
    last = rows(place)[-1]
    put(place, last.id, state="exhausted", reason="http_500", created_at=last.created_at + 1000)
    count = lambda **options: replay.preview(Filter(**options)).count  # noqa: E731
    assert count() == 4
    assert (count(destination_id=one), count(destination_id=two)) == (2, 2)
    assert (count(states=frozenset({"exhausted"})), count(reason="http_400"), count(mode="test")) == (1, 3, 0)
    moment = last.created_at + 1000
    assert (count(since=moment), count(until=moment)) == (1, 3)
    assert replay.many(Filter(since=moment, destination_id=two), actor="cli") == 1
    assert [row.replay_of for row in rows(place)][-1] == last.id


@pytest.mark.parametrize("part", [1, 2, 20_000])
def test_a_preview_counts_in_parts_so_that_little_is_sorted_at_once(
    place: Place, receiver: Receiver, replay: Replay, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr("ours.store.queries.replay._PART", part)
    one, two = place.webhook(receiver), place.webhook(receiver, name="Other")
    made = rejected(place, 4)
    put(place, made[1], state="stopped", reason="consent")
    put(place, made[-1], state="delivered", reason=None)
    place.track()
    assert replay.preview(Filter()).states == {"rejected": 6, "stopped": 1}
    assert sum(replay.preview(Filter(destination_id=id_)).count for id_ in (one, two)) == 7
    assert replay.preview(Filter(states=frozenset({"delivered", "rejected"}))).states == {"rejected": 6, "delivered": 1}
    found = [row.created_at for row in rows(place)]
    preview = replay.preview(Filter(states=FAILED | {"delivered"}))
    assert (preview.oldest, preview.newest) == (min(found), max(found))


def test_destinations_that_are_well_are_asked_nothing(place: Place, receiver: Receiver, replay: Replay) -> None:
    """They may be hundreds."""
    place.webhook(receiver)
    rejected(place)

    def asked() -> tuple[int, int, int]:
        paced, figures = PacedReplays(place.store, place.registry), []
        for some in (Filter(), Filter(states=frozenset({"delivered", "rejected"}))):
            with statements(place) as found:
                replay.preview(some)
            figures.append(len(found))
        paced.start(Filter(reason="other"), actor="cli")
        with statements(place) as found:
            paced.tick()
        return (*figures, len(found))

    before = asked()
    for number in range(10):
        place.webhook(receiver, f"Other {number}", events=[])
    assert asked() == before


def test_a_preview_tells_what_may_arrive_twice(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    sent, lost, _ = rejected(place, 3)
    put(place, sent, state="delivered")
    put(place, lost, state="held", reason="ambiguous")
    preview = replay.preview(Filter(states=frozenset({"delivered", "held", "rejected"})))
    assert (preview.count, preview.delivered, preview.ambiguous) == (3, 1, 1)
    assert (preview.oldest, preview.newest) == (rows(place)[0].created_at, rows(place)[2].created_at)
    assert preview.seconds == 1
    assert replay.preview(Filter(reason="none such")).seconds == 0


def test_a_preview_tells_how_long_it_takes_by_how_long_the_latest_tries_took(
    place: Place, receiver: Receiver, replay: Replay
) -> None:
    place.webhook(receiver)
    receiver.answer(400)
    place.track()
    place.track()
    place.work()
    with place.store.write() as connection:
        connection.execute(sa.update(attempts).values(duration_ms=64_000))
    assert replay.preview(Filter()).seconds == 2


def test_many_are_replayed_in_chunks_and_a_second_time_none(
    place: Place, receiver: Receiver, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 3)
    place.webhook(receiver, "A")
    place.webhook(receiver, "B")
    old = rejected(place, 4)
    assert replay.many(Filter(), actor="cli", limit=5) == 5
    assert replay.many(Filter(), actor="cli") == 3
    assert replay.many(Filter(), actor="cli") == 0
    assert sorted(row.replay_of for row in rows(place) if row.replay_of) == sorted(old)
    entries = [entry for entry in Audit(place.store).list() if entry.verb == "replay"]
    assert [entry.detail["matching"] for entry in entries] == [3, 8]
    assert_sound(place)


def test_a_limit_counts_only_what_may_go(place: Place, receiver: Receiver, replay: Replay) -> None:
    destination = place.webhook(receiver)
    rejected(place, 1)
    place.track("Lead")
    place.route.run()
    put(place, rows(place)[1].id, state="rejected")
    place.destinations.update(destination, events=["Lead"], actor="cli")
    assert replay.many(Filter(), actor="cli", limit=1) == 1


def test_a_replay_that_ends_at_once_is_not_replayed_by_the_same_wish(
    place: Place, receiver: Receiver, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.webhook(receiver)
    rejected(place, 3)
    repeat = making.repeat

    def end_at_once(connection: sa.Connection, *args: Any, **options: Any) -> list[str]:
        made = repeat(connection, *args, **options)
        ended = sa.update(dispatches).where(dispatches.c.id.in_(made)).values(state="rejected", due_at=None)
        connection.execute(ended)
        return made

    monkeypatch.setattr(making, "repeat", end_at_once)
    monkeypatch.setattr(bulk, "CHUNK", 1)
    assert replay.many(Filter(), actor="cli") == 3


def test_two_wishes_at_once_replay_each_dispatch_once(place: Place, receiver: Receiver, replay: Replay) -> None:
    place.webhook(receiver)
    old = rejected(place, 20)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: replay.many(Filter(), actor="cli"), range(3)))
    assert sum(done) == len(old)
    assert sorted(row.replay_of for row in rows(place) if row.replay_of) == old
    assert_sound(place)


def test_an_identify_goes_where_it_is_listed_by_now(place: Place, receiver: Receiver, replay: Replay) -> None:
    destination = place.webhook(receiver)
    place.identify(user_id="u1", user_properties={"city": "Bern"})
    place.work()
    with place.store.read() as connection:
        event_id = connection.scalars(sa.select(events.c.id)).one()
    with pytest.raises(Invalid, match="allow list"):
        replay.event_to(event_id, destination, actor="cli")
    with place.store.write() as connection:
        name = {"destination_id": destination, "name_key": name_key("$identify"), "name": "$identify"}
        connection.execute(sa.insert(allowed).values(name))
    replay.event_to(event_id, destination, actor="cli")
    place.work()
    assert place.states() == {"delivered": 1}
    assert_sound(place)


def test_no_replay_is_replayed_in_turn_though_a_clock_was_ahead(
    place: Place, receiver: Receiver, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(self: bulk.Bulk, connection: sa.Connection, *args: Any, **options: Any) -> int:
        count = taking(self, connection, *args, **options)
        connection.execute(sa.update(dispatches).values(state="rejected", due_at=None))  # faster than we walk
        return count

    taking = bulk.Bulk.take
    monkeypatch.setattr(bulk.Bulk, "take", take)
    monkeypatch.setattr(bulk, "CHUNK", 2)
    place.webhook(receiver)
    put(place, rejected(place, 3)[-1], id=ids.floor(clock.now_ms() + 8 * clock.DAY))
    assert replay.many(Filter(states=frozenset({"rejected"})), actor="cli") == 3
    paced = PacedReplays(place.store, place.registry)
    paced.start(Filter(states=frozenset({"rejected"})), actor="cli")
    for _ in range(6):
        paced.tick()
    assert [(one.state, one.made) for one in paced.list()] == [("done", 3)]
    assert_sound(place)
