"""``ours plugin``: which destination plugins there are, and what helps to write one."""

import contextlib
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ours.cli.pairs import Pair, nested
from ours.cli.shell import Column, Shell, json_option, pass_shell

if TYPE_CHECKING:
    from ours.registry import Loaded, SetAside


@click.group()
def plugin() -> None:
    """Destination plugins."""


@plugin.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all plugins, and why one is not loaded."""
    from ours.registry import load

    registry = load(shell.settings)
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("type", "status", "label", "origin")}
    columns["where, and why"] = lambda one: " · ".join(filter(None, (one["where"], one["reason"])))
    documents = [_loaded(one) for one in registry.loaded]
    documents += [_not_loaded(one, "not installed") for one in registry.uninstalled]
    documents += [_not_loaded(one, "set aside") for one in registry.set_aside]
    shell.show_all(documents, columns, "There is no plugin.")


@plugin.command()
@click.argument("name")
@click.option("--into", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), metavar="FOLDER",
              help="Where to write them; by default here.")  # fmt: skip
@json_option
@pass_shell
def new(shell: Shell, name: str, folder: Path) -> None:
    """Write a working plugin and its test. NAME becomes its slug, which is the type of its destinations."""
    from ours.cli import scaffold

    files = scaffold.write(name, folder)
    shell.show({"type": name, "files": [str(file) for file in files]})
    shell.say(
        f"Next: `ours plugin check {files[0]}`; `ours plugin try {files[0]}` shows what it sends. When"
        f" {files[0].name} lies in the plugins folder, restart Ours."
    )


_settings = click.option("--set", "settings", type=Pair(), multiple=True, metavar="KEY=VALUE",
                         help="One of the plugin's settings; required ones left out are made up.")  # fmt: skip


_type = click.option("--type", "slug", help="Which destination, if the plugin has several.")


@plugin.command()
@click.argument("plugin")
@_type
@_settings
@click.option("--secrets-in-url", is_flag=True, help="The receiver takes a secret only in the address.")
@json_option
@pass_shell
@click.pass_context
def check(
    context: click.Context,
    shell: Shell,
    /,
    plugin: str,
    slug: str | None,
    settings: Sequence[tuple[str, str]],
    secrets_in_url: bool,
) -> None:
    """Check a plugin as the kit's contract does. Exits with status 1 if something is wrong.

    PLUGIN is a file, a folder, or a type. Nothing is sent or written. If it has several destinations, each gets the
    settings that it knows.
    """
    from ours.cli import kit

    found = kit.find(plugin, shell)
    many = kit.named(found, slug)
    checked = kit.checked(many, nested(settings), secrets_in_url=secrets_in_url)
    asides = [_not_loaded(one, "set aside") for one in [*found.set_aside, *kit.taken(many)]]
    fine = not asides and all(one["ok"] for one in checked)
    if shell.as_json:
        shell.show({"ok": fine, "destinations": checked, "setAside": asides})
    else:
        kit.print_checks(checked)
        for aside in asides:
            shell.say(f"{aside['name']} would be set aside: {aside['reason']}", warn=True)
    context.exit(0 if fine else 1)


@plugin.command("try")
@click.argument("plugin")
@click.option(
    "--event",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JSON file with an event as posted to /track or /identify; by default a sample.",
)
@click.option(
    "--sample",
    type=click.Choice(["purchase", "lead", "identify", "minimal"]),
    default="purchase",
    show_default=True,
    help="Which sample.",
)
@_type
@click.option(
    "--map",
    "mapping",
    type=Pair(),
    multiple=True,
    metavar="FIELD=TEMPLATE",
    help="Map a field, over the plugin's own mapping.",
)
@_settings
@json_option
@pass_shell
def try_(shell: Shell, /, plugin: str, file: Path | None, sample: str, slug: str | None, **given: Any) -> None:
    """Show the request that a plugin would make from an event. Secrets are masked; nothing is sent.

    PLUGIN is a file, a folder, or a type.
    """
    from ours.cli import kit

    found = kit.chosen(plugin, slug, shell)
    event = kit.read_event(file, sample)
    document = kit.tried(found, event, nested(given["settings"]), dict(given["mapping"]))
    if shell.as_json:
        shell.show(document)
    else:
        kit.print_try(document)


@plugin.command()
@click.argument("slug", metavar="TYPE")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port to listen on, on this machine; none: any free one.",
)
@click.option("--calls", type=click.IntRange(1), help="Stop after this many requests; none: run until interrupted.")
@json_option
@pass_shell
def double(shell: Shell, slug: str, port: int, calls: int | None) -> None:
    """Stand in for a vendor on this machine. TYPE is as `ours plugin list` has it.

    It answers with that vendor's limits and errors, as far as its contract is known. Ours must be allowed to reach
    it: OURS_ALLOW_NETWORKS=127.0.0.0/8.
    """
    import threading

    from ours.cli import double as doubles

    done = threading.Event()
    standing = doubles.listening(doubles.watched(doubles.find(slug), calls, done, as_json=shell.as_json), port)
    told = doubles.told(slug, standing)  # before it answers anybody: what it says of calls comes after
    if shell.as_json:
        shell.show(told)
    else:
        click.echo(f"{told['url']} stands in for {slug}. Let Ours deliver to it with:\n\n  {told['add']}\n")
    with standing, contextlib.suppress(KeyboardInterrupt):
        done.wait()


def _loaded(one: "Loaded") -> Mapping[str, Any]:
    return {
        "name": one.slug,
        "type": one.slug,
        "status": "loaded",
        "label": one.plugin.label,
        "version": one.plugin.version,
        "origin": one.origin,
        "where": one.where,
        "reason": None,
        "install": None,
    }


def _not_loaded(one: "SetAside", status: str) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "type": None,
        "status": status,
        "label": None,
        "version": None,
        "origin": one.origin,
        "where": one.where,
        "reason": one.reason,
        "install": one.install,
    }
