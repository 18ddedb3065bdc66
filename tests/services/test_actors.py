"""What a role or a token may not is refused by the service itself, before anything is looked at."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine

from ours.bootstrap import Ours
from ours.errors import Forbidden, Invalid
from ours.services.actors import RANKS, Actor, Need, check
from ours.settings import Settings

VERBS_THAT_TAKE_NO_ACTOR = {"change_password", "end_own_sessions", "sign_in", "first"}  # by the person alone


@pytest.fixture
def here(make_settings: Callable[..., Settings], make_database_url: Callable[[str], str]) -> Iterator[Ours]:
    make_database_url("sqlite")
    opened = Ours(make_settings())
    yield opened
    opened.close()


def _rooms(here: Ours) -> Iterator[object]:
    for name, made in inspect.getmembers(type(here), lambda one: hasattr(one, "func")):
        if not name.startswith("_") and name not in {"registry", "queue", "session_keys"}:
            yield made.__get__(here)


def _verbs(here: Ours) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every verb of every service that says who does it."""
    for room in _rooms(here):
        for name, verb in inspect.getmembers(room, inspect.ismethod):
            if not name.startswith("_") and "actor" in inspect.signature(verb).parameters:
                yield f"{type(room).__name__}.{name}", verb


def _arguments(verb: Callable[..., Any]) -> dict[str, Any]:
    """Something for whatever it wants: it must not come to be looked at."""
    wanted = inspect.signature(verb).parameters.values()
    return {one.name: object() for one in wanted if one.default is one.empty and one.name != "actor"}


def test_every_verb_that_says_who_says_what_they_need(here: Ours) -> None:
    found = dict(_verbs(here))
    assert len(found) > 18
    for name, verb in found.items():
        assert isinstance(getattr(verb, "need", None), Need), name


@pytest.mark.parametrize("role", [*RANKS])
def test_whoever_ranks_too_low_is_refused_before_anything_is_done(here: Ours, role: Any) -> None:
    for name, verb in _verbs(here):
        need: Need = verb.need  # type: ignore[attr-defined]
        if RANKS[need.role] > RANKS[role]:
            with pytest.raises(Forbidden, match=f"needs the role {need.role}; yours is {role}"):
                verb(**_arguments(verb), actor=Actor("eve@example.com", role))
        assert RANKS[need.role], name
    assert here.audit.list() == []


def test_a_token_may_what_its_scopes_name_and_never_what_has_none(here: Ours) -> None:
    for _, verb in _verbs(here):
        with pytest.raises(Forbidden):
            verb(**_arguments(verb), actor=Actor("token 1", "admin", frozenset()))
        if verb.need.scope is None:  # type: ignore[attr-defined]
            every = frozenset(str(one.need.scope) for _, one in _verbs(here))  # type: ignore[attr-defined]
            with pytest.raises(Forbidden, match="a person has to"):
                verb(**_arguments(verb), actor=Actor("token 1", "admin", every))


@pytest.mark.parametrize("who", [None, "", "jane@example.com", "admin", "CLI", 7])
def test_a_name_alone_proves_nothing(who: Any) -> None:
    with pytest.raises(Forbidden):
        check(who, Need("viewer", None))


def test_the_command_line_may_everything_and_a_right_scope_lets_a_token_pass() -> None:
    check("cli", Need("admin", None))
    check(Actor("token 1", "editor", frozenset({"sources:write"})), Need("editor", "sources:write"))


@pytest.mark.parametrize(
    ("scopes", "days", "said"),
    [([], 1, "at least one scope"), (["balance:read"], 0, "1 to 366"), (["balance:read"], 367, "1 to 366")],
)
def test_a_token_that_may_nothing_or_lives_for_ever_is_refused(
    here: Ours, scopes: list[str], days: int, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        here.tokens.add("CI", scopes, days, actor="cli")
    assert here.tokens.add("CI", ["balance:read"], 366, actor="cli")


def test_a_token_works_until_it_is_revoked_which_is_written_down_once(here: Ours) -> None:
    ada = Actor("ada@example.com", "admin")
    made, text = here.tokens.add("CI", ["balance:read"], 1, actor=ada)
    assert here.tokens.left_by(ada.name) == [made]
    with time_machine.travel((made.expires_at + 1) / 1000, tick=False):
        assert (here.tokens.left_by(ada.name), here.tokens.authenticate(text)) == ([], None)
    for _ in range(2):
        here.tokens.revoke(made.id, actor=ada)
    assert (here.tokens.left_by(ada.name), here.tokens.authenticate(text)) == ([], None)
    assert [entry.verb for entry in here.audit.list(2)] == ["revoke", "add"]
