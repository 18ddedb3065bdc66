"""What the dashboard has for what an alert advises: words without a command, and a way to where it is done."""

from typing import NamedTuple

from flask import url_for

from ours.core import concerns
from ours.web.show.door import may

_WORDS = {
    "ambiguous": "Check which arrived: confirm those, and replay the others.",
    "failing": "It is probed, and resumes automatically.",
    "lost": "They are listed under Balance. This is a bug in Ours: report it.",
    "paused": "Renew the credentials, or fix the settings or the plugin, then resume it. Its backlog is kept.",
    "plugin": "Fix it or put it back, then restart.",
    "rejecting": "Fix its mapping, its settings or the receiver, then replay them. This is over once something"
    " arrives.",
}  # fmt: skip


class Way(NamedTuple):
    """A link that says what one finds or does there."""

    label: str
    address: str


def words(kind: str) -> str:
    return _WORDS.get(kind) or concerns.remedy(kind)


def ways(kind: str, destination_id: int | None = None) -> list[Way]:
    """Where a concern can be looked into or mended, the nearest first; for who may only look, not what they may not."""
    found = [*_looked_into(kind, destination_id), *(_mended(kind, destination_id) if may("editor") else ())]
    return [Way(label, address) for label, address in found]


def _looked_into(kind: str, destination_id: int | None) -> list[tuple[str, str]]:
    if kind in {"failing", "paused", "rejecting"}:
        return [("Latest tries", url_for("show.destination", destination_id=destination_id, _anchor="failed"))]
    if kind in {"ambiguous", "expiring"}:
        reason = "ambiguous" if kind == "ambiguous" else None
        held = url_for("show.dispatches", destination=destination_id, state="held", reason=reason)
        return [("Held dispatches", held)]
    if kind == "lost":
        return [("Balance", url_for("show.overview", _anchor="balance"))]
    return [("Plugins", url_for("show.plugins"))] if kind == "plugin" and destination_id else []


def _mended(kind: str, destination_id: int | None) -> list[tuple[str, str]]:
    if destination_id is None:
        return []
    if kind == "rejecting":
        replay = url_for("show.replay_many", destination=destination_id, state="rejected")
        return [("Replay rejected", replay)]
    if kind in {"paused", "paused_by_hand"}:
        return [("Resume", url_for("show.change_destination", destination_id=destination_id, verb="resume"))]
    if kind in {"unfit", "empty"}:
        anchor = "events" if kind == "empty" else None
        edit = url_for("show.edit_destination", destination_id=destination_id, _anchor=anchor)
        return [("Edit" if kind == "unfit" else "Choose events", edit)]
    return []
