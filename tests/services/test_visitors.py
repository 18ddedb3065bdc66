"""A visitor is found by what names them, shown to whom it may be shown, and forgotten without a trace."""

import hashlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock, ids
from ours.errors import Busy, Forbidden, Invalid, NotFound
from ours.plugin import Rejected, Skipped
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.overview import Overview
from ours.services.reconcile import Reconcile
from ours.services.replay import Filter, Replay
from ours.services.retention import Retention
from ours.services.visitors import Receipt, Visitors, forgetting
from ours.store import Store
from ours.store.queries import forgetting as queries
from ours.store.tables import attempts, dispatches, events, forgotten, identifiers, seen
from ours.store.tables import visitors as table
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.exports import whole
from tests.services.plans import statements
from tests.services.scripted import Scripted, deliver, route_all, scripted

ADMIN = Actor("ada@example.com", "admin")
VIEWER = Actor("vic@example.com", "viewer")
EMAIL = hashlib.sha256(b"jane@canary.example").hexdigest()
JANE: dict[str, Any] = {
    "user_id": "canary-user",
    "external_id": "canary-external",
    "email_sha256": EMAIL,
    "user_properties": {"first_name": "CanaryJane", "email": "jane@canary.example", "phone_number": "+1 555 010 0199"},
    "event_properties": {"diagnosis": "canary-diagnosis"},
}


@pytest.fixture
def visitors(place: Place) -> Visitors:
    return Visitors(place.store, place.route, place.settings.home)


def the_one(visitors: Visitors, text: str = "canary-user", kind: str | None = "userId") -> str:
    (found,) = visitors.find(text, kind, actor="cli")
    return found.id


def rows(store: Store, query: Any) -> Sequence[Any]:
    with store.read() as connection:
        return connection.execute(query).all()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("canary-user", "userId"), (" canary-external ", "externalId"), ("Jane@Canary.example", "email"),
        (EMAIL, "email"), ("001 (555) 010-0199", "phone"), ("canary-external", None), ("jane@canary.example", None),
    ],
)  # fmt: skip
def test_a_visitor_is_found_by_whatever_names_them(
    place: Place, visitors: Visitors, text: str, kind: str | None
) -> None:
    place.track(**JANE)
    place.track(user_id="somebody else")
    place.track(mode="test", **JANE)
    place.work()
    assert [found.mode for found in visitors.find(text, kind, actor=VIEWER)] == ["live", "test"]
    assert visitors.find("nobody", kind, actor=VIEWER) == []


def test_who_looks_somebody_up_by_a_name_is_written_down_whatever_their_role(place: Place, visitors: Visitors) -> None:
    """A record that is masked is theirs from then on. The name itself stands nowhere."""
    place.track(**JANE)
    place.work()
    (jane,) = visitors.find("Jane@Canary.example", actor=VIEWER)
    entry = Audit(place.store).list(1)[0]
    assert (entry.verb, entry.actor, entry.subject) == ("find", VIEWER.name, f"visitor {jane.id}")
    assert entry.detail == {"by": "email"}
    assert visitors.find("nobody@example.com", actor=VIEWER) == []
    assert visitors.find(jane.id, actor=VIEWER)
    assert Audit(place.store).list(1) == [entry]


@pytest.mark.parametrize(("text", "kind"), [("", None), ("  ", "email"), ("x", "shoe size")])
def test_nothing_to_look_for_is_said_so(visitors: Visitors, text: str, kind: str | None) -> None:
    with pytest.raises(Invalid):
        visitors.find(text, kind, actor="cli")


def test_a_viewer_sees_masks_and_an_editor_who_sees_clear_is_written_down(place: Place, visitors: Visitors) -> None:
    place.track(**JANE)
    place.work()
    masked = visitors.show(the_one(visitors), actor=VIEWER)
    assert masked.properties["first_name"] == "C•••"
    assert not masked.clear
    assert Audit(place.store).list(1)[0].verb != "read"
    clear = visitors.show(masked.id, actor=Actor("ed@example.com", "editor"))
    assert clear.properties["first_name"] == "CanaryJane"
    assert {one.kind: one.value for one in clear.identifiers} == {
        "external": "canary-external", "email": f"{EMAIL[:8]}…", "phone": "15550100199",
    }  # fmt: skip
    entry = Audit(place.store).list(1)[0]
    assert (entry.actor, entry.verb, entry.subject) == ("ed@example.com", "read", f"visitor {masked.id}")


