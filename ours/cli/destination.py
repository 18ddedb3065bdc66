"""``ours destination``: the places that events are delivered to."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli import limits
from ours.cli.changing import override_option, why_option
from ours.cli.limits import limit_options
from ours.cli.pairs import Pair, nested
from ours.cli.shell import ACTOR, Column, Shell, json_option, options, pass_shell
from ours.clock import iso
from ours.core.agreements import AGREEMENTS, CATEGORIES
from ours.errors import Invalid

if TYPE_CHECKING:
    from ours.services.destinations import Destination

_choices = options(
    click.option("--set", "settings", type=Pair(), multiple=True, metavar="KEY=VALUE",
                 help="One of the plugin's settings; a header is headers.NAME=VALUE, a list or an object JSON."),
    click.option("--event", "--events", "names", multiple=True, metavar="NAME",
                 help="Allow events with this name; may be repeated. '*' for all."),
    click.option("--no-events", "none", is_flag=True, help="Allow no events yet: nothing leaves for it."),
    click.option("--map", "mapping", type=Pair(), multiple=True, metavar="FIELD=TEMPLATE",
                 help="Map a field, over the plugin's own mapping; an empty template leaves the field out."),
    click.option("--category", type=click.Choice(CATEGORIES), help="Its category; by default the plugin's."),
    click.option("--agreement", type=click.Choice(AGREEMENTS), help="The agreement about personal data."),
    click.option("--source", "sources", multiple=True, metavar="NAME",
                 help="Listen only to this source; may be repeated. '*' for all."),
    why_option,
    override_option,
)  # fmt: skip
"""The options by which ``add`` and ``update`` are told what a destination is like."""


@click.group()
def destination() -> None:
    """Places that events are delivered to."""


@destination.command()
@click.argument("type")
@click.argument("name")
@_choices
@limit_options
@json_option
@pass_shell
def add(
    shell: Shell,
    /,
    type: str,
    name: str,
    settings: Sequence[tuple[str, str]],
    names: Sequence[str],
    none: bool,
    mapping: Sequence[tuple[str, str]],
    **more: Any,
) -> None:
    """Add a destination. TYPE says which plugin sends to it: see `ours plugin list`. NAME is yours.

    Say which events may leave for it: --event '*' for all, --event NAME for each one, or --no-events.
    """
    events = _events(names, none)
    if events is None:
        raise Invalid(
            "Say which events may leave for this destination: --event '*' for all, --event NAME (repeated) for these,"
            " or --no-events for none yet."
        )
    made = shell.ours.destinations.add(
        type, name, nested(settings), events=events, mapping=dict(mapping), actor=ACTOR, **_more(shell, more)
    )
    _warn_if_nothing_leaves(shell, made)
    shell.show(_brief(made))


@destination.command()
@click.argument("name")
@click.option("--name", "new_name", help="A new name.")
@click.option("--unset", multiple=True, metavar="KEY", help="Clear one of the plugin's settings.")
@_choices
@limit_options
@json_option
@pass_shell
def update(shell: Shell, /, name: str, new_name: str | None, unset: Sequence[str], **given: Any) -> None:
    """Change a destination; options that you leave out change nothing. NAME is its name or id."""
    found = shell.ours.destinations.find(name)
    settings = nested(given["settings"]) | dict.fromkeys(unset)
    changed = shell.ours.destinations.update(
        found.id,
        seen=found.version if given["mapping"] else None,
        name=new_name,
        settings=settings or None,
        events=_events(given["names"], given["none"]),
        mapping={**found.mapping, **dict(given["mapping"])} if given["mapping"] else None,
        actor=ACTOR,
        **_more(shell, given),
    )
    _warn_if_nothing_leaves(shell, changed)
    _warn_if_unfit(shell, changed)
    shell.show(_document(changed))


@destination.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all destinations."""
    columns: dict[str, Column] = {
        **{name: itemgetter(name) for name in ("id", "name", "type")},
        "status": _standing,
        "events": lambda one: ", ".join(one["events"]) or "none: nothing leaves",
    }
    empty = "There is no destination yet. Add one with `ours destination add TYPE NAME`."
    shell.show_all([_document(one) for one in shell.ours.destinations.list()], columns, empty)


@destination.command()
@click.argument("name")
@json_option
@pass_shell
def show(shell: Shell, name: str) -> None:
    """Show one destination, even a removed one; its secrets stay hidden. NAME is its name or id."""
    found = shell.ours.destinations.find(name, removed=True)
    health = shell.ours.overview.waiting(found.id)
    waiting = {"count": health.open + health.held, "oldest": iso(shell.ours.overview.oldest_waiting(found.id))}
    shell.show({**_document(found), "waiting": waiting})


