"""Lets a person's data out in clear only by an agreement, or by somebody's word, which is written down."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ours.core import subjects
from ours.errors import Invalid
from ours.services import audit
from ours.services.versions import Change


def check(
    connection: Connection, destination_id: int, fields: Sequence[str], agreement: str, change: Change, override: str
) -> None:
    """See that the sensitive ``fields`` that begin to leave without an agreement have somebody's word for it.

    :raises Invalid: when they have none.
    """
    if not fields:
        return
    if not override.strip():
        raise Invalid.at("override", refusal("These fields", fields))
    detail = {"fields": fields, "agreement": agreement, "reason": override.strip()[:500]}
    audit.record(connection, change.actor, "override", subjects.destination(destination_id), detail)


def refusal(who: str, fields: Sequence[str]) -> str:
    """What is said of sensitive ``fields`` that would leave without an agreement and without a word for it."""
    return (
        f"{who} would let a person's data out in clear, and no agreement with it is signed:"
        f" {', '.join(fields[:20])}. Hash them, state the agreement, or say why they may leave (override)."
    )
