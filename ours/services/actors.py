"""Who does something, and whether they may. Each verb of a service says what it needs and refuses by itself.

Pages and the API only reflect it. Whoever runs commands on this machine holds its keys and database, so the command
line may do everything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, cast

from ours.errors import Forbidden

Role = Literal["viewer", "editor", "admin"]
House = Literal["cli", "first start", "ours"]
RANKS: Mapping[str, int] = {"viewer": 1, "editor": 2, "admin": 3}
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a role. ``scopes`` are what a token may besides; None for a person, whose role says it all."""

    name: str
    role: Role
    scopes: frozenset[str] | None = None


Who = Actor | House
_HOUSE: Mapping[str, Actor] = {name: Actor(name, "admin") for name in ("cli", "first start", "ours")}


@dataclass(frozen=True, slots=True)
class Need:
    """What a verb needs: at least this role, and for a token this scope. No scope: no token may."""

    role: Role
    scope: str | None


def needs(role: Role, scope: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Refuse whoever may not, before anything is done. The verb takes its ``actor`` by name."""
    need = Need(role, scope)

    def guard(verb: Callable[P, T]) -> Callable[P, T]:
        @wraps(verb)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            check(cast("Who", kwargs.get("actor")), need)
            return verb(*args, **kwargs)

        guarded.need = need  # type: ignore[attr-defined]
        return guarded

    return guard


def check(who: Who, need: Need) -> None:
    """:raises Forbidden: saying what is missing."""
    actor = who if isinstance(who, Actor) else _HOUSE.get(who)
    if actor is None:  # a name alone proves nothing
        raise Forbidden("You must be signed in to do this.")
    if RANKS[actor.role] < RANKS[need.role]:
        raise Forbidden(f"This needs the role {need.role}; yours is {actor.role}. An admin can give you another.")
    if actor.scopes is not None and need.scope is None:
        raise Forbidden("A token can't do this; a person has to.")
    if actor.scopes is not None and need.scope not in actor.scopes:
        raise Forbidden(f"This needs the scope {need.scope}, which this token does not have.")


def name_of(who: Who) -> str:
    return who.name if isinstance(who, Actor) else who
