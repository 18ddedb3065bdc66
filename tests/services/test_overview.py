"""Read models: pages of events, one event with all that became of it, figures, and the shapes of the command line."""

from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ours import clock
from ours.core.allow import name_key
from ours.core.retry import TROUBLED
from ours.errors import NotFound
from ours.services import known
from ours.services.overview import Filters, Overview, Row, Sieve, read_cursor
from ours.services.overview.masks import Cover, Maskers
from ours.services.replay import Filter
from ours.services.visitors import finding
from ours.store import binding
from ours.store.queries import reading_events, reading_figures, reading_trouble, replay
from ours.store.queries.reading_events import Narrowed, page
from ours.store.tables import attempts, destinations, dispatches
from tests.receiver import Receiver
from tests.services.conftest import Place
from tests.services.plans import SCANS, SORTS, plans, statements


def _walk(overview: Overview, filters: Filters, limit: int) -> list[Row]:
    """All pages, the newest first."""
    found = overview.recent_events(filters, None, limit)
    rows = list(found.rows)
    while found.older:
        found = overview.recent_events(filters, read_cursor(found.older), limit)
        rows += found.rows
    return rows


def test_events_come_by_when_they_occurred_not_by_when_they_came(place: Place, overview: Overview) -> None:
    now = clock.now_ms()
    for name, age in (("middle", 5_000), ("oldest", 9_000), ("newest", 0)):
        place.track(name, occurred_at=now - age)
    assert [row.name for row in overview.recent_events().rows] == ["newest", "middle", "oldest"]


def test_an_identify_is_no_event_of_the_list(place: Place, overview: Overview) -> None:
    place.identify(user_id="u1")
    assert not overview.recent_events().rows
    assert not overview.events_json()


def test_a_distinct_id_finds_its_events_under_whatever_name_and_in_both_modes(place: Place, overview: Overview) -> None:
    names = (("Purchase", "live"), ("purchase", "live"), ("Refund", "live"), ("Refund", "test"))
    wanted = [place.track(name, mode, distinct_id="order-7").event_id for name, mode in names]
    place.track("Refund", distinct_id="order-8")
    purchases, refunds = wanted[:2], wanted[2:]
    assert overview.by_distinct_id(" order-7 ") == wanted[::-1]
    assert overview.by_distinct_id("order-7", name="PURCHASE") == purchases[::-1]
    assert overview.by_distinct_id("order-7", mode="test") == refunds[1:]
    assert overview.by_distinct_id("Order-7") == []
    found = overview.recent_events(Filters(ids=tuple(wanted), mode="live"), limit=2)
    assert {row.id for row in _walk(overview, Filters(ids=tuple(wanted), mode="live"), 2)} == set(wanted[:3])
    assert found.older


def test_under_a_name_that_was_not_seen_for_long_a_distinct_id_finds_its_event(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = place.track("Old", distinct_id="order-7", occurred_at=clock.now_ms() - clock.DAY)
    place.track("New")
    monkeypatch.setattr(known, "AMONG", 1)
    assert overview.by_distinct_id("order-7") == []
    assert overview.by_distinct_id("order-7", name="Old") == [old.event_id]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 9), start=st.integers(0, 29))
