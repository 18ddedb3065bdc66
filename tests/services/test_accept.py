"""The door's service: keys, receipts, and the refusals that come before it hurts."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from ours import clock
from ours.core import bags
from ours.core.incoming import Incoming, Notice
from ours.errors import Busy
from ours.services.accept import Accept, Caller
from ours.services.sources import Sources
from ours.settings import Settings
from ours.store import Sealer, Store
from ours.store.tables import events, seen
from ours.store.writer import Writer


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(max_backlog=3)


@pytest.fixture
def accept(store: Store, settings: Settings) -> Iterator[Accept]:
    writer = Writer(store, lambda: None)
    yield Accept(store, settings, writer)
    writer.close()


def purchase(**changes: object) -> Incoming:
    return Incoming(**({"name": "Purchase", "occurred_at": clock.now_ms(), "user_id": "u1"} | changes))  # type: ignore[arg-type]


def test_a_live_key_and_a_test_key_name_their_source_and_mode(store: Store, accept: Accept) -> None:
    made = Sources(store).add("Shop", actor="cli")
    live, test = accept.authenticate(made.live_key), accept.authenticate(made.test_key)
    assert live
    assert test
    assert (live.mode, test.mode) == ("live", "test")
    assert live.source_id == test.source_id == made.source.id
    assert made.test_key.startswith("test_")
    assert made.live_key not in made.test_key


def test_an_unknown_key_is_nobody(accept: Accept) -> None:
    assert accept.authenticate("nonsense") is None


def test_a_deactivated_sources_key_stops_within_a_second(
    store: Store, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.accept._KEY_FRESH", 0.0)
    sources = Sources(store)
    made = sources.add("Shop", actor="cli")
    assert accept.authenticate(made.live_key)
    sources.deactivate(made.source.id, actor="cli")
    assert accept.authenticate(made.live_key) is None


def test_an_event_without_a_distinct_id_gets_one_and_can_be_repeated_by_it(accept: Accept) -> None:
    caller = Caller(1, 1, "live")
    (first,) = accept.accept(caller, [purchase()])
    (again,) = accept.accept(caller, [purchase(distinct_id=first.distinct_id)])
    assert again.duplicate
    assert again.event_id == first.event_id


def test_the_same_distinct_id_under_another_name_or_mode_is_another_event(accept: Accept) -> None:
    live, test = Caller(1, 1, "live"), Caller(1, 2, "test")
    receipts = [
        *accept.accept(live, [purchase(distinct_id="o1"), purchase(distinct_id="o1", name="Refund")]),
        *accept.accept(test, [purchase(distinct_id="o1")]),
    ]
    assert not any(receipt.duplicate for receipt in receipts)


def test_a_repeat_with_other_content_says_that_it_differs(accept: Accept) -> None:
    caller = Caller(1, 1, "live")
    accept.accept(caller, [purchase(distinct_id="o1", event_properties={"amount": 1, "currency": "EUR"})])
    same, other = accept.accept(
        caller,
        [
            purchase(distinct_id="o1", event_properties={"currency": "EUR", "amount": 1}),
            purchase(distinct_id="o1", event_properties={"amount": 2}),
        ],
    )
    assert (same.differs, other.differs) == (False, True)


def test_a_repeat_from_a_language_that_writes_whole_numbers_otherwise_does_not_differ(accept: Accept) -> None:
    caller = Caller(1, 1, "live")
    accept.accept(
        caller, [purchase(distinct_id="o1", time=1_000, event_properties={"of": [{"amount": 9}], "much": 1e300})]
    )
    same, other = accept.accept(
        caller,
        [
            purchase(distinct_id="o1", time=1_000.0, event_properties={"of": [{"amount": 9.0}], "much": 1e300}),
            purchase(distinct_id="o1", time=1_000.0, event_properties={"of": [{"amount": 9.5}], "much": 1e300}),
        ],
    )
    assert (same.differs, other.differs) == (False, True)


@pytest.mark.parametrize(
    ("properties", "walked"),
    [
        ({"browser": "Mozilla/5.0 (X11)", "price": 10.05}, 0),
        ({"a": 9.0}, 1),
        ({"a": 9.0, "b": 1}, 1),
        ({"a": [9.0]}, 1),
    ],
)
def test_only_what_holds_a_whole_number_written_as_a_float_is_walked_for_it(
    accept: Accept, monkeypatch: pytest.MonkeyPatch, properties: dict[str, Any], walked: int
) -> None:
    """Nearly every event holds the name of a browser."""
    asked: list[Any] = []
    monkeypatch.setattr(bags, "whole", lambda clean: asked.append(clean) or clean)
    accept.accept(Caller(1, 1, "live"), [purchase(distinct_id="o1", event_properties=properties)])
    assert len(asked) == walked


def test_a_repeat_with_another_time_differs_and_one_without_is_as_good_as_the_first(accept: Accept) -> None:
    caller = Caller(1, 1, "live")
    for name, time in (("o1", 1_000), ("o2", None)):
        accept.accept(caller, [purchase(distinct_id=name, occurred_at=1_000, time=time)])
    same, other, later = accept.accept(
        caller,
        [
            purchase(distinct_id="o1", occurred_at=9_000, time=1_000),
            purchase(distinct_id="o1", occurred_at=2_000, time=2_000),
            purchase(distinct_id="o2", occurred_at=9_000),
        ],
    )
    assert (same.differs, other.differs, later.differs) == (False, True, False)


def test_what_we_said_to_it_makes_no_difference(accept: Accept) -> None:
    warned = purchase(distinct_id="o1", time=1_000, warnings=(Notice("time", "clamped", "It was too old."),))
    for item in (warned, purchase(distinct_id="o1", time=1_000)):
        (receipt,) = accept.accept(Caller(1, 1, "live"), [item])
    assert (receipt.duplicate, receipt.differs) == (True, False)


def test_what_the_caller_sent_is_unreadable_on_disk(store: Store, accept: Accept) -> None:
    accept.accept(Caller(1, 1, "live"), [purchase(user_properties={"email": "jane@example.com"})])
    with store.read() as connection:
        row = connection.execute(sa.select(events)).one()
    assert b"jane" not in row.payload
    assert b"jane@example.com" in store.sealer.open(row.payload, f"events:{row.id}")


def test_too_long_a_backlog_is_refused_before_anything_is_stored(
    accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ours.services.readiness._GAUGE_FRESH", 0.0)
    monkeypatch.setattr("ours.services.readiness._GAUGE_SHARE", 0)
    caller = Caller(1, 1, "live")
    accept.accept(caller, [purchase() for _ in range(3)])
    with pytest.raises(Busy, match="route worker"):
        accept.accept(caller, [purchase()])


def test_too_little_disk_is_refused(store: Store, make_settings: Callable[..., Settings]) -> None:
    writer = Writer(store, lambda: None)
    accept = Accept(store, make_settings(min_free_mb=10**9), writer)
    with pytest.raises(Busy, match="disk"):
        accept.accept(Caller(1, 1, "live"), [purchase()])
    writer.close()


def test_what_guards_against_repeats_names_nobody_without_the_key(store: Store, accept: Accept) -> None:
    """Whoever has the database alone could otherwise try out emails and numbers, those of the forgotten, too."""
    source = Sources(store).add("Shop", actor="cli")
    caller = accept.authenticate(source.live_key)
    assert caller
    email = "ab" * 32
    item = purchase(distinct_id="jane@example.com", email_sha256=email)
    assert accept.accept(caller, [item, item])[1].duplicate
    guesses = [
        orjson.dumps(["live", "Purchase", "jane@example.com"]),
        orjson.dumps({"distinct_id": "jane@example.com", "email_sha256": email, "user_id": "u1"}),
    ]
    with store.read() as connection:
        (row,) = connection.execute(sa.select(seen.c.hash, seen.c.content))
    for name in ("blake2b", "blake2s", "sha256", "sha1", "md5"):
        for guess in guesses:
            hashed = {hashlib.new(name, guess).hexdigest()[:32]}
            hashed |= {hashlib.blake2b(guess, digest_size=16).hexdigest()}
            assert not hashed & {*row}
    assert [*row] == [store.lookup.content(guess) for guess in guesses]


def test_nothing_is_taken_while_the_secret_keys_do_not_open_what_is_stored(
    store: Store, accept: Accept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sealed with a key that nobody else has, and be taken a second time once the right one is back."""
    caller = accept.authenticate(Sources(store).add("Shop", actor="cli").live_key)
    assert caller
    _ = store.lookup
    del store.__dict__["lookup"]
    monkeypatch.setattr(store, "sealer", Sealer((b"x" * 32,)))
    with pytest.raises(Busy, match="secret keys"):
        accept.accept(caller, [purchase()])
    with pytest.raises(Busy, match="secret keys"):
        accept.check()
