"""``ours replay``: send again what ended."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

import click

from ours.cli.moments import Moment
from ours.cli.shell import ACTOR, Column, Shell, json_option, options, pass_shell
from ours.clock import iso

if TYPE_CHECKING:
    from ours.services.replay import Filter, Paced, Preview

_STATES = click.Choice(["rejected", "exhausted", "stopped", "held", "delivered", "sunk"])


_fresh = click.option("--fresh-id", is_flag=True, help="Use a new id, so that no receiver takes it for a repeat.")


@click.group()
def replay() -> None:
    """Send an ended dispatch again. The old dispatch stays as it is; a new one names it.

    It carries the old one's id, so that a receiver that has it already drops it. A test dispatch goes to the sink
    again.
    """


@replay.command()
@click.argument("id")
@_fresh
@json_option
@pass_shell
def dispatch(shell: Shell, id: str, fresh_id: bool) -> None:
    """Replay one dispatch."""
    made = shell.ours.replay.one(id, actor=ACTOR, fresh_id=fresh_id)
    shell.show({"id": made, "replayOf": id})


@replay.command()
@click.argument("id")
@click.option("--to", metavar="NAME", help="Send it to this destination, which did not get it before.")
@_fresh
@json_option
@pass_shell
def event(shell: Shell, id: str, to: str | None, fresh_id: bool) -> None:
    """Replay what of an event was not delivered. That is, all dispatches of it that ended otherwise."""
    if to is not None:
        made = [shell.ours.replay.event_to(id, shell.ours.destinations.find(to).id, actor=ACTOR)]
    else:
        made = shell.ours.replay.event(id, actor=ACTOR, fresh_id=fresh_id)
    shell.show({"event": id, "dispatches": made})


_narrowing = options(
    click.option("--destination", metavar="NAME", help="Its name or id; by default all destinations."),
    click.option("--state", "states", type=_STATES, multiple=True, required=True,
                 help="How they ended; may be repeated."),
    click.option("--reason", metavar="CODE", help="Only those with this reason, such as http_500."),
    click.option("--since", type=Moment(),
                 help="Only those made since this time (2026-08-11T01:15:00Z), or within this long: 90m, 24h, 7d."),
    click.option("--until", type=Moment(), help="Only those made before this time."),
    click.option("--mode", type=click.Choice(["live", "test"])),
    click.option("--limit", type=click.IntRange(1), help="At most this many."),
    click.option("--yes", is_flag=True, help="Do it, without asking."),
)  # fmt: skip
"""The options that say which dispatches."""


@replay.command()
@_narrowing
@_fresh
@json_option
@pass_shell
def many(shell: Shell, /, limit: int | None, yes: bool, fresh_id: bool, **narrow: Any) -> None:
    """Replay all that match, now. Shows first what would happen, and asks; with --json, it needs --yes."""
    wanted = _filter(shell, narrow)
    preview, yes = _agreed(shell, wanted, yes)
    done = shell.ours.replay.many(wanted, actor=ACTOR, limit=limit, fresh_id=fresh_id) if yes else 0
    shell.show((_document(preview) if shell.as_json else {}) | {"replayed": done})


@replay.command()
@_narrowing
@_fresh
@json_option
@pass_shell
def start(shell: Shell, /, limit: int | None, yes: bool, fresh_id: bool, **narrow: Any) -> None:
    """Replay all that match, gradually. The scheduler does it, at most 500 per second, and you can pause it."""
    wanted = _filter(shell, narrow)
    preview, yes = _agreed(shell, wanted, yes)
    begun = shell.ours.paced_replays.start(wanted, actor=ACTOR, limit=limit, fresh_id=fresh_id) if yes else None
    shell.show((_document(preview) if shell.as_json else {}) | {"replay": _paced(begun) if begun else None})


@replay.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List the replays and their progress, newest first."""
    columns: dict[str, Column] = {
        name: itemgetter(name) for name in ("id", "state", "made", "passedOver", "matching", "startedAt", "by")
    }
    columns["states"] = lambda one: ", ".join(one["states"]) + (" (fresh ids)" if one["freshId"] else "")
    shell.show_all([_paced(one) for one in shell.ours.paced_replays.list()], columns, "None was started.")


def _turn(verb: str, state: Literal["running", "paused", "cancelled"], text: str) -> None:
    @replay.command(verb, help=text)
    @click.argument("id", type=int)
    @json_option
    @pass_shell
    def turn(shell: Shell, id: int) -> None:
        shell.show(_paced(shell.ours.paced_replays.turn(id, state, actor=ACTOR)))


_turn("pause", "paused", "Pause a replay. It makes no more dispatches for now; those already made go on.")
_turn("resume", "running", "Resume a paused replay where it stopped.")
_turn("cancel", "cancelled", "Cancel a replay. It makes no more dispatches.")


def _filter(shell: Shell, narrow: Mapping[str, Any]) -> "Filter":
    from ours.services.replay import Filter

    given = dict(narrow)
    destination, states = given.pop("destination"), frozenset(given.pop("states"))
    place = shell.ours.destinations.find(destination).id if destination else None
    return Filter(destination_id=place, states=states, **given)


def _agreed(shell: Shell, wanted: "Filter", yes: bool) -> "tuple[Preview, bool]":
    """What would happen, and whether that is wanted."""
    preview = shell.ours.replay.preview(wanted)
    if not (yes or shell.as_json):
        shell.show(_document(preview))
        yes = preview.count > 0 and click.confirm("Replay them?", err=True)
    return preview, yes


def _paced(one: "Paced") -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "states": sorted(one.wanted.states),
        "destination": one.wanted.destination_id,
        "reason": one.wanted.reason,
        "matching": one.matching,
        "since": iso(one.wanted.since),
        "until": iso(one.wanted.until),
        "mode": one.wanted.mode,
        "freshId": one.fresh_id,
        "by": one.actor,
        "limit": one.most,
        "made": one.made,
        "passedOver": one.passed_over,
        "startedAt": iso(one.created_at),
        "updatedAt": iso(one.updated_at),
    }


def _document(preview: "Preview") -> dict[str, Any]:
    states: Mapping[str, int] = dict(preview.states)
    return {
        "matching": preview.count,
        "states": states,
        "arrivedAlready": preview.delivered,
        "perhapsArrived": preview.ambiguous,
        "stoppedByRules": preview.ruled,
        "heldAtFirst": preview.kept,
        "barred": dict(preview.barred),
        "oldest": iso(preview.oldest),
        "newest": iso(preview.newest),
        "seconds": preview.seconds,
    }
