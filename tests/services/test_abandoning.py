"""What can't be opened and never will be is ended in the open, and can be taken back as long as it is kept."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.core.reasons import describe
from ours.errors import Busy, Forbidden, Invalid
from ours.services import abandoning
from ours.services.abandoning import Abandoning, Loss
from ours.services.actors import Actor
from ours.services.alerts.noticing import notice
from ours.services.audit import Audit
from ours.services.overview import Overview
from ours.services.reconcile import Reconcile
from ours.services.replay import FAILED, Filter, Replay
from ours.services.retention import Retention
from ours.services.visitors import Visitors
from ours.settings import Settings
from ours.store.queries import abandoning as queries
from ours.store.tables import dispatches, events
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.losing import GONE, OTHER, aside, damage, lose_key, own_keys, ring, sweep, told
from tests.services.plans import SCANS, SORTS, plans, statements
from tests.services.scripted import route_all

ENDED = f"abandoned:{GONE}"


def of(place: Place) -> Abandoning:
    return Abandoning(place.store, place.registry)


def rows(place: Place, event_id: str) -> list[tuple[int, str, str | None, str | None]]:
    """Destination, state and reason of an event's dispatches, and which each repeats."""
    query = sa.select(dispatches).where(dispatches.c.event_id == event_id).order_by(dispatches.c.id)
    with place.store.read() as connection:
        return [(one.destination_id, one.state, one.reason, one.replay_of) for one in connection.execute(query)]


def event(place: Place, event_id: str) -> sa.Row[tuple[object, ...]]:
    with place.store.read() as connection:
        return connection.execute(sa.select(events).where(events.c.id == event_id)).one()


def lost(place: Place, held: int = 2, unrouted: int = 1) -> tuple[list[str], list[str]]:
    """The ids of events whose key is lost: those whose dispatches are held, and those that are set aside."""
    early = [place.track(user_id=f"early{number}").event_id for number in range(held)]
    route_all(place)
    late = [place.track(user_id=f"late{number}").event_id for number in range(unrouted)]
    lose_key(place, "events", *early, *late)
    place.work()
    return early, late


def sound(place: Place) -> bool:
    return place.difference() == 0 and not Reconcile(place.store).check()


