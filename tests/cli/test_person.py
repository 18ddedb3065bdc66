"""``ours person``."""

from pyotp import TOTP

from ours.bootstrap import Ours
from ours.services.actors import Actor
from ours.services.people import Person, codes
from tests.cli.conftest import Terminal


def test_an_added_person_signs_in_with_the_printed_password(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json("person", "add", "Jane@example.com", "--role", "editor")
    assert (made["email"], made["role"]) == ("jane@example.com", "editor")
    assert ours.people.sign_in("jane@example.com", made["password"])
    fresh = terminal.json("person", "reset", "jane@example.com")
    assert ours.people.sign_in("jane@example.com", made["password"]) is None
    assert ours.people.sign_in("jane@example.com", fresh["password"])


def test_people_are_listed_given_roles_and_removed(terminal: Terminal) -> None:
    terminal.json("person", "add", "jane@example.com")
    terminal.json("person", "add", "tom@example.com", "--role", "viewer")
    assert terminal.json("person", "sign-out", "tom@example.com")["email"] == "tom@example.com"
    assert terminal.json("person", "role", "tom@example.com", "admin")["role"] == "admin"
    assert terminal.json("person", "remove", "jane@example.com")["removed"] is True
    listed = terminal.json("person", "list")
    assert [(one["email"], one["role"], one["mustChangePassword"]) for one in listed] == [
        ("tom@example.com", "admin", True)
    ]
    assert "only admin" in terminal.json("person", "remove", "tom@example.com", status=1)["error"]


def test_whoever_is_removed_leaves_tokens_that_are_named(terminal: Terminal, ours: Ours) -> None:
    terminal.json("person", "add", "jane@example.com")
    token, _ = ours.tokens.add("Deployment", ["balance:read"], actor=Actor("jane@example.com", "admin"))
    terminal.json("person", "add", "tom@example.com")
    said = terminal.run("person", "remove", "jane@example.com").stderr
    assert f"go on working: {token.id} (Deployment)." in said


def test_whose_authenticator_is_lost_signs_in_without_it(terminal: Terminal, ours: Ours) -> None:
    made = terminal.json("person", "add", "jane@example.com")
    secret = codes.new_secret()
    ours.second_factors.set(made["id"], secret, password=made["password"], code=TOTP(secret).now())
    assert terminal.json("person", "list")[0]["secondFactorAt"]
    assert "second factor" in terminal.run("person", "list").stdout
    assert terminal.json("person", "drop-second-factor", "jane@example.com")["secondFactorAt"] is None
    assert isinstance(ours.people.sign_in("jane@example.com", made["password"]), Person)
    assert "no second factor" in terminal.json("person", "drop-second-factor", "jane@example.com", status=1)["error"]
