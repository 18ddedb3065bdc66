"""``ours plugin``: which destination plugins are loaded, and which were set aside."""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

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
    """All plugins: those loaded, those whose extra is not installed, and those set aside with the reason."""
    registry = shell.ours.registry
    columns: dict[str, Column] = {name: itemgetter(name) for name in ("name", "status", "label", "origin")}
    columns["where, and why"] = lambda one: " · ".join(filter(None, (one["where"], one["reason"])))
    documents = [_loaded(one) for one in registry.loaded]
    documents += [_not_loaded(one, "not installed") for one in registry.uninstalled]
    documents += [_not_loaded(one, "set aside") for one in registry.set_aside]
    shell.show_all(documents, columns, "There is no plugin.")


def _loaded(one: "Loaded") -> Mapping[str, Any]:
    return {
        "name": one.slug,
        "slug": one.slug,
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
        "slug": None,
        "status": status,
        "label": None,
        "version": None,
        "origin": one.origin,
        "where": one.where,
        "reason": one.reason,
        "install": one.install,
    }
