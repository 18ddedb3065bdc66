"""The second factor: a code besides the password, taken once, and what there is when the authenticator is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine
from argon2 import PasswordHasher
from pyotp import TOTP

from ours import clock
from ours.errors import Forbidden, Invalid
from ours.services.actors import Actor
from ours.services.audit import Audit
from ours.services.backup import Backup
from ours.services.passwords import Passwords
from ours.services.people import HalfWay, People, Person, SecondFactors, TooManyCodes, codes
from ours.store import Store
from ours.store.tables import people as people_table
from ours.store.tables import second_factors as table
from tests.conftest import ENGINES
from tests.services.conftest import MakeStore

PASSWORD = "correct horse battery"
NOON = 1_800_000_000_000
_RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


@pytest.fixture
def jane(people: People) -> Person:
    return people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")[0]


@pytest.fixture
def factors(store: Store) -> SecondFactors:
    return SecondFactors(store)


def shown(secret: str, after: float = 0) -> str:
    """What an authenticator shows so many seconds from now."""
    return TOTP(secret).at(int(clock.now_ms() / 1000 + after))


def set_up(factors: SecondFactors, person_id: int) -> tuple[str, list[str]]:
    """Their secret and recovery codes; a minute passes, so that the code that set it up is none that is shown."""
    secret = codes.new_secret()
    with time_machine.travel(clock.now_ms() / 1000, tick=False):  # or the code's time might end in between
        return secret, factors.set(person_id, secret, password=PASSWORD, code=shown(secret, -30))[1]


def half_way(people: People) -> HalfWay:
    found = people.sign_in("jane@example.com", PASSWORD)
    assert isinstance(found, HalfWay)
    return found


@pytest.mark.parametrize(("second", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    assert codes.Factor(_RFC_SECRET).taking(code, second * 1000)
    assert codes.Factor(_RFC_SECRET).taking(f" {code[:3]} {code[3:]} ", second * 1000)


def test_whoever_has_one_is_asked_for_a_code_and_it_is_taken_once(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    secret, _ = set_up(factors, jane.id)
    before = people.get(jane.id).signed_in_at
    half = half_way(people)
    assert people.get(jane.id).signed_in_at == before
    code = shown(secret)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert people.finish(half, wrong) is None
    signed_in = people.finish(half, code)
    assert signed_in is not None
    assert signed_in.signed_in_at
    assert people.finish(half_way(people), code) is None


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_clocks_may_be_half_a_minute_apart(
    people: People, jane: Person, factors: SecondFactors, seconds: int, good: bool
) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as now:
        secret, _ = set_up(factors, jane.id)
        now.shift(120)
        assert bool(people.finish(half_way(people), shown(secret, seconds))) is good


def test_an_older_code_is_not_taken_after_a_newer_one(people: People, jane: Person, factors: SecondFactors) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as now:
        secret, _ = set_up(factors, jane.id)
        now.shift(120)
        assert people.finish(half_way(people), shown(secret))
        assert people.finish(half_way(people), shown(secret, -30)) is None
        assert people.finish(half_way(people), shown(secret, 30))


def test_of_two_at_the_same_moment_one_code_lets_in_one(people: People, jane: Person, factors: SecondFactors) -> None:
    secret, recovery = set_up(factors, jane.id)
    for code in (shown(secret), recovery[0]):
        half, together = half_way(people), threading.Barrier(4)

        def come_in(_: int, half: HalfWay = half, code: str = code, together: threading.Barrier = together) -> bool:
            together.wait(10)
            return people.finish(half, code) is not None

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(come_in, range(4))) == 1


def test_of_wrong_codes_ten_an_hour_are_looked_at_however_many_come_at_once_and_wherever(
    people: People, jane: Person, factors: SecondFactors, store: Store
) -> None:
    with time_machine.travel(NOON / 1000, tick=False) as now:
        secret, recovery = set_up(factors, jane.id)
        half, together = half_way(people), threading.Barrier(16)

        def guess(_: int) -> bool:
            together.wait(10)
            try:
                return People(store).finish(half, "000000") is None
            except TooManyCodes:
                return False

        with ThreadPoolExecutor(16) as pool:
            assert sum(pool.map(guess, range(16))) == 10
        for code in (shown(secret), recovery[0]):
            with pytest.raises(TooManyCodes):
                People(store).finish(half, code)
        now.shift(3600)
        assert people.finish(half, recovery[0])
        assert people.finish(half_way(people), shown(secret))


def test_a_wrong_code_counts_on_the_page_of_the_factor_too(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    _, recovery = set_up(factors, jane.id)
    for _ in range(5):
        with pytest.raises(Invalid, match="not good"):
            factors.turn_off(jane.id, "000000")
        with pytest.raises(Invalid, match="not good"):
            factors.renew_recovery(jane.id, "000000")
    for refused in (factors.turn_off, factors.renew_recovery):
        with pytest.raises(TooManyCodes):
            refused(jane.id, recovery[0])
    assert people.get(jane.id).second_factor_at
    assert factors.recovery_left(jane.id) == 8


def test_a_good_code_takes_no_wrong_one_back(people: People, jane: Person, factors: SecondFactors) -> None:
    _, recovery = set_up(factors, jane.id)
    for _ in range(9):
        assert people.finish(half_way(people), "000000") is None
    assert people.finish(half_way(people), recovery[0])
    assert people.finish(half_way(people), "000000") is None
    with pytest.raises(TooManyCodes):
        people.finish(half_way(people), recovery[1])


def test_a_code_is_not_used_up_by_who_was_signed_out_meanwhile(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    _, recovery = set_up(factors, jane.id)
    half = half_way(people)
    people.end_sessions(jane.id, actor="cli")
    assert people.finish(half, recovery[0]) is None
    assert factors.recovery_left(jane.id) == 8
    assert people.finish(half_way(people), recovery[0])


def test_an_old_hash_of_the_password_is_made_anew_for_who_is_asked_for_a_code(
    people: People, jane: Person, factors: SecondFactors, store: Store
) -> None:
    set_up(factors, jane.id)
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with store.write() as connection:
        connection.execute(sa.update(people_table).values(password=old))
    half_way(people)
    with store.read() as connection:
        assert not Passwords().is_old(connection.scalars(sa.select(people_table.c.password)).one())


@pytest.mark.parametrize("written", ["{}", " {} ", "{:upper}", "{:bare}"])
def test_a_recovery_code_lets_in_once_however_it_is_written(
    people: People, jane: Person, factors: SecondFactors, written: str
) -> None:
    _, recovery = set_up(factors, jane.id)
    forms = {"{:upper}": recovery[3].upper(), "{:bare}": recovery[3].replace("-", "")}
    code = forms.get(written) or written.format(recovery[3])
    assert len(set(recovery)) == factors.recovery_left(jane.id) == 8
    assert people.finish(half_way(people), code)
    assert people.finish(half_way(people), code) is None
    assert factors.recovery_left(jane.id) == 7


def test_new_recovery_codes_end_the_old_ones(people: People, jane: Person, factors: SecondFactors) -> None:
    secret, old = set_up(factors, jane.id)
    with pytest.raises(Invalid, match="not good"):
        factors.renew_recovery(jane.id, "000000000000")
    new = factors.renew_recovery(jane.id, shown(secret))
    assert people.finish(half_way(people), old[0]) is None
    assert people.finish(half_way(people), new[0])


def test_what_was_begun_before_the_sessions_ended_lets_nobody_in(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    secret, _ = set_up(factors, jane.id)
    half = half_way(people)
    people.reset("jane@example.com", actor="cli")
    assert people.finish(half, shown(secret)) is None
    people.add("tom@example.com", "admin", actor="cli")
    people.remove(jane.id, actor="cli")
    assert people.finish(half, shown(secret, 30)) is None


@pytest.mark.parametrize(("password", "code", "field"), [("wrong", "", "password"), (PASSWORD, "000000", "code")])
def test_it_is_set_by_who_knows_the_password_and_has_the_secret(
    people: People, jane: Person, factors: SecondFactors, password: str, code: str, field: str
) -> None:
    secret = codes.new_secret()
    with pytest.raises(Invalid) as caught:
        factors.set(jane.id, secret, password=password, code=code or shown(secret))
    assert list(caught.value.errors) == [field]
    assert people.get(jane.id).second_factor_at is None


def test_setting_it_ends_the_other_sessions_and_it_is_not_set_twice(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    set_up(factors, jane.id)
    after = people.get(jane.id)
    assert after.session != jane.session
    assert after.second_factor_at
    with pytest.raises(Invalid, match="Turn it off"):
        set_up(factors, jane.id)


def test_it_is_turned_off_with_a_code_and_the_password_is_enough_again(
    people: People, jane: Person, factors: SecondFactors
) -> None:
    secret, _ = set_up(factors, jane.id)
    with pytest.raises(Invalid, match="not good"):
        factors.turn_off(jane.id, "")
    factors.turn_off(jane.id, shown(secret))
    assert isinstance(people.sign_in("jane@example.com", PASSWORD), Person)
    with pytest.raises(Invalid, match="not good"):
        factors.turn_off(jane.id, shown(secret, 30))


def test_an_admin_takes_it_from_who_lost_the_device(people: People, jane: Person, factors: SecondFactors) -> None:
    set_up(factors, jane.id)
    with pytest.raises(Forbidden):
        factors.remove(jane.id, actor=Actor("tom@example.com", "editor"))
    before = people.get(jane.id)
    after = factors.remove(jane.id, actor=Actor("tom@example.com", "admin"))
    assert (after.second_factor_at, after.session) == (None, before.session + 1)
    with pytest.raises(Invalid, match="has no second factor"):
        factors.remove(jane.id, actor="cli")


def test_whoever_is_removed_leaves_no_factor_behind(
    people: People, jane: Person, factors: SecondFactors, store: Store
) -> None:
    set_up(factors, jane.id)
    people.add("tom@example.com", "admin", actor="cli")
    people.remove(jane.id, actor="cli")
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_neither_the_table_nor_the_audit_log_says_a_secret(
    people: People, jane: Person, factors: SecondFactors, store: Store
) -> None:
    secret, recovery = set_up(factors, jane.id)
    people.finish(half_way(people), recovery[0])
    factors.turn_off(jane.id, shown(secret))
    set_up(factors, jane.id)
    factors.remove(jane.id, actor=Actor("tom@example.com", "admin"))
    entries = Audit(store).list()
    done = [(entry.verb, entry.actor) for entry in reversed(entries)][1:]
    assert done == [
        ("set_second_factor", "jane@example.com"), ("use_recovery", "jane@example.com"),
        ("sign_in", "jane@example.com"), ("remove_second_factor", "jane@example.com"),
        ("set_second_factor", "jane@example.com"), ("remove_second_factor", "tom@example.com"),
    ]  # fmt: skip
    set_up(factors, jane.id)
    with store.read() as connection:
        sealed = connection.scalar(sa.select(table.c.sealed))
    assert all(told not in repr((entries, sealed)) for told in (secret, *recovery))


@pytest.mark.parametrize("kind", ENGINES)
def test_a_restore_leaves_it_as_the_old_database_has_it(
    people: People, jane: Person, factors: SecondFactors, store: Store, kind: str, make_empty: MakeStore, tmp_path: Path
) -> None:
    file = tmp_path / "ours.backup"
    Backup(store).write(file)
    secret, _ = set_up(factors, jane.id)
    other = make_empty(kind)
    Backup(other).restore(file, store)
    restored = People(other)
    assert restored.finish(half_way(restored), shown(secret))
