"""Sources, their keys, and who a key lets in."""

import pytest
import sqlalchemy as sa
import time_machine

from ours import clock
from ours.errors import Invalid, NotFound
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.sources import Source, Sources, Volume
from ours.store import Store, key_hash
from ours.store.queries import sources as queries
from ours.store.queries import volumes
from ours.store.tables import keys

NOON = 1_800_000_000_000


@pytest.fixture
def sources(store: Store) -> Sources:
    return Sources(store)


def caller(store: Store, key: str) -> tuple[int, str] | None:
    with store.read() as connection:
        row = queries.caller_by_hash(connection, key_hash(key), clock.now_ms())
    return (row.source_id, row.mode) if row and row.works else None


def test_a_new_source_has_two_keys_that_do_not_tell_each_other(sources: Sources, store: Store) -> None:
    made = sources.add("  Shop ", actor="cli")
    assert made.source.name == "Shop"
    assert made.test_key.startswith("test_")
    assert made.live_key not in made.test_key
    assert caller(store, made.live_key) == (made.source.id, "live")
    assert caller(store, made.test_key) == (made.source.id, "test")
    assert caller(store, "unknown") is None


def test_keys_lie_sealed_in_the_database_and_in_no_repr(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    with store.read() as connection:
        rows = connection.execute(sa.select(keys)).all()
    assert all(made.live_key.encode() not in row.sealed and made.live_key not in row.hash for row in rows)
    assert made.live_key not in repr(made) + repr(sources.keys(made.source.id))
    assert {key.text.reveal() for key in sources.keys(made.source.id)} == {made.live_key, made.test_key}


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "two\nlines", "nul\0", "half \ud800"])
def test_a_name_must_be_one_short_line(sources: Sources, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        sources.add(name, actor="cli")
    assert "name" in caught.value.errors


@pytest.mark.parametrize("mark", [*"\u202e\u2066\u200b\ufeff\u00ad\u2028\u3164\u2800\u00a0\u200d\ufe0f"])
def test_a_name_has_only_what_can_be_seen(sources: Sources, mark: str) -> None:
    """A right-to-left override shows ``gnp.exe`` as ``exe.png``, in the audit log too."""
    with pytest.raises(Invalid, match=rf"take U\+{ord(mark):04X} out"):
        sources.add(f"Shop {mark}gnp.exe", actor="cli")


@pytest.mark.parametrize("name", ["Boutique 🛒", "Family 👨‍👩‍👧", "🏴󠁧󠁢󠁷󠁬󠁳󠁿 Wales", "متجر", "می‌خواهم", "ร้านค้า", "\u06001"])
def test_a_name_may_be_in_any_script_and_have_emoji(sources: Sources, name: str) -> None:
    assert sources.add(name, actor="cli").source.name == name


def test_two_sources_never_share_a_name_until_one_is_deleted(sources: Sources) -> None:
    first = sources.add("Shop", actor="cli").source
    with pytest.raises(Invalid, match='"Shop" exists already'):
        sources.add("SHOP", actor="cli")
    sources.delete(first.id, actor="cli")
    assert sources.add("Shop", actor="cli").source.id != first.id


@pytest.mark.parametrize("name", ["Café  Nord", "Cafe\u0301 Nord", "CAFÉ NORD"])
def test_no_name_looks_like_another(sources: Sources, name: str) -> None:
    sources.add("Café Nord", actor="cli")
    with pytest.raises(Invalid, match='"Café Nord" exists already'):
        sources.add(name, actor="cli")


def test_an_id_wins_over_a_name_that_looks_like_one(sources: Sources) -> None:
    first = sources.add("Shop", actor="cli").source
    named = sources.add(str(first.id), actor="cli").source
    assert sources.find(str(first.id)).name == "Shop"
    assert sources.find("shop").id == first.id
    assert sources.find(named.id).name == str(first.id)


def test_who_is_not_found_is_told_what_there_is(sources: Sources) -> None:
    with pytest.raises(NotFound, match="none yet"):
        sources.find("Shop")
    sources.add("Shop", actor="cli")
    with pytest.raises(NotFound, match='There are: "Shop"'):
        sources.find("99999999999999999999999")
    with pytest.raises(NotFound, match="ours source list"):
        sources.get(99)


def test_a_deactivated_source_is_refused_until_it_is_activated(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    assert sources.deactivate(made.source.id, actor="cli").status == "deactivated"
    assert caller(store, made.live_key) is None
    assert sources.activate(made.source.id, actor="cli").status == "active"
    assert caller(store, made.live_key) is not None


def test_a_deleted_source_is_out_of_the_list_but_still_known(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    sources.delete(made.source.id, actor="cli")
    assert sources.list() == []
    assert caller(store, made.live_key) is None
    assert sources.get(made.source.id).status == "deleted"
    with pytest.raises(Invalid, match="for good"):
        sources.activate(made.source.id, actor="cli")


def test_a_rotated_key_works_beside_the_new_one_until_the_overlap_ends(sources: Sources, store: Store) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as clock_now:
        made = sources.add("Shop", actor="cli")
        fresh = sources.rotate(made.source.id, "live", 60, actor="cli")
        assert fresh not in (made.live_key, made.test_key)
        assert caller(store, made.live_key) == caller(store, fresh) == (made.source.id, "live")
        clock_now.shift(60)
        assert caller(store, made.live_key) is None
        assert caller(store, fresh) is not None
        assert caller(store, made.test_key) is not None


def test_a_second_rotation_never_lets_an_old_key_live_longer(sources: Sources) -> None:
    with time_machine.travel(NOON / 1000, tick=False):
        made = sources.add("Shop", actor="cli")
        sources.rotate(made.source.id, "live", 10, actor="cli")
        sources.rotate(made.source.id, "live", 1000, actor="cli")
    expiries = {key.text.reveal(): key.expires_at for key in sources.keys(made.source.id)}
    assert expiries[made.live_key] == NOON + 10_000
    assert sorted(moment for moment in expiries.values() if moment) == [NOON + 10_000, NOON + 1_000_000]


@pytest.mark.parametrize(("mode", "overlap"), [("live", -1), ("live", 10**12), ("prod", 1)])
def test_an_impossible_rotation_changes_nothing(sources: Sources, mode: str, overlap: int) -> None:
    made = sources.add("Shop", actor="cli")
    with pytest.raises(Invalid):
        sources.rotate(made.source.id, mode, overlap, actor="cli")
    assert len(sources.keys(made.source.id)) == 2


def test_a_revoked_key_is_refused_at_once(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    live = next(key for key in sources.keys(made.source.id) if key.mode == "live")
    sources.revoke_key(live.id, actor="cli")
    assert caller(store, made.live_key) is None
    assert caller(store, made.test_key) is not None
    with pytest.raises(NotFound):
        sources.revoke_key(999, actor="cli")


def test_volumes_of_the_last_day_are_summed_by_mode(sources: Sources, store: Store) -> None:
    source = sources.add("Shop", actor="cli").source
    minute = NOON // clock.MINUTE * clock.MINUTE
    tally = {
        volumes.Cell(minute, source.id, "live", "received"): 5,
        volumes.Cell(minute - clock.HOUR, source.id, "live", "received"): 2,
        volumes.Cell(minute - clock.HOUR, source.id, "live", "duplicate"): 1,
        volumes.Cell(minute - clock.HOUR, source.id, "test", "rejected"): 4,
        volumes.Cell(minute - 25 * clock.HOUR, source.id, "live", "received"): 100,
    }
    with store.write() as connection:
        volumes.add(connection, tally)
    with time_machine.travel(NOON / 1000, tick=False):
        seen = sources.list()[0]
    assert (seen.live, seen.test) == (Volume(7, 1, 0), Volume(0, 0, 4))
    assert seen.last_seen_at == minute


def test_what_came_while_a_clock_was_ahead_is_not_of_the_last_day(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    key = sources.keys(made.source.id)[0]
    with time_machine.travel(NOON / 1000, tick=False):
        for at in (NOON - clock.HOUR, NOON + 30 * clock.DAY):
            with store.write() as connection:
                volumes.add(connection, {volumes.Cell(at, made.source.id, key.mode, "received"): 1})
                volumes.note_use(connection, [key.id], at)
        seen = sources.get(made.source.id)
        assert (seen.last_seen_at, getattr(seen, key.mode)) == (NOON - clock.HOUR, Volume(1, 0, 0))


def test_last_seen_is_the_newest_trace_of_use(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    assert made.source.last_seen_at is None
    key = sources.keys(made.source.id)[0]
    with store.write() as connection:
        volumes.add(connection, {volumes.Cell(60_000, made.source.id, key.mode, "received"): 1})
        volumes.note_use(connection, [key.id], 61_234)
    assert sources.get(made.source.id).last_seen_at == 61_234


def test_every_change_is_in_the_audit_once(sources: Sources, store: Store) -> None:
    source: Source = sources.add("Shop", actor=Actor("jane@example.com", "editor")).source
    sources.deactivate(source.id, actor="cli")
    sources.deactivate(source.id, actor="cli")
    sources.rotate(source.id, "test", 0, actor="cli")
    sources.delete(source.id, actor="cli")
    entries = Audit(store).list()
    assert [(entry.verb, entry.subject) for entry in reversed(entries)] == [
        (verb, f"source {source.id}") for verb in ("add", "deactivate", "rotate", "delete")
    ]
    assert entries[-1].actor == "jane@example.com"


def test_a_limit_is_set_and_lifted(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    assert sources.limit(made.source.id, 50, actor="cli").rate_limit == 50
    assert sources.limit(made.source.id, 50, actor="cli").rate_limit == 50
    for wrong in (0, -1, 100_001):
        with pytest.raises(Invalid) as error:
            sources.limit(made.source.id, wrong, actor="cli")
        assert "limit" in error.value.errors
    assert sources.limit(made.source.id, None, actor="cli").rate_limit is None
    assert [entry.detail for entry in Audit(store).list()][:2] == [
        {"requests_a_second": None},
        {"requests_a_second": 50},
    ]


def test_a_key_is_in_use_for_a_day_after_its_last_use(sources: Sources, store: Store) -> None:
    made = sources.add("Shop", actor="cli")
    key = sources.keys(made.source.id)[0]
    assert not key.in_use(NOON)
    with store.write() as connection:
        volumes.note_use(connection, [key.id], NOON)
    used = sources.keys(made.source.id)[0]
    assert used.in_use(NOON + clock.DAY - 1)
    assert not used.in_use(NOON + clock.DAY)
    sources.revoke_key(key.id, actor="cli")
    assert not sources.keys(made.source.id)[0].in_use(NOON)


def test_a_key_is_shown_only_where_somebody_reveals_it(sources: Sources) -> None:
    made = sources.add("Shop", actor="cli")
    for key in sources.keys(made.source.id):
        assert key.text.reveal() in {made.live_key, made.test_key}
        assert key.text.reveal() not in f"{key} {key.text} {key!r}"


def test_the_audit_log_says_which_key_a_rotation_made_and_which_it_ends(sources: Sources, store: Store) -> None:
    source = sources.add("Shop", actor="cli").source
    sources.rotate(source.id, "live", 60, actor="cli")
    sources.rotate(source.id, "live", 60, actor="cli")
    detail = Audit(store).list(1)[0].detail
    assert detail == {"mode": "live", "overlap_seconds": 60, "key": 4, "old_keys": [3]}
    assert [key.id for key in sources.keys(source.id) if key.mode == "live"] == [4, 3, 1]