def test_pages_meet_without_gap_or_overlap_in_both_directions(
    place: Place, overview: Overview, limit: int, start: int
) -> None:
    if not overview.recent_events().rows:
        moment = clock.now_ms()
        for number in range(30):
            place.track(f"E{number}", occurred_at=moment - number // 4)
    everything = overview.recent_events(limit=100).rows
    assert [row.id for row in _walk(overview, Filters(), limit)] == [row.id for row in everything]
    edge = everything[start]
    cursor = f"{edge.occurred_at}-{edge.id}"
    older = overview.recent_events(None, read_cursor(cursor), limit).rows
    assert [row.id for row in older] == [row.id for row in everything[start + 1 : start + 1 + limit]]
    if start > limit:
        newer = overview.recent_events(None, read_cursor(cursor, newer=True), limit).rows
        assert [row.id for row in newer] == [row.id for row in everything[start - limit : start]]


def test_filters_narrow_alone_and_together(place: Place, overview: Overview) -> None:
    for name, mode, user_id in (("Purchase", "live", "u1"), ("purchase ", "test", "u1"), ("Lead", "live", "u2")):
        place.track(name, mode, user_id=user_id)
    place.work()
    rows = overview.recent_events().rows
    whose = {row.name: row.visitor_id for row in rows}

    def names(**filters: Any) -> list[str]:
        return sorted(row.name for row in overview.recent_events(Filters(**filters)).rows)

    assert names(name=" PURCHASE") == ["Purchase", "purchase "]
    assert names(mode="live") == ["Lead", "Purchase"]
    assert names(source_id=rows[0].source_id) == ["Lead", "Purchase", "purchase "]
    assert names(source_id=99) == []
    assert names(visitors=(whose["Lead"],)) == ["Lead"]
    assert names(name="purchase", mode="test") == ["purchase "]
    assert names(name="purchase", visitors=(whose["Lead"],)) == []


def test_a_merged_visitor_has_the_events_of_both(place: Place, overview: Overview) -> None:
    place.track("Before", user_id=None, external_id="c-1")
    place.track("Elsewhere", user_id=None, email_sha256="a" * 64)
    place.work()
    place.track("Both", user_id=None, external_id="c-1", email_sha256="a" * 64)
    place.work()
    rows = overview.recent_events().rows
    assert len({row.visitor_id for row in rows}) == 1
    assert len(overview.recent_events(Filters(visitors=(rows[0].visitor_id or "",))).rows) == 3
    assert {row["visitorId"] for row in overview.events_json()} == {overview.events_json()[0]["visitorId"]}
    merged = [overview.event(row.id).visitor for row in rows]
    assert sorted(visitor.merged for visitor in merged if visitor) == [False, False, True]


def test_a_visitor_who_was_too_many_to_be_named_has_the_events_of_all(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database takes more than some 65,000 values in one statement."""
    for number in range(5):
        place.track(user_id=f"u{number}", distinct_id=str(number))
        place.track(user_id=f"u{number}", external_id="customer-1", distinct_id=f"again {number}")
    place.track(user_id="somebody else")
    place.work()
    whose = {row.visitor_id for row in overview.recent_events().rows}
    (who,) = (one for one in whose if one and len(overview.recent_events(Filters(visitors=(one,))).rows) == 10)
    found = overview.recent_events(Filters(visitors=(who,)))
    monkeypatch.setattr(reading_events, "MOST_NAMED", 4)
    with statements(place) as asked:
        assert overview.recent_events(Filters(visitors=(who,))) == found
    walk = next(values for text, values in asked if "occurred_at" in text and "ORDER BY" in text)
    assert len(walk) < 5
    assert overview.recent_events(Filters(visitors=(who,), mode="test")).rows == []


@pytest.mark.parametrize(
    ("narrowed", "index"),
    [
        (Narrowed(), "ix_events_occurred_at"),
        (Narrowed(name_key="a" * 32), "ix_events_name_key"),
        (Narrowed(source_id=1), "ix_events_source_id"),
        (Narrowed(mode="test"), "ix_events_mode"),
        (Narrowed(visitors=("a" * 32,)), "ix_events_visitor_id"),
    ],
)
@pytest.mark.parametrize("cursor", [None, "1754874909594-" + "a" * 32])
@pytest.mark.parametrize("newer", [False, True])
def test_each_filter_alone_walks_its_index_and_sorts_nothing(
    place: Place, narrowed: Narrowed, index: str, cursor: str | None, newer: bool
) -> None:
    if not place.store.is_sqlite:
        pytest.skip("asks SQLite's planner")
    with statements(place) as asked, place.store.read() as connection:
        page(connection, narrowed, read_cursor(cursor, newer=newer), 50)
    [plan] = plans(place, asked)
    assert index in plan
    assert not SORTS.search(plan), plan


_COMBINED = [
    (Narrowed(name_key="a" * 32, mode="test"), "ix_events_name_key"),
    (Narrowed(name_key="a" * 32, source_id=1, mode="test", since=1, until=2), "ix_events_name_key"),
    (Narrowed(source_id=1, mode="test"), "ix_events_source_id"),
    (Narrowed(visitors=("a" * 32,), mode="test"), "ix_events_visitor_id"),
    (Narrowed(visitors=("a" * 32,), name_key="a" * 32, source_id=1, since=1), "ix_events_visitor_id"),
    (Narrowed(mode="test", since=1, until=2), "ix_events_mode"),
    (Narrowed(since=1, until=2), "ix_events_occurred_at"),
    (Narrowed(state="rejected", destination_id=1), "ix_events_occurred_at"),
    (Narrowed(destination_id=1), "ix_events_occurred_at"),
    (Narrowed(state="held", name_key="a" * 32), "ix_events_name_key"),
    (Narrowed(state="held", destination_id=1), "ix_events_occurred_at"),
]


@pytest.mark.parametrize(("narrowed", "index"), _COMBINED)
@pytest.mark.parametrize("newer", [False, True])
def test_of_filters_together_the_one_that_few_events_fit_leads(
    place: Place, narrowed: Narrowed, index: str, newer: bool
) -> None:
    with statements(place) as asked, place.store.read() as connection:
        page(connection, narrowed, read_cursor("1754874909594-" + "a" * 32, newer=newer), 50)
    for plan in plans(place, asked):
        # PostgreSQL keeps figures of its own; without any it may take another index, but never reads all.
        assert index in plan or not place.store.is_sqlite, plan
        assert not SCANS.search(plan), plan
        assert not (place.store.is_sqlite and SORTS.search(plan)), plan
        assert "hashed" not in plan, plan
        # The event's own are looked up, not all that are in that state.
        assert "ix_dispatches_event_id" in plan or not (place.store.is_sqlite and "dispatches" in plan), plan


@pytest.mark.parametrize(
    "narrowed",
    [
        Narrowed(name_key="a" * 32, mode="test"),
        Narrowed(name_key="a" * 32, source_id=1, mode="test", since=1, until=2),
        Narrowed(source_id=1, mode="test"),
    ],
)
def test_only_events_that_fit_are_looked_up_in_the_table(place: Place, narrowed: Narrowed) -> None:
    if not place.store.is_sqlite:
        pytest.skip("asks for SQLite's steps")
    with statements(place) as asked, place.store.read() as connection:
        page(connection, narrowed, None, 50)
        table = connection.scalar(sa.text("SELECT rootpage FROM sqlite_schema WHERE name = 'events'"))
        _, (query, values), *_ = asked
        steps = connection.exec_driver_sql(f"EXPLAIN {query}", values).all()
    [cursor] = [step.p1 for step in steps if step.opcode == "OpenRead" and step.p2 == table]
    looked_up = [step.addr for step in steps if step.opcode == "Column" and step.p1 == cursor]
    compared = [step.addr for step in steps if step.opcode == "Ne"]
    assert max(compared) < min(looked_up)


def test_destinations_without_trouble_are_asked_for_no_more_and_of_many_with_it_fewer_are_counted(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Filter(states=frozenset(TROUBLED))
    for number in range(6):
        place.destinations.turn_off(place.webhook(receiver, f"Off {number}", events=["Stops"]), actor="cli")
    asked = []
    for more in (3, 6):
        for number in range(more):
            place.webhook(receiver, f"Well {more} {number}")
        with statements(place) as found:
            overview.trouble(wanted)
        asked.append(len(found))
    assert asked[0] == asked[1]
    for _ in range(3):
        place.track("Stops", user_id="u1")
    place.work()
    assert [(cause.count, cause.more) for cause in overview.trouble(wanted).causes] == [(3, False)] * 6
    for name, value in {"MOST_COUNTED": 3, "_IN_ALL": 12, "_FEWEST": 1}.items():
        monkeypatch.setattr(f"ours.services.overview.trouble.{name}", value)
    assert [(cause.count, cause.more) for cause in overview.trouble(wanted).causes] == [(2, True)] * 6
    with place.store.write() as connection:
        ids = sa.select(dispatches.c.destination_id, dispatches.c.id).order_by(dispatches.c.id)
        latest = {row.destination_id: row.id for row in connection.execute(ids)}
        its = dispatches.c.id.in_(list(latest.values()))
        connection.execute(sa.update(dispatches).where(its).values(reason="another"))
    assert [(cause.count, cause.more) for cause in overview.trouble(wanted).causes] == [(1, True)] * 12


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(states=frozenset(TROUBLED)),
        Filter(states=frozenset({"rejected"})),
        Filter(states=frozenset({"held"}), destination_id=1, mode="live"),
        Filter(states=frozenset(TROUBLED), reason="http_500", since=1, until=2),
    ],
)
def test_what_did_not_arrive_is_found_by_its_index_alone(place: Place, receiver: Receiver, wanted: Filter) -> None:
    place.webhook(receiver)
    with statements(place) as asked, place.store.read() as connection:
        replay.lanes(connection, wanted)
        lanes = [(1, state) for state in wanted.states]
        reading_trouble.page(connection, wanted, "f" * 32, 50, lanes)
        reading_trouble.reasons(connection, wanted, 10, lanes)
    walks = [one for one in asked if "replay_of" in one[0]]
    assert len(walks) == 2 * len(wanted.states)
    for plan in plans(place, [asked[0], *walks]):
        assert not SCANS.search(plan), plan
        # Of what is held for a reason, later releases of SQLite (3.53) take the index of just that.
        indexed = "ix_dispatches_trouble" in plan or "ix_dispatches_held_for" in plan
        assert indexed or not place.store.is_sqlite, plan
        assert "FOR ORDER BY" not in plan, plan


def test_a_visitor_is_found_by_primary_keys_and_by_an_index(place: Place) -> None:
    with statements(place) as asked, place.store.read() as connection:
        finding.find(connection, place.store.lookup, "ada@example.com", None)
        reading_events.merged_into(connection, "a" * 32)
    for plan in plans(place, asked):
        assert not SCANS.search(plan), plan


@pytest.mark.parametrize("mode", ["live", "test"])
@pytest.mark.parametrize("limit", [3, 50])
def test_a_walk_that_ends_early_goes_on_where_it_ended(
    place: Place, overview: Overview, monkeypatch: pytest.MonkeyPatch, mode: str, limit: int
) -> None:
    monkeypatch.setattr("ours.store.queries.reading_events.FURTHEST", 7)
    now = clock.now_ms()
    for number in range(40):
        place.track(
            "Purchase" if number % 4 else "Lead", "test" if number % 9 == 0 else "live", occurred_at=now - number
        )
    for name, expected in (("purchase", {"live": 27, "test": 3}), ("lead", {"live": 8, "test": 2}), ("none", {})):
        found = _walk(overview, Filters(name=name, mode=mode), limit)
        assert len(found) == len({row.id for row in found}) == expected.get(mode, 0)
        assert [row.occurred_at for row in found] == sorted((row.occurred_at for row in found), reverse=True)
    assert overview.recent_events(Filters(name="purchase", mode="test")).searched == 7


def test_a_walk_that_looks_each_dispatch_up_is_half_as_long(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ours.store.queries.reading_events.FURTHEST", 6)
    now = clock.now_ms()
    for number in range(10):
        place.track("Lead", occurred_at=now - number)
    with place.store.read() as connection:
        for narrowed, length in (
            (Narrowed(name_key=name_key("Lead"), mode="test"), 6),
            (Narrowed(state="rejected"), 3),
        ):
            found = page(connection, narrowed, None, 50)
            assert not found.rows
            assert found.edge
            assert found.edge.occurred_at == now - length + 1


def test_a_page_takes_as_many_queries_however_long_it_is(place: Place, overview: Overview, receiver: Receiver) -> None:
    for number in range(3):
        place.webhook(receiver, f"Hook {number}")
    for number in range(30):
        place.track(user_id=f"u{number}")
    place.work()
    counts = []
    for limit in (2, 30):
        with statements(place) as asked:
            assert len(overview.recent_events(limit=limit).rows) == limit
            counts.append(len(asked))
    assert counts[0] == counts[1] < 8


@pytest.mark.parametrize("clear", [True, False])
def test_an_event_s_page_opens_each_thing_once(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, clear: bool
) -> None:
    place.webhook(receiver)
    receipt = place.track(user_id="u1")
    place.work()
    opened, unseal = list[str](), place.store.sealer.open
    monkeypatch.setattr(place.store.sealer, "open", lambda sealed, bound: opened.append(bound) or unseal(sealed, bound))
    page = overview.event(receipt.event_id, clear=clear)
    assert page.visitor
    assert len(page.dispatches) == 1
    assert len(opened) == len(set(opened)) == 4  # event, visitor, attempt, and the destination's settings


def test_a_list_opens_nothing_that_is_sealed(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.webhook(receiver)
    for number in range(3):
        place.track(user_id=f"u{number}")
    place.work()
    opened: list[str] = []
    monkeypatch.setattr(place.store.sealer, "open", lambda _, where: opened.append(where) or b"{}")
    assert len(overview.recent_events(Filters(mode="live", sieve=Sieve(state="delivered"))).rows) == 3
    overview.trouble(Filter(states=frozenset(TROUBLED)))
    assert not opened
    overview.recent_events(Filters(sieve=Sieve(path="amount", value="5")))
    assert len(opened) == 3


_TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(['"', "\\", "\n", "ß", "İ", "K", "a/b", "A/B", "-1", "1e3"]))
_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.floats(allow_nan=False), _TEXTS)
_BAGS = st.dictionaries(st.sampled_from(["a", "url", "host"]), st.one_of(_VALUES, st.lists(_VALUES, max_size=2)))


@given(bags=st.tuples(_BAGS, _BAGS), value=_VALUES, url=st.one_of(st.none(), _TEXTS), choice=st.data())
def test_what_is_known_by_its_bytes_would_not_have_passed(
    bags: tuple[dict[str, Any], ...], value: Any, url: str | None, choice: st.DataObject
) -> None:
    """The values looked for are often those that are there, or parts of them."""
    there = [one for bag in bags for one in bag.values() if isinstance(one, str | int | float)]
    if there:
        value = choice.draw(st.sampled_from([value, *there]))
        url = choice.draw(st.sampled_from([url, *(one.swapcase()[:3] for one in there if isinstance(one, str))]))
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    sieve = Sieve(path=choice.draw(st.sampled_from([None, "a"])), value=text, url=url or None)
    kept = orjson.dumps({"event_properties": bags[0], "default_properties": bags[1]})
    payload = orjson.loads(kept)
    expected = (not sieve.path or sieve._has_value(payload)) and (not sieve.url or sieve._has_address(payload))
    assert sieve._test()(kept) == expected


def test_dispatches_stand_beside_each_event_refused_ones_too(
    place: Place, overview: Overview, receiver: Receiver
) -> None:
    place.webhook(receiver, "All")
    place.webhook(receiver, "Partner", events=["Other"])
    place.webhook(receiver, "Nobody", events=[])
    receipt = place.track()
    assert overview.recent_events().rows[0].dispatches == ()
    place.work()
    [row] = overview.recent_events().rows
    marks = [(mark.destination, mark.state, mark.reason, mark.id is None) for mark in row.dispatches]
    assert marks == [
        ("All", "delivered", None, False),
        ("Partner", "stopped", "not_allowed", True),
        ("Nobody", "stopped", "not_allowed", True),
    ]
    assert (row.tally, row.refused) == ([("delivered", 1, "All")], ["Partner", "Nobody"])
    states = [(one.destination, one.state) for one in overview.event(receipt.event_id).dispatches]
    assert states == [(mark.destination, mark.state) for mark in row.dispatches]


def test_an_event_tells_each_attempt_with_the_wait_before_it(
    place: Place, overview: Overview, receiver: Receiver
) -> None:
    receiver.answer(503, times=1, headers={"Retry-After": "1"}, body=b"busy")
    place.webhook(receiver)
    event_id = place.track(event_properties={"amount": 5}).event_id
    place.work()
    found = overview.event(event_id)
    [dispatch] = found.dispatches
    assert not found.settled
    assert (dispatch.state, dispatch.reason) == ("retrying", "http_503")
    assert dispatch.why
    assert dispatch.why.words.startswith("The destination had a server error")
    with place.store.write() as connection:
        connection.execute(sa.text("UPDATE dispatches SET due_at = 1"))
    place.work()
    found = overview.event(event_id, clear=True)
    first, second = found.dispatches[0].attempts
    assert found.settled
    assert (first.outcome, first.status, first.since_last_ms) == ("retry", 503, None)
    assert (second.outcome, second.status) == ("delivered", 200)
    assert second.since_last_ms is not None
    assert first.response
    assert first.response["body"] == "busy"
    assert first.request
    assert first.request["url"] == f"{receiver.url}/"
    veiled = overview.event(event_id).dispatches[0].attempts[0].response
    assert veiled
    assert "busy" not in veiled["body"]
    assert found.groups == {"Event properties": {"amount": 5}}


@pytest.mark.parametrize("news", [{"first_name": "Berta"}, {"first_name": None}])
def test_what_somebody_was_called_before_is_masked_in_what_was_sent_and_answered_then(
    place: Place, overview: Overview, receiver: Receiver, news: dict[str, Any]
) -> None:
    mapping = {"who": "{{visitor.first_name}}", "all": "{{visitor.custom_properties}}"}
    place.webhook(receiver, mapping=mapping)
    receiver.answer(422, body=b'{"error": "Annabel of Elm 9 is unknown"}')
    place.identify(
        user_id="u1", user_properties={"first_name": "Annabel", "custom_properties": {"home_address": "Elm 9"}}
    )
    event_id = place.track().event_id
    place.work()
    place.identify(user_id="u1", user_properties=news | {"custom_properties": {"home_address": "Oak 1"}})
    place.work()
    clear, shown = (repr(overview.event(event_id, clear=one).dispatches[0].attempts) for one in (True, False))
    for former in ("Annabel", "Elm 9"):
        assert clear.count(former) == 2
        assert former not in shown


@pytest.mark.parametrize(
    "template", ["{{visitor.last_name}}", "hello {{visitor.last_name}} again", "{{visitor.email}}"]
)
def test_a_name_is_masked_whatever_case_it_was_written_in(
    place: Place, overview: Overview, receiver: Receiver, template: str
) -> None:
    cases = ("LowerCase", "UpperCase", "CamelCase", "KebabCase", "SnakeCase", "StartCase")
    place.webhook(receiver, mapping={one: {"map": template, "modification": one} for one in cases})
    event_id = place.track(user_properties={"last_name": "van Loon", "email": "ada.loon@canary.example"}).event_id
    place.work()
    [attempt] = overview.event(event_id).dispatches[0].attempts
    assert attempt.request
    data = orjson.loads(attempt.request["body"])["data"]
    assert [one for one in cases if "loon" in data[one].lower() or "canary" in data[one].lower()] == []


def test_of_a_visitor_a_try_keeps_no_more_than_may_have_left_in_clear(place: Place, receiver: Receiver) -> None:
    hashed = {"map": "{{visitor.last_name}}", "modification": "HashedNormalized"}
    place.webhook(receiver, mapping={"a": hashed, "b": "{{visitor.city}}", "c": "{{visitor.state}}"})
    place.webhook(receiver, "Plain")
    place.track(user_properties={"first_name": "Annabel", "last_name": "Loon", "city": "Lyon", "state": "Ain"})
    place.work()
    with place.store.read() as connection:
        rows = connection.execute(sa.select(attempts).order_by(attempts.c.dispatch_id)).all()
    kept = [place.store.sealer.open_json(row.exchange, binding.attempt(row.dispatch_id, row.number)) for row in rows]
    assert [one.get("person") for one in kept] == [{"city": ["Lyon"]}, None]


def test_the_sealed_email_is_shown_by_its_first_digits_only(place: Place, overview: Overview) -> None:
    event_id = place.track(email_sha256="5e884898da28047151d0e56f8dc62927").event_id
    place.work()
    visitor = overview.event(event_id).visitor
    assert visitor
    assert dict(visitor.facts) == {"Visitor id": "u1", "Email, hashed": "5e884898"}


def test_what_identity_resolution_found_is_told_in_words(place: Place, overview: Overview) -> None:
    place.track(user_id=None, external_id="c-1", email_sha256="a" * 64)
    place.track("Later", user_id=None, external_id="c-2", email_sha256="a" * 64)
    place.work()
    [row] = overview.recent_events(Filters(name="later")).rows
    [(code, reason)] = overview.event(row.id).notes
    assert code == "identifier_conflict:email"
    assert "stays with them" in reason.words


def test_the_list_for_the_command_line_has_its_keys(place: Place, overview: Overview, receiver: Receiver) -> None:
    hook = place.webhook(receiver, "Hook")
    place.webhook(receiver, "Nobody", events=[])
    place.track(distinct_id="order-1", occurred_at=1754874909594)
    place.work()
    [listed] = overview.events_json()
    [sent, refused] = listed.pop("dispatches")
    assert listed.pop("receivedAt").endswith("Z")
    assert len(listed.pop("id")) == 32
    assert listed == {
        "event": "Purchase",
        "distinctId": "order-1",
        "mode": "live",
        "occurredAt": "2025-08-11T01:15:09.594Z",
        "visitorId": "u1",
        "source": "Shop",
    }
    assert sent.items() >= {"destination": "Hook", "status": "delivered", "reason": None}.items()
    assert refused == {"id": None, "destination": "Nobody", "status": "stopped", "reason": "not_allowed"}
    assert hook == overview.recent_events().rows[0].dispatches[0].destination_id


def test_one_event_for_the_command_line_carries_all_that_was_sent(place: Place, overview: Overview) -> None:
    event_id = place.track(event_properties={"amount": 5}, user_properties={"first_name": "Ada"}).event_id
    shown = overview.event_json(event_id)
    assert shown["visitorId"] is None
    assert shown["eventProperties"] == {"amount": 5}
    assert shown["userProperties"] == {"first_name": "Ada"}
    assert shown.keys() >= overview.events_json()[0].keys()


@pytest.mark.parametrize(("mode", "status"), [("live", "delivered"), ("test", "sunk")])
def test_a_dispatch_for_the_command_line_shows_its_attempts(
    place: Place, overview: Overview, receiver: Receiver, mode: str, status: str
) -> None:
    place.webhook(receiver)
    place.track(mode=mode)
    place.work()
    [mark] = overview.recent_events().rows[0].dispatches
    assert mark.id
    shown = overview.dispatch_json(mark.id)
    assert (shown["id"], shown["status"], shown["mode"]) == (mark.id, status, mode)
    [attempt] = shown["attempts"]
    assert {"number", "startedAt", "durationMs", "request", "response", "outcome"} <= attempt.keys()
    assert attempt["request"]["method"] == "POST"
    assert attempt["request"]["headers"]["webhook-id"] == mark.id
    assert (attempt["response"] is None) == (mode == "test")
    assert len(receiver.requests) == (mode == "live")


def test_the_balance_is_even_before_and_after_each_station(
    place: Place, overview: Overview, receiver: Receiver
) -> None:
    receiver.answer(422, path="/broken")
    place.webhook(receiver)
    place.destinations.add("webhook", "Broken", {"url": f"{receiver.url}/broken"}, events=["*"], actor="cli")
    place.webhook(receiver, "Nobody", events=[])
    for mode in ("live", "test"):
        place.track(mode=mode)
    place.identify(user_id="u1")
    before = overview.balance()
    assert (before.accepted, before.expected, before.pending, before.difference) == (2, 6, 6, 0)
    place.work()
    after = asdict(overview.balance())
    assert overview.balance().difference == 0
    assert {state: count for state, count in after.items() if count} == {
        "accepted": 2, "expected": 6, "delivered": 1, "rejected": 1, "sunk": 2, "stopped": 2,
    }  # fmt: skip


def test_health_counts_the_states_of_each_destination(place: Place, overview: Overview, receiver: Receiver) -> None:
    hook = place.webhook(receiver)
    for _ in range(3):
        place.track()
    place.track(mode="test")
    place.work()
    health = overview.standing().health
    assert health[hook].states == Counter(delivered=3, sunk=1)
    assert health[hook].listed == [("delivered", 3), ("sunk", 1)]
    assert (health[99].open, health[99].failed, health[99].listed) == (0, 0, [])


def test_hours_are_without_gaps_and_end_with_the_running_one(place: Place, overview: Overview) -> None:
    place.track()
    place.track(mode="test")
    hours = overview.hours(5)
    assert len(hours) in {5, 6}  # of the first and of the last it may be a part
    assert all(later.at - earlier.at == clock.HOUR for earlier, later in pairwise(hours[1:]))
    assert 0 <= clock.now_ms() - hours[-1].at < clock.HOUR
    assert sum(hour.live for hour in hours) == sum(hour.test for hour in hours) == 1


@pytest.mark.parametrize("wrong", ["", "abc", "0" * 32, "'; DROP TABLE events", "G" * 32])
def test_what_is_not_there_is_not_found(overview: Overview, wrong: str) -> None:
    for ask in (overview.event, overview.event_json, overview.dispatch_json, overview.event_of):
        with pytest.raises(NotFound, match="retention has deleted it"):
            ask(wrong)


def test_what_masks_credentials_is_made_anew_when_a_number_comes_again(place: Place, receiver: Receiver) -> None:
    """As by a standby that took over and did not have the latest version."""
    destination_id = place.webhook(receiver)
    maskers = Maskers(place.registry, place.store.sealer)

    def now() -> Cover:
        with place.store.read() as connection:
            return maskers.get(connection, destination_id)

    before = now()
    assert now() is before
    with place.store.write() as connection:
        connection.execute(sa.update(destinations).values(updated_at=destinations.c.updated_at + 1))
    assert now() is not before


def test_counting_all_keeps_only_a_part_of_it_in_memory(
    place: Place, overview: Overview, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite sorts whatever it groups, and in memory; PostgreSQL does it on disk where it is much."""
    place.webhook(receiver)
    for number in range(7):
        place.track(user_id=f"u{number}")
    place.work()
    whole = overview.balance()
    monkeypatch.setattr(reading_figures, "_PART", 2)
    with statements(place) as asked:
        assert overview.balance() == whole
    assert whole.delivered == 7
    grouped = [one for one, _ in asked if "GROUP BY dispatches." in one or "GROUP BY events." in one]
    assert len(grouped) == (8 if place.store.is_sqlite else 2)