def test_what_waits_ends_with_a_reason_and_the_alert_is_over(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    other = place.webhook(receiver, "Other", events=["Lead"])
    (early, late) = lost(place)
    found = of(place).preview(GONE)
    assert (found.events, found.held, found.losses) == ({"live": 1}, 2, [Loss(hook, "Hook", "live", 2, 1)])
    assert found.oldest == event(place, early[0]).received_at or found.oldest
    assert found.oldest <= found.newest
    assert of(place).run(GONE, actor="cli") == (1, 2)
    assert [rows(place, one) for one in (*early, *late)] == [[(hook, "stopped", ENDED, None)]] * 3
    ended = event(place, late[0])
    assert (ended.visitor_id, ended.owed, ended.refused, ended.notes) == (None, 2, str(other), ENDED)
    assert sound(place)
    assert notice(place.store, place.registry, place.settings) == []
    assert of(place).run(GONE, actor="cli") == (0, 0)
    assert not of(place).preview(GONE)
    (entry,) = Audit(place.store).list(limit=1)
    assert (entry.verb, entry.subject, entry.actor) == ("abandon", GONE, "cli")
    assert entry.detail == {"events": 1, "dispatches": 2, "destinations": [hook]}


def test_the_pages_say_why_and_offer_no_replay(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    (early, late) = lost(place, held=1)
    of(place).run(GONE, actor="cli")
    overview = Overview(place.store, place.registry)
    words = describe(ENDED).words
    shown = overview.event(late[0])
    assert shown.abandoned
    assert [reason.words for _, reason in shown.notes] == [words]
    assert [one.why.words for one in shown.dispatches if one.why] == [words]
    assert shown.settled
    assert not overview.event(early[0]).abandoned
    assert overview.event_json(late[0])["abandoned"] == words
    assert "abandoned" not in overview.event_json(early[0])


def test_each_mode_kind_and_destination_gets_its_own_decision(place: Place, receiver: Receiver) -> None:
    """What routing decides without opening the event stays as it decides it."""
    refusing, paused, off = (place.webhook(receiver, name, events=names) for name, names in
                             (("Refusing", ["Lead"]), ("Paused", ["*", "$identify"]), ("Off", ["*"])))  # fmt: skip
    place.destinations.pause(paused, actor="cli")
    place.destinations.turn_off(off, actor="cli")
    tracked = place.track(mode="test").event_id
    place.identify(user_id="u1", user_properties={"plan": "gold"})
    lose_key(place, "events")
    route_all(place)
    assert aside(place) == {GONE: 2}
    losses = {(one.destination, one.mode): one.aside for one in of(place).preview(GONE).losses}
    assert losses == {("Paused", "live"): 1, ("Paused", "test"): 1}
    assert of(place).run(GONE, actor="cli") == (2, 0)
    assert rows(place, tracked) == [(paused, "stopped", ENDED, None), (off, "stopped", "destination_off", None)]
    assert event(place, tracked).refused == str(refusing)
    with place.store.read() as connection:
        assert connection.scalar(sa.select(events.c.owed).where(events.c.kind == "identify")) == 1
    assert sound(place)


def test_a_key_that_is_in_the_ring_is_not_lost(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    lost(place)
    place.store.sealer = type(place.store.sealer)((*own_keys(place), OTHER))
    with pytest.raises(Invalid, match="in the key ring"):
        of(place).run(GONE, actor="cli")
    assert aside(place) == {GONE: 1}


@pytest.mark.parametrize("reason", ["", "breaker_open", "key_missing:", "key_missing:xyz", f"{ENDED}"])
def test_other_reasons_are_refused(place: Place, reason: str) -> None:
    for verb in (of(place).run, of(place).undo):
        with pytest.raises(Invalid, match="ours doctor"):
            verb(reason, actor="cli")


def test_it_takes_an_admin(place: Place) -> None:
    for verb in (of(place).run, of(place).undo):
        with pytest.raises(Forbidden):
            verb(GONE, actor=Actor("ed", "editor"))


def test_interrupted_it_is_done_again(place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    place.webhook(receiver)
    lost(place, held=5, unrouted=5)
    monkeypatch.setattr(abandoning, "_CHUNK", 2)
    real, parts = abandoning._end_held, iter(range(2))

    def dies(*args: object, **named: object) -> int:
        if next(parts, None) is None:
            raise Busy("It is away.")
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(abandoning, "_end_held", dies)
    with pytest.raises(Busy):
        of(place).run(GONE, actor="cli")
    assert (aside(place), place.states()) == ({}, {"stopped": 9, "held": 1})
    assert sound(place)
    monkeypatch.setattr(abandoning, "_end_held", real)
    assert of(place).run(GONE, actor="cli") == (0, 1)
    assert (place.states(), sound(place)) == ({"stopped": 10}, True)
    told_of = [entry.detail["dispatches"] for entry in Audit(place.store).list() if entry.verb == "abandon"]
    assert told_of == [1, 5]


def test_the_key_is_found_after_all(place: Place, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    place.webhook(receiver)
    (early, late) = lost(place, held=3, unrouted=3)
    of(place).run(GONE, actor="cli")
    ring(place, *own_keys(place), OTHER)
    sweep(place)
    place.work()
    assert place.states() == {"stopped": 6}  # it was decided, so nothing goes by itself
    monkeypatch.setattr(abandoning, "_CHUNK", 2)
    assert of(place).undo(GONE, actor="cli") == (3, 3)
    assert sound(place)
    place.work()
    assert place.states() == {"stopped": 3, "delivered": 6}
    assert [state for one in late for _, state, *_ in rows(place, one)] == ["delivered"] * 3
    assert {one[3] is None for id in early for one in rows(place, id)} == {True, False}
    assert all(event(place, one).visitor_id and event(place, one).notes is None for one in late)
    assert sound(place)
    assert of(place).undo(GONE, actor="cli") == (0, 0)
    assert len(receiver.requests) == 6


def test_taken_back_while_the_key_is_lost_it_waits_again(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    lost(place)
    of(place).run(GONE, actor="cli")
    assert of(place).undo(GONE, actor="cli") == (1, 2)
    place.work()
    assert (aside(place), place.states()) == ({GONE: 1}, {"stopped": 2, "held": 2})
    assert of(place).run(GONE, actor="cli") == (1, 2)
    assert (place.states(), sound(place)) == ({"stopped": 5}, True)


def test_what_nobody_knows_the_visitor_of_is_never_sent(place: Place, receiver: Receiver) -> None:
    """A rule that looks at the visitor would let it pass."""
    hook = place.webhook(receiver)
    deaf = place.webhook(receiver, "Deaf", events=["*"])
    place.destinations.turn_off(deaf, actor="cli")
    (_, (late,)) = lost(place, held=0)
    of(place).run(GONE, actor="cli")
    place.destinations.turn_on(deaf, actor="cli")
    new = place.webhook(receiver, "New")
    ring(place, *own_keys(place), OTHER)
    replay = Replay(place.store, place.registry)
    with place.store.read() as connection:
        made = connection.scalars(sa.select(dispatches.c.id)).all()
    for attempt in (
        *(lambda one=one: replay.one(one, actor="cli") for one in made),
        lambda: replay.event(late, actor="cli"),
        lambda: replay.event_to(late, new, actor="cli"),
    ):
        with pytest.raises(Invalid, match="Its visitor is not known"):
            attempt()
    assert replay.many(Filter(states=FAILED), actor="cli") == 0
    assert replay.preview(Filter(states=FAILED)).barred == {"visitor_unknown": 2}
    place.work()
    assert (receiver.requests, hook in {one[0] for one in rows(place, late)}) == ([], True)


def test_what_is_damaged_is_abandoned_too(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    early = place.track(user_id="u1").event_id
    route_all(place)
    damage(place, "events", early, place.track(user_id="u2").event_id)
    place.work()
    assert of(place).preview("damaged").sealed == {}
    assert of(place).run("damaged", actor="cli") == (1, 1)
    assert told(place)[early] == ("stopped", "abandoned:damaged", 0)
    assert (notice(place.store, place.registry, place.settings), sound(place)) == ([], True)
    sweep(place)
    assert place.states() == {"stopped": 2}


def test_other_reasons_wait_on(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    (early, _) = lost(place)
    held = place.track(user_id="u8").event_id
    route_all(place)
    damage(place, "events", held, place.track(user_id="u9").event_id)
    place.work()
    assert of(place).run("damaged", actor="cli") == (1, 1)
    assert aside(place) == {GONE: 1}
    assert {told(place)[one] for one in early} == {("held", GONE, 0)}


def test_a_destination_that_leaves_is_no_longer_kept(place: Place, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    lost(place, unrouted=0)
    place.destinations.remove(hook, actor="cli", deliver_first=True)
    sweep(place)
    assert place.destinations.get(hook).status == "on"
    of(place).run(GONE, actor="cli")
    sweep(place)
    assert place.destinations.get(hook).status == "removed"


def test_retention_deletes_it_in_its_time(
    place: Place, receiver: Receiver, make_settings: Callable[..., Settings]
) -> None:
    place.webhook(receiver)
    lost(place)
    keep = Retention(place.store, make_settings(keep_events_days=7))
    with time_machine.travel((clock.now_ms() + 9 * clock.DAY) / 1000, tick=True):
        keep.run(1)
        assert (aside(place), place.states()) == ({GONE: 1}, {"held": 2})
        of(place).run(GONE, actor="cli")
        keep.run(1)
    with place.store.read() as connection:
        assert [connection.scalar(sa.select(sa.func.count()).select_from(one)) for one in (events, dispatches)] == [
            0,
            0,
        ]
    assert Overview(place.store, place.registry).balance().stopped == 3
    assert place.difference() == 0


def test_an_event_of_a_visitor_who_is_forgotten_goes_after_all(place: Place, receiver: Receiver) -> None:
    """The event itself can be opened: its visitor could not be, and begins anew."""
    place.webhook(receiver)
    place.identify(user_id="u1", user_properties={"plan": "gold"})
    place.work()
    with place.store.read() as connection:
        whose = connection.scalar(sa.select(events.c.visitor_id))
    lose_key(place, "visitors")
    place.track(user_id="u1")
    place.work()
    assert of(place).preview(GONE).sealed == {"destinations": 0, "visitors": 1}
    of(place).run(GONE, actor="cli")
    assert Visitors(place.store, place.route, place.settings.home).forget(str(whose), actor="cli")
    assert of(place).undo(GONE, actor="cli") == (1, 0)
    place.work()
    assert (place.states(), sound(place)) == ({"delivered": 1}, True)


def test_what_waits_is_found_in_the_indexes_alone(place: Place) -> None:
    with statements(place) as asked, place.store.read() as connection:
        queries.aside(connection, GONE)
        queries.next_aside(connection, GONE, 10)
        queries.held(connection, GONE)
    first, second, third = plans(place, asked)
    assert "ix_events_unrouted" in first
    assert "ix_events_unrouted" in second
    assert not SORTS.search(second), second
    assert not SCANS.search(third), third


def test_while_workers_are_at_it_nothing_is_lost_or_made_twice(place: Place, receiver: Receiver) -> None:
    place.webhook(receiver)
    lost(place, held=20, unrouted=20)
    threads = [threading.Thread(target=of(place).run, args=(GONE,), kwargs={"actor": "cli"}) for _ in range(3)]
    for thread in threads:
        thread.start()
    place.track(user_id="fresh")
    place.work()
    for thread in threads:
        thread.join()
    of(place).run(GONE, actor="cli")
    assert (place.states(), aside(place), sound(place)) == ({"stopped": 40, "delivered": 1}, {}, True)
