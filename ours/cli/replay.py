"""``ours replay``: send again what ended."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import ACTOR, Shell, json_option, pass_shell
from ours.clock import DAY, HOUR, MINUTE, iso, now_ms

if TYPE_CHECKING:
    from ours.services.replay import Preview

_STATES = click.Choice(["rejected", "exhausted", "stopped", "held", "delivered", "sunk"])
_AGES = {"m": MINUTE, "h": HOUR, "d": DAY}


class _Moment(click.ParamType[int]):
    """``2026-08-11T01:15:00Z`` (UTC where no zone is said), or how long ago: ``90m``, ``24h``, ``7d``."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        age = re.fullmatch(r"(\d{1,6})([mhd])", str(value))
        if age:
            return now_ms() - int(age[1]) * _AGES[age[2]]
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f'"{value}" is no moment. Write 2026-08-11T01:15:00Z, or how long ago: 90m, 24h, 7d.', param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


_fresh = click.option("--fresh-id", is_flag=True, help="Tell receivers a new id, so that none takes it for a repeat.")


@click.group()
def replay() -> None:
    """Send again what ended. The old dispatch stays as it is; a new one names it.

    Receivers are told the old one's id, so that those that know it drop it. A test dispatch goes to the sink again.
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
@click.option("--to", metavar="NAME", help="Send it to this destination, where it has not been yet.")
@_fresh
@json_option
@pass_shell
def event(shell: Shell, id: str, to: str | None, fresh_id: bool) -> None:
    """Replay all that ended of one event and was not delivered."""
    if to is not None:
        made = [shell.ours.replay.event_to(id, shell.ours.destinations.find(to).id, actor=ACTOR)]
    else:
        made = shell.ours.replay.event(id, actor=ACTOR, fresh_id=fresh_id)
    shell.show({"event": id, "dispatches": made})


@replay.command()
@click.option("--destination", metavar="NAME", help="Its name or id; all destinations when left out.")
@click.option("--state", "states", type=_STATES, multiple=True, required=True, help="How they ended; may be repeated.")
@click.option("--reason", metavar="CODE", help="Only those with this reason, such as http_500.")
@click.option(
    "--since", type=_Moment(), help="Only those made since 2026-08-11T01:15:00Z, or for so long: 90m, 24h, 7d."
)
@click.option("--until", type=_Moment(), help="Only those made before that moment.")
@click.option("--mode", type=click.Choice(["live", "test"]))
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@click.option("--yes", is_flag=True, help="Do it, without asking.")
@_fresh
@json_option
@pass_shell
def many(
    shell: Shell, /, destination: str | None, states: Sequence[str], yes: bool, fresh_id: bool, **narrow: Any
) -> None:
    """Replay all that match. Shows first what would happen, and asks; with --json, it asks for --yes."""
    from ours.services.replay import Filter

    limit = narrow.pop("limit")
    place = shell.ours.destinations.find(destination).id if destination else None
    wanted = Filter(destination_id=place, states=frozenset(states), **narrow)
    preview = shell.ours.replay.preview(wanted)
    if not (yes or shell.as_json):
        shell.show(_document(preview))
        yes = preview.count > 0 and click.confirm("Replay them?", err=True)
    done = shell.ours.replay.many(wanted, actor=ACTOR, limit=limit, fresh_id=fresh_id) if yes else 0
    shell.show((_document(preview) if shell.as_json else {}) | {"replayed": done})


def _document(preview: "Preview") -> dict[str, Any]:
    states: Mapping[str, int] = dict(preview.states)
    return {
        "matching": preview.count,
        "states": states,
        "arrivedAlready": preview.delivered,
        "perhapsArrived": preview.ambiguous,
        "barred": dict(preview.barred),
        "oldest": iso(preview.oldest),
        "newest": iso(preview.newest),
        "seconds": preview.seconds,
    }
