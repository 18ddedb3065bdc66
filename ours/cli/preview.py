"""``ours preview``: what a change would do to the latest events; nothing is changed and nothing is sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ours.cli.changing import latest_option, report
from ours.cli.files import read_document
from ours.cli.shell import Shell, json_option, pass_shell
from ours.errors import Invalid

_FIELDS = {"settings", "events", "mapping", "cases", "sources", "category", "agreement"}


@click.command()
@click.argument("destination")
@click.option("--file", metavar="FILE", help=f"The change, as JSON or YAML: {', '.join(sorted(_FIELDS))}.")
@click.option(
    "--plugin",
    "path",
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="Another version of its plugin: a Python file or a folder. Its code runs here, and is not kept.",
)
@click.option("--event", "event_id", metavar="ID", help="Instead, show what would be sent of this one event.")
@latest_option
@json_option
@pass_shell
def preview(
    shell: Shell, /, destination: str, file: str | None, path: Path | None, event_id: str | None, latest: int
) -> None:
    """Show what a change would do to the latest events. They run through the destination as it is and as it would
    be: which requests appear, vanish or change?

    Credentials and whatever identifies a person are masked. For rules, see `ours governance set --preview`.
    """
    found = shell.ours.destinations.find(destination)
    given = _given(read_document(file)) if file else {}
    if event_id and path:
        raise Invalid("Give either --event or --plugin.")
    if event_id:
        verdict = shell.ours.preview.event(event_id, found.id, **given)
        sent = {"case": verdict.case, "fields": verdict.fields, "request": verdict.request}
        shell.show({"event": event_id, "destination": found.name, "stoppedBy": verdict.reason} | sent)
        return
    if path:
        from ours.cli.kit import chosen

        candidate = chosen(str(path), found.slug, shell)
        shell.show(report(shell.ours.preview.plugin(found.id, candidate, latest=latest, **given)))
        return
    if not given:
        raise Invalid("Say what would change (--file, --plugin), or which event to try (--event).")
    shell.show(report(shell.ours.preview.destination(found.id, latest=latest, **given)))


def _given(written: Any) -> Mapping[str, Any]:
    if not isinstance(written, Mapping) or set(written) - _FIELDS:
        raise Invalid(f"The file holds an object with some of: {', '.join(sorted(_FIELDS))}.")
    return written
