"""``ours token``: what programs use the admin API with."""

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import click

from ours.cli.shell import ACTOR, Column, Shell, json_option, pass_shell
from ours.clock import iso, now_ms

if TYPE_CHECKING:
    from ours.services.tokens import Token


@click.group()
def token() -> None:
    """Tokens for programs that use the admin API."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="What it may do; repeat for each scope. See `ours token scopes`.",
)
@click.option("--days", type=int, default=90, show_default=True, help="How long it lives, 366 days at most.")
@json_option
@pass_shell
def add(shell: Shell, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token. It is printed only this once, and stored nowhere."""
    made, text = shell.ours.tokens.add(name, scopes, days, actor=ACTOR)
    shell.show({"token": text, **_document(made)})


@token.command("list")
@json_option
@pass_shell
def list_(shell: Shell) -> None:
    """List all tokens, past ones too, newest first."""
    columns: dict[str, Column] = {
        **{name: itemgetter(name) for name in ("id", "name", "status", "scopes")},
        "expires": itemgetter("expiresAt"),
        "last used": itemgetter("lastUsedAt"),
    }
    shell.show_all([_document(one) for one in shell.ours.tokens.list()], columns, "There is no token.")


@token.command()
@click.argument("id", type=int)
@json_option
@pass_shell
def revoke(shell: Shell, id: int) -> None:
    """Revoke a token."""
    shell.show(_document(shell.ours.tokens.revoke(id, actor=ACTOR)))


@token.command()
@json_option
@pass_shell
def scopes(shell: Shell) -> None:
    """List the scopes that a token can have. With each, the role that a person would need for it."""
    from ours.services.tokens import SCOPES

    documents = [{"scope": name, "role": one.need.role, "allows": one.words} for name, one in SCOPES.items()]
    shell.show_all(documents, {name: itemgetter(name) for name in ("scope", "role", "allows")}, "")


def _document(one: "Token") -> dict[str, Any]:
    status = "active" if one.works(now_ms()) else "revoked" if one.revoked_at else "expired"
    moments = {"createdAt": one.created_at, "expiresAt": one.expires_at, "lastUsedAt": one.last_used_at}
    told = {"id": one.id, "name": one.name, "status": status, "scopes": sorted(one.scopes), "madeBy": one.made_by}
    return told | {name: iso(moment) for name, moment in moments.items()}
