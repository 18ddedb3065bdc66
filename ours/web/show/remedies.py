"""What the dashboard has for what an alert advises: words without a command, and a way to where it is done."""

from typing import NamedTuple

from flask import url_for

from ours.core import concerns
from ours.web.show.door import may

_WORDS = {
    "ambiguous": "See which arrived, and say so, or replay them.",
    "failing": "It is probed and goes on by itself.",
    "lost": "They are listed under Balance. It is a fault of ours: report it.",
    "paused": "Renew or mend them, or its plugin, then resume it. Its backlog is kept.",
    "plugin": "Mend it or put it back, then start again.",
    "rejecting": "Mend its mapping or its settings, or what answers there, then replay them. It is over when something"
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
        return [("What is held", held)]
    if kind == "lost":
        return [("Balance", url_for("show.overview", _anchor="balance"))]
    return [("Plugins", url_for("show.plugins"))] if kind == "plugin" and destination_id else []


def _mended(kind: str, destination_id: int | None) -> list[tuple[str, str]]:
    if destination_id is None:
        return []
    if kind == "rejecting":
        replay = url_for("show.replay_many", destination=destination_id, state="rejected")
        return [("Replay what was rejected", replay)]
    if kind == "paused":
        return [("Resume", url_for("show.change_destination", destination_id=destination_id, verb="resume"))]
    if kind in {"unfit", "empty"}:
        anchor = "events" if kind == "empty" else None
        edit = url_for("show.edit_destination", destination_id=destination_id, _anchor=anchor)
        return [("Edit" if kind == "unfit" else "Choose events", edit)]
    return []
