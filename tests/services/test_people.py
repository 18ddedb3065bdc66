"""People, their passwords, and their sessions."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import argon2
import pytest
import sqlalchemy as sa

from ours.errors import Invalid, NotFound
from ours.services import passwords
from ours.services.actors import Actor
from ours.services.audit import Audit, Filter
from ours.services.people import People
from ours.store import Store
from ours.store.tables import people as table

PASSWORD = "correct horse battery"


@pytest.fixture
def people(store: Store, monkeypatch: pytest.MonkeyPatch) -> People:
    """With hashes that are cheap to make; the real parameters have a test of their own."""
    monkeypatch.setattr(passwords, "PasswordHasher", cheap_hasher)
    return People(store)


def cheap_hasher() -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.usefixtures("dear_passwords")
def test_passwords_are_hashed_with_argon2id_as_rfc_9106_recommends() -> None:
    hashed = passwords.Passwords().hash(PASSWORD)
    parameters = argon2.extract_parameters(hashed)
    assert parameters == argon2.profiles.RFC_9106_LOW_MEMORY


def test_a_person_signs_in_with_the_password_that_was_handed_over(people: People) -> None:
    person, password = people.add(" Jane@Example.com ", "editor", actor="cli")
    assert (person.email, person.role, person.must_change) == ("jane@example.com", "editor", True)
    signed_in = people.sign_in("JANE@example.com", password)
    assert signed_in is not None
    assert signed_in.signed_in_at is not None
    assert people.sign_in("jane@example.com", password + "x") is None


@pytest.mark.parametrize("email", ["nobody@example.com", "", "no address", "nul\0@example.com", "x" * 5000])
def test_an_unknown_email_is_checked_against_a_hash_all_the_same(
    people: People, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    checked = []
    real = argon2.PasswordHasher.verify
    monkeypatch.setattr(
        argon2.PasswordHasher, "verify", lambda self, *given: checked.append(given) or real(self, *given)
    )
    assert people.sign_in(email, PASSWORD) is None
    assert len(checked) == 1


def test_a_password_hashed_with_old_parameters_is_hashed_anew_at_sign_in(people: People, store: Store) -> None:
    people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    with store.write() as connection:
        connection.execute(sa.update(table).values(password=old))
    assert people.sign_in("jane@example.com", PASSWORD)
    with store.read() as connection:
        renewed = connection.scalar(sa.select(table.c.password))
    assert renewed is not None
    assert renewed != old
    assert people.sign_in("jane@example.com", PASSWORD)


def test_only_the_first_start_makes_the_first_admin(people: People) -> None:
    password = people.first()
    assert password is not None
    person = people.sign_in("admin@localhost", password)
    assert person is not None
    assert (person.role, person.must_change) == ("admin", True)
    assert people.first() is None


@pytest.mark.parametrize(
    ("email", "role", "password", "field"),
    [
        ("jane", "admin", PASSWORD, "email"),
        ("a@b@c", "admin", PASSWORD, "email"),
        ("x" * 65 + "@example.com", "admin", PASSWORD, "email"),
        ("jane@example.com", "root", PASSWORD, "role"),
        ("jane@example.com", "admin", "short", "password"),
        ("jane@example.com", "admin", "Jane@example.com", "password"),
    ],
)
def test_what_is_wrong_with_a_new_person_is_named(
    people: People, email: str, role: str, password: str, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        people.add(email, role, password=password, actor="cli")
    assert field in caught.value.errors
    assert people.list() == []


def test_one_email_belongs_to_one_person(people: People) -> None:
    people.add("jane@example.com", "admin", actor="cli")
    with pytest.raises(Invalid, match="exists already"):
        people.add("JANE@example.com", "viewer", actor="cli")


def test_a_changed_password_ends_the_other_sessions(people: People) -> None:
    before, _ = people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    after = people.change_password(before.id, PASSWORD, "another fine password")
    assert after.session != before.session
    assert not after.must_change
    assert people.sign_in("jane@example.com", PASSWORD) is None
    assert people.sign_in("jane@example.com", "another fine password") == people.get(before.id)


@pytest.mark.parametrize("way", ["reset", "change"])
def test_what_was_begun_with_the_old_password_does_not_outlive_it(
    people: People, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A password is looked at for a while, and changed meanwhile."""
    person, _ = people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    real = passwords.Passwords.match

    def overtaken(self: passwords.Passwords, hashed: str | None, given: str) -> bool:
        good = real(self, hashed, given)
        monkeypatch.setattr(passwords.Passwords, "match", real)
        if way == "reset":
            people.reset("jane@example.com", actor="cli")
        else:
            people.change_password(person.id, given, "another fine password")
        return good

    def begin() -> int:
        monkeypatch.setattr(passwords.Passwords, "match", overtaken)
        return people.get(person.id).session

    before = begin()
    assert people.sign_in("jane@example.com", PASSWORD) is None
    assert people.get(person.id).session == before + 1
    people.add("ada@example.com", "admin", actor="cli")
    people.remove(person.id, actor="cli")
    person, _ = people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    begin()
    with pytest.raises(Invalid, match="old password is wrong"):
        people.change_password(person.id, PASSWORD, "a third fine password")
    assert people.sign_in("jane@example.com", "a third fine password") is None


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", "another fine password", "old"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "eleven char", "new"),
        (PASSWORD, "jane@example.com", "new"),
    ],
)
def test_a_password_is_not_changed_for_the_worse(people: People, old: str, new: str, field: str) -> None:
    person, _ = people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    with pytest.raises(Invalid) as caught:
        people.change_password(person.id, old, new)
    assert list(caught.value.errors) == [field]
    assert people.sign_in("jane@example.com", PASSWORD)