def test_of_an_identifier_whose_place_another_took_nothing_is_shown(place: Place, visitors: Visitors) -> None:
    for email in ("a" * 64, "b" * 64):
        place.track(user_id="u1", email_sha256=email)
    place.work()
    shown = visitors.show(the_one(visitors, "u1"), actor="cli").identifiers
    assert [(one.kind, one.value) for one in sorted(shown, key=lambda one: one.attached_at)] == [
        ("email", None), ("email", "bbbbbbbb…"),
    ]  # fmt: skip


def test_only_an_admin_exports_and_forgets(place: Place, visitors: Visitors) -> None:
    place.track(**JANE)
    place.work()
    found = the_one(visitors)
    for role in ("viewer", "editor"):
        actor = Actor("eve@example.com", role)  # type: ignore[arg-type]
        for verb in (visitors.export, visitors.forget):
            with pytest.raises(Forbidden):
                verb(found, actor=actor)
        with pytest.raises(Forbidden):
            visitors.reapply_forgotten(actor=actor)


def test_an_export_holds_all_that_is_kept(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track("First", user_id=None, external_id="canary-external")
    place.track("Second", **JANE)
    place.identify(user_id="canary-user", user_properties={"last_name": "Doe"})
    place.work()
    found = the_one(visitors, "canary-external", "externalId")
    document = whole(visitors.export(found, actor=ADMIN))
    assert sorted(event["event"] for event in document["events"]) == ["$identify", "First", "Second"]
    second = next(event for event in document["events"] if event["event"] == "Second")
    assert second["eventProperties"] == JANE["event_properties"]
    assert second["dispatches"][0]["attempts"][0]["request"]["url"].startswith(receiver.url)
    assert len(document["visitors"]) == 2
    names = {"visitorId": "canary-user", "externalId": "canary-external", "emailSha256": EMAIL, "phone": "15550100199"}
    assert names.items() <= {pair for one in document["visitors"] for pair in one.items() if pair[0] in names}
    assert Audit(place.store).list(1)[0].verb == "export"


def test_an_export_asks_the_database_no_more_often_because_there_are_many_events(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    for name in ("One", "Two", "Three"):
        place.webhook(receiver, name)
    asked = []
    for count in (2, 40):
        for _ in range(count):
            place.track(**JANE)
        place.work()
        with statements(place) as found:
            document = whole(visitors.export(the_one(visitors), actor=ADMIN))
        asked.append(len(found))
    assert asked[0] == asked[1]
    assert [len(event["dispatches"]) for event in document["events"]] == [3] * 42
    assert all(one["event"] == event["id"] and len(one["attempts"]) == 1
               for event in document["events"] for one in event["dispatches"])  # fmt: skip


def test_by_its_distinct_id_nobody_finds_an_event_of_who_was_forgotten(
    place: Place, overview: Overview, visitors: Visitors
) -> None:
    event_id = place.track(**JANE, distinct_id="canary-user-joined").event_id
    place.track(user_id="somebody else", distinct_id="order-1")
    place.work()
    assert overview.by_distinct_id("canary-user-joined") == [event_id]
    visitors.forget(the_one(visitors), actor=ADMIN)
    assert overview.by_distinct_id("canary-user-joined") == []
    assert len(overview.by_distinct_id("order-1")) == 1


def test_forgetting_leaves_that_events_were_and_where_they_went(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    hook, paused = place.webhook(receiver), place.webhook(receiver, "Paused")
    place.destinations.pause(paused, actor="cli")
    event_id = place.track(**JANE, distinct_id="order-1").event_id
    other = place.track(user_id="somebody else").event_id
    place.work()
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.visitors, receipt.identifiers, receipt.events, receipt.attempts, receipt.stopped) == (1, 3, 1, 1, 1)
    assert [(one.id, one.delivered, one.tried) for one in receipt.destinations] == [(hook, 1, 0)]
    found = rows(place.store, sa.select(dispatches).where(dispatches.c.event_id == event_id).order_by(dispatches.c.id))
    assert [(one.state, one.reason) for one in found] == [("delivered", None), ("stopped", "forgotten")]
    (row,) = rows(place.store, sa.select(events).where(events.c.id == event_id))
    assert (row.visitor_id, row.notes) == (None, "visitor_forgotten")
    assert place.store.sealer.open_json(row.payload, f"events:{event_id}") == {}
    left = {one.event_id for one in rows(place.store, sa.select(dispatches.c.event_id).join(
        attempts, attempts.c.dispatch_id == dispatches.c.id))}  # fmt: skip
    assert left == {other}
    overview = Overview(place.store, place.registry)
    assert overview.balance().difference == 0
    assert list(Reconcile(place.store).check()) == []
    assert overview.event(event_id).visitor is None
    with pytest.raises(NotFound):
        visitors.show(receipt.visitor_id, actor="cli")
    with pytest.raises(NotFound):
        visitors.forget(receipt.visitor_id, actor=ADMIN)
    assert place.track(**JANE, distinct_id="order-1").duplicate


def test_no_code_of_a_plugin_names_whom_it_was_about(place: Place, visitors: Visitors) -> None:
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    Scripted.outcomes.append(Rejected("unknown patient CanaryJane", "Not there."))
    place.track(**JANE)
    route_all(place)
    deliver(place)
    (dispatch,) = rows(place.store, sa.select(dispatches.c.id, dispatches.c.reason))
    (attempt,) = rows(place.store, sa.select(attempts.c.code))
    assert (dispatch.reason, attempt.code) == ("no_word", "no_word")
    (shown,) = Overview(place.store, place.registry).dispatch_json(dispatch.id)["attempts"]
    assert shown["message"] == "unknown patient CanaryJane: Not there."


def test_no_word_that_a_plugin_took_from_an_answer_outlives_forgetting(place: Place, visitors: Visitors) -> None:
    """``Canary_Jane`` is a word, too. What we say ourselves stays, for it names nobody."""
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    words = ["Canary_Jane/1966", "rule:Canary_Jane", "http_0404canary", "http_404"]
    Scripted.outcomes.extend([*(Rejected(word) for word in words), Skipped("Canary_Jane"), Rejected("Canary_Joe")])
    for _ in range(5):
        place.track(**JANE)
    place.track(user_id="somebody else")
    place.work()
    visitors.forget(the_one(visitors), actor=ADMIN)
    found = rows(place.store, sa.select(dispatches.c.state, dispatches.c.reason).order_by(dispatches.c.id))
    erased = ("rejected", "reason_erased")
    gone = [erased, ("rejected", "no_word"), erased, ("rejected", "http_404"), ("stopped", "reason_erased")]
    assert [*map(tuple, found)] == [*gone, ("rejected", "Canary_Joe")]


def test_no_order_in_which_events_had_to_go_tells_whose_they_were(
    place: Place, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scripted, "ordered", True)
    scripted(place).destinations.add("scripted", "S", {}, events=["*"], actor="cli")
    place.track(**JANE)
    place.track(user_id="somebody else")
    route_all(place)
    lanes = sa.select(dispatches.c.lane).order_by(dispatches.c.id)
    theirs, other = [one.lane for one in rows(place.store, lanes)]
    assert theirs == the_one(visitors)
    visitors.forget(theirs, actor=ADMIN)
    assert [one.lane for one in rows(place.store, lanes)] == [None, other]


def test_what_retention_deleted_stands_in_no_receipt_and_the_profile_stays_until_then(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    place.webhook(receiver)
    place.track(**JANE)
    place.work()
    with time_machine.travel(clock.now_ms() / 1000 + 91 * 24 * 3600):
        assert Retention(place.store, place.settings).run(60)
        receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.visitors, receipt.events, receipt.destinations) == (1, 0, [])


def test_what_was_forgotten_can_never_be_replayed(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    receiver.answer(400)
    hook = place.webhook(receiver)
    event_id = place.track(**JANE).event_id
    place.work()
    visitors.forget(the_one(visitors), actor=ADMIN)
    replay = Replay(place.store, place.registry)
    (old,) = rows(place.store, sa.select(dispatches))
    assert old.state == "rejected"
    with pytest.raises(Invalid, match="was forgotten"):
        replay.one(old.id, actor="cli")
    with pytest.raises(Invalid, match="was forgotten"):
        replay.event(event_id, actor="cli")
    assert replay.many(Filter(), actor="cli") == 0
    later = place.webhook(receiver, "Later")
    with pytest.raises(Invalid, match="was forgotten"):
        replay.event_to(event_id, later, actor="cli")
    assert hook != later
    assert len(receiver.requests) == 1


def test_an_event_that_waits_to_be_routed_is_theirs_too(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    place.webhook(receiver)
    place.track(**JANE)
    place.work()
    place.track("Later", user_id=None, email_sha256=EMAIL, event_properties={"x": "canary-late"})
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.events, receipt.stopped) == (2, 1)
    place.work()
    assert len(receiver.requests) == 1
    assert place.difference() == 0


def test_what_a_worker_has_in_hand_is_waited_for(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer(200, delay=0.6)
    place.webhook(receiver)
    place.track(**JANE)
    while place.route.run():
        pass
    worker = threading.Thread(target=place.deliver.drain, args=(threading.Event(), 20))
    worker.start()
    while not rows(place.store, sa.select(dispatches).where(dispatches.c.state == "sending")):
        time.sleep(0.01)
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    worker.join()
    assert [(one.delivered, one.tried) for one in receipt.destinations] == [(1, 0)]
    assert rows(place.store, sa.select(attempts)) == []


def test_nobody_elses_events_wait_while_somebody_with_many_is_forgotten(
    place: Place, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is theirs in the meantime is forgotten with the rest."""
    empty, emptied, routed = forgetting.Forgetting._empty, [], []

    def meanwhile(self: Any, jane: str, event_ids: Sequence[str], now: int) -> None:
        emptied.extend(event_ids)
        if not routed:
            place.track(user_id="somebody else")
            place.track(**JANE | {"event_properties": {"n": 3}})
            routed.append(place.route.run())
        empty(self, jane, event_ids, now)

    monkeypatch.setattr(forgetting.Forgetting, "_empty", meanwhile)
    ids = [place.track(**JANE | {"event_properties": {"n": n}}).event_id for n in range(3)]
    place.work()
    assert visitors.forget(the_one(visitors), actor=ADMIN).events == 4
    assert (routed, emptied[:3], len(emptied)) == ([2], sorted(ids), 4)
    (left,) = rows(place.store, sa.select(events.c.visitor_id).where(events.c.forgotten_at.is_(None)))
    assert left.visitor_id == the_one(visitors, "somebody else")


def test_what_comes_of_theirs_while_they_are_emptied_is_emptied_before_the_router_stands_still(
    place: Place, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends much sends much in the minutes that this takes; the last of it is left."""
    empty, still, left, sizes = forgetting.Forgetting._empty, forgetting.Forgetting._router_still, [], [3, 2, 2, 2]

    def meanwhile(self: Any, *how: Any) -> None:
        empty(self, *how)
        for _ in range(sizes.pop(0) if sizes else 0):
            place.track(**JANE)
        while place.route.run():
            pass

    def looked(self: Any) -> Any:
        left.append(len(rows(place.store, sa.select(events.c.id).where(events.c.visitor_id.is_not(None)))))
        return still(self)

    monkeypatch.setattr(forgetting, "_CHUNK", 10)
    monkeypatch.setattr(forgetting, "_FEW", 1)
    monkeypatch.setattr(forgetting.Forgetting, "_empty", meanwhile)
    monkeypatch.setattr(forgetting.Forgetting, "_router_still", looked)
    for _ in range(4):
        place.track(**JANE)
    place.work()
    assert visitors.forget(the_one(visitors), actor=ADMIN).events == 13
    assert left == [2]


@pytest.mark.parametrize("again", [False, True])
def test_of_what_was_known_to_be_theirs_nothing_is_left_to_do_while_the_router_stands_still(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """With 120,000 events that was 40 s on PostgreSQL."""
    still, left = forgetting.Forgetting._router_still, []

    def looked(self: Any) -> Any:
        left.append([one.visitor_id for one in rows(place.store, sa.select(events.c.visitor_id))])
        return still(self)

    monkeypatch.setattr(forgetting.Forgetting, "_router_still", looked)
    place.webhook(receiver)
    for number in range(3):
        place.track(**JANE | {"event_properties": {"n": number}})
    place.work()
    jane = the_one(visitors)
    if again:
        with place.store.write() as connection:
            queries.remember(connection, {jane: clock.now_ms() + 1})
        (receipt,) = visitors.reapply_forgotten(actor="cli")
    else:
        receipt = visitors.forget(jane, actor=ADMIN)
    assert left == [[None] * 3]
    assert (receipt.events, receipt.attempts, [one.delivered for one in receipt.destinations]) == (3, 3, [3])


def test_what_two_forget_at_once_is_counted_once(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, depth = forgetting.Forgetting._empty, []

    def twice(self: Any, jane: str, *rest: Any) -> None:
        depth.append(jane)
        if len(depth) == 1:
            self._take([jane], self._begun())
        empty(self, jane, *rest)

    monkeypatch.setattr(forgetting.Forgetting, "_empty", twice)
    monkeypatch.setattr(forgetting, "_CHUNK", 2)
    place.webhook(receiver)
    for number in range(3):
        place.track(**JANE | {"event_properties": {"n": number}})
    place.work()
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.events, receipt.attempts, [one.delivered for one in receipt.destinations]) == (3, 3, [3])
    assert rows(place.store, sa.select(forgotten.c.taken)) == [(None,)]


@pytest.mark.parametrize("engine_kind", ["postgresql"])
def test_of_two_who_forget_at_once_each_adds_to_what_the_other_took(place: Place) -> None:
    """Also where nothing was taken before: with no lock, the second would begin at nothing."""
    jane = ids.new_id()
    read: list[list[str]] = []

    def another() -> None:
        with place.store.write() as connection:
            read.append(queries.taken(connection, [jane]))

    with place.store.write() as connection:
        queries.remember(connection, {jane: 1})
    with place.store.write() as connection:
        assert queries.taken(connection, [jane]) == []
        beside = threading.Thread(target=another)
        beside.start()
        beside.join(0.3)
        queries.take(connection, [jane], "some")
    beside.join()
    assert read == [["some"]]


def test_one_that_died_on_the_way_goes_on_and_tells_of_all_in_the_end(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, done = forgetting.Forgetting._empty, []

    def dying(self: Any, *rest: Any) -> None:
        if len(done) == 2:
            raise Busy("The database went away.")
        done.append(rest)
        empty(self, *rest)

    monkeypatch.setattr(forgetting, "_CHUNK", 1)
    hook = place.webhook(receiver)
    for number in range(3):
        place.track(**JANE | {"event_properties": {"n": number}})
    place.work()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(forgetting.Forgetting, "_empty", dying)
        with pytest.raises(Busy):
            visitors.forget(the_one(visitors), actor=ADMIN)
    assert visitors.left() == 1
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.events, receipt.attempts) == (3, 3)
    assert [(one.id, one.delivered, one.tried) for one in receipt.destinations] == [(hook, 3, 0)]


def test_a_worker_that_hangs_makes_it_say_try_again_and_keeps_nothing_when_it_wakes(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "_PATIENCE", 0.2)
    place.webhook(receiver)
    place.track(**JANE)
    while place.route.run():
        pass
    place.deliver._begin(place.deliver._turn(claim=True))  # claimed and on its way, and nobody collects the answer
    with pytest.raises(Busy):
        visitors.forget(the_one(visitors), actor=ADMIN)
    with place.store.write() as connection:  # what the sweep does when its lease has run out
        free = {"state": "retrying", "due_at": 1, "lease": None, "lease_until": None}
        connection.execute(sa.update(dispatches).values(free))
    visitors.forget(the_one(visitors), actor=ADMIN)
    place.deliver.drain(threading.Event(), 5)
    assert rows(place.store, sa.select(attempts)) == []
    assert place.states() == {"stopped": 1}


def test_a_forgetting_that_had_to_be_done_twice_tells_of_all_in_the_end(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "_PATIENCE", 0.2)
    monkeypatch.setattr(forgetting, "_CHUNK", 1)
    hook, paused = place.webhook(receiver), place.webhook(receiver, "Paused")
    place.track(**JANE)
    place.work()
    place.destinations.pause(paused, actor="cli")
    place.track(**JANE)
    while place.route.run():
        pass
    place.deliver._turn(claim=True)  # claimed, and nobody sends it
    with pytest.raises(Busy):
        visitors.forget(the_one(visitors), actor=ADMIN)
    with place.store.write() as connection:  # what the sweep does when its lease has run out
        free = {"state": "retrying", "due_at": 1, "lease": None, "lease_until": None}
        connection.execute(sa.update(dispatches).where(dispatches.c.state == "sending").values(free))
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.events, receipt.stopped) == (2, 2)
    assert [(one.id, one.delivered, one.tried) for one in receipt.destinations] == [(hook, 1, 1), (paused, 1, 0)]
    assert {one.visitor_id for one in rows(place.store, sa.select(events.c.visitor_id))} == {None}


def _blobs(store: Store) -> list[bytes]:
    """Everything of a person that lies in the database: what is sealed, and the hashes that stand for them."""
    sealed = [one[0] for column in (events.c.payload, table.c.profile, attempts.c.exchange)
              for one in rows(store, sa.select(column))]  # fmt: skip
    hashed = [one[0].encode() for column in (identifiers.c.hash, table.c.id, seen.c.content)
              for one in rows(store, sa.select(column))]  # fmt: skip
    return [*(blob[5:40] for blob in sealed), *hashed]


def _bytes_of(home: Path) -> bytes:
    """Every file of the data folder but the list of who was forgotten, which holds hashes for a reason."""
    return b"".join(path.read_bytes() for path in home.iterdir() if path.is_file() and path.name != "forgotten.log")


@pytest.mark.parametrize("engine_kind", ["sqlite"])
def test_no_byte_of_the_person_is_left_in_any_file(place: Place, visitors: Visitors, receiver: Receiver) -> None:
    place.webhook(receiver)
    large = {"note": "canary-large " * 2000}
    for number in range(30):
        place.track(**JANE | {"event_properties": large | {"n": number}}, distinct_id=f"canary-order-{number}")
        place.work()  # each changes the profile: older versions of it lay in pages that were freed
    kept = _blobs(place.store)
    place.track(user_id="somebody else")
    before = _bytes_of(place.settings.home)
    assert len([blob for blob in kept if blob in before]) > 60
    assert b"canary" not in before.lower()  # sealed
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert (receipt.events, receipt.scrubbed) == (30, True)
    after = _bytes_of(place.settings.home)
    (row,) = rows(place.store, sa.select(forgotten))
    remembered = row.visitor_id.encode()
    assert [blob for blob in kept if blob in after and blob != remembered] == []


def test_who_was_many_is_found_and_removed_whole(place: Place, visitors: Visitors) -> None:
    """An address that a kiosk shares gathers visitors by the day, and no statement takes 65,536 parameters."""
    event_id = place.track(**JANE).event_id
    place.work()
    family = [*(f"{number:032x}" for number in range(65_600)), the_one(visitors)]
    with place.store.write() as connection:
        assert queries.events_of(connection, family) == [event_id]
        assert len(queries.identifiers_of(connection, family)) == 3
        assert queries.remove(connection, family) == 3
    assert rows(place.store, sa.select(table.c.id)) == []


def test_a_backup_that_brings_somebody_back_is_forgotten_again(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    place.track(**JANE)
    place.track(user_id="somebody else")
    place.work()
    saved = {name: [dict(one._mapping) for one in rows(place.store, sa.select(metadata))]
             for name, metadata in (("visitors", table), ("identifiers", identifiers), ("events", events))}  # fmt: skip
    first = visitors.forget(the_one(visitors), actor=ADMIN)
    _restore(place.store, saved)  # an older database, which knows nothing of the forgetting
    assert the_one(visitors) == first.visitor_id
    (again,) = visitors.reapply_forgotten(actor="cli")
    assert (again.visitor_id, again.events) == (first.visitor_id, 1)
    assert visitors.find("canary-user", actor="cli") == []
    assert len(visitors.find("somebody else", actor="cli")) == 1
    assert visitors.reapply_forgotten(actor="cli") == []


def test_a_line_that_was_cut_short_does_not_take_the_next_one_with_it(place: Place, visitors: Visitors) -> None:
    """A full disk, or a crash, ends a line anywhere; whoever is forgotten next is written right behind it."""
    place.track(**JANE)
    place.work()
    saved = {name: [dict(one._mapping) for one in rows(place.store, sa.select(metadata))]
             for name, metadata in (("visitors", table), ("identifiers", identifiers), ("events", events))}  # fmt: skip
    (place.settings.home / "forgotten.log").write_text(f"{'0' * 32} 1764000000000\n{'1' * 32} 17640")
    forgotten_id = visitors.forget(the_one(visitors), actor=ADMIN).visitor_id
    _restore(place.store, saved)
    assert [one.visitor_id for one in visitors.reapply_forgotten(actor="cli")] == [forgotten_id]
    assert {row.visitor_id for row in rows(place.store, sa.select(forgotten))} == {"0" * 32, forgotten_id}


def test_nobody_is_forgotten_whom_the_list_beside_the_database_does_not_take(place: Place, visitors: Visitors) -> None:
    place.track(**JANE)
    place.work()
    listed = place.settings.home / "forgotten.log"
    listed.symlink_to("/dev/full")
    with pytest.raises(Busy, match="No space left"):
        visitors.forget(the_one(visitors), actor=ADMIN)
    assert whole(visitors.export(the_one(visitors), actor=ADMIN))["events"][0]["eventProperties"]
    listed.unlink()
    assert visitors.forget(the_one(visitors), actor=ADMIN).events == 1


def test_who_comes_back_later_is_not_forgotten_for_it(place: Place, visitors: Visitors) -> None:
    place.track(**JANE)
    place.work()
    visitors.forget(the_one(visitors), actor=ADMIN)
    time.sleep(0.005)
    place.track(**JANE)
    place.work()
    assert visitors.reapply_forgotten(actor="cli") == []
    assert the_one(visitors)


def _restore(store: Store, saved: dict[str, list[dict[str, Any]]]) -> None:
    with store.write() as connection:
        connection.execute(sa.delete(forgotten))
        for name, one in (("visitors", table), ("identifiers", identifiers), ("events", events)):
            connection.execute(sa.delete(one))
            connection.execute(sa.insert(one), saved[name])


def test_the_receipt_is_in_the_audit_log_without_anything_personal(
    place: Place, visitors: Visitors, receiver: Receiver
) -> None:
    hook = place.webhook(receiver)
    place.track(**JANE)
    place.work()
    receipt: Receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    entry = Audit(place.store).list(1)[0]
    assert (entry.verb, entry.actor, entry.subject) == ("forget", ADMIN.name, f"visitor {receipt.visitor_id}")
    sent = {"id": hook, "name": "Hook", "delivered": 1, "tried": 0, "last_at": receipt.destinations[0].last_at}
    assert entry.detail == {
        "mode": "live", "visitors": 1, "identifiers": 3, "events": 1, "attempts": 1, "stopped": 0, "twins": [],
        "destinations": [sent],
    }  # fmt: skip
    assert visitors.receipt(entry.id, actor=VIEWER) == receipt
    for nothing in ("0" * 32, "", Audit(place.store).list(2)[1].id):
        with pytest.raises(NotFound):
            visitors.receipt(nothing, actor=VIEWER)


@pytest.mark.parametrize("shared", ["user_id", "external_id", "email_sha256", "user_properties"])
def test_the_same_person_in_the_other_mode_is_named(place: Place, visitors: Visitors, shared: str) -> None:
    place.track(**JANE)
    place.track(mode="test", **({"user_id": None, shared: JANE[shared]}))
    place.track(mode="test", user_id="somebody else")
    place.work()
    live = next(one.id for one in visitors.find("canary-user", "userId", actor="cli") if one.mode == "live")
    (twin,) = visitors.show(live, actor=VIEWER).twins
    assert visitors.show(twin, actor=VIEWER).mode == "test"
    receipt = visitors.forget(live, actor=ADMIN)
    assert list(receipt.twins) == [twin]
    assert visitors.receipt(receipt.id, actor=VIEWER) == receipt
    assert list(visitors.forget(twin, actor=ADMIN).twins) == []
    assert list(visitors.receipt(receipt.id, actor=VIEWER).twins) == []


def test_a_replay_that_comes_between_is_stopped_too(
    place: Place, visitors: Visitors, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.answer(400)
    place.webhook(receiver)
    event_id = place.track(**JANE).event_id
    place.work()
    replay, empty = Replay(place.store, place.registry), visitors._forgetting._empty

    def late(*how: Any) -> None:
        replay.event(event_id, actor="cli")
        empty(*how)

    monkeypatch.setattr(visitors._forgetting, "_empty", late)
    receipt = visitors.forget(the_one(visitors), actor=ADMIN)
    assert receipt.stopped == 1
    place.work()
    assert len(receiver.requests) == 1
    assert place.difference() == 0


def test_who_is_listed_is_remembered_many_at_a_time(place: Place, visitors: Visitors) -> None:
    """There may be very many, and whoever stores an event waits for the transaction."""
    with place.store.write() as connection:
        queries.remember(connection, {f"{number:032x}": 1 for number in range(450)})
    with statements(place) as found:
        visitors.reapply_forgotten(actor="cli")
    assert len([one for one, _ in found if one.startswith("INSERT INTO forgotten")]) == 3
