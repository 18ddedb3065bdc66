"""Options that every change of the configuration takes: why it is made, and a look at what it would do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ours.core.diffing import ABSENT, Difference

if TYPE_CHECKING:
    from ours.services.preview import Report

why_option = click.option("--why", default="", metavar="TEXT", help="The reason; it is kept with the version.")
override_option = click.option(
    "--override", default="", metavar="TEXT",
    help="Let sensitive fields leave without a signed agreement, for this reason; it is kept in the audit log.",
)  # fmt: skip
latest_option = click.option(
    "--latest",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="How many of the latest events to use.",
)


def report(found: "Report") -> dict[str, Any]:
    """A preview as a document."""
    return {
        "events": found.events,
        "counts": {kind: found.counts.get(kind, 0) for kind in ("appears", "vanishes", "changes", "reason", "stays")},
        "effects": [
            {
                "kind": one.kind,
                "event": one.event_id,
                "name": one.event,
                "destination": one.destination,
                "before": one.old,
                "after": one.new,
                "differences": [difference(each) for each in one.differences],
            }
            for one in found.effects
        ],
    }


def difference(one: Difference) -> Mapping[str, Any]:
    """``before`` and ``after``: only those that there are."""
    ends = {"before": one.old, "after": one.new}
    return {"path": one.path, "kind": one.kind} | {name: end for name, end in ends.items() if end is not ABSENT}