def test_a_reset_gives_a_new_password_and_ends_all_sessions(people: People) -> None:
    before, _ = people.add("jane@example.com", "admin", password=PASSWORD, actor="cli")
    fresh = people.reset("Jane@example.com", actor="cli")
    after = people.get(before.id)
    assert after.session != before.session
    assert after.must_change
    assert people.sign_in("jane@example.com", PASSWORD) is None
    assert people.sign_in("jane@example.com", fresh)
    with pytest.raises(NotFound, match="ours person list"):
        people.reset("nobody@example.com", actor="cli")


def test_signing_out_everywhere_changes_the_session_number(people: People) -> None:
    person, _ = people.add("jane@example.com", "admin", actor="cli")
    assert people.end_own_sessions(person.id).session != person.session


def test_the_last_admin_stays_an_admin(people: People) -> None:
    jane, _ = people.add("jane@example.com", "admin", actor="cli")
    with pytest.raises(Invalid, match="only admin"):
        people.set_role(jane.id, "viewer", actor="cli")
    with pytest.raises(Invalid, match="only admin"):
        people.remove(jane.id, actor="cli")
    tom, _ = people.add("tom@example.com", "viewer", actor="cli")
    assert people.set_role(tom.id, "admin", actor="cli").role == "admin"
    people.remove(jane.id, actor="cli")
    assert [person.email for person in people.list()] == ["tom@example.com"]
    with pytest.raises(NotFound):
        people.get(jane.id)


def test_the_audit_has_every_change_and_no_password(people: People, store: Store) -> None:
    person, password = people.add("jane@example.com", "admin", actor="cli")
    people.sign_in("jane@example.com", password)
    people.change_password(person.id, password, "another fine password")
    fresh = people.reset("jane@example.com", actor=Actor("tom@example.com", "admin"))
    people.end_own_sessions(person.id)
    entries = Audit(store).list()
    verbs = ["add", "sign_in", "change_password", "reset_password", "end_sessions"]
    assert [entry.verb for entry in reversed(entries)] == verbs
    assert {entry.subject for entry in entries} == {f"person {person.id}"}
    assert all(secret not in repr(entries) for secret in (password, fresh))


def test_the_audit_says_whose_account_it_was_when_they_are_gone(people: People, store: Store) -> None:
    jane = people.add("jane@example.com", "editor", actor="cli")[0]
    people.add("tom@example.com", "admin", actor="cli")
    people.set_role(jane.id, "viewer", actor="cli")
    people.reset("jane@example.com", actor="cli")
    people.remove(jane.id, actor="cli")
    of_jane = Audit(store).list(wanted=Filter(subject=f"person {jane.id}"))
    assert {entry.detail["email"] for entry in of_jane} == {"jane@example.com"}
    assert [entry.verb for entry in of_jane] == ["remove", "reset_password", "set_role", "add"]
    assert of_jane[0].detail["role"] == "viewer"


def test_of_two_admins_who_end_each_other_at_once_one_stays(people: People) -> None:
    for number in range(10):
        pair = [people.add(f"{name}{number}@example.com", "admin", actor="cli")[0].id for name in "ab"]
        for other in people.list():
            if other.id not in pair:
                people.remove(other.id, actor="cli")
        start = Barrier(2)

        def end(person_id: int, *, remove: bool, start: Barrier = start) -> bool:
            start.wait()
            try:
                if remove:
                    people.remove(person_id, actor="cli")
                else:
                    people.set_role(person_id, "viewer", actor="cli")
            except Invalid:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            ends = [pool.submit(end, one, remove=bool(place and number % 2)) for place, one in enumerate(pair)]
        assert sorted(one.result() for one in ends) == [False, True]
        assert sum(one.role == "admin" for one in people.list()) == 1
