"""Tokens by which programs use the admin API: each may what its scopes name, is shown once, and expires."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ours import clock, ids
from ours.core import subjects
from ours.errors import Invalid, NotFound
from ours.services import audit, naming
from ours.services.actors import RANKS, Actor, Need, Role, Who, name_of, needs
from ours.store import Store, key_hash
from ours.store.queries import tokens as queries

USUAL_DAYS, MOST_DAYS = 90, 366
_USE_NOTED_EVERY = clock.MINUTE


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token with it may do, in words, and what a person would need for the same."""

    words: str
    need: Need


def _scope(name: str, role: Any, words: str) -> tuple[str, Scope]:
    return name, Scope(words, Need(role, name))


SCOPES: Mapping[str, Scope] = dict((
    _scope("sources:read", "viewer", "See sources and their volumes, without keys."),
    _scope("sources:write", "editor", "Add sources, give them keys, switch them on and off, delete them."),
    _scope("destinations:read", "viewer", "See destinations, with secrets masked."),
    _scope("destinations:write", "editor", "Add and change destinations, pause, resume and remove them."),
    _scope("events:read", "editor", "Read events and dispatches with all that they carry."),
    _scope("dispatches:replay", "editor", "Replay dispatches, or confirm that they arrived."),
    _scope("visitors:read", "editor", "Find visitors and read what is known of them."),
    _scope("visitors:export", "admin", "Export all that is kept about a visitor."),
    _scope("visitors:forget", "admin", "Forget a visitor for good."),
    _scope("balance:read", "viewer", "Read the balance."),
    _scope("audit:read", "admin", "Read the audit log."),
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One token, without its text, which is kept nowhere. Moments in milliseconds."""

    id: int
    name: str
    scopes: frozenset[str]
    made_by: str
    created_at: int
    expires_at: int
    revoked_at: int | None
    last_used_at: int | None

    def works(self, now: int) -> bool:
        return self.revoked_at is None and self.expires_at > now

    @property
    def actor(self) -> Actor:
        """It ranks no higher than its scopes ask for."""
        needed: list[Role] = [SCOPES[name].need.role for name in self.scopes if name in SCOPES]
        role: Role = max(needed, key=RANKS.__getitem__, default="viewer")
        return Actor(f"token {self.id} ({self.name})", role, self.scopes)


class Tokens:
    """``actor`` is who does it; only admins, and no token, may make one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @needs("admin")
    def add(self, name: str, scopes: Iterable[str], days: int = USUAL_DAYS, *, actor: Who) -> tuple[Token, str]:
        """A new token, and its text: it is shown this once.

        :raises Invalid: when the name can't be one, a scope is unknown or none is given, or it would live too long.
        """
        name, chosen, now = naming.clean(name), _known(scopes), clock.now_ms()
        if not 1 <= days <= MOST_DAYS:
            raise Invalid.at("days", f"A token lives 1 to {MOST_DAYS} days.")
        text = ids.new_token()
        values = {"name": name, "hash": key_hash(text), "scopes": ",".join(chosen), "made_by": name_of(actor),
                  "created_at": now, "expires_at": now + days * clock.DAY}  # fmt: skip
        with self._store.write() as connection:
            token_id = queries.insert_token(connection, values)
            detail = {"name": name, "scopes": chosen, "days": days}
            audit.record(connection, actor, "add", subjects.token(token_id), detail)
            return _token(queries.one(connection, token_id)), text

    def list(self) -> Sequence[Token]:
        """All that there ever were, the newest first."""
        with self._store.read() as connection:
            return [_token(row) for row in queries.all_tokens(connection)]

    def left_by(self, email: str) -> Sequence[Token]:
        """Those of that person's making that work: they go on when the person is gone."""
        now = clock.now_ms()
        return [one for one in self.list() if one.made_by == email and one.works(now)]

    @needs("admin")
    def revoke(self, token_id: int, *, actor: Who) -> Token:
        """It is refused from now on. Once more does no harm.

        :raises NotFound: when there is none with that id.
        """
        with self._store.write() as connection:
            row = queries.one(connection, token_id)
            if row is None:
                raise NotFound(f"There is no token {token_id}. `ours token list` shows those there are.")
            if row.revoked_at is None:
                queries.change(connection, token_id, revoked_at=clock.now_ms())
                audit.record(connection, actor, "revoke", subjects.token(token_id), {"name": row.name})
            return _token(queries.one(connection, token_id))

    def authenticate(self, text: str) -> Actor | None:
        """Whose token that is; None when it is unknown, revoked or expired. Found by its hash, or not at all."""
        now = clock.now_ms()
        with self._store.read() as connection:
            row = queries.by_hash(connection, key_hash(text), now)
        if row is None:
            return None
        if now - (row.last_used_at or 0) >= _USE_NOTED_EVERY:
            with self._store.write() as connection:
                queries.change(connection, row.id, last_used_at=now)
        return _token(row).actor


def _known(scopes: Iterable[str]) -> Sequence[str]:
    chosen = sorted(set(scopes))
    unknown = [name for name in chosen if name not in SCOPES]
    if unknown or not chosen:
        said = f"There is no scope {unknown[0][:40]}." if unknown else "Name at least one scope."
        raise Invalid.at("scopes", f"{said} There are: {', '.join(SCOPES)}.")
    return chosen


def _token(row: Any) -> Token:
    values = row._asdict() | {"scopes": frozenset(row.scopes.split(","))}
    del values["hash"]
    return Token(**values)
