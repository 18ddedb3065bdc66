"""``ours explain``: what led to a dispatch, row by row; or where a field goes."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import Column, Shell, json_option, pass_shell
from ours.errors import Invalid

if TYPE_CHECKING:
    from ours.services.explain import Chain
    from ours.services.overview.views import Attempt

_SHOWN = ("id", "event", "mode", "source", "visitorId", "warnings", "notes")


@click.command()
@click.argument("id", required=False)
@click.option("--field", "path", metavar="PATH", help="A field, such as visitor.email: where does it go?")
@json_option
@pass_shell
def explain(shell: Shell, id: str | None, path: str | None) -> None:
    """Explain a dispatch or an event by its id. Shows warnings, identity, rules, and the mapping row by row.

    With --field, list every destination that a field leaves for. What identifies a person is masked; `ours dispatch
    show` has the request and the answer as they were kept.
    """
    if (id is None) == (path is None):
        raise Invalid("Give the id of a dispatch or an event, or --field PATH.")
    if path is not None:
        _uses(shell, path)
        return
    from ours.core.redact import mask_value

    chains = shell.ours.explain.either(id or "")
    event = shell.ours.overview.event_json(chains[0].event_id) if chains else {}
    tries = _last_tries(shell, chains[0].event_id) if chains else {}
    shell.show({
        "event": {name: mask_value("", event.get(name)) for name in _SHOWN},
        "dispatches": [_document(chain, tries.get(chain.dispatch_id or "")) for chain in chains],
    })  # fmt: skip


def _last_tries(shell: Shell, event_id: str) -> "Mapping[str, Attempt]":
    """By dispatch; what names a person is masked in them."""
    made = shell.ours.overview.event(event_id).dispatches
    return {one.id: one.attempts[-1] for one in made if one.id and one.attempts}


def _uses(shell: Shell, path: str) -> None:
    names = ("destination", "status", "field", "template", "modification", "hashed", "layer", "delivered")
    columns: dict[str, Column] = {name: itemgetter(name) for name in names}
    found: list[Mapping[str, Any]] = [
        {name: getattr(use, name) for name in names} for use in shell.ours.explain.field(path)
    ]
    shell.show_all(found, columns, f"No mapping lets {path} out.")


def _document(chain: "Chain", last: "Attempt | None") -> Mapping[str, Any]:
    return {
        "id": chain.dispatch_id,
        "destination": chain.destination,
        "status": chain.state,
        "reason": chain.reason,
        "configVersion": chain.version,
        "thatActed": chain.then,
        "conditionalMapping": chain.case,
        "steps": [{"step": one.name, "passed": one.good, "words": one.words} for one in chain.steps],
        "mapping": [
            {"field": one.field, "from": one.template, "taken": one.taken, "modification": one.modification,
             "hashed": one.hashed, "value": one.value, "given": one.given, "layer": one.layer}
            for one in chain.fields
        ],
        "request": last and last.request,
        "response": last and last.response,
    }  # fmt: skip
