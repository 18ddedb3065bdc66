"""Keeps versions: whoever changes the configuration says so here, in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from sqlalchemy import Connection

from ours import clock, ids
from ours.core.deeds import Verb
from ours.errors import Changed
from ours.services.actors import Who, name_of
from ours.store import Sealer, binding
from ours.store.queries import versions as queries

GOVERNANCE = "governance"
LONGEST_WHY = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something, what is done, and why."""

    actor: Who
    verb: Verb
    why: str = ""


FOUND = Change("ours", cast("Verb", "found"))
"""Nobody's doing, so no entry of the audit log: the first version that is kept of what was there before."""


def keep(
    connection: Connection, sealer: Sealer, subject: str, number: int, change: Change, document: Mapping[str, Any]
) -> None:
    version_id = ids.new_id()
    queries.keep(
        connection,
        {"id": version_id, "subject": subject, "number": number, "at": clock.now_ms(), "actor": name_of(change.actor),
         "verb": change.verb, "why": change.why.strip()[:LONGEST_WHY],
         "document": sealer.seal_json(document, binding.version(version_id))},
    )  # fmt: skip


def check_seen(connection: Connection, subject: str, newest: int, seen: int | None) -> None:
    """See that nobody changed it since version ``seen`` was looked at; None: whoever asks looked at none.

    :raises Changed: saying who did.
    """
    if seen is None or seen == newest:
        return
    last = queries.one(connection, subject, newest)
    sentence = (
        f"{last.actor if last else 'Somebody'} changed this after you opened it, so what you typed was not saved."
    )
    raise Changed(sentence, {"version": [sentence]})


def open_document(sealer: Sealer, row: Any) -> dict[str, Any]:
    """All that was set; secrets in clear."""
    document: dict[str, Any] = orjson.loads(sealer.open(row.document, binding.version(row.id)))
    return document


def forget_secrets(connection: Connection, sealer: Sealer, subject: str) -> None:
    """Of a destination that was removed, no version keeps the settings."""
    for version_id in queries.ids_of(connection, subject):
        row = queries.by_id(connection, version_id)
        if row is not None:
            document = open_document(sealer, row) | {"settings": {}}
            queries.overwrite(connection, version_id, sealer.seal_json(document, binding.version(version_id)))