def _status_verb(verb: str, method: str, text: str) -> None:
    @destination.command(verb, help=text)
    @click.argument("name")
    @json_option
    @pass_shell
    def change(shell: Shell, name: str) -> None:
        found = shell.ours.destinations.find(name)
        shell.show(_brief(getattr(shell.ours.destinations, method)(found.id, actor=ACTOR)))


_status_verb("pause", "pause", "Pause a destination: hold what waits for it, and everything new.")
_status_verb("resume", "resume", "Resume a paused destination. Delivers what was held, and everything new.")
_status_verb("off", "turn_off", "Switch a destination off. Stops what waits for it, and everything new.")
_status_verb("on", "turn_on", "Switch a destination on. What was stopped stays stopped.")


@destination.command()
@click.argument("name")
@click.option(
    "--pending",
    type=click.Choice(["stop", "deliver-first"]),
    help="What to do with dispatches that wait or are held. Required if there are any.",
)
@json_option
@pass_shell
def remove(shell: Shell, name: str, pending: str | None) -> None:
    """Remove a destination for good, and erase its settings.

    With --pending deliver-first, it accepts nothing new, and is removed once what waits is delivered.
    """
    found = shell.ours.destinations.find(name)
    health = shell.ours.overview.waiting(found.id)
    if pending is None and (waiting := health.open + health.held):
        pending = _ask(shell, found, waiting)
    removed = shell.ours.destinations.remove(found.id, actor=ACTOR, deliver_first=pending == "deliver-first")
    shell.show(_brief(removed) | {"leaving": removed.leaving})


def _ask(shell: Shell, one: "Destination", waiting: int) -> str:
    said = f'{waiting} dispatches for "{one.name}" wait or are held.'
    if shell.as_json:
        raise Invalid(f"{said} Say what becomes of them: --pending stop, or --pending deliver-first.")
    shell.say(said)
    answer = click.prompt("What becomes of them?", type=click.Choice(["stop", "deliver-first"]), err=True)
    return str(answer)


def _more(shell: Shell, given: Mapping[str, Any]) -> dict[str, Any]:
    """What ``add`` and ``update`` are told besides."""
    heard = [name for name in given["sources"] if name != "*"]
    return {
        "sources": [shell.ours.sources.find(name).id for name in heard] if given["sources"] else None,
        "category": given["category"],
        "agreement": given["agreement"],
        "limits": limits.read({option: given[option] for option in limits.OPTIONS}),
        "why": given["why"],
        "override": given["override"],
    }


def _events(names: Sequence[str], none: bool) -> list[str] | None:
    """The allow list; None when nothing was said."""
    if names and none:
        raise Invalid("Use either --event or --no-events, not both.")
    return [] if none else list(names) or None


def _warn_if_nothing_leaves(shell: Shell, one: "Destination") -> None:
    if not one.events:
        shell.say(f'No event is allowed for "{one.name}" yet: nothing leaves for it.', warn=True)


def _warn_if_unfit(shell: Shell, one: "Destination") -> None:
    if one.unfit:
        shell.say(f'"{one.name}" holds all that it is owed. {one.unfit.words}', warn=True)


def _standing(document: Mapping[str, Any]) -> str:
    """Status, and what else there is to know at a glance."""
    if document["leaving"]:
        return f"{document['status']} (leaving)"
    if document["status"] == "on" and "unfit" in document:
        return "on (unfit: all is held)"
    if document["status"] == "on" and document["breaker"]["state"] != "closed":
        return "on (failing)"
    return f"{document['status']} ({document['pausedFor']})" if document["pausedFor"] else str(document["status"])


def _brief(one: "Destination") -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "type": one.slug, "status": one.status}


def _document(one: "Destination") -> Mapping[str, Any]:
    from ours.services.destinations.settings import without_secrets

    return {
        **_brief(one),
        "pausedFor": one.paused_for,
        "leaving": one.leaving,
        "events": list(one.events),
        "settings": without_secrets(one.settings_shown),
        **({"unopened": one.unopened.words} if one.unopened else {}),
        **({"unfit": one.unfit.words} if one.unfit else {}),
        "mapping": dict(one.mapping),
        "conditional": [dict(case) for case in one.cases],
        "sources": list(one.sources),
        "category": one.category,
        "agreement": one.agreement,
        **limits.show(one),
        "version": one.version,
        "pluginLoaded": one.loaded,
        "createdAt": iso(one.created_at),
        "updatedAt": iso(one.updated_at),
    }
